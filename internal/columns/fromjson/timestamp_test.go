package fromjson

import (
	"strings"
	"testing"
	"time"

	"firehose/internal/columns"
)

func TestTimestampsOfOpenX(t *testing.T) {
	f := columnTest(t, openX)
	f("timestamp", `"2017-02-07T15:13:01.39256Z"`, "2017-02-07T15:13:01.39256")
	f("timestamp", `"2017-02-07T15:13:01Z"`, "2017-02-07T15:13:01")
	f("timestamp", `"1969-12-31T23:59:59.999999999Z"`, "1969-12-31T23:59:59.999999999")
	f("timestamp", `"2017-02-07T15:13:01"`, `!For input string: "2017-02-07T15:13:01"`)
	f("timestamp", `"2017-02-07T15:13:01+01:00"`, `!For input string: "2017-02-07T15:13:01+01:00"`)
	f("timestamp", `"2017-2-07T15:13:01Z"`, `!For input string: "2017-2-07T15:13:01Z"`)
	f("timestamp", `"2017-02-07T15:13:1Z"`, `!For input string: "2017-02-07T15:13:1Z"`)
	f("timestamp", `"2017-02-07T15:13:01.Z"`, `!For input string: "2017-02-07T15:13:01.Z"`)
	f("timestamp", `"2017-02-07T15:13:01.1234567890Z"`, `!For input string: "2017-02-07T15:13:01.1234567890Z"`)
	f("timestamp", `"2017-02-07T24:00:00Z"`, `!For input string: "2017-02-07T24:00:00Z"`)
	f("timestamp", `"2017-02-30T00:00:00Z"`, `!For input string: "2017-02-30T00:00:00Z"`)
	f("timestamp", `"2017-02-07 15:13:01.14"`, "2017-02-07T15:13:01.14")
	f("timestamp", `"2017-2-7 5:3:1"`, "2017-02-07T05:03:01")
	f("timestamp", `"2017-02-07 15:13:01Z"`, `!For input string: "2017-02-07 15:13:01Z"`)
	f("timestamp", `"2017-02-07 15:13"`, `!For input string: "2017-02-07 15:13"`)
	f("timestamp", `"2017-02-07"`, `!For input string: "2017-02-07"`)
	f("timestamp", `1486480381`, "2017-02-07T15:13:01")
	f("timestamp", `1486480381392`, "2017-02-07T15:13:01.392")
	f("timestamp", `1486480381.392560001`, "2017-02-07T15:13:01.392560001")
	f("timestamp", `1.486480381E9`, "2017-02-07T15:13:01")
	f("timestamp", `1486480381392.5`, "2017-02-07T15:13:01.3925")
	f("timestamp", `0`, "1970-01-01T00:00:00")
	f("timestamp", `-1.25`, "1969-12-31T23:59:58.75")
	f("timestamp", `-1000000000001`, "1938-04-24T22:13:19.999")
	f("timestamp", `999999999999`, "33658-09-27T01:46:39")
	f("timestamp", `1000000000000`, "2001-09-09T01:46:40")
	f("timestamp", `1e30`, `!For input string: "1e30"`)
	f("timestamp", `"1486480381"`, "2017-02-07T15:13:01")
	f("timestamp", `"1486480381392"`, "2017-02-07T15:13:01.392")
	f("timestamp", `"1486480381.5"`, "2017-02-07T15:13:01.5")
	f("timestamp", `""`, `!For input string: ""`)
	f("timestamp", `"now"`, `!For input string: "now"`)
	f("timestamp", `true`, `!For input string: "true"`)
}

func TestTimestampsOfHive(t *testing.T) {
	f := columnTest(t, hive)
	f("timestamp", `"2017-02-07 15:13:01.123456789"`, "2017-02-07T15:13:01.123456789")
	f("timestamp", `"2017-2-7 5:3:1"`, "2017-02-07T05:03:01")
	f("timestamp", `"2017-02-07T15:13:01Z"`, `!For input string: "2017-02-07T15:13:01Z"`)
	f("timestamp", `1486480381`, `!For input string: "1486480381"`)

	f = columnTest(t, Options{Hive: &Hive{TimestampFormats: []string{"yyyy-MM-dd'T'HH:mm:ss.SSSZ", "millis"}}})
	f("timestamp", `"2017-02-07T15:13:01.123+0100"`, "2017-02-07T14:13:01.123")
	f("timestamp", `1486480381392`, "2017-02-07T15:13:01.392")
	f("timestamp", `"1486480381392"`, "2017-02-07T15:13:01.392")
	f("timestamp", `1486480381392.9`, "2017-02-07T15:13:01.392")
	f("timestamp", `-1`, "1969-12-31T23:59:59.999")
	f("timestamp", `"2017-02-07 15:13:01"`, "2017-02-07T15:13:01")
	f("timestamp", `"2017/02/07"`, `!For input string: "2017/02/07"`)
}

