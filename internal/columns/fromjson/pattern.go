package fromjson

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// pattern is a format of Joda-Time, ready to read texts with. As there, a text must match to its end, what it does not say
// is as on 1970-01-01T00:00:00Z, and names are English, in either case.
//
// Read are y, Y (years; two letters stand for 1970 to 2069, whatever the clock says), M, d, H, k, K, h, m, s, S, a, E (checked
// to be a day's name, otherwise of no effect), Z, ZZ (Z, +hhmm or +hh:mm) and z (UT, UTC, GMT, and the four zones of the
// United States, at their fixed offsets). A fraction keeps nine digits, where Joda-Time keeps three.
type pattern []step

// step is a part of a pattern.
type step struct {
	letter byte // or 0 for text that stands for itself, or millis
	count  int  // of the letter
	digits int  // at most, of a number
	text   string
}

// millis is a pattern of its own: a number of milliseconds since 1970.
const millis = '#'

// Bounds of what a field may be, for those that are plain numbers.
var fieldMost = map[byte]int{'M': 12, 'd': 31, 'H': 23, 'K': 11, 'k': 24, 'h': 12, 'm': 59, 's': 59}

func compilePattern(text string) (pattern, error) {
	if text == "millis" {
		return pattern{{letter: millis}}, nil
	}
	var p pattern
	for rest := text; rest != ""; {
		c := rest[0]
		if c == '\'' {
			plain, after, err := unquote(rest)
			if err != nil {
				return nil, err
			}
			p, rest = append(p, step{text: plain}), after
			continue
		}
		if !isLetter(c) {
			end := strings.IndexFunc(rest, func(c rune) bool { return c == '\'' || c < 0x80 && isLetter(byte(c)) })
			if end < 0 {
				end = len(rest)
			}
			p, rest = append(p, step{text: rest[:end]}), rest[end:]
			continue
		}
		count := len(rest) - len(strings.TrimLeft(rest, rest[:1]))
		rest = rest[count:]
		s, err := compileLetter(c, count)
		if err != nil {
			return nil, err
		}
		p = append(p, s)
	}
	if len(p) == 0 {
		return nil, errors.New("it is empty")
	}
	p.separate()
	return p, nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// unquote cuts off a quoted text; two quotes stand for one.
func unquote(text string) (plain, rest string, err error) {
	if strings.HasPrefix(text, "''") {
		return "'", text[2:], nil
	}
	for rest = text[1:]; ; {
		part, after, closed := strings.Cut(rest, "'")
		if !closed {
			return "", "", errors.New("a quote is not closed")
		}
		plain += part
		if !strings.HasPrefix(after, "'") {
			return plain, after, nil
		}
		plain, rest = plain+"'", after[1:]
	}
}

func compileLetter(c byte, count int) (step, error) {
	s := step{letter: c, count: count, digits: 2}
	switch c {
	case 'y', 'Y':
		s.letter = 'y'
		if s.digits = 9; count == 2 {
			s.digits = 2
		}
	case 'S':
		s.digits = count
	case 'M', 'd', 'H', 'K', 'k', 'h', 'm', 's':
		if c == 'M' && count > 2 {
			s.letter = 'L'
		}
	case 'a', 'E':
	case 'Z', 'z':
		if c == 'Z' && count > 2 || c == 'z' && count > 3 {
			return s, fmt.Errorf("%q, the full name of a zone, cannot be read", strings.Repeat(string(c), count))
		}
	default:
		return s, fmt.Errorf("letter %q has no meaning that can be read", c)
	}
	return s, nil
}

// separate bounds numbers that other numbers follow at once: in yyyyMMdd the year has four digits.
func (p pattern) separate() {
	for i := range len(p) - 1 {
		if p[i].isNumber() && p[i+1].isNumber() {
			p[i].digits = min(p[i].digits, p[i].count)
		}
	}
}

func (s *step) isNumber() bool {
	return s.letter != 0 && strings.IndexByte("ySMdHKkhms", s.letter) >= 0
}

// moment is what a text has said so far.
type moment struct {
	year, month, day     int
	hour, minute, second int
	half                 int // of the day: 1 is its second
	nanos                int32
	east                 int // seconds that the clock is ahead of UTC
}

// parse returns the instant that a text stands for.
func (p pattern) parse(text []byte) (seconds int64, nanos int32, ok bool) {
	if len(p) == 1 && p[0].letter == millis {
		return parseMillis(text)
	}
	m := moment{year: 1970, month: 1, day: 1}
	for i := range p {
		if text, ok = m.take(&p[i], text); !ok {
			return 0, 0, false
		}
	}
	if m.half == 1 && m.hour < 12 {
		m.hour += 12
	}
	days, ok := daysOf(m.year, m.month, m.day)
	if !ok || len(text) > 0 {
		return 0, 0, false
	}
	return days*secondsOfDay + int64(m.hour*60*60+m.minute*60+m.second-m.east), m.nanos, true
}

// parseMillis takes what Hive takes: a fraction of a millisecond counts nothing.
func parseMillis(text []byte) (seconds int64, nanos int32, ok bool) {
	n, end, err := scanNumber(text, 0, true)
	if err != nil || end != len(text) {
		return 0, 0, false
	}
	count, ok := n.whole()
	if !ok && n.count <= countMax && -countMax <= n.exponent && n.exponent < 0 {
		count, ok = int64(n.digits/powers[-n.exponent].Low), true
		if n.negative {
			count = -count
		}
	}
	seconds, rest := floorDivide(count, 1000)
	return seconds, int32(rest) * 1_000_000, ok
}

// take reads one part of the text.
func (m *moment) take(s *step, text []byte) (rest []byte, ok bool) {
	switch s.letter {
	case 0:
		if len(text) < len(s.text) || !strings.EqualFold(string(text[:len(s.text)]), s.text) {
			return nil, false
		}
		return text[len(s.text):], true
	case 'y':
		return m.takeYear(s, text)
	case 'S':
		digits := countDigits(text, s.digits)
		m.nanos = parseFraction(text[:digits])
		return text[digits:], digits > 0
	case 'L':
		at, rest := takeName(text, monthNames)
		m.month = at + 1
		return rest, at >= 0
	case 'E':
		at, rest := takeName(text, dayNames)
		return rest, at >= 0
	case 'a':
		at, rest := takeName(text, halfNames)
		m.half = at
		return rest, at >= 0
	case 'Z':
		return m.takeOffset(text)
	case 'z':
		at, rest := takeName(text, zoneNames)
		if at >= 0 {
			m.east = -zoneHoursWest[at] * 60 * 60
		}
		return rest, at >= 0
	}
	return m.takeNumber(s, text)
}

func (m *moment) takeNumber(s *step, text []byte) (rest []byte, ok bool) {
	value, rest, ok := parseField(text[:min(len(text), s.digits)], fieldMost[s.letter], true)
	rest = text[min(len(text), s.digits)-len(rest):]
	switch s.letter {
	case 'M':
		m.month = value
	case 'd':
		m.day = value
	case 'H', 'K':
		m.hour = value
	case 'k':
		m.hour, ok = value%24, ok && value > 0
	case 'h':
		m.hour, ok = value%12, ok && value > 0
	case 'm':
		m.minute = value
	case 's':
		m.second = value
	}
	return rest, ok
}

func (m *moment) takeYear(s *step, text []byte) (rest []byte, ok bool) {
	sign := 1
	if s.count != 2 && len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	digits := countDigits(text, s.digits)
	m.year = 0
	for _, c := range text[:digits] {
		m.year = m.year*10 + int(c-'0')
	}
	m.year *= sign
	if s.count == 2 {
		if m.year += 1900; m.year < 1970 {
			m.year += 100
		}
	}
	return text[digits:], digits > 0 && (s.count != 2 || digits == 2)
}

// takeOffset reads Z, or a sign, hours, and perhaps minutes, with or without a colon.
func (m *moment) takeOffset(text []byte) (rest []byte, ok bool) {
	if len(text) == 0 {
		return nil, false
	}
	switch text[0] {
	case 'Z', 'z':
		m.east = 0
		return text[1:], true
	case '+', '-':
		hours, rest, ok := parseField(text[1:], 23, false)
		minutes := 0
		if ok && len(rest) > 0 && (rest[0] == ':' || rest[0]-'0' <= 9) {
			minutes, rest, ok = parseField(bytes.TrimPrefix(rest, []byte{':'}), 59, false)
		}
		if m.east = hours*60*60 + minutes*60; text[0] == '-' {
			m.east = -m.east
		}
		return rest, ok
	}
	return nil, false
}

// takeName finds which of the names a text begins with, in full or by its first three letters.
func takeName(text []byte, names []string) (at int, rest []byte) {
	for _, size := range []int{len("Wednesday"), 8, 7, 6, 5, 4, 3, 2} {
		if size > len(text) {
			continue
		}
		for i, name := range names {
			if short := name[:min(len(name), 3)]; size != len(name) && size != len(short) {
				continue
			}
			if strings.EqualFold(string(text[:size]), name[:min(size, len(name))]) {
				return i, text[size:]
			}
		}
	}
	return -1, nil
}

var (
	monthNames = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	halfNames  = []string{"AM", "PM"}
	zoneNames  = []string{"UTC", "GMT", "UT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"}

	zoneHoursWest = [...]int{0, 0, 0, 5, 4, 6, 5, 7, 6, 8, 7} // of zoneNames
)
