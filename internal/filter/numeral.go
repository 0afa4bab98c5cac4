package filter

import (
	"bytes"
	"cmp"
	"strconv"
)

// numeral is the number that a value reads as. Whole numbers keep their digits, since identifiers are often numbers that
// a float64 cannot tell apart.
type numeral struct {
	f      float64
	digits []byte // of a whole number too long for a float64, with its sign; JSON has one spelling for it
}

// digitsExact is how many digits a float64 holds whatever they are.
const digitsExact = 15

// numeral reads numbers, and strings that are a number without an exponent: a string like 12e4 is rather an identifier.
func (v value) numeral() (numeral, bool) {
	if v.kind != number && v.kind != text || len(v.data) == 0 {
		return numeral{}, false
	}
	if c := v.data[0]; c != '-' && (c < '0' || c > '9') {
		return numeral{}, false
	}
	rest := bytes.TrimPrefix(v.data, []byte{'-'})
	whole := digitsOf(rest)
	if whole == 0 || whole > 1 && rest[0] == '0' {
		return numeral{}, false
	}
	mantissa, fraction := uint64(0), 0
	for _, c := range rest[:min(whole, digitsExact)] {
		mantissa = mantissa*10 + uint64(c-'0')
	}
	if len(rest) > whole && rest[whole] == '.' {
		fraction = digitsOf(rest[whole+1:])
		if fraction == 0 {
			return numeral{}, false
		}
		for _, c := range rest[whole+1:][:min(fraction, digitsExact)] {
			mantissa = mantissa*10 + uint64(c-'0')
		}
	}
	end := whole
	if fraction > 0 {
		end += 1 + fraction
	}
	if end == len(rest) && whole+fraction <= digitsExact { // both are exact, and so is their quotient as near as can be
		f := float64(mantissa) / powers[fraction]
		if len(rest) < len(v.data) {
			f = -f
		}
		return numeral{f: f}, true
	}
	if v.kind == text && end < len(rest) {
		return numeral{}, false
	}
	f, err := strconv.ParseFloat(string(v.data), 64)
	if err != nil && (v.kind == text || f == 0) { // a number beyond all is infinite
		return numeral{}, false
	}
	if end < len(rest) || fraction > 0 {
		return numeral{f: f}, true
	}
	return numeral{f: f, digits: v.data}, true
}

var powers = [digitsExact + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

func digitsOf(s []byte) int {
	for i, c := range s {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(s)
}

func compareNumerals(a, b numeral) int {
	if a.digits == nil || b.digits == nil || a.f != b.f {
		return cmp.Compare(a.f, b.f)
	}
	// Of whole numbers that are the same float64, both signs are the same.
	c := cmp.Or(cmp.Compare(len(a.digits), len(b.digits)), bytes.Compare(a.digits, b.digits))
	if a.f < 0 {
		return -c
	}
	return c
}

func (n numeral) appendKey(dst []byte) []byte {
	if n.digits != nil {
		return append(dst, n.digits...)
	}
	if n.f == 0 {
		return append(dst, '0') // and no -0
	}
	return strconv.AppendFloat(dst, n.f, 'f', -1, 64)
}

// ends returns what decides how an array's elements are ordered beside another value: what is before or behind any of them,
// or equals one at an end, is so beside one of these. Numbers that compare digit by digit have ends of their own.
func (v value) ends() (ends []value) {
	if v.kind != list {
		return []value{v}
	}
	var least, greatest [3]value // of texts, numbers, numbers with digits
	v.any(func(e value) bool {
		class := 0
		switch n, ok := e.numeral(); {
		case ok && n.digits != nil:
			class = 2
		case ok:
			class = 1
		case e.kind != text:
			return false // has no order
		}
		if c, ok := order(e, least[class]); !ok || c < 0 {
			least[class] = e
		}
		if c, ok := order(e, greatest[class]); !ok || c > 0 {
			greatest[class] = e
		}
		return false
	})
	for class := range least {
		if least[class].kind != missing {
			ends = append(ends, least[class], greatest[class])
		}
	}
	return ends
}
