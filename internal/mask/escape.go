package mask

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

const unicodeEscape = len(`\u0040`)

// runeAt returns the rune that begins at an offset, and its length. What a text that is JSON itself escapes is one rune.
func runeAt(text []byte, i int) (r rune, size int) {
	if i < len(text) && text[i] == '\\' {
		if r, ok := escaped(text[i:min(len(text), i+unicodeEscape)]); ok {
			return r, unicodeEscape
		}
		if r, ok := escaped(text[i:min(len(text), i+2)]); ok {
			return r, 2
		}
	}
	return utf8.DecodeRune(text[i:])
}

// runeBefore returns the rune that ends at an offset, and its length.
func runeBefore(text []byte, i int) (r rune, size int) {
	if i >= unicodeEscape {
		if r, ok := escaped(text[i-unicodeEscape : i]); ok {
			return r, unicodeEscape
		}
	}
	if i >= 2 {
		if r, ok := escaped(text[i-2 : i]); ok {
			return r, 2
		}
	}
	return utf8.DecodeLastRune(text[:i])
}

// escaped returns what an escape of JSON stands for, if a text is one and no more.
func escaped(text []byte) (rune, bool) {
	switch {
	case len(text) < 2 || text[0] != '\\':
	case len(text) == 2 && bytes.IndexByte([]byte("bfnrt"), text[1]) >= 0:
		return ' ', true
	case len(text) == unicodeEscape && text[1] == 'u':
		r, err := strconv.ParseUint(string(text[2:]), 16, 16)
		return rune(r), err == nil
	}
	return 0, false
}
