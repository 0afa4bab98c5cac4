package objectkey

import (
	"strconv"
	"time"
)

// field is one run of a pattern letter.
type field struct {
	print  element
	digits bool // prints a number
}

func digits(print element) field { return field{print: print, digits: true} }

// fieldOf returns what a letter stands for when it is written count times, or false if it may not be.
func fieldOf(letter byte, count int, z zone) (field, bool) {
	if f, ok := number(letter, count); ok {
		return f, true
	}
	e := words(letter, count)
	if e == nil {
		e = z.element(letter, count)
	}
	return field{print: e}, e != nil
}

// number returns the field of a letter that prints digits when it is written count times.
func number(letter byte, count int) (field, bool) {
	if letter == 'y' || letter == 'u' || letter == 'Y' {
		return year(letter, count)
	}
	value, countMax := numeric(letter)
	if count > countMax {
		return field{}, false
	}
	return digits(func(dst []byte, t time.Time) []byte { return appendNumber(dst, value(t), count) }), true
}

// numeric returns the value of a letter and how often the letter may be written for it, zero being never.
func numeric(letter byte) (value func(time.Time) int, countMax int) {
	switch letter {
	case 'M', 'L':
		return func(t time.Time) int { return int(t.Month()) }, 2
	case 'd':
		return time.Time.Day, 2
	case 'D':
		return time.Time.YearDay, 3
	case 'Q', 'q':
		return func(t time.Time) int { return (int(t.Month()) + 2) / 3 }, 2
	case 'w':
		return func(t time.Time) int { _, week := weekDate(t); return week }, 2
	case 'W':
		return weekOfMonth, 1
	case 'F':
		return func(t time.Time) int { return (t.Day()-1)%7 + 1 }, 1
	case 'e':
		return dayOfWeek, 2
	case 'c':
		return dayOfWeek, 1
	case 'g':
		return modifiedJulianDay, 19
	default:
		return numericClock(letter)
	}
}

// numericClock is numeric for the letters of the time of day.
func numericClock(letter byte) (value func(time.Time) int, countMax int) {
	switch letter {
	case 'H':
		return time.Time.Hour, 2
	case 'k':
		return func(t time.Time) int { return (t.Hour()+23)%24 + 1 }, 2
	case 'K':
		return func(t time.Time) int { return t.Hour() % 12 }, 2
	case 'h':
		return func(t time.Time) int { return (t.Hour()+11)%12 + 1 }, 2
	case 'm':
		return time.Time.Minute, 2
	case 's':
		return time.Time.Second, 2
	case 'S':
		return func(time.Time) int { return 0 }, 9 // the instant is cut to the second
	case 'n':
		return func(time.Time) int { return 0 }, 19
	case 'A':
		return func(t time.Time) int { return secondOfDay(t) * 1e3 }, 19
	case 'N':
		return func(t time.Time) int { return secondOfDay(t) * 1e9 }, 19
	}
	return nil, 0
}

// year returns the field of a year, y and u of the calendar and Y of the weeks. Two letters print two digits.
func year(letter byte, count int) (field, bool) {
	value := time.Time.Year
	if letter == 'Y' {
		value = func(t time.Time) int { year, _ := weekDate(t); return year }
	}
	if count == 2 {
		return digits(func(dst []byte, t time.Time) []byte { return appendNumber(dst, value(t)%100, 2) }), true
	}
	e := func(dst []byte, t time.Time) []byte { return appendNumber(dst, value(t), count) }
	return digits(e), letter == 'Y' || count <= 19
}

// words returns the element of a letter that prints text when it is written count times, or nil.
func words(letter byte, count int) element {
	month := func(t time.Time) string { return t.Month().String() }
	weekday := func(t time.Time) string { return t.Weekday().String() }
	switch letter {
	case 'M', 'L':
		return text(month, count, 3, 3)
	case 'E':
		return text(weekday, count, 1, 3)
	case 'e', 'c':
		return text(weekday, count, 3, 3)
	case 'Q', 'q':
		return quarter(count)
	case 'G':
		return era(count)
	case 'a':
		if count == 1 {
			return func(dst []byte, t time.Time) []byte { return t.AppendFormat(dst, "PM") }
		}
	case 'B':
		if count == 1 || count == 4 || count == 5 {
			return func(dst []byte, t time.Time) []byte { return append(dst, dayPeriod(t, count == 5)...) }
		}
	}
	return nil
}

// text prints a name: its first three letters when the letter is written from to to times, whole at four, its first
// letter at five.
func text(name func(time.Time) string, count, from, to int) element {
	length := 0
	switch {
	case from <= count && count <= to:
		length = 3
	case count == 4:
	case count == 5:
		length = 1
	default:
		return nil
	}
	return func(dst []byte, t time.Time) []byte {
		s := name(t)
		if length > 0 {
			s = s[:length]
		}
		return append(dst, s...)
	}
}

func quarter(count int) element {
	names := map[int][4]string{
		3: {"Q1", "Q2", "Q3", "Q4"},
		4: {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"},
		5: {"1", "2", "3", "4"},
	}
	forms, ok := names[count]
	if !ok {
		return nil
	}
	return func(dst []byte, t time.Time) []byte { return append(dst, forms[(t.Month()-1)/3]...) }
}

// era is the era of the years from 1.
func era(count int) element {
	name := "AD"
	switch {
	case count == 4:
		name = "Anno Domini"
	case count == 5:
		name = "A"
	case count > 5:
		return nil
	}
	return func(dst []byte, _ time.Time) []byte { return append(dst, name...) }
}

// dayPeriod names the part of the day; midnight and noon last a minute.
func dayPeriod(t time.Time, narrow bool) string {
	hour, minute := t.Hour(), t.Minute()
	switch {
	case hour == 0 && minute == 0:
		if narrow {
			return "mi"
		}
		return "midnight"
	case hour == 12 && minute == 0:
		if narrow {
			return "n"
		}
		return "noon"
	case hour < 6 || hour >= 21:
		return "at night"
	case hour < 12:
		return "in the morning"
	case hour < 18:
		return "in the afternoon"
	}
	return "in the evening"
}

// appendNumber appends a number with zeros before it up to a width.
func appendNumber(dst []byte, n, width int) []byte {
	text := strconv.Itoa(n)
	for range width - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

// dayOfWeek counts from Sunday, which is 1.
func dayOfWeek(t time.Time) int { return int(t.Weekday()) + 1 }

// weekDate is the year and week of a day where weeks begin on Sunday and the first holds January 1: those of the
// week's Saturday.
func weekDate(t time.Time) (year, week int) {
	year, month, day := t.Date()
	saturday := time.Date(year, month, day+6-int(t.Weekday()), 0, 0, 0, 0, time.UTC)
	return saturday.Year(), (saturday.YearDay()-1)/7 + 1
}

// weekOfMonth counts the weeks from Sunday that the month has touched.
func weekOfMonth(t time.Time) int { return (t.Day()+5-int(t.Weekday()))/7 + 1 }

func modifiedJulianDay(t time.Time) int {
	year, month, day := t.Date()
	epoch := time.Date(1858, time.November, 17, 0, 0, 0, 0, time.UTC)
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()-epoch.Unix()) / 86400
}

func secondOfDay(t time.Time) int {
	hour, minute, second := t.Clock()
	return hour*3600 + minute*60 + second
}
