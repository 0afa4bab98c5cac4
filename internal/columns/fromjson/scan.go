package fromjson

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// The functions of this file find where things end in JSON text, and that they are written as RFC 8259 has it.

// at returns the byte at p, or 0, which is never right in JSON, at the end.
func at(data []byte, p int) byte {
	if uint(p) < uint(len(data)) {
		return data[p]
	}
	return 0
}

// space returns where white space that begins at p ends.
func space(data []byte, p int) int {
	const blanks = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r'
	for p < len(data) && data[p] <= ' ' && 1<<data[p]&uint64(blanks) != 0 {
		p++
	}
	return p
}

// unexpected says that p is not where JSON goes on.
func unexpected(data []byte, p int, expected string) error {
	found := "end of input"
	if p < len(data) {
		found = fmt.Sprintf("character (%q (code %d))", rune(data[p]), data[p])
	}
	return &Error{ParseError, fmt.Sprintf("Encountered malformed JSON. Unexpected %s at byte %d: was expecting %s", found, p, expected)}
}

// skip returns where the value at p ends.
func skip(data []byte, p, depth int) (int, error) {
	switch c := at(data, p); c {
	case '"':
		end, _, err := scanString(data, p)
		return end, err
	case '{', '[':
		if depth >= depthMax {
			return p, &Error{ParseError, fmt.Sprintf("Encountered malformed JSON. Document nesting depth exceeds the maximum allowed (%d)", depthMax)}
		}
		if c == '[' {
			return skipArray(data, p, depth+1)
		}
		return skipObject(data, p, depth+1)
	case 't':
		return literal(data, p, "true")
	case 'f':
		return literal(data, p, "false")
	case 'n':
		return literal(data, p, "null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		_, end, err := scanNumber(data, p, false)
		return end, err
	}
	return p, unexpected(data, p, "a value")
}

func skipArray(data []byte, p, depth int) (int, error) {
	if p = space(data, p+1); at(data, p) == ']' {
		return p + 1, nil
	}
	for {
		var err error
		if p, err = skip(data, p, depth); err != nil {
			return p, err
		}
		var more bool
		if p, more, err = comma(data, p, ']'); !more {
			return p, err
		}
	}
}

func skipObject(data []byte, p, depth int) (int, error) {
	if p = space(data, p+1); at(data, p) == '}' {
		return p + 1, nil
	}
	for {
		var err error
		if p, _, err = scanString(data, p); err == nil {
			p, err = colon(data, p)
		}
		if err == nil {
			p, err = skip(data, p, depth)
		}
		if err != nil {
			return p, err
		}
		var more bool
		if p, more, err = comma(data, p, '}'); !more {
			return p, err
		}
	}
}

// comma returns whether another part follows, and where it begins; or where the whole ends, after its end sign.
func comma(data []byte, p int, end byte) (next int, more bool, err error) {
	p = space(data, p)
	switch at(data, p) {
	case ',':
		return space(data, p+1), true, nil
	case end:
		return p + 1, false, nil
	}
	return p, false, unexpected(data, p, "a comma or '"+string(end)+"'")
}

// colon returns where the value of a member begins whose name ends at p.
func colon(data []byte, p int) (int, error) {
	if p = space(data, p); at(data, p) != ':' {
		return p, unexpected(data, p, "a colon")
	}
	return space(data, p+1), nil
}

func literal(data []byte, p int, word string) (int, error) {
	if end := p + len(word); end <= len(data) && string(data[p:end]) == word {
		return end, nil
	}
	for i := range len(word) {
		if at(data, p+i) != word[i] {
			p += i
			break
		}
	}
	return p, unexpected(data, p, word)
}

// traits is what the text between two quotes needs before it can be used.
type traits uint8

const (
	escaped  traits = 1 << iota // escapes have to be resolved
	nonASCII                    // it may not be UTF-8
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// scanString returns where the string ends that begins with a quote at p. It looks at eight bytes at a time: in stops the
// high bit is set of the first byte that is a quote, a backslash or a control character, and no bit below it.
func scanString(data []byte, p int) (end int, has traits, err error) {
	if at(data, p) != '"' {
		return p, 0, unexpected(data, p, "a double quote")
	}
	p++
	for {
		for p+8 <= len(data) {
			eight := binary.LittleEndian.Uint64(data[p:])
			quotes, slashes := eight^ones*'"', eight^ones*'\\'
			stops := ((quotes-ones)&^quotes | (slashes-ones)&^slashes | (eight-ones*' ')&^eight) & highs
			if stops != 0 {
				if eight&(stops&-stops-1)&highs != 0 {
					has |= nonASCII
				}
				p += bits.TrailingZeros64(stops) / 8
				break
			}
			if eight&highs != 0 {
				has |= nonASCII
			}
			p += 8
		}
		switch c := at(data, p); {
		case c == '"':
			return p + 1, has, nil
		case c == '\\':
			has |= escaped
			if p, err = escape(data, p); err != nil {
				return p, has, err
			}
		case c < ' ':
			return p, has, unexpected(data, p, "a character or the end of the string")
		default: // among the last bytes of the record
			if c >= 0x80 {
				has |= nonASCII
			}
			p++
		}
	}
}

// escape returns where the escape ends that begins with a backslash at p.
func escape(data []byte, p int) (int, error) {
	switch at(data, p+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return p + 2, nil
	case 'u':
		for i := p + 2; i < p+6; i++ {
			if hex(at(data, i)) < 0 {
				return i, unexpected(data, i, "a hexadecimal digit")
			}
		}
		return p + 6, nil
	}
	return p + 1, unexpected(data, p+1, "one of \"\\/bfnrtu after a backslash")
}

// hex returns what a hexadecimal digit stands for, or -1.
func hex(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c - 'a' + 10)
	case 'A' <= c && c <= 'F':
		return rune(c - 'A' + 10)
	}
	return -1
}
