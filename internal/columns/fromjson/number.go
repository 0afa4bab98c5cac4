package fromjson

import (
	"math/bits"
	"strconv"

	"firehose/internal/columns"
)

// number is a number as it is written: its digits without the point, times ten to the power of the exponent.
type number struct {
	text     []byte
	digits   uint64 // modulo 2^64
	count    int    // of digits, leading zeros included
	exponent int
	negative bool
}

// exponentMax is far beyond what any column can hold; larger exponents are as good as this one.
const exponentMax = 1 << 20

// countMax is how many digits always fit into 64 bits.
const countMax = 19

// scanNumber reads the number at p. Leniently it is read as in strings, the way Java takes them: with a plus, zeros before
// it, or nothing on one side of the point.
func scanNumber(data []byte, p int, lenient bool) (n number, end int, err error) {
	start := p
	if c := at(data, p); c == '-' || c == '+' && lenient {
		n.negative = c == '-'
		p++
	}
	first := p
	for p < len(data) && data[p]-'0' <= 9 {
		n.digits = n.digits*10 + uint64(data[p]-'0')
		p++
	}
	n.count = p - first
	if !lenient && (n.count == 0 || n.count > 1 && data[first] == '0') {
		return n, p, unexpected(data, first+min(n.count, 1), "a number without zeros before it")
	}
	if c := at(data, p); c == '.' || c|0x20 == 'e' {
		if p, err = n.fraction(data, p, lenient); err != nil {
			return n, p, err
		}
	}
	if n.count == 0 {
		return n, p, unexpected(data, p, "a digit")
	}
	n.text = data[start:p]
	return n, p, nil
}

// fraction reads what may follow the digits before the point.
func (n *number) fraction(data []byte, p int, lenient bool) (end int, err error) {
	if at(data, p) == '.' {
		first := p + 1
		for p++; p < len(data) && data[p]-'0' <= 9; p++ {
			n.digits = n.digits*10 + uint64(data[p]-'0')
		}
		if p == first && !lenient {
			return p, unexpected(data, p, "a digit after the point")
		}
		n.count += p - first
		n.exponent = first - p
	}
	if at(data, p)|0x20 != 'e' {
		return p, nil
	}
	p++
	below := at(data, p) == '-'
	if below || at(data, p) == '+' {
		p++
	}
	first, exponent := p, 0
	for ; p < len(data) && data[p]-'0' <= 9; p++ {
		exponent = min(exponent*10+int(data[p]-'0'), exponentMax)
	}
	if p == first {
		return p, unexpected(data, p, "a digit of the exponent")
	}
	if below {
		exponent = -exponent
	}
	n.exponent += exponent
	return p, nil
}

// whole returns the number if it is whole and fits.
func (n *number) whole() (int64, bool) {
	digits, ok := n.digits, n.exponent == 0 && n.count <= countMax
	if !ok {
		var d columns.Int128
		var exact bool
		if d, exact, ok = n.magnitude(0); !ok || !exact || d.High != 0 {
			return 0, false
		}
		digits = d.Low
	}
	switch {
	case n.negative && digits <= 1<<63:
		return -int64(digits), true
	case !n.negative && digits < 1<<63:
		return int64(digits), true
	}
	return 0, false
}

// float returns the nearest double. Where digits and power of ten are both doubles exactly, one operation rounds right.
func (n *number) float() float64 {
	if n.count > countMax || n.digits >= 1<<53 || n.exponent < -22 || n.exponent > 22 {
		f, _ := strconv.ParseFloat(string(n.text), 64) // beyond the range it is infinite
		return f
	}
	f := float64(n.digits)
	if n.exponent < 0 {
		f /= floatPowers[-n.exponent]
	} else {
		f *= floatPowers[n.exponent]
	}
	if n.negative {
		f = -f
	}
	return f
}

// decimal returns the number times ten to the power of the scale, rounded half up, if it is below the limit.
func (n *number) decimal(scale int, limit columns.Int128) (columns.Int128, bool) {
	d, _, ok := n.magnitude(scale)
	if !ok || d.High > limit.High || d.High == limit.High && d.Low >= limit.Low {
		return d, false
	}
	if n.negative {
		d = negate(d)
	}
	return d, true
}

// magnitude returns the number without its sign times ten to the power of the scale, rounded half up, and whether it had
// not to be rounded. It is not ok if it has more than 38 digits.
func (n *number) magnitude(scale int) (d columns.Int128, exact, ok bool) {
	power := n.exponent + scale
	if n.count > countMax || power < -countMax || power > countMax {
		return n.magnitudeLong(power)
	}
	if power >= 0 {
		high, low := bits.Mul64(n.digits, powers[power].Low)
		return columns.Int128{High: int64(high), Low: low}, true, below(high, low, powers[38])
	}
	unit := powers[-power].Low
	quotient, rest := n.digits/unit, n.digits%unit
	if rest >= unit-rest {
		quotient++
	}
	return columns.Int128{Low: quotient}, rest == 0, true
}

// magnitudeLong is magnitude for any count of digits: it takes them from the text one by one.
func (n *number) magnitudeLong(power int) (d columns.Int128, exact, ok bool) {
	kept, significant := n.count+min(power, 0), 0
	seen, exact := 0, true
	var high, low uint64
	for _, c := range n.text {
		if c|0x20 == 'e' {
			break
		}
		if c -= '0'; c > 9 {
			continue // a sign or the point
		}
		switch seen++; {
		case seen <= kept:
			if significant > 0 || c > 0 {
				significant++
			}
			if significant > 38 {
				return d, false, false
			}
			high, low = timesTen(high, low, uint64(c))
		case c > 0:
			exact = false
			if seen == kept+1 && c >= 5 {
				high, low = plus(high, low, 1)
			}
		}
	}
	if significant > 0 && significant+max(power, 0) > 38 {
		return d, false, false
	}
	for ; power > 0 && significant > 0; power-- {
		high, low = timesTen(high, low, 0)
	}
	return columns.Int128{High: int64(high), Low: low}, exact, true
}

func timesTen(high, low, digit uint64) (uint64, uint64) {
	carry, low := bits.Mul64(low, 10)
	return plus(high*10+carry, low, digit)
}

func plus(high, low, n uint64) (uint64, uint64) {
	low, carry := bits.Add64(low, n, 0)
	return high + carry, low
}

func below(high, low uint64, limit columns.Int128) bool {
	return high < uint64(limit.High) || high == uint64(limit.High) && low < limit.Low
}

func negate(d columns.Int128) columns.Int128 {
	low, borrow := bits.Sub64(0, d.Low, 0)
	return columns.Int128{High: -d.High - int64(borrow), Low: low}
}

// powers holds the powers of ten up to the largest precision; those up to countMax have a High of 0.
var powers = func() (p [39]columns.Int128) {
	high, low := uint64(0), uint64(1)
	for i := range p {
		p[i] = columns.Int128{High: int64(high), Low: low}
		high, low = timesTen(high, low, 0)
	}
	return p
}()

var floatPowers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}
