package eventbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/erroroutput"
	"firehose/internal/jsonscan"
	"firehose/internal/objectkey"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// run joins records, between others that are none of it.
func run(records ...string) batch.Records {
	r := batch.Records{Data: []byte("before"), Start: len("before")}
	for _, text := range records {
		r.Data = append(r.Data, text...)
		r.Ends = append(r.Ends, len(r.Data))
	}
	r.Data = append(r.Data, "after"...)
	return r
}

func compile(t testing.TB, c Config) *Body {
	t.Helper()
	b, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// meta is of the batch that all tests write.
var meta = Metadata{BatchID: BatchID(objectkey.Unique([]byte("stream"), []byte("7"))), Delivered: time.Date(2024, 1, 15, 14, 31, 2, 123456789, time.UTC)}

// encode writes runs to a body, and returns what was refused too.
func encode(t testing.TB, c Config, m Metadata, runs ...batch.Records) (string, []batch.Rejected) {
	t.Helper()
	var body bytes.Buffer
	e, err := compile(t, c).Encoder(m, &body)
	if err != nil {
		t.Fatal(err)
	}
	var rejected []batch.Rejected
	for _, r := range runs {
		if err := e.Write(r); err != nil {
			t.Fatal(err)
		}
		rejected = append(rejected, e.Rejected()...)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return body.String(), rejected
}

// events are of all kinds that a producer may send.
var events = []string{
	`{"event_id":"evt_1","timestamp":"2024-01-15T14:30:45.234Z","event_type":"recipient.delivered","outcome":"success","duration_ms":342,"metadata":{"price":45.00},"lead_data":{"state":"CA","note":"said \"yes\", twice"}}` + "\n",
	"{\n  \"event_id\": \"evt_2\",\r\n  \"timestamp\": \"yesterday\",\n  \"lead_data\": {\n    \"state\": \"\",\n    \"tags\": [ \"a b\", 1 ]\n  }\n}\n",
	`{"event_type":"source.accepted","timestamp":"2024-01-15T15:30:45+01:00","lead_data":{"state":null,"note":" line\none"},"firehose_metadata":{"batch_id":"forged","masked_fields":["lead_data.email"],"replay_id":"old"}}`,
	"{\"event_id\":7,\"lead_data\":{\"state\":\"\xff\",\"note\":true}}",
}

// bad are what is no event.
var bad = []string{``, ` `, `5`, `[{"a":1}]`, `"{}"`, `null`, `{`, `{"a":1}{"b":2}`, `{"a":01}`, "{\"a\":\"\n\"}", `{"a":1},{"b":2}`, `a,b`}

// configs are a Config of each format.
func configs() map[string]Config {
	return map[string]Config{
		"ndjson":     {},
		"json_array": {Format: JSONArray},
		"metadata":   {Format: NDJSON, Metadata: true},
		"cloudevents": {Format: CloudEvent, Metadata: true, CloudEvents: CloudEvents{
			SourceDefault: "/streams/leads", Subject: "lead_data.state", Extensions: map[string]string{"batchid": "firehose_metadata.batch_id", "sequence": "firehose_metadata.sequence", "outcome": "outcome", "flag": "lead_data.note"},
		}},
		"csv": {Format: CSVTable, Metadata: true, CSV: CSV{Columns: []Column{
			{Path: "event_id"}, {Name: "ms", Path: "duration_ms"}, {Name: "state, of lead", Path: "lead_data.state"}, {Path: "lead_data.note"}, {Path: "lead_data.tags"}, {Path: "metadata"}, {Path: "firehose_metadata.sequence"},
		}}},
	}
}

func TestBodiesAreAsTheyAlwaysWere(t *testing.T) {
	for name, c := range configs() {
		got, rejected := encode(t, c, meta, run(events...))
		if len(rejected) > 0 {
			t.Errorf("%s: refused %+v", name, rejected)
		}
		path := filepath.Join("testdata", name+compile(t, c).FileExtension())
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestBodiesDoNotDependOnThePiecesTheyCameIn(t *testing.T) {
	var many []string
	for i := range 1500 {
		many = append(many, fmt.Sprintf(`{"event_id":"evt_%d","lead_data":{"state":"CA","note":"%x"}}`, i, strings.Repeat(fmt.Sprint(i*i), 9)))
	}
	many[17] = "broken"
	var singles []batch.Records
	for _, event := range many {
		singles = append(singles, run(event))
	}
	for name, c := range configs() {
		for _, c.Compression = range Compressions() {
			whole, _ := encode(t, c, meta, run(many...))
			pieces, _ := encode(t, c, meta, singles...)
			again, _ := encode(t, c, meta, run(many[:700]...), run(many[700:]...))
			if whole != pieces || whole != again {
				t.Errorf("%s, %s: one batch has several bodies", name, c.Compression)
			}
		}
	}
}

func TestWhatIsNoEventIsRefusedAloneWithAReason(t *testing.T) {
	var mixed []string
	for i, text := range bad {
		mixed = append(mixed, text, events[i%len(events)])
	}
	for name, c := range configs() {
		var good []string
		for i := range bad {
			good = append(good, events[i%len(events)])
		}
		want, _ := encode(t, c, meta, run(good...))
		got, rejected := encode(t, c, meta, run(mixed...))
		if got != want {
			t.Errorf("%s: what is refused changes the body:\n%s\n%s", name, got, want)
		}
		if len(rejected) != len(bad) {
			t.Fatalf("%s: %d refused of %d", name, len(rejected), len(bad))
		}
		for i, r := range rejected {
			f := r.Failure
			if r.Index != 2*i || f.Type != erroroutput.Format || f.Code != "EventFormat.InvalidEvent" || f.Attempts != 1 || !strings.HasPrefix(f.Message, "the event is no") {
				t.Errorf("%s: %q: %+v", name, bad[i], r)
			}
		}
	}
}

func TestRawTakesWhateverComes(t *testing.T) {
	all := append(append([]string(nil), events...), bad...)
	got, rejected := encode(t, Config{Format: Raw}, meta, run(all[:5]...), run(all[5:]...))
	if want := strings.Join(all, ""); got != want || len(rejected) > 0 {
		t.Errorf("got %q, %d refused, want %q", got, len(rejected), want)
	}
}

func TestCloudEventsStayAsTheyAre(t *testing.T) {
	c := Config{Format: CloudEvent, CloudEvents: CloudEvents{SourceDefault: "/s"}}
	f := func(event string, stays bool) {
		t.Helper()
		got, rejected := encode(t, c, meta, run(event))
		if len(rejected) > 0 || (got == "[\n"+event+"\n]\n") != stays || strings.Contains(got, `"data":`+event) == stays {
			t.Errorf("%s becomes %s, %d refused", event, got, len(rejected))
		}
	}
	f(`{"specversion":"1.0","id":"7","source":"/shop","type":"ordered","more":1,"data":{"a":[1]}}`, true)
	f(`{"type":"\u0074","\u0069d":"7","source":"x","specversion":"1.\u0030"}`, true)
	f(`{"specversion":"0.3","id":"7","source":"/shop","type":"ordered"}`, false)
	f(`{"specversion":1.0,"id":"7","source":"/shop","type":"ordered"}`, false)
	f(`{"specversion":"1.0","id":"","source":"/shop","type":"ordered"}`, false)
	f(`{"specversion":"1.0","id":"7","source":"/shop"}`, false)
	f(`{"specversion":"1.0","id":"7","source":"/shop","type":"a\u0000b"}`, false)
	f(`{"specversion":"1.0","id":"7","source":"/shop","type":"ordered","firehose_metadata":{}}`, false)
}

func TestBodiesWithoutEvents(t *testing.T) {
	want := map[string]string{"ndjson": "", "metadata": "", "json_array": "[]\n", "cloudevents": "[]\n"}
	for name, c := range configs() {
		got, _ := encode(t, c, meta, run("broken"))
		if name != "csv" && got != want[name] || name == "csv" && strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestJSONReadsAsItWasWritten decodes bodies and compares them with their events.
func TestJSONReadsAsItWasWritten(t *testing.T) {
	var want []any
	for _, event := range events {
		want = append(want, decode(t, event))
	}
	var array []any
	body, _ := encode(t, configs()["json_array"], meta, run(events...))
	if err := json.Unmarshal([]byte(body), &array); err != nil || !reflect.DeepEqual(array, want) {
		t.Errorf("json_array: %v, %v", array, err)
	}
	var lines []any
	body, _ = encode(t, configs()["ndjson"], meta, run(events...))
	for line := range strings.Lines(body) {
		lines = append(lines, decode(t, line))
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("ndjson: %v", lines)
	}
}

func decode(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestMetadataStampsEventsInOrder(t *testing.T) {
	m := meta
	m.ReplayID, m.Skipped = "replay_1", 40
	body, _ := encode(t, Config{Metadata: true}, m, run(events[0], "broken", events[2]), run(events[3]))
	sequence := 40
	for line := range strings.Lines(body) {
		var event struct {
			Stamp struct {
				BatchID   string   `json:"batch_id"`
				Sequence  int      `json:"sequence"`
				Delivered string   `json:"delivered_at"`
				ReplayID  string   `json:"replay_id"`
				Masked    []string `json:"masked_fields"`
			} `json:"firehose_metadata"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		sequence++
		s := event.Stamp
		if s.BatchID != m.BatchID || s.Sequence != sequence || s.Delivered != "2024-01-15T14:31:02.123Z" || s.ReplayID != "replay_1" || (len(s.Masked) == 1) != (sequence == 42) {
			t.Errorf("%s", line)
		}
		if strings.Count(line, "batch_id") != 1 || strings.Contains(line, "forged") {
			t.Errorf("a member is doubled: %s", line)
		}
	}
	if sequence != 43 {
		t.Errorf("the last sequence is %d", sequence)
	}
}

func TestBatchIDFollowsFromTheIdentity(t *testing.T) {
	if want := "batch_brNSSD7hVzx7eZya"; meta.BatchID != want {
		t.Errorf("%s, want %s", meta.BatchID, want)
	}
	if got := BatchID(objectkey.UUID{15: 63}); got != "batch_0000000000000011" {
		t.Errorf("%s", got)
	}
}

func TestHeadersAndExtensions(t *testing.T) {
	f := func(c Config, wantType, wantEncoding, wantExtension string) {
		t.Helper()
		b := compile(t, c)
		if b.ContentType() != wantType || b.ContentEncoding() != wantEncoding || b.FileExtension() != wantExtension {
			t.Errorf("%+v: %s, %s, %s", c, b.ContentType(), b.ContentEncoding(), b.FileExtension())
		}
	}
	column := []Column{{Path: "a"}}
	f(Config{}, "application/x-ndjson", "", ".json")
	f(Config{Format: NDJSON, Compression: Gzip}, "application/x-ndjson", "gzip", ".json.gz")
	f(Config{Extension: ".ndjson", Compression: Zstd}, "application/x-ndjson", "zstd", ".ndjson.zst")
	f(Config{Format: JSONArray, Compression: LZ4}, "application/json", "lz4", ".json.lz4")
	f(Config{Format: CloudEvent, Compression: Snappy, CloudEvents: CloudEvents{SourceDefault: "/s"}}, "application/cloudevents-batch+json", "x-snappy-framed", ".json.sz")
	f(Config{Format: CSVTable, Compression: HadoopSnappy, CSV: CSV{Columns: column}}, "text/csv; charset=utf-8; header=present", "hadoop-snappy", ".csv.snappy")
	f(Config{Format: CSVTable, Compression: Zip, CSV: CSV{Columns: column}}, "text/csv; charset=utf-8; header=present", "zip", ".csv.zip")
	f(Config{Format: Raw, Compression: LZ4}, "application/octet-stream", "lz4", ".lz4")
	f(Config{Format: CSVTable, CSV: CSV{Columns: column, NoHeader: true}}, "text/csv; charset=utf-8; header=absent", "", ".csv")
}

func TestMistakesInAConfigAreNamed(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		_, err := Compile(c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	ce := func(c CloudEvents) Config {
		if c.SourceDefault == "" {
			c.SourceDefault = "/s"
		}
		return Config{Format: CloudEvent, CloudEvents: c}
	}
	f(Config{Format: "xml"}, `format "xml" is none of ndjson, json_array, cloudevents, csv, raw`)
	f(Config{Format: Raw, Metadata: true}, "raw: raw events have no metadata")
	f(Config{Compression: "bzip2"}, `compression "bzip2" is none of none, gzip, snappy, hadoop_snappy, lz4, zstd, zip`)
	f(Config{Extension: "a/b"}, `extension "a/b" is no dot`)
	f(Config{Format: CSVTable}, "csv: columns are needed")
	f(Config{Format: CSVTable, CSV: CSV{Columns: []Column{{Path: "a..b"}}}}, `csv: columns[0]: path "a..b" is none`)
	f(Config{Format: CloudEvent}, `cloudevents: source_default "" is no URI reference`)
	f(ce(CloudEvents{SourceDefault: "a b"}), `source_default "a b"`)
	f(ce(CloudEvents{TypeDefault: "a\n"}), `type_default`)
	f(ce(CloudEvents{Data: "a."}), `path "a." has an empty name`)
	f(ce(CloudEvents{Extensions: map[string]string{"time": "a"}}), `"time" cannot be the name of one`)
	f(ce(CloudEvents{Extensions: map[string]string{"Batch_id": "a"}}), `"Batch_id" cannot`)
	f(ce(CloudEvents{Extensions: map[string]string{"a": ""}}), `a has no path`)
}

// broken is a writer that fails.
type broken struct{}

var errBroken = errors.New("no space")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorsOfTheWriterBelowAreReturned(t *testing.T) {
	for _, c := range Compressions() {
		e, err := compile(t, Config{Compression: c}).Encoder(meta, broken{})
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			if err = e.Write(run(`{"a":"` + strings.Repeat("xy", 20_000) + `"}`)); err != nil {
				break
			}
		}
		if err == nil {
			err = e.Close()
		}
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func FuzzBodiesAreWhole(f *testing.F) {
	for _, event := range append(events, bad...) {
		f.Add([]byte(event))
	}
	c := configs()
	f.Fuzz(func(t *testing.T, event []byte) {
		before := `{"event_id":"first"}`
		for _, name := range []string{"json_array", "cloudevents"} {
			body, rejected := encode(t, c[name], meta, run(before, string(event), before))
			var list []map[string]any
			if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 3-len(rejected) {
				t.Fatalf("%s of %q: %v\n%s", name, event, err, body)
			}
		}
		body, rejected := encode(t, c["metadata"], meta, run(before, string(event), before))
		if n := strings.Count(body, "\n"); n != 3-len(rejected) {
			t.Fatalf("%d lines of %q", n, event)
		}
		for line := range strings.Lines(body) {
			if !jsonscan.Valid([]byte(line)) {
				t.Fatalf("%q makes %q", event, line)
			}
		}
	})
}