func TestPatternsOfJodaTime(t *testing.T) {
	f := func(format, text, want string) {
		t.Helper()
		p, err := compilePattern(format)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			return
		}
		got := ""
		if seconds, nanos, ok := p.parse([]byte(text)); ok {
			got = show(time.Unix(seconds, int64(nanos)).UTC())
		}
		if got != want {
			t.Errorf("%q by %s is %q, want %q", text, format, got, want)
		}
	}
	f("yyyy-MM-dd'T'HH:mm:ss", "2017-02-07T15:13:01", "2017-02-07T15:13:01")
	f("yyyy-MM-dd'T'HH:mm:ss", "2017-2-7t5:3:1", "2017-02-07T05:03:01")
	f("yyyy-MM-dd'T'HH:mm:ss", "2017-02-07T15:13:01 ", "")
	f("yyyy-MM-dd'T'HH:mm:ss", "2017-02-07", "")
	f("yyyyMMddHHmmssSSS", "20170207151301123", "2017-02-07T15:13:01.123")
	f("yyyyMMddHHmmssSSS", "2017020715130112", "2017-02-07T15:13:01.12")
	f("yyyyMMdd", "20170230", "")
	f("yyyy", "12017", "12017-01-01T00:00:00")
	f("yyyy", "-5", "-0005-01-01T00:00:00")
	f("YYYY-M-d", "2017-12-1", "2017-12-01T00:00:00")
	f("dd/MMM/yyyy:HH:mm:ss Z", "07/Feb/2017:15:13:01 -0530", "2017-02-07T20:43:01")
	f("d MMMM yyyy", "7 february 2017", "2017-02-07T00:00:00")
	f("d MMMM yyyy", "7 MAY 2017", "2017-05-07T00:00:00")
	f("d MMM yyyy", "7 Febr 2017", "")
	f("E, d MMM yyyy HH:mm:ss z", "Tue, 7 Feb 2017 15:13:01 GMT", "2017-02-07T15:13:01")
	f("EEEE d.M.yy h:mm a", "Tuesday 7.2.17 3:13 pm", "2017-02-07T15:13:00")
	f("EEE", "Xyz", "")
	f("yy-MM-dd", "69-01-01", "2069-01-01T00:00:00")
	f("yy-MM-dd", "70-01-01", "1970-01-01T00:00:00")
	f("yy-MM-dd", "2017-01-01", "")
	f("h a", "12 AM", "1970-01-01T00:00:00")
	f("h a", "12 PM", "1970-01-01T12:00:00")
	f("a h", "PM 1", "1970-01-01T13:00:00")
	f("h a", "13 PM", "")
	f("h a", "0 PM", "")
	f("K a", "0 PM", "1970-01-01T12:00:00")
	f("k", "24", "1970-01-01T00:00:00")
	f("H", "24", "")
	f("m", "60", "")
	f("s", "60", "")
	f("s.S", "1.23", "")
	f("s.SSSSSSSSSSSS", "1.123456789012", "1970-01-01T00:00:01.123456789")
	f("HH 'o''clock'", "07 o'clock", "1970-01-01T07:00:00")
	f("HH''mm", "07'30", "1970-01-01T07:30:00")
	f("HHé", "07é", "1970-01-01T07:00:00")
	f("HHé", "07ê", "")
	f("HH:mmZ", "07:30Z", "1970-01-01T07:30:00")
	f("HH:mmZZ", "07:30+02:00", "1970-01-01T05:30:00")
	f("HH:mmZZ", "07:30-02", "1970-01-01T09:30:00")
	f("HH:mmZ", "07:30+2", "")
	f("HH:mmZ", "07:30", "")
	f("HH:mm z", "07:30 PST", "1970-01-01T15:30:00")
	f("HH:mm zzz", "07:30 EDT", "1970-01-01T11:30:00")
	f("HH:mm z", "07:30 CET", "")
	f("millis", "1", "1970-01-01T00:00:00.001")
	f("millis", "-1500.9", "1969-12-31T23:59:58.5")
	f("millis", "1.2345e3", "1970-01-01T00:00:01.234")
	f("millis", "1e30", "")
	f("millis", "", "")
	f("millis", "1x", "")
}

func TestPatternsThatCannotBeReadAreRefusedAtOnce(t *testing.T) {
	f := func(format, want string) {
		t.Helper()
		_, err := New(mustType(t, "struct<a:int>"), Options{Hive: &Hive{TimestampFormats: []string{"millis", format}}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "timestamp format") {
			t.Errorf("%s: %v, want %q", format, err, want)
		}
	}
	f("", "it is empty")
	f("yyyy'T", "a quote is not closed")
	f("yyyy-DDD", "letter 'D' has no meaning")
	f("xxxx-'W'ww", "letter 'x'")
	f("GG", "letter 'G'")
	f("HH ZZZ", `"ZZZ", the full name of a zone`)
	f("HH zzzz", `"zzzz"`)
}

func TestDaysAreThoseOfTheCalendar(t *testing.T) {
	for day := time.Date(1599, 12, 25, 0, 0, 0, 0, time.UTC); day.Year() < 2402; day = day.AddDate(0, 0, 1) {
		days, ok := daysOf(day.Year(), int(day.Month()), day.Day())
		if !ok || days*secondsOfDay != day.Unix() {
			t.Fatalf("%v is day %d, %v", day, days, ok)
		}
	}
}

func FuzzTimestamp(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss.SSSZ", "2017-02-07T15:13:01.123+0100")
	f.Add("E, d MMM yy h:mm a z", "Tue, 7 Feb 17 3:13 pm PST")
	f.Add("millis", "-12.5e3")
	f.Fuzz(func(t *testing.T, format, text string) {
		if p, err := compilePattern(format); err == nil {
			if _, nanos, ok := p.parse([]byte(text)); ok && (nanos < 0 || nanos >= nanosOfSecond) {
				t.Errorf("%q by %q has %d nanoseconds", text, format, nanos)
			}
		}
		v := columns.NewVector(&columns.Type{Kind: columns.Timestamp})
		r := &Reader{openX: true}
		if r.appendTimestamp(v, []byte(text)) != (v.Len() == 1) || v.Len() != len(v.Nanos) || v.Len() == 1 && (v.Nanos[0] < 0 || v.Nanos[0] >= nanosOfSecond) {
			t.Errorf("%q is %+v", text, v)
		}
	})
}
