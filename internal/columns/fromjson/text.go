package fromjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"firehose/internal/columns"
)

// appendText appends what stands between two quotes, or another text as it is.
func (n *node) appendText(v *columns.Vector, text []byte, has traits) {
	start := len(v.Data)
	switch {
	case has&escaped != 0:
		v.Data = appendUnescaped(v.Data, text, n.kind != columns.Binary)
	case has&nonASCII != 0 && n.kind != columns.Binary && !utf8.Valid(text):
		v.Data = appendValid(v.Data, text)
	default:
		v.Data = append(v.Data, text...)
	}
	if n.length > 0 && len(v.Data)-start > n.length {
		v.Data = v.Data[:start+characters(v.Data[start:], n.length)]
	}
	if n.kind == columns.Char {
		v.Data = v.Data[:start+len(bytes.TrimRight(v.Data[start:], " "))]
	}
	v.Ends = append(v.Ends, len(v.Data))
	v.Present = append(v.Present, true)
}

// characters returns how many bytes the first characters of a text have.
func characters(text []byte, count int) int {
	size := 0
	for ; count > 0 && size < len(text); count-- {
		_, width := utf8.DecodeRune(text[size:])
		size += width
	}
	return size
}

// unescaped returns what stands between two quotes. It is good until the next call.
func (r *Reader) unescaped(text []byte, has traits) []byte {
	if has&escaped == 0 {
		return text
	}
	r.scratch = appendUnescaped(r.scratch[:0], text, true)
	return r.scratch
}

// appendUnescaped appends what stands between two quotes, with its escapes resolved. If it shall be valid, what is not UTF-8
// is replaced.
func appendUnescaped(dst, text []byte, valid bool) []byte {
	for {
		plain := bytes.IndexByte(text, '\\')
		if plain < 0 {
			plain = len(text)
		}
		if valid {
			dst = appendValid(dst, text[:plain])
		} else {
			dst = append(dst, text[:plain]...)
		}
		if text = text[plain:]; len(text) == 0 {
			return dst
		}
		if text[1] != 'u' {
			dst = append(dst, meaning(text[1]))
			text = text[2:]
			continue
		}
		char := hex4(text[2:])
		text = text[6:]
		if utf16.IsSurrogate(char) {
			pair := rune(utf8.RuneError)
			if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
				pair = utf16.DecodeRune(char, hex4(text[2:]))
			}
			if char = pair; pair != utf8.RuneError {
				text = text[6:]
			}
		}
		dst = utf8.AppendRune(dst, char)
	}
}

// meaning returns what a letter stands for after a backslash.
func meaning(letter byte) byte {
	switch letter {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return letter
}

func hex4(digits []byte) rune {
	return hex(digits[0])<<12 | hex(digits[1])<<8 | hex(digits[2])<<4 | hex(digits[3])
}

// appendValid appends a text with U+FFFD for each byte that is not UTF-8.
func appendValid(dst, text []byte) []byte {
	if utf8.Valid(text) {
		return append(dst, text...)
	}
	for len(text) > 0 {
		char, size := utf8.DecodeRune(text)
		dst = utf8.AppendRune(dst, char)
		text = text[size:]
	}
	return dst
}
