package mask

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

func maskEmail(_ *Masker, dst, text []byte) ([]byte, bool) {
	local, domain, ok := address(text)
	if !ok {
		return dst, false
	}
	dst = append(appendLocal(dst, local), '@')
	labels, kind := domainOf(domain)
	switch kind {
	case domainIP:
		return append(dst, "[***]"...), true
	case domainSingle:
		return append(dst, stars...), true
	case domainWrong:
		return dst, false
	}
	first, rest := cluster(labels)
	if len(rest) == 0 || rest[0] == '.' {
		first = nil // a label of one letter would show whole
	}
	dst = appendFirst(dst, first, true)
	return append(dst, labels[bytes.LastIndexByte(labels, '.'):]...), true
}

func maskEmailKeepingDomain(_ *Masker, dst, text []byte) ([]byte, bool) {
	local, domain, ok := address(text)
	if !ok {
		return dst, false
	}
	dst = append(appendLocal(dst, local), '@')
	switch labels, kind := domainOf(domain); kind {
	case domainIP:
		return append(dst, "[***]"...), true
	case domainNamed:
		return append(dst, labels...), true
	case domainSingle:
		return append(dst, stars...), true
	}
	return dst, false
}

// address divides an address at its last @. What could be more than one bare address is none.
func address(text []byte) (local, domain []byte, ok bool) {
	text = trim(text)
	at := bytes.LastIndexByte(text, '@')
	if at <= 0 || at == len(text)-1 {
		return nil, nil, false
	}
	local, domain = text[:at], text[at+1:]
	if local[0] == '"' && local[len(local)-1] == '"' {
		return nil, domain, true // quoted: none of it shows
	}
	for rest := local; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if !isLocal(r) {
			return nil, nil, false
		}
		rest = rest[size:]
	}
	return local, domain, true
}

// isLocal says whether a rune can be in front of the @ without quotes.
func isLocal(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r != 0x7f && strings.IndexByte(`<>()[],;:\"`, byte(r)) < 0
	}
	return r != utf8.RuneError && !unicode.IsSpace(r) && !unicode.IsControl(r)
}

// isLabel says whether a rune can be in a label of a domain, in a masked one, too.
func isLabel(r rune) bool {
	if r < utf8.RuneSelf {
		return isLetter(byte(r)) || isDigit(byte(r)) || r == '-' || r == '_' || r == '*'
	}
	return r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.Nd)
}

// appendLocal appends the mask of the part before the @.
func appendLocal(dst, local []byte) []byte {
	if tag := bytes.IndexByte(local, '+'); tag >= 0 {
		local = local[:tag]
	}
	first, rest := cluster(local)
	if len(rest) == 0 {
		first = nil
	}
	return appendFirst(dst, first, true)
}

type domainKind int

const (
	domainNamed  domainKind = iota // labels with dots between them, the last of letters
	domainIP                       // an address literal, or what can only be meant as one
	domainSingle                   // without a dot
	domainWrong
)

// domainOf says what stands behind the @. Only letters, digits, marks, hyphens, underscores and stars make a name, and
// only letters a last label: what is of digits could be anything.
func domainOf(domain []byte) ([]byte, domainKind) {
	if domain[0] == '[' {
		return nil, domainIP
	}
	domain = bytes.TrimSuffix(domain, []byte("."))
	for rest := domain; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r != '.' && !isLabel(r) {
			return nil, domainWrong
		}
		rest = rest[size:]
	}
	dot := bytes.LastIndexByte(domain, '.')
	if dot < 0 {
		return nil, domainSingle
	}
	last := domain[dot+1:]
	switch {
	case len(last) > 0 && allDigits(last):
		return nil, domainIP
	case !isTopLevel(last):
		return nil, domainWrong
	}
	return domain, domainNamed
}

const topLevelRunesMax = 24 // the longest that is delegated, in its ASCII form

func isTopLevel(label []byte) bool {
	if len(label) > 4 && bytes.EqualFold(label[:4], []byte("xn--")) {
		for _, c := range label[4:] {
			if !isLetter(c) && !isDigit(c) && c != '-' {
				return false
			}
		}
		return len(label) <= topLevelRunesMax
	}
	if !startsWithLetter(label) {
		return false
	}
	runes := 0
	for ; len(label) > 0; runes++ {
		r, size := utf8.DecodeRune(label)
		if r < utf8.RuneSelf && !isLetter(byte(r)) || r >= utf8.RuneSelf && !unicode.In(r, unicode.L, unicode.M) {
			return false
		}
		label = label[size:]
	}
	return runes >= 2 && runes <= topLevelRunesMax
}
