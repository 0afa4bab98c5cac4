package mask

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

const namesMax = 4

// maskName shows the first letter of each name. It never fails: a name that is no name is hidden as one.
func maskName(_ *Masker, dst, text []byte) ([]byte, bool) {
	rest := trim(text)
	if len(rest) == 0 {
		return dst, false
	}
	for n := 0; n < namesMax && len(rest) > 0; n++ {
		if n > 0 {
			dst = append(dst, ' ')
		}
		end := bytes.IndexFunc(rest, unicode.IsSpace)
		if end < 0 {
			end = len(rest)
		}
		dst = appendName(dst, rest[:end])
		rest = trim(rest[end:])
	}
	return dst, true
}

// appendName shows the first letter of a name that has more of them, behind punctuation.
func appendName(dst, name []byte) []byte {
	for len(name) > 0 {
		r, size := utf8.DecodeRune(name)
		if !unicode.IsPunct(r) {
			break
		}
		name = name[size:]
	}
	first, rest := cluster(name)
	if string(rest) != stars && !hasLetter(rest) {
		first = nil
	}
	return appendFirst(dst, first, false)
}

// hasLetter says whether one of the clusters of a text is a letter.
func hasLetter(text []byte) bool {
	for len(text) > 0 {
		var first []byte
		if first, text = cluster(text); startsWithLetter(first) {
			return true
		}
	}
	return false
}
