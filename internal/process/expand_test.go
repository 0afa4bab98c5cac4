package process

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firehose/internal/erroroutput"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
)

// compressed is the GZIP of a text.
func compressed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// expanded is what a record is expanded to.
func expanded(e *Expander, record []byte) (pieces []string, failure *erroroutput.Failure) {
	failure = e.Expand(record, func(piece []byte) { pieces = append(pieces, string(piece)) })
	return pieces, failure
}

// splits checks the pieces of a record.
func splits(t *testing.T, c Config, record string, want ...string) {
	t.Helper()
	got, failure := expanded(NewExpander(c), []byte(record))
	if failure != nil || !slices.Equal(got, want) {
		t.Errorf("%.200q is split into %.200q, %v; want %.200q", record, got, failure, want)
	}
}

func TestARecordThatNothingIsDoneToIsItsOwnPiece(t *testing.T) {
	splits(t, Config{}, "abc", "abc")
	splits(t, Config{}, "", "")
	record := []byte("abc")
	NewExpander(Config{}).Expand(record, func(piece []byte) {
		if &piece[0] != &record[0] {
			t.Error("the record was copied")
		}
	})
}

func TestJSONIsSplitIntoItsObjects(t *testing.T) {
	f := func(record string, want ...string) {
		t.Helper()
		splits(t, Config{Split: &Split{JSON: true}}, record, want...)
	}
	f(`{"a":1}{"a":2}`, `{"a":1}`, `{"a":2}`)
	f("{\"a\":1}\n{\"a\":2}\r\n", `{"a":1}`, `{"a":2}`)
	f(" \t{ \"a\" : 1 } {}", `{ "a" : 1 }`, `{}`)
	f(`{"a":{"b":[{"c":"}"}]}}{"a":"{\"}{"}{"\\":"\\\""}`, `{"a":{"b":[{"c":"}"}]}}`, `{"a":"{\"}{"}`, `{"\\":"\\\""}`)
	f(`{"a":1}`, `{"a":1}`)
	f(`{a}{"b":2}`, `{a}`, `{"b":2}`) // spoiled within its braces: alone
	f(``)
	f(" \n")
}

func TestWhatIsNoRunOfObjectsStaysWhole(t *testing.T) {
	for _, record := range []string{
		`[{"a":1},{"a":2}]`, `1 2`, `"a"`, `abc`, `{"a":1},{"a":2}`, `{"a":1}x`, `{"a":1} {"a":2`, `{"a":1}{"a":"`, `{"a":1}{"a":"\"}`, "\ufeff{}", `}{`,
	} {
		splits(t, Config{Split: &Split{JSON: true}}, record, record)
	}
}

func TestARecordOfTooManyObjectsStaysWhole(t *testing.T) {
	c := Config{Split: &Split{JSON: true}}
	most := strings.Repeat("{} ", SubRecordsMax)
	splits(t, c, most, slices.Repeat([]string{"{}"}, SubRecordsMax)...)
	splits(t, c, most+"{}", most+"{}")
}

func TestDelimitedRecordsAreSplitWhereTheDelimiterStands(t *testing.T) {
	f := func(delimiter, record string, want ...string) {
		t.Helper()
		splits(t, Config{Split: &Split{Delimiter: delimiter}}, record, want...)
	}
	f("\n", "a\nb", "a", "b")
	f("\n", "\na\n\n b\n", "a", " b")
	f("##", "a##b#c###d", "a", "b#c", "#d")
	f("\n", "a", "a")
	f("\n", "\n\n")
	f("\n", "")
	f("\n", strings.Repeat("a\n", 501), slices.Repeat([]string{"a"}, 501)...)
	f("", "ab", "ab")
}

const envelope = `{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"g","logStream":"s","subscriptionFilters":["f"],
	"logEvents":[{"id":"1","timestamp":1,"message":"first é\tline"},{"id":"2","timestamp":2,"message":"{\"a\":1}","extractedFields":{"message":1}}]}`

