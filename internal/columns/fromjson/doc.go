// Package fromjson reads JSON records into columns, as the two deserializers of Hive's world do that Amazon offers: OpenX's,
// which takes much, and Hive's own, which takes little.
//
// A record goes from its bytes into the vectors in one pass: no document is built between them, and once the vectors have
// grown nothing is allocated. Members that are no columns are walked over, but checked: a record that is no JSON is refused
// even where nobody looks. A record that is refused leaves nothing behind in the vectors.
//
// What is taken:
//
//	                       OpenX                                           Hive
//	boolean                true, false, and both as a string               true, false
//	tinyint … bigint       whole numbers in range, also as a string        whole numbers in range
//	float, double          numbers, also as a string; "NaN", "Infinity"    numbers
//	decimal(p,s)           numbers, also as a string                       numbers
//	string, varchar, char  any value; objects and arrays as their JSON     strings, numbers, true, false
//	binary                 as string                                       as string
//	date                   "yyyy-M-d"                                      "yyyy-M-d"
//	timestamp              "yyyy-MM-ddTHH:mm:ss[.f]Z",                     by the formats given, then
//	                       "yyyy-M-d H:m:s[.f]", seconds or milliseconds   "yyyy-M-d H:m:s[.f]"
//	array                  arrays; another value is the one element        arrays
//	struct                 objects; arrays fill it by position             objects
//	map                    objects                                         objects
//
// Null and a missing member are a null of the column. OpenX also takes "" for a null array, struct or map.
//
// Where Amazon's behaviour is not known, or the two disagree, this is what is done:
//
//   - A whole number may be written with a fraction or an exponent, as in 5.0 or 1e3. One that is not whole is refused, and
//     so is one out of range: the original is better off in the error output than cut short in a table.
//   - For the same reason a decimal whose digits before the point do not fit is refused, where Hive makes it null. Digits
//     after the point are rounded half up, away from zero.
//   - A number that is too large for a double or float is infinite, as in Java.
//   - A string, varchar or char is UTF-8: each wrong byte and each lone surrogate becomes U+FFFD. Numbers keep the text they
//     are written with, objects and arrays their blanks.
//   - varchar is cut to its characters. char is cut too and loses the blanks at its end, which mean nothing in it; a writer
//     whose format wants them fills up.
//   - binary is the bytes of the string, escapes resolved: Hive's deserializer does not decode base64.
//   - A date must be in the calendar. Timestamps without a zone are UTC. The magnitude of a number decides about its unit:
//     from 1e12 on it is milliseconds, also when it has a fraction.
//   - Of several members of one name the last counts, as it does in Java; the others must fit the column too. So it is in
//     maps, where names count as the values they stand for: in a map<int,T> "1" and "01" are one.
//   - Names are compared without case at every depth, and so are those that columns are mapped to. The names of a map are
//     data and stay as they are. Mappings hold at every depth, as in OpenX.
//
// It never keeps a record, and knows nothing of files.
package fromjson
