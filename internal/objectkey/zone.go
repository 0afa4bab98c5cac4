package objectkey

//lint:file-ignore ST1005 The texts of errors are the Amazon service's.

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones must not depend on the machine's files
)

// zones holds the time zones that the service takes, one a line, and what Java calls them: the zone, then short names
// of its standard time, its summer time and both, then the long ones, with tabs between.
//
//go:embed zones.txt
var zones string

const unsupportedZone = "Provided custom time zone is not supported. Custom time zones are limited to UTC and non-3-letter IANA time zones."

// ParseZone returns the zone of a CustomTimeZone, "" being UTC. The service takes the names of an old list: it has
// Asia/Calcutta and not Asia/Kolkata. The text of an error is the service's message.
func ParseZone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if _, listed := zoneNames(name); !listed {
		return nil, errors.New(unsupportedZone)
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load time zone %q: %w", name, err)
	}
	return location, nil
}

// zoneNames looks up a zone's names in the order of the list.
func zoneNames(name string) (names [6]string, listed bool) {
	for line := range strings.Lines(zones) {
		rest, ok := strings.CutPrefix(line, name+"\t")
		if !ok {
			continue
		}
		if columns := strings.Split(strings.TrimSpace(rest), "\t"); len(columns) == len(names) {
			return [6]string(columns), true
		}
	}
	return names, false
}

// zone is a time zone with its names.
type zone struct {
	location *time.Location
	names    [6]string // short standard, summer, both; long standard, summer, both
}

// zoneOf returns the zone of a location, nil being UTC. One that is not in the list goes by its own name.
func zoneOf(location *time.Location) zone {
	if location == nil {
		location = time.UTC
	}
	names, listed := zoneNames(location.String())
	if !listed {
		for i := range names {
			names[i] = location.String()
		}
	}
	return zone{location, names}
}

// daylight says whether summer time is in force. Two zones are kept in the other way in the time zone data: their
// winter is the exception there, with an offset below the standard's.
func (z zone) daylight(t time.Time) bool {
	switch z.location.String() {
	case "Europe/Dublin", "Africa/Casablanca":
		_, offset := t.Zone()
		return offset > 0
	}
	return t.IsDST()
}

// element returns the element of a letter that prints the zone when it is written count times, or nil.
func (z zone) element(letter byte, count int) element {
	switch {
	case letter == 'V' && count == 2:
		return func(dst []byte, _ time.Time) []byte { return append(dst, z.location.String()...) }
	case letter == 'z' && count <= 4:
		names := z.names[count/4*3:]
		return func(dst []byte, t time.Time) []byte {
			if z.daylight(t) {
				return append(dst, names[1]...)
			}
			return append(dst, names[0]...)
		}
	case letter == 'v' && (count == 1 || count == 4):
		name := z.names[count/4*3+2]
		return func(dst []byte, _ time.Time) []byte { return append(dst, name...) }
	case letter == 'O' && count == 1:
		return offset{zero: "GMT", before: "GMT", colon: true, short: true, seconds: true}.print
	case letter == 'O' && count == 4, letter == 'Z' && count == 4:
		return offset{zero: "GMT", before: "GMT", colon: true, seconds: true}.print
	case letter == 'Z' && count <= 3:
		return offset{zero: "+0000"}.print
	case letter == 'Z' && count == 5:
		return offset{zero: "Z", colon: true, seconds: true}.print
	case letter == 'X' && count <= 5:
		return offset{zero: "Z", brief: count == 1, colon: count == 3 || count == 5, seconds: count > 3}.print
	case letter == 'x' && count <= 5:
		zero := [...]string{"+00", "+0000", "+00:00", "+0000", "+00:00"}[count-1]
		return offset{zero: zero, brief: count == 1, colon: count == 3 || count == 5, seconds: count > 3}.print
	}
	return nil
}

// offset is a form of the distance from UTC.
type offset struct {
	zero    string // for none
	before  string // the sign
	colon   bool   // between the parts
	short   bool   // hours of one digit, and minutes only if there are any
	brief   bool   // minutes only if there are any
	seconds bool   // if there are any
}

func (o offset) print(dst []byte, t time.Time) []byte {
	_, seconds := t.Zone()
	if seconds == 0 {
		return append(dst, o.zero...)
	}
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = append(append(dst, o.before...), sign)
	hours, minutes, seconds := seconds/3600, seconds/60%60, seconds%60
	if o.short {
		dst = appendNumber(dst, hours, 1)
	} else {
		dst = appendNumber(dst, hours, 2)
	}
	if minutes == 0 && (o.brief || o.short && seconds == 0) {
		return dst
	}
	dst = o.part(dst, minutes)
	if o.seconds && seconds != 0 {
		dst = o.part(dst, seconds)
	}
	return dst
}

func (o offset) part(dst []byte, n int) []byte {
	if o.colon {
		dst = append(dst, ':')
	}
	return appendNumber(dst, n, 2)
}
