package eventread

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// read returns a body's events, and the error that ended it; nil for its end.
func read(t *testing.T, body, contentType, encoding string) (events []string, err error) {
	t.Helper()
	r, err := NewReader(strings.NewReader(body), contentType, encoding)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		event, err := r.Next()
		var other *EventError
		switch {
		case err == io.EOF:
			return events, nil
		case errors.As(err, &other):
			events = append(events, "!")
		case err != nil:
			return events, err
		default:
			events = append(events, string(event))
		}
	}
}

const (
	asJSON  = "application/json"
	asLines = "application/x-ndjson"
	asBatch = "application/cloudevents-batch+json; charset=utf-8"
)

func TestBodiesAreReadByTheirShape(t *testing.T) {
	f := func(contentType, body string, want ...string) {
		t.Helper()
		got, err := read(t, body, contentType, "")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s %q is read as %q, %v", contentType, body, got, err)
		}
	}
	f("", `{"a":1}`, `{"a":1}`)
	f(asJSON, " {\n \"a\" : [1, 2] }\n", `{"a":[1,2]}`)
	f(asJSON, `[{"a":1}, {"b":"x y"} ]`, `{"a":1}`, `{"b":"x y"}`)
	f(asJSON, `[]`)
	f(asJSON, ``)
	f(asJSON, `[1,{"a":1},"x",[]]`, "!", `{"a":1}`, "!", "!")
	f(asLines, "{\"a\":1}\n{\"b\":2}\n\n{\"c\":3}", `{"a":1}`, `{"b":2}`, `{"c":3}`)
	f(asLines, "[1]\n{}", "!", "{}")
	cloud := `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`
	f("application/cloudevents+json", cloud, cloud)
	f("application/cloudevents+json", `{"id":2}`, "!")
	f(asBatch, "["+cloud+`,{"id":"2"},`+cloud+"]", cloud, "!", cloud)
	f(asJSON, "\xef\xbb\xbf{\"a\":1}", `{"a":1}`)
	f(asJSON, "\xef\xbb\xbf")
	f(asLines, "{\"a\":\"\xff\"}\n{\"b\":2}", "!", `{"b":2}`)
	f(asJSON, `{"a":"\u00e9 é","a":1e5}`, `{"a":"\u00e9 é","a":1e5}`)
}

func TestBrokenBodiesGiveWhatCameBefore(t *testing.T) {
	f := func(contentType, body string, events int, want string) {
		t.Helper()
		got, err := read(t, body, contentType, "")
		var broken *BodyError
		if !errors.As(err, &broken) || len(got) != events || broken.Event != events || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %d events, %v", body, len(got), err)
		}
	}
	f(asJSON, `[{"a":1},{"b":`, 1, "at byte")
	f(asJSON, `[{"a":1}`, 1, "")
	f(asJSON, `{"a":1}}`, 1, "")
	f(asJSON, "{\"a\":1}\n{b}\n{\"c\":1}", 1, "at byte 9: invalid character 'b'")
	f(asJSON, "hello", 0, "event 0, at byte 0: invalid character 'h' at start of value")
	f(asJSON, `{"a":1},{"b":2}`, 1, "event 1, at byte 7: invalid character ',' at start of value")
	f(asBatch, `{"id":"1"}`, 0, "want an array")
}

func TestALineThatIsNotJSONIsPassedOverAlone(t *testing.T) {
	f := func(body string, want ...string) {
		t.Helper()
		for _, size := range []int{1, 7, 1 << 20} { // of what is read at once
			r, err := NewReader(pieces{strings.NewReader(body), size}, asLines, "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for {
				event, err := r.Next()
				var refused *EventError
				if errors.As(err, &refused) {
					event = append([]byte(refused.Code+" "), event...)
				} else if err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%q: %v", body, err)
				}
				got = append(got, string(event))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, %d bytes at once, is read as %q, want %q", body, size, got, want)
			}
		}
	}
	f("{\"a\":1}\n{b}\n{\"c\":1}", `{"a":1}`, "not_json {b}", `{"c":1}`)
	f("nonsense\n\n  \nmore\r\n{}\n", "not_json nonsense", "not_json more\r", "{}")
	f("{\"a\":1},\n{\"b\":2},\n", `{"a":1}`, "not_json ,", `{"b":2}`, "not_json ,")
	f("{\"a\":{\"b\":1}\n{\"c\":2}\n", `not_json {"a":{"b":1}`, `{"c":2}`)
	f("{\"a\":\"x}\n{\"c\":2}", `not_json {"a":"x}`, `{"c":2}`)
	f("{\"a\":1}\n{\"b\":", `{"a":1}`, `not_json {"b":`)
	f("{\"a\":1}{\"b\":2} x\n7", `{"a":1}`, `{"b":2}`, "not_json x", "not_an_object 7")
	long := strings.Repeat("x", 5000)
	f("{\"a\":\""+long+"\"}\n"+long+"\n{}", `{"a":"`+long+`"}`, "not_json "+long, "{}")
	f(strings.Repeat("x\n", 3), "not_json x", "not_json x", "not_json x")
}

