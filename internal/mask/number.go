package mask

import (
	"bytes"
	"net/netip"
	"unicode/utf8"
)

const (
	ssnHidden    = "***-**-****"
	ssnDigits    = 9
	ssnLast      = 4
	yearFirst    = 1850
	yearLast     = 2150
	birthHidden  = "**/**/"
	birthTextMax = 64
)

// maskSSN takes nine digits, of which the first may be masked already, or the last four alone.
func maskSSN(_ *Masker, dst, text []byte) ([]byte, bool) {
	var buffer [ssnDigits]byte
	digits, ok := appendSSN(buffer[:0], text)
	if !ok {
		return dst, false
	}
	return append(append(dst, "***-**-"...), digits[len(digits)-ssnLast:]...), true
}

// appendSSN appends the digits of a social security number, with * for those that were masked already.
func appendSSN(digits, text []byte) ([]byte, bool) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		c := fold(r)
		switch {
		case c == ' ', c == '-', c == '.':
			continue
		case c == 'x', c == 'X':
			c = '*'
		case c != '*' && (c < '0' || c > '9'):
			return nil, false
		}
		if len(digits) == ssnDigits {
			return nil, false
		}
		digits = append(digits, byte(c))
	}
	if len(digits) != ssnDigits && len(digits) != ssnLast {
		return nil, false
	}
	last := digits[len(digits)-ssnLast:]
	return digits, allDigits(last) || string(last) == "****" && len(digits) == ssnDigits
}

// maskBirth shows the year of a date: year first or last, with two more numbers or the name of a month, or alone.
func maskBirth(_ *Masker, dst, text []byte) ([]byte, bool) {
	var folded [birthTextMax]byte
	date, ok := appendFolded(folded[:0], text)
	if !ok {
		return dst, false
	}
	year := yearOf(date)
	if year == nil {
		return dst, false
	}
	return append(append(dst, birthHidden...), year...), true
}

// appendFolded appends the ASCII text that a date is, within the capacity of dst.
func appendFolded(dst, text []byte) ([]byte, bool) {
	text = trim(text)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		c := fold(r)
		if c >= utf8.RuneSelf || len(dst) == cap(dst) {
			return nil, false
		}
		dst = append(dst, byte(c))
	}
	return dst, true
}

// yearOf returns the year of a date, or nil.
func yearOf(date []byte) []byte {
	if bytes.HasPrefix(date, []byte(birthHidden)) {
		return asYear(date[len(birthHidden):])
	}
	if allDigits(date) {
		return yearOfDigits(date)
	}
	if len(date) > 10 && (date[10] == 'T' || date[10] == ' ') && isDigit(date[3]) && isClock(date[11:]) {
		date = date[:10]
	}
	var parts [3][]byte
	n := 0
	for rest := date; ; n++ {
		rest = bytes.TrimLeft(rest, " ,")
		if len(rest) == 0 {
			break
		}
		if n == len(parts) {
			return nil
		}
		end := bytes.IndexAny(rest, " ,-/.")
		if end < 0 {
			end = len(rest)
		}
		parts[n], rest = rest[:end], rest[min(end+1, len(rest)):]
	}
	if n != len(parts) {
		return nil
	}
	if year := asYear(parts[0]); year != nil && isDayAndMonth(parts[1], parts[2]) {
		return year
	}
	if year := asYear(parts[2]); year != nil && isDayAndMonth(parts[0], parts[1]) {
		return year
	}
	return nil
}

// yearOfDigits reads 1980, 19800203 and 02031980.
func yearOfDigits(date []byte) []byte {
	switch len(date) {
	case 4:
		return asYear(date)
	case 8:
		first, last := asYear(date[:4]), asYear(date[4:])
		if first != nil && !isDayAndMonth(date[4:6], date[6:]) {
			first = nil
		}
		if last != nil && !isDayAndMonth(date[:2], date[2:4]) {
			last = nil
		}
		switch {
		case last == nil:
			return first
		case first == nil:
			return last
		}
	}
	return nil
}

// isClock says whether a text can be what stands behind a date: a time of day with its zone.
func isClock(text []byte) bool {
	return len(text) > 0 && len(bytes.Trim(text, "0123456789:.+-TZ ")) == 0
}

func asYear(text []byte) []byte {
	if len(text) == 4 && allDigits(text) {
		if year := number(text); year >= yearFirst && year <= yearLast {
			return text
		}
	}
	return nil
}

func number(digits []byte) (n int) {
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}

func isDayAndMonth(a, b []byte) bool {
	return isUpTo(a, 12) && isUpTo(b, 31) || isUpTo(b, 12) && isUpTo(a, 31) || isMonth(a) && isUpTo(b, 31) || isMonth(b) && isUpTo(a, 31)
}

func isUpTo(text []byte, most int) bool {
	return len(text) >= 1 && len(text) <= 2 && allDigits(text) && number(text) >= 1 && number(text) <= most
}

// isMonth knows the English names of months, and their first three letters.
func isMonth(text []byte) bool {
	if len(text) < 3 || len(text) > len("september") {
		return false
	}
	word := string(lower(text))
	for _, month := range [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"} {
		if word == month || word == month[:3] {
			return true
		}
	}
	return false
}

// maskIP shows the network of an address, without its port.
func maskIP(_ *Masker, dst, text []byte) ([]byte, bool) {
	text = trim(text)
	ip, err := netip.ParseAddr(string(text))
	if err != nil {
		withPort, err := netip.ParseAddrPort(string(text))
		if err != nil {
			return dst, false
		}
		ip = withPort.Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := 48
	switch {
	case ip.Is4():
		bits = 24
	case ip.As16()[0] == 0x20 && ip.As16()[1] == 0x02:
		bits = 40 // 6to4: an address of IPv4 follows, whose last byte is hidden there, too
	}
	net, err := ip.Prefix(bits)
	if err != nil {
		return dst, false
	}
	return net.Addr().AppendTo(dst), true
}
