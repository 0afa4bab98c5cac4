package orc

import (
	"math/bits"

	"firehose/internal/columns"
)

const decimalMax = 38 // digits of the format's decimals

func less128(a, b columns.Int128) bool {
	return a.High < b.High || a.High == b.High && a.Low < b.Low
}

func add128(a, b columns.Int128) columns.Int128 {
	low, carry := bits.Add64(a.Low, b.Low, 0)
	high, _ := bits.Add64(uint64(a.High), uint64(b.High), carry)
	return columns.Int128{High: int64(high), Low: low}
}

// magnitude returns a number without its sign.
func magnitude(v columns.Int128) (high, low uint64) {
	if v.High >= 0 {
		return uint64(v.High), v.Low
	}
	low, borrow := bits.Sub64(0, v.Low, 0)
	high, _ = bits.Sub64(0, uint64(v.High), borrow)
	return high, low
}

// appendVarint128 appends a number seven bits a byte, its sign folded in by zigzag.
func appendVarint128(dst []byte, v columns.Int128) []byte {
	sign := uint64(v.High >> 63)
	high, low := uint64(v.High)<<1|v.Low>>63, v.Low<<1
	high, low = high^sign, low^sign
	for high != 0 || low >= 0x80 {
		dst = append(dst, byte(low)|0x80)
		low = low>>7 | high<<57
		high >>= 7
	}
	return append(dst, byte(low))
}

// digits returns the decimal digits of a number without its sign, the last one first, in the given room.
func digits(v columns.Int128, room []byte) []byte {
	high, low := magnitude(v)
	for high != 0 || low != 0 {
		var rest uint64
		high, rest = high/10, high%10
		low, rest = bits.Div64(rest, low, 10)
		room = append(room, '0'+byte(rest))
	}
	return room
}

func decimalDigits(v columns.Int128) int {
	var room [40]byte
	return len(digits(v, room[:0]))
}

// appendDecimal appends a decimal as text without zeros at the end of the fraction, the form that bloom filters and statistics
// of every writer have.
func appendDecimal(dst []byte, v columns.Int128, scale int) []byte {
	var room [40]byte
	reversed := digits(v, room[:0])
	for len(reversed) <= scale {
		reversed = append(reversed, '0')
	}
	cut := 0
	for cut < scale && reversed[cut] == '0' {
		cut++
	}
	if v.High < 0 {
		dst = append(dst, '-')
	}
	for i := len(reversed) - 1; i >= cut; i-- {
		if i == scale-1 {
			dst = append(dst, '.')
		}
		dst = append(dst, reversed[i])
	}
	return dst
}
