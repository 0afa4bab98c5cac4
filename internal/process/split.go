package process

import "bytes"

// SubRecordsMax is how many pieces a record of JSON may have. One with more is not split.
const SubRecordsMax = 500

// pieces are places in a record.
type pieces []span

type span struct{ begin, end int }

// splitJSON finds the objects of a record that is a run of JSON objects, with or without white space around them, which
// is in no piece. A record that is anything else stays whole: an array, a number, an object that does not end, more than
// SubRecordsMax objects. So does one that is only spoiled at its end, since which part of it is meant is a guess; what
// comes later fails it. An object is known by its braces alone, so a malformed one fails without its neighbours.
func splitJSON(found pieces, text []byte) pieces {
	at := 0
	for {
		for at < len(text) && isSpace(text[at]) {
			at++
		}
		if at == len(text) {
			return found
		}
		end := -1
		if text[at] == '{' && len(found) < SubRecordsMax {
			end = objectEnd(text, at)
		}
		if end < 0 {
			return append(found[:0], span{0, len(text)})
		}
		found = append(found, span{at, end})
		at = end
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// objectEnd returns where the object that begins at a brace ends, or -1.
func objectEnd(text []byte, at int) int {
	depth := 0
	for ; at < len(text); at++ {
		switch text[at] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return at + 1
			}
		case '"':
			if at = stringEnd(text, at+1); at < 0 {
				return -1
			}
		}
	}
	return -1
}

// stringEnd returns the place of the quote that ends the string whose text begins at a place, or -1.
func stringEnd(text []byte, at int) int {
	for {
		n := bytes.IndexByte(text[at:], '"')
		if n < 0 {
			return -1
		}
		quote := at + n
		escapes := 0
		for quote-escapes > at && text[quote-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return quote
		}
		at = quote + 1
	}
}

// splitDelimited finds what stands between delimiters. Empty pieces are none. Without a delimiter the record stays whole.
func splitDelimited(found pieces, text []byte, delimiter string) pieces {
	if delimiter == "" {
		return append(found, span{0, len(text)})
	}
	separator := []byte(delimiter)
	for at := 0; at < len(text); {
		end := len(text)
		if n := bytes.Index(text[at:], separator); n >= 0 {
			end = at + n
		}
		if end > at {
			found = append(found, span{at, end})
		}
		at = end + len(separator)
	}
	return found
}
