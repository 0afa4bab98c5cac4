package jq

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"

	"github.com/itchyny/gojq"
)

// appendNumber appends a number as jq 1.6 prints it: a float64 with as few digits as tell it from its neighbours, with
// an exponent where the zeros would be many. What is no finite number prints as null or the largest one.
func appendNumber(dst []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(dst, "null"...)
	}
	f = max(min(f, math.MaxFloat64), -math.MaxFloat64)
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	digits, exponent := 0, 0
	for i, c := range dst[start:] {
		if c == 'e' {
			exponent, _ = strconv.Atoi(string(dst[start+i+1:]))
			break
		}
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if exponent < -4 || exponent >= digits+15 {
		return dst
	}
	return strconv.AppendFloat(dst[:start], f, 'f', -1, 64)
}

// number converts what gojq has for numbers.
func number(v any) (f float64, ok bool) {
	switch v := v.(type) {
	case int, float64, *big.Int, json.Number:
		return gojq.ToFloat64(v)
	}
	return 0, false
}

// parseNumber reads a number of JSON as jq 1.6 does: all numbers are float64, and what is too large is infinite.
func parseNumber(text []byte) float64 {
	if len(text) <= 15 { // most are short integers, which need no rounding
		if n, ok := shortInteger(text); ok {
			return n
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64) // of its errors only the range is possible, with the right infinity
	return f
}

func shortInteger(text []byte) (float64, bool) {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return float64(n), true
}
