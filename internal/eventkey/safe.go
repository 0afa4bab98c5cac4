package eventkey

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"unicode"
	"unicode/utf8"

	"firehose/internal/objectkey"
)

// How long a value may be in a key, in bytes: at most, and where it shares a name with many others.
const (
	valueMax = 96
	valueMin = 24
)

// appendSafe appends a value as it may stand in a key, in so many bytes at most: what is neither a letter, a digit, a dash nor an underscore is an
// underscore, and so is a dot at an end or beside another.
func appendSafe(dst, value []byte, most int) []byte {
	start := len(dst)
	for rest := value; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r == '.' && len(dst) > start && len(rest) > 0 && dst[len(dst)-1] != '.':
			dst = append(dst, '.')
		case isSafe(r) && !(r == utf8.RuneError && size == 1):
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, '_')
		}
	}
	if len(dst)-start <= most {
		return dst
	}
	return shorten(dst, start, most, value)
}

func isSafe(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// shorten cuts what stands from start on to make room for a digest of the value.
func shorten(dst []byte, start, most int, value []byte) []byte {
	sum := sha256.Sum256(value)
	const digits = 16
	end := start + most - digits - 1
	for !utf8.RuneStart(dst[end]) {
		end--
	}
	if dst[end-1] == '.' {
		dst[end-1] = '_'
	}
	return hex.AppendEncode(append(dst[:end], '-'), sum[:digits/2])
}

// appendUnique appends the last digits of an identity to the base of 36.
func appendUnique(dst []byte, id objectkey.UUID, count int) []byte {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var text [uniqueMax]byte
	for i := count - 1; i >= 0; i-- {
		var digit uint64
		high, digit = high/36, high%36
		low, digit = bits.Div64(digit, low, 36)
		text[i] = alphabet[digit]
	}
	return append(dst, text[:count]...)
}
