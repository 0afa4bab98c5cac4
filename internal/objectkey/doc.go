// Package objectkey names objects: it evaluates S3 prefixes and makes the last part of a key.
//
// A key is the evaluated prefix and the object's name, with nothing between them:
//
//	logs/2026/07/05/14/clicks-3-2026-07-05-14-03-09-2f1c6f1e-8a39-4c1b-9d0e-7a4a2f1f0b55.gz
//	[ prefix         ][ Name                                                            ]
//
// Prefixes may hold expressions, !{namespace:value}. Compile checks a destination's two prefixes by the rules and with
// the messages of the Amazon service, and gives a Template for each; Template.Evaluate makes the text for one object.
// The time in all parts of a key is one instant, the arrival of the object's oldest record, cut to the second, in the
// destination's time zone.
//
// Patterns of the timestamp namespace are those of java.time.format.DateTimeFormatter as Java 17 reads them with English
// text and the week rules of the United States: the letters that the service accepts are exactly that version's.
//
// A key never depends on chance or on the clock: whoever evaluates again with the same values gets the same key, so an
// object that is written twice is overwritten. What looks random is SHA-256 of the values. Nothing here looks at the
// characters of a key; a prefix may hold any.
package objectkey