func TestEnvelopesAreDecompressed(t *testing.T) {
	e := NewExpander(Config{Decompress: true})
	for _, text := range []string{envelope, `{"messageType":"CONTROL_MESSAGE"}`, " [1]\n", `{"a":1,"a":2}`, `{"l":"` + strings.Repeat("x", 100_000) + `"}`} {
		got, failure := expanded(e, compressed(t, text))
		if failure != nil || !slices.Equal(got, []string{text}) {
			t.Errorf("%.100q, %v; want %.100q", got, failure, text)
		}
	}
}

func TestMessagesAreTakenOutOfEnvelopes(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		got, failure := expanded(NewExpander(Config{Decompress: true, Messages: true}), compressed(t, text))
		if failure != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", text, got, failure, want)
		}
	}
	f(envelope, "first é\tline\n{\"a\":1}\n")
	f(`{"logEvents":[{"message":"a\n"}],"messageType":"DATA_MESSAGE"}`, "a\n\n")
	f(`{"messageType":"DATA_MESSAGE","logEvents":[]}`, "")
	f(`{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`, "")
	f(`{"messageType":"CONTROL_MESSAGE"}`, "")
}

func TestMessagesThatAreJSONAreSplit(t *testing.T) {
	c := Config{Decompress: true, Messages: true, Split: &Split{JSON: true}}
	const text = `{"messageType":"DATA_MESSAGE","logEvents":[{"message":"{\"a\":1}"},{"message":"{\"a\":2}{\"a\":3}"}]}`
	splits(t, c, string(compressed(t, text)), `{"a":1}`, `{"a":2}`, `{"a":3}`)
	splits(t, c, string(compressed(t, `{"messageType":"CONTROL_MESSAGE"}`)))
}

// failed checks the failure of a record.
func failed(t *testing.T, e *Expander, record []byte, message string) {
	t.Helper()
	want := erroroutput.Failure{Type: "decompression-failed", Code: "Decompression failed.", Message: message, Attempts: 1}
	if pieces, failure := expanded(e, record); len(pieces) > 0 || failure == nil || *failure != want {
		t.Errorf("%.100q: %q, %+v; want %+v", record, pieces, failure, want)
	}
}

const doesNotConform = "Decompression failed because input data does not conform to cloudwatch log."

func TestWhatIsNoEnvelopeFails(t *testing.T) {
	e := NewExpander(Config{Decompress: true})
	packed := compressed(t, envelope)
	failed(t, e, nil, doesNotConform)
	failed(t, e, []byte(envelope), doesNotConform)
	failed(t, e, packed[:len(packed)-9], doesNotConform)
	failed(t, e, append(slices.Clone(packed), 'x'), doesNotConform)
	packed[len(packed)-5] ^= 1 // of the checksum
	failed(t, e, packed, doesNotConform)
	for _, text := range []string{"", "text", `{"a":1`, `{}{}`} {
		failed(t, e, compressed(t, text), doesNotConform)
	}
	e = NewExpander(Config{Decompress: true, Messages: true})
	for _, text := range []string{
		`1`, `[]`, `{}`, `{"messageType":"DATA_MESSAGE"}`, `{"messageType":"OTHER","logEvents":[]}`, `{"logEvents":[]}`,
		`{"messageType":["DATA_MESSAGE"],"logEvents":[]}`, `{"messageType":"DATA_MESSAGE","logEvents":null}`, `{"messageType":"DATA_MESSAGE","logEvents":[1]}`,
		`{"messageType":"DATA_MESSAGE","logEvents":[{}]}`, `{"messageType":"DATA_MESSAGE","logEvents":[{"message":"a"},{"message":null}]}`,
	} {
		failed(t, e, compressed(t, text), doesNotConform)
	}
	if got, failure := expanded(e, compressed(t, envelope)); failure != nil || len(got) != 1 {
		t.Errorf("after failures: %q, %v", got, failure)
	}
}

func TestABombIsNotUnpacked(t *testing.T) {
	e := NewExpander(Config{Decompress: true})
	e.sizeMax = 1 << 20
	failed(t, e, compressed(t, `"`+strings.Repeat("a", 100<<20)+`"`), "Decompression failed because the decompressed data is larger than 1048576 bytes.")
	if cap(e.text) > 4<<20 {
		t.Errorf("%d bytes of memory were taken", cap(e.text))
	}
	fits := `"` + strings.Repeat("a", 1<<20-2) + `"`
	if got, failure := expanded(e, compressed(t, fits)); failure != nil || got[0] != fits {
		t.Error(failure)
	}
}

