// Package jsonscan finds the values of a few member paths in a JSON document in one pass, without decoding the rest.
//
// What is looked for is compiled once into a tree of member names. A scan walks the document beside that tree: below a
// name that nobody asked for, it only checks that the text is JSON. It allocates nothing, and gives positions instead
// of values, so that a caller may decode a value, compare it, or write something else in its place.
//
// The whole document is checked in the same pass, to the last byte: what encoding/json would refuse is refused, and
// nothing else. In detail:
//
//   - Member names are compared as they read, not as they are spelled: "\u0061" is a.
//   - Of several members of one name the last counts, with all that is below it, as in encoding/json and jq.
//   - Text that is not UTF-8 is taken; each wrong byte reads as U+FFFD.
//   - Of the liberties that jq 1.6 takes none is taken: NaN, 01, 1., .5, control characters inside strings.
//   - Arrays are checked, but no path leads into one.
//
// It never changes the document and never keeps a part of it.
package jsonscan
