package mask

import (
	"sort"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// fold returns the ASCII character that a rune stands for in numbers: decimal digits of every script, dashes, white
// space, full-width forms. Other runes stay.
func fold(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		return r
	case r >= 0x2010 && r <= 0x2015, r == 0x2212, r == 0xfe58, r == 0xfe63:
		return '-'
	case r >= 0xff01 && r <= 0xff5e:
		return r - 0xff01 + '!'
	case unicode.IsSpace(r):
		return ' '
	case unicode.Is(unicode.Nd, r):
		return '0' + digit(r)
	}
	return r
}

// digit returns the value of a decimal digit. Unicode keeps the ten digits of a script together, from zero on, and
// the table's ranges hold whole tens.
func digit(r rune) rune {
	if r < 1<<16 {
		list := unicode.Nd.R16
		i := sort.Search(len(list), func(i int) bool { return rune(list[i].Hi) >= r })
		return (r - rune(list[i].Lo)) % 10
	}
	list := unicode.Nd.R32
	i := sort.Search(len(list), func(i int) bool { return rune(list[i].Hi) >= r })
	return (r - rune(list[i].Lo)) % 10
}

// cluster cuts the first grapheme cluster off a text.
func cluster(text []byte) (first, rest []byte) {
	if len(text) == 0 {
		return nil, nil
	}
	if text[0] < utf8.RuneSelf && (len(text) == 1 || text[1] < utf8.RuneSelf && text[0] != '\r') {
		return text[:1], text[1:]
	}
	first, rest, _, _ = uniseg.FirstGraphemeCluster(text, -1)
	return first, rest
}

const (
	clusterRunesMax   = 8
	clusterLettersMax = 2
)

// appendFirst appends a cluster with stars behind it, if one may show: it begins with a letter (or a digit, if those may
// show), it is not so long that it could hold a word, and it stays a cluster beside a star. Otherwise it appends stars.
func appendFirst(dst, first []byte, digits bool) []byte {
	if !isFirst(first, digits) {
		return append(dst, stars...)
	}
	from := len(dst)
	dst = append(append(dst, first...), stars...)
	if again, _ := cluster(dst[from:]); len(again) != len(first) {
		dst = append(dst[:from], stars...)
	}
	return dst
}

func isFirst(first []byte, digits bool) bool {
	if len(first) == 1 {
		return isLetter(first[0]) || digits && isDigit(first[0])
	}
	if !startsWithLetter(first) {
		return false
	}
	runes, letters := 0, 0
	for text := first; len(text) > 0; runes++ {
		r, size := utf8.DecodeRune(text)
		switch {
		case unicode.IsLetter(r):
			letters++
		case !unicode.Is(unicode.M, r) && r != '\u200c' && r != '\u200d':
			return false
		}
		text = text[size:]
	}
	return runes <= clusterRunesMax && letters <= clusterLettersMax
}

func startsWithLetter(text []byte) bool {
	if len(text) > 0 && text[0] < utf8.RuneSelf {
		return isLetter(text[0])
	}
	r, _ := utf8.DecodeRune(text)
	return unicode.IsLetter(r)
}

// trim takes white space away from both ends.
func trim(text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if !unicode.IsSpace(r) {
			break
		}
		text = text[size:]
	}
	for len(text) > 0 {
		r, size := utf8.DecodeLastRune(text)
		if !unicode.IsSpace(r) {
			break
		}
		text = text[:len(text)-size]
	}
	return text
}
