package mask

import "unicode/utf8"

// phone is a phone number: its digits, or * where they were masked already, without what dials within a country or
// behind the number (extensions).
type phone struct {
	digits  []byte
	country int  // how many of the digits are the country code
	unknown bool // a number without country and area
}

const (
	nationalDigits = 10 // of a number of the North American plan
	localDigits    = 7
	areaDigits     = 3
	dialledMax     = 24
)

// maskPhone shows the area of a North American number and the country of another: numbering plans outside have no area
// of one length.
func maskPhone(_ *Masker, dst, text []byte) ([]byte, bool) {
	var buffer [dialledMax]byte
	p, ok := parsePhone(buffer[:0], text)
	if !ok {
		return dst, false
	}
	if p.unknown {
		return append(dst, "***-****"...), true
	}
	if p.country > 0 {
		dst = append(dst, '+')
		dst = append(dst, p.digits[:p.country]...)
		dst = append(dst, '-')
		if p.digits[0] != '1' {
			return append(dst, stars...), true
		}
	}
	dst = append(dst, p.digits[p.country:p.country+areaDigits]...)
	return append(dst, "-***-****"...), true
}

// parsePhone reads a phone number as it is written or dialled in North America.
func parsePhone(digits, text []byte) (p phone, ok bool) {
	digits, plus, ok := dialled(digits, text)
	if !ok {
		return p, false
	}
	if !plus {
		for _, prefix := range []string{"011", "00"} { // how another country is dialled here and elsewhere
			if len(digits) > nationalDigits+len(prefix)-2 && string(digits[:len(prefix)]) == prefix {
				digits, plus = digits[len(prefix):], true
				break
			}
		}
	}
	switch {
	case len(digits) == 0:
		return p, false
	case plus && digits[0] == '1', !plus && len(digits) == nationalDigits+1 && digits[0] == '1':
		return phone{digits: digits, country: 1}, len(digits) == nationalDigits+1 && isArea(digits[1:])
	case plus:
		country := countryDigits(digits)
		return phone{digits: digits, country: country}, country > 0
	case len(digits) == nationalDigits:
		return phone{digits: digits}, isArea(digits)
	case len(digits) == localDigits:
		return phone{unknown: true}, true
	}
	return p, false
}

// isArea says whether digits begin with an area code.
func isArea(digits []byte) bool {
	return digits[0] >= '2' && allDigits(digits[:areaDigits]) && digits[0] <= '9'
}

// dialled returns what a telephone dials, up to the extension.
func dialled(digits, text []byte) (_ []byte, plus, ok bool) {
	whole := func() bool { // nothing that belongs to the number can follow
		return len(digits) == nationalDigits && digits[0] != '1' && digits[0] != '0' && !plus ||
			len(digits) == nationalDigits+1 && digits[0] == '1'
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		c := fold(r)
		switch {
		case c >= '0' && c <= '9', c == '*':
			if len(digits) == dialledMax {
				return nil, false, false
			}
			digits = append(digits, byte(c))
		case c == '+':
			if plus || len(digits) > 0 {
				return nil, false, false
			}
			plus = true
		case c == ' ', c == '-', c == '.', c == '(', c == ')', c == '/':
		case len(digits) >= localDigits && (whole() || isExtension(text[i:])):
			return digits, plus, true
		case c < utf8.RuneSelf && isLetter(byte(c)) && len(digits) >= areaDigits && len(digits) < dialledMax && !plus:
			digits = append(digits, keypad[c|0x20-'a'])
		default:
			return nil, false, false
		}
		i += size
	}
	return digits, plus, true
}

// keypad has the digit of each letter.
const keypad = "22233344455566677778889999"

// isExtension says whether an extension begins here: x12, ext. 12, #12, ;ext=12.
func isExtension(text []byte) bool {
	i := 0
	for i < len(text) && isLetter(text[i]) {
		i++
	}
	switch word := string(lower(text[:i])); word {
	case "x", "e", "ext", "extn", "extension":
	case "":
		return text[0] == '#' || text[0] == ';' || text[0] == ','
	default:
		return false
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case isDigit(c):
			return true
		case c != ' ' && c != '.' && c != ':':
			return false
		}
	}
	return false
}

func lower(word []byte) []byte {
	var short [16]byte
	if len(word) > len(short) {
		return word
	}
	for i, c := range word {
		short[i] = c | 0x20
	}
	return short[:len(word)]
}

// countryDigits returns how long the country code of an international number is, or 0 if the number cannot be one.
func countryDigits(digits []byte) int {
	n := 3
	switch {
	case digits[0] == '7':
		n = 1
	case isDigit(digits[0]) && len(digits) >= 2 && isDigit(digits[1]) && twoDigitCountries[digits[0]-'0']&(1<<(digits[1]-'0')) != 0:
		n = 2
	}
	if len(digits) < n+3 || len(digits) > 15 || digits[0] == '0' || !allDigits(digits[:n]) {
		return 0
	}
	return n
}

// twoDigitCountries has, for each first digit, a bit for each second digit of the country codes of two digits.
var twoDigitCountries = [10]uint16{
	2: bits(0, 7),
	3: bits(0, 1, 2, 3, 4, 6, 9),
	4: bits(0, 1, 3, 4, 5, 6, 7, 8, 9),
	5: bits(1, 2, 3, 4, 5, 6, 7, 8),
	6: bits(0, 1, 2, 3, 4, 5, 6),
	8: bits(1, 2, 4, 6),
	9: bits(0, 1, 2, 3, 4, 5, 8),
}

func bits(list ...int) (set uint16) {
	for _, i := range list {
		set |= 1 << i
	}
	return set
}