// pieces gives so many bytes at once.
type pieces struct {
	io.Reader
	size int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.size)]) }

// A body of nothing but broken lines must not take more than a body of events.
func TestManyBrokenLinesTakeNoMoreThanTheirLength(t *testing.T) {
	const count = 200_000
	r, err := NewReader(strings.NewReader(`{"a":"`+strings.Repeat("x", 1<<20)+"\"}\n"+strings.Repeat("x\n", count)), asLines, "")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for {
		_, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			refused++
		}
	}
	if refused != count {
		t.Errorf("%d lines are refused, want %d", refused, count)
	}
}

// curl says that its texts are of a form.
func TestBodiesWithoutATypeOfTheirOwnAreJSON(t *testing.T) {
	for _, kind := range []string{"", "text/plain; charset=utf-8", "application/x-www-form-urlencoded"} {
		if got, err := read(t, `{"a":1} {"a":2}`, kind, ""); err != nil || len(got) != 2 {
			t.Errorf("%q: %q, %v", kind, got, err)
		}
	}
}

func TestCompressedBodiesAreReadAndOthersRefused(t *testing.T) {
	var zipped, zst bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, `[{"a":1},{"a":2}]`)
	z.Close()
	s, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(s, `[{"a":1},{"a":2}]`)
	s.Close()
	f := func(body, encoding string) {
		t.Helper()
		if got, err := read(t, body, asJSON, encoding); err != nil || len(got) != 2 {
			t.Errorf("%s: %q, %v", encoding, got, err)
		}
	}
	f(zipped.String(), "gzip")
	f(zst.String(), "zstd")
	var unsupported *UnsupportedError
	if _, err := read(t, "", asJSON, "br"); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "gzip, zstd or none") {
		t.Errorf("br: %v", err)
	}
	if _, err := read(t, "", "application/xml", ""); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "application/x-ndjson") {
		t.Errorf("xml: %v", err)
	}
	var broken *BodyError
	if _, err := read(t, "not gzip", asJSON, "gzip"); !errors.As(err, &broken) {
		t.Errorf("broken gzip: %v", err)
	}
	if _, err := read(t, zipped.String()[:20], asJSON, "gzip"); !errors.As(err, &broken) {
		t.Errorf("cut gzip: %v", err)
	}
}

func TestEventsAreBoundedAndBodiesAreNot(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 900_000) + `"}`
	if events, err := read(t, strings.Repeat(long+"\n", 10), asLines, ""); err != nil || len(events) != 10 {
		t.Errorf("%d events, %v", len(events), err)
	}
	huge := `{"a":"` + strings.Repeat("x", 3<<20) + `"}`
	if _, err := read(t, huge, asLines, ""); err == nil || !strings.Contains(err.Error(), "more than 2097152 bytes") {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`[{"a":1},{"b":[{}]}]`, asJSON)
	f.Add("{}\n{}", asLines)
	f.Fuzz(func(t *testing.T, body, contentType string) {
		events, err := read(t, body, contentType, "")
		if err != nil {
			return
		}
		for _, e := range events {
			if again, err := read(t, e, asJSON, ""); e != "!" && (err != nil || len(again) != 1 || again[0] != e) {
				t.Errorf("%q gave %q, and that is read as %q, %v", body, e, again, err)
			}
		}
	})
}
