package mask

import (
	"bytes"
	"encoding/base64"
	"unicode"
)

const (
	hashMark = "hmac:"
	hashLen  = 22 // characters of base64, 132 bits
)

// appendHash appends the hash of a canonical value: hmac:, the key's id with a colon unless it is empty, and the first
// 22 characters of the URL form of base64.
func (m *Masker) appendHash(dst, canonical []byte) []byte {
	m.mac.Reset()
	m.mac.Write(canonical) // a hash takes everything
	sum := m.mac.Sum(m.sum[:0])
	var encoded [(len(m.sum)*8 + 5) / 6]byte
	base64.RawURLEncoding.Encode(encoded[:], sum)
	return append(m.appendHashPrefix(dst), encoded[:hashLen]...)
}

func (m *Masker) appendHashPrefix(dst []byte) []byte {
	dst = append(dst, hashMark...)
	if m.key.ID != "" {
		dst = append(append(dst, m.key.ID...), ':')
	}
	return dst
}

// isHash says whether a text looks like a hash of the current key. Only who makes up a value like that himself can have
// it pass unhashed.
func (m *Masker) isHash(text []byte) bool {
	var buffer [64]byte
	prefix := m.appendHashPrefix(buffer[:0])
	if len(text) != len(prefix)+hashLen || !bytes.HasPrefix(text, prefix) {
		return false
	}
	for _, c := range text[len(prefix):] {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// canonical appends the one form that all spellings of a value have. If it is not ok the value is not of its kind.
type canonical func(dst, text []byte) ([]byte, bool)

// maskHashOf hashes the canonical form of values. One that is not of the kind is hashed as text.
func maskHashOf(c canonical) mask {
	return func(m *Masker, dst, text []byte) ([]byte, bool) {
		if m.isHash(text) {
			return append(dst, text...), true
		}
		form, ok := c(m.mask[:0], text)
		if !ok {
			form, _ = canonicalText(m.mask[:0], text)
		}
		m.mask = form
		return m.appendHash(dst, form), ok
	}
}

// maskHash finds the kind of a value by itself.
func maskHash(m *Masker, dst, text []byte) ([]byte, bool) {
	for _, c := range []canonical{canonicalEmail, canonicalPhone, canonicalSSN} {
		if _, ok := c(m.mask[:0], text); ok {
			return maskHashOf(c)(m, dst, text)
		}
	}
	return maskHashOf(canonicalText)(m, dst, text)
}

func canonicalText(dst, text []byte) ([]byte, bool) { return append(dst, trim(text)...), true }

func canonicalEmail(dst, text []byte) ([]byte, bool) {
	if _, domain, ok := address(text); !ok || len(domain) == 0 {
		return dst, false
	}
	for _, r := range string(trim(text)) {
		dst = append(dst, string(unicode.ToLower(r))...)
	}
	return dst, true
}

// canonicalPhone gives E.164.
func canonicalPhone(dst, text []byte) ([]byte, bool) {
	var buffer [dialledMax]byte
	p, ok := parsePhone(buffer[:0], text)
	if !ok || p.unknown || !allDigits(p.digits) {
		return dst, false
	}
	dst = append(dst, '+')
	if p.country == 0 {
		dst = append(dst, '1')
	}
	return append(dst, p.digits...), true
}

func canonicalSSN(dst, text []byte) ([]byte, bool) {
	var buffer [ssnDigits]byte
	digits, ok := appendSSN(buffer[:0], text)
	if !ok || len(digits) != ssnDigits || !allDigits(digits) {
		return dst, false
	}
	return append(dst, digits...), true
}
