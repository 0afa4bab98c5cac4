package fromjson

import (
	"bytes"
	"math/bits"

	"firehose/internal/columns"
)

const (
	secondsOfDay   = 24 * 60 * 60
	nanosOfSecond  = 1_000_000_000
	millisFrom     = 1_000_000_000_000 // from this magnitude on a number of seconds is one of milliseconds
	fractionDigits = 9
)

// appendTimestamp appends the instant that a text stands for.
func (r *Reader) appendTimestamp(v *columns.Vector, text []byte) bool {
	for i := range r.patterns {
		if seconds, nanos, ok := r.patterns[i].parse(text); ok {
			return appendInstant(v, seconds, nanos)
		}
	}
	if seconds, nanos, ok := parseTimestamp(text, r.openX); ok {
		return appendInstant(v, seconds, nanos)
	}
	if !r.openX || bytes.IndexByte(text, ':') >= 0 {
		return false
	}
	number, end, err := scanNumber(text, 0, true)
	return err == nil && end == len(text) && appendEpoch(v, &number)
}

func appendInstant(v *columns.Vector, seconds int64, nanos int32) bool {
	v.Nanos = append(v.Nanos, nanos)
	return appendInt(v, seconds)
}

// appendEpoch appends a number of seconds since 1970, or of milliseconds if it is that large.
func appendEpoch(v *columns.Vector, n *number) bool {
	if whole, ok := n.whole(); ok {
		if -millisFrom < whole && whole < millisFrom {
			return appendInstant(v, whole, 0)
		}
		seconds, millis := floorDivide(whole, 1000)
		return appendInstant(v, seconds, int32(millis)*1_000_000)
	}
	d, _, ok := n.magnitude(fractionDigits)
	if !ok {
		return false
	}
	unit := uint64(nanosOfSecond)
	if !below(uint64(d.High), d.Low, columns.Int128{High: millisOverHigh, Low: millisOverLow}) {
		unit *= 1000
	}
	if uint64(d.High) >= unit>>1 {
		return false // more seconds than 63 bits can count
	}
	seconds, rest := bits.Div64(uint64(d.High), d.Low, unit)
	nanos := int64(rest / (unit / nanosOfSecond))
	if !n.negative {
		return appendInstant(v, int64(seconds), int32(nanos))
	}
	if nanos == 0 {
		return appendInstant(v, -int64(seconds), 0)
	}
	return appendInstant(v, -int64(seconds)-1, int32(nanosOfSecond-nanos))
}

// millisFrom in nanoseconds, as two halves of 128 bits.
const (
	millisOverHigh = millisFrom * nanosOfSecond >> 64
	millisOverLow  = millisFrom * nanosOfSecond & (1<<64 - 1)
)

func floorDivide(n, by int64) (quotient, rest int64) {
	quotient, rest = n/by, n%by
	if rest < 0 {
		quotient, rest = quotient-1, rest+by
	}
	return quotient, rest
}

// parseTimestamp reads a date and a time of day: with a T between them and a Z after them, if that is taken, each field has
// all its digits; with a blank, month, day and time may be written with one digit.
func parseTimestamp(text []byte, strictToo bool) (seconds int64, nanos int32, ok bool) {
	strict := strictToo && len(text) > 10 && text[10] == 'T'
	days, rest, ok := parseDate(text, !strict)
	if !ok || len(rest) == 0 || !strict && rest[0] != ' ' {
		return 0, 0, false
	}
	hour, rest, ok1 := parseField(rest[1:], 23, !strict)
	minute, rest, ok2 := parseField(after(rest, ':'), 59, !strict)
	second, rest, ok3 := parseField(after(rest, ':'), 59, !strict)
	if !ok1 || !ok2 || !ok3 {
		return 0, 0, false
	}
	if len(rest) > 0 && rest[0] == '.' {
		digits := countDigits(rest[1:], fractionDigits)
		if digits == 0 {
			return 0, 0, false
		}
		nanos, rest = parseFraction(rest[1:1+digits]), rest[1+digits:]
	}
	if strict && (len(rest) != 1 || rest[0] != 'Z') || !strict && len(rest) > 0 {
		return 0, 0, false
	}
	return days*secondsOfDay + int64(hour*60*60+minute*60+second), nanos, true
}

// after returns what follows a sign; if something else comes first, nothing, which no field can be read from.
func after(text []byte, sign byte) []byte {
	if len(text) == 0 || text[0] != sign {
		return nil
	}
	return text[1:]
}

// parseField reads a number of two digits, or leniently also of one.
func parseField(text []byte, most int, lenient bool) (value int, rest []byte, ok bool) {
	if len(text) == 0 || text[0]-'0' > 9 {
		return 0, nil, false
	}
	value = int(text[0] - '0')
	if len(text) > 1 && text[1]-'0' <= 9 {
		value = value*10 + int(text[1]-'0')
		return value, text[2:], value <= most
	}
	return value, text[1:], lenient
}

func countDigits(text []byte, most int) int {
	count := 0
	for count < len(text) && count < most && text[count]-'0' <= 9 {
		count++
	}
	return count
}

// parseFraction reads up to nine digits of a second.
func parseFraction(digits []byte) int32 {
	nanos := int32(0)
	for i := range fractionDigits {
		nanos *= 10
		if i < len(digits) {
			nanos += int32(digits[i] - '0')
		}
	}
	return nanos
}

// parseDate reads a year of four digits, a month and a day of the calendar, as days since 1970.
func parseDate(text []byte, lenient bool) (days int64, rest []byte, ok bool) {
	if countDigits(text, 4) < 4 {
		return 0, nil, false
	}
	year := int(text[0]-'0')*1000 + int(text[1]-'0')*100 + int(text[2]-'0')*10 + int(text[3]-'0')
	month, rest, ok1 := parseField(after(text[4:], '-'), 12, lenient)
	day, rest, ok2 := parseField(after(rest, '-'), 31, lenient)
	if !ok1 || !ok2 {
		return 0, nil, false
	}
	days, ok = daysOf(year, month, day)
	return days, rest, ok
}

// daysOf counts the days from 1970-01-01 to a date of the Gregorian calendar, if there is such a date. Years are counted from
// March on, so that the day which a leap year has more is its last.
func daysOf(year, month, day int) (int64, bool) {
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	if month < 3 {
		year--
		month += 12
	}
	const to1970 = 719_468 // days from 0000-03-01
	leaps := floorOf(year, 4) - floorOf(year, 100) + floorOf(year, 400)
	return int64(365*year+leaps+(153*(month-3)+2)/5+day-1) - to1970, true
}

func floorOf(n, by int) int {
	quotient, _ := floorDivide(int64(n), int64(by))
	return int(quotient)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}