// FuzzSplitJSON holds the splitter against a full tokenizer: what that reads as a run of objects is split the same way.
func FuzzSplitJSON(f *testing.F) {
	f.Add([]byte(`{"a":"\"}"} {"b":[{}]}`))
	f.Add([]byte(`{"a\\":1}x`))
	f.Add([]byte(`[{}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := splitJSON(nil, text)
		for _, p := range got {
			if p.begin < 0 || p.begin > p.end || p.end > len(text) {
				t.Fatalf("%q: piece %v", text, p)
			}
		}
		var want []string
		for d := jsontext.NewDecoder(bytes.NewBuffer(slices.Clone(text)), lenient, jsontext.AllowInvalidUTF8(true)); ; {
			value, err := d.ReadValue()
			if err != nil {
				if err.Error() != "EOF" {
					return // the splitter does not validate
				}
				break
			}
			if value.Kind() != '{' || len(want) == SubRecordsMax {
				want = []string{string(text)}
				break
			}
			want = append(want, string(value))
		}
		var pieces []string
		for _, p := range got {
			pieces = append(pieces, string(text[p.begin:p.end]))
		}
		if !slices.Equal(pieces, want) {
			t.Errorf("%q is split into %q; want %q", text, pieces, want)
		}
	})
}

func FuzzSplitDelimited(f *testing.F) {
	f.Add([]byte("a##b"), "##")
	f.Add([]byte("aaa"), "aa")
	f.Fuzz(func(t *testing.T, text []byte, delimiter string) {
		var want []string
		for _, part := range strings.Split(string(text), delimiter) {
			if part != "" && delimiter != "" {
				want = append(want, part)
			}
		}
		if delimiter == "" {
			want = []string{string(text)}
		}
		splits(t, Config{Split: &Split{Delimiter: delimiter}}, string(text), want...)
	})
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte(envelope))
	f.Add([]byte(`{"messageType":"CONTROL_MESSAGE"}`))
	f.Add([]byte(`{"logEvents":[{"message":null,"message":"a"}],"messageType":"DATA_MESSAGE"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !jsontext.Value(text).IsValid(lenient) {
			return
		}
		messages, ok := appendMessages(nil, text)
		if ok && len(messages) > 0 && !bytes.HasSuffix(messages, []byte("\n")) || len(messages) > len(text) {
			t.Errorf("%q: %q, %v", text, messages, ok)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	f.Add(compressed(f, envelope))
	f.Fuzz(func(t *testing.T, record []byte) {
		pieces, failure := expanded(NewExpander(Config{Decompress: true}), record)
		if (failure == nil) != (len(pieces) == 1) {
			t.Errorf("%q: %q, %v", record, pieces, failure)
		}
	})
}

func BenchmarkSplitJSON(b *testing.B) {
	var record []byte
	for i := range 20 {
		record = fmt.Appendf(record, `{"id":"018f3c2e-%04d","type":"page_view","time":"2026-11-21T10:11:12.345Z","user":{"id":%d,"country":"DE","plan":"free"},
			"page":{"url":"https://example.com/products/1234?ref=mail","title":"A chair, \"the best\"","ms":[12,34,560]},"agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","value":12.50,"flags":{"a":true,"b":false,"c":null}}`, i, i*77)
	}
	e := NewExpander(Config{Split: &Split{JSON: true}})
	b.SetBytes(int64(len(record)))
	n := 0
	for b.Loop() {
		e.Expand(record, func([]byte) { n++ })
	}
	if n == 0 || n%20 != 0 {
		b.Errorf("%d pieces", n)
	}
}

func BenchmarkMessages(b *testing.B) {
	event := `{"id":"1","timestamp":1,"message":"` + strings.Repeat("some words of a log line ", 8) + `"}`
	text := `{"messageType":"DATA_MESSAGE","logEvents":[` + event + strings.Repeat(","+event, 99) + `]}`
	record := compressed(b, text)
	e := NewExpander(Config{Decompress: true, Messages: true})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if e.Expand(record, func([]byte) {}) != nil {
			b.Fatal("fails")
		}
	}
}
