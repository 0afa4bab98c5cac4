package objectkey

import (
	"testing"
	"time"
)

var types = []string{"format-conversion-failed", "processing-failed"}

func compiled(t *testing.T, prefix, errorPrefix, zone string) (data, failed *Template) {
	t.Helper()
	location, err := ParseZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	data, failed, err = Compile(prefix, errorPrefix, Options{Location: location})
	if err != nil {
		t.Fatal(err)
	}
	return data, failed
}

func TestStemIsWhatKeysOfATypeBeginWith(t *testing.T) {
	f := func(prefix, errorPrefix, want string, wantWhole bool) {
		t.Helper()
		_, failed := compiled(t, prefix, errorPrefix, "UTC")
		if got, whole := failed.Stem("processing-failed"); got != want || whole != wantWhole {
			t.Errorf("%q, %q: %q, %t; want %q, %t", prefix, errorPrefix, got, whole, want, wantWhole)
		}
	}
	f("", "", "processing-failed/", false)
	f("logs", "", "logsprocessing-failed/", false)
	f("", "errors/", "errors/", true)
	f("", "e/!{firehose:error-output-type}/", "e/processing-failed/", true)
	f("", "e/!{firehose:error-output-type}/!{timestamp:yyyy}/x", "e/processing-failed/", false)
	f("", "e/!{timestamp:yyyy}/!{firehose:error-output-type}/", "e/", false)
	f("", "!{firehose:random-string}/!{firehose:error-output-type}/", "", false)
}

func TestKeysOfFailedRecordsAreKnownAgain(t *testing.T) {
	unique := Unique([]byte("first"))
	f := func(prefix, errorPrefix, zone string, at time.Time, wantType string) {
		t.Helper()
		data, failed := compiled(t, prefix, errorPrefix, zone)
		name := Name{Stream: "clicks-2", Version: 12, Time: at, Location: failed.location, Unique: unique, Extension: ".json.gz"}
		values := Values{Time: at, Seed: unique[:], ErrorType: "processing-failed"}
		key := failed.Evaluate(values) + name.String()
		got, errorType, ok := failed.MatchFailed(key, "clicks-2", types...)
		if !ok || errorType != wantType || !got.Time.Equal(at) || got.Version != 12 || got.Unique != unique || got.Extension != ".json.gz" {
			t.Errorf("%s: %+v, %q, %t", key, got, errorType, ok)
		}
		for what, other := range map[string]string{
			"of data":           data.Evaluate(values) + name.String(),
			"of another prefix": "x" + key,
			"with more behind":  key + "/x",
			"in part":           key[1:],
			"without an end":    key[:len(key)-30],
		} {
			if _, _, ok := failed.MatchFailed(other, "clicks-2", types...); ok {
				t.Errorf("%s: a key %s matches: %s", key, what, other)
			}
		}
		for _, stream := range []string{"clicks", "2", "licks-2", "-clicks-2"} {
			if _, _, ok := failed.MatchFailed(key, stream, types...); ok {
				t.Errorf("%s is taken for one of stream %s", key, stream)
			}
		}
		if wantType == "" {
			return
		}
		values.ErrorType = "other"
		for _, key := range []string{failed.Evaluate(values) + name.String(), failed.Evaluate(Values{Time: at.AddDate(1, 0, 0)}) + name.String()} {
			if _, _, ok := failed.MatchFailed(key, "clicks-2", types...); ok {
				t.Errorf("%s is taken for one of a type that is not asked for", key)
			}
		}
	}
	at := time.Date(2026, time.March, 5, 14, 3, 9, 0, time.UTC)
	f("", "", "UTC", at, "processing-failed")
	f("logs/", "", "UTC", at, "processing-failed")
	f("clicks", "", "UTC", at, "processing-failed")
	f("", "errors/", "UTC", at, "")
	f("", "errors", "UTC", at, "")
	f("", "clicks-2-", "UTC", at, "")
	f("!{timestamp:yyyy}/", "e/!{firehose:random-string}/!{firehose:error-output-type}", "UTC", at, "processing-failed")
	f("!{timestamp:yyyy}/", "e\n/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd'T'HH}/", "Asia/Tokyo", at, "processing-failed")
	// The hour that a clock shows twice: an offset in the prefix tells which it was.
	twice := "e/!{firehose:error-output-type}/!{timestamp:HH:mmXXX}/"
	for hour := range 4 {
		f("", twice, "Europe/Berlin", time.Date(2026, time.October, 25, hour, 30, 0, 0, time.UTC), "processing-failed")
		f("", twice, "Australia/Lord_Howe", time.Date(2026, time.April, 4, 12+hour, 45, 0, 0, time.UTC), "processing-failed")
	}
}

func FuzzMatchFailed(f *testing.F) {
	f.Add("processing-failed/2026/03/05/14/s-1-2026-03-05-14-03-09-00000000-0000-4000-8000-000000000000.gz", "s")
	f.Add("-1-2026-03-05-14-03-09-00000000-0000-4000-8000-000000000000", "")
	f.Fuzz(func(t *testing.T, key, stream string) {
		_, failed, err := Compile("", "", Options{})
		if err != nil {
			t.Fatal(err)
		}
		name, errorType, ok := failed.MatchFailed(key, stream, types...)
		if ok && failed.Evaluate(Values{Time: name.Time, ErrorType: errorType})+name.String() != key {
			t.Errorf("%q of %q is taken for %+v", key, stream, name)
		}
	})
}
