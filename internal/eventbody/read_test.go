package eventbody

import (
	"archive/zip"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// TestEveryFormatInEveryCompressionReadsBack decompresses bodies with readers of others where there are such, and compares
// them with the golden body.
func TestEveryFormatInEveryCompressionReadsBack(t *testing.T) {
	readers := map[Compression]func(*testing.T, string) string{
		None: func(_ *testing.T, body string) string { return body },
		Gzip: func(t *testing.T, body string) string {
			r, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			return all(t, r)
		},
		LZ4: func(t *testing.T, body string) string { return all(t, lz4.NewReader(strings.NewReader(body))) },
		Zstd: func(t *testing.T, body string) string {
			r, err := zstd.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			return all(t, r)
		},
		Snappy:       unframe,
		HadoopSnappy: unblock,
		Zip: func(t *testing.T, body string) string {
			archive, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
			if err != nil || len(archive.File) != 1 || !strings.HasPrefix(archive.File[0].Name, meta.BatchID+".") {
				t.Fatal(err)
			}
			r, err := archive.File[0].Open()
			if err != nil {
				t.Fatal(err)
			}
			return all(t, r)
		},
	}
	long := make([]string, 0, 1500)
	for i := range cap(long) {
		long = append(long, `{"event_id":"evt_`+strconv.Itoa(i)+`","lead_data":{"note":"`+strconv.Itoa(i*i*i)+`"}}`)
	}
	for name, c := range configs() {
		for _, records := range [][]string{events, long, {"broken"}} {
			c.Compression = None
			want, _ := encode(t, c, meta, run(records...))
			for _, c.Compression = range Compressions() {
				body, _ := encode(t, c, meta, run(records...))
				if got := readers[c.Compression](t, body); got != want {
					t.Errorf("%s in %s: %d bytes, want %d", name, c.Compression, len(got), len(want))
				}
			}
		}
	}
}

func all(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unframe reads Snappy's framing chunk by chunk, by its description.
func unframe(t *testing.T, body string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(body, "\xff\x06\x00\x00sNaPpY")
	if !ok && body != "" {
		t.Fatalf("the body begins with %q", body[:min(len(body), 10)])
	}
	var text []byte
	for rest != "" {
		kind := rest[0]
		size := int(rest[1]) | int(rest[2])<<8 | int(rest[3])<<16
		chunk := []byte(rest[4 : 4+size])
		rest = rest[4+size:]
		if kind > 1 {
			t.Fatalf("a chunk of kind %d", kind)
		}
		content := chunk[4:]
		if kind == 0 {
			var err error
			if content, err = s2.Decode(nil, content); err != nil {
				t.Fatal(err)
			}
		}
		sum := crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))
		if sum = (sum>>15 | sum<<17) + 0xa282ead8; sum != binary.LittleEndian.Uint32(chunk) || len(content) > 65536 {
			t.Fatalf("a chunk of %d bytes has the wrong checksum", len(content))
		}
		text = append(text, content...)
	}
	return string(text)
}

// unblock reads Hadoop's blocks of one chunk.
func unblock(t *testing.T, body string) string {
	t.Helper()
	var text []byte
	for rest := []byte(body); len(rest) > 0; {
		size := binary.BigEndian.Uint32(rest[4:])
		block, err := s2.Decode(nil, rest[8:8+size])
		if err != nil || len(block) != int(binary.BigEndian.Uint32(rest)) {
			t.Fatalf("%d bytes, %v", len(block), err)
		}
		text, rest = append(text, block...), rest[8+size:]
	}
	return string(text)
}

// TestToolsReadTheirFiles decompresses with the programs that users have.
func TestToolsReadTheirFiles(t *testing.T) {
	want, _ := encode(t, Config{Metadata: true}, meta, run(events...))
	for compression, tool := range map[Compression]string{Gzip: "gzip", LZ4: "lz4", Zstd: "zstd"} {
		t.Run(tool, func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("%v: install the program %s", err, tool)
			}
			c := Config{Metadata: true, Compression: compression}
			body, _ := encode(t, c, meta, run(events...))
			path := filepath.Join(t.TempDir(), "events"+compile(t, c).FileExtension())
			if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := exec.CommandContext(t.Context(), tool, "-dc", path).CombinedOutput()
			if err != nil || string(got) != want {
				t.Errorf("%v\n%s", err, got)
			}
		})
	}
}

func TestCSVReadsAsItWasWritten(t *testing.T) {
	c := configs()["csv"]
	body, _ := encode(t, c, meta, run(events...))
	got, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"event_id", "ms", "state, of lead", "lead_data.note", "lead_data.tags", "metadata", "firehose_metadata.sequence"},
		{"evt_1", "342", "CA", `said "yes", twice`, "", `{"price":45.00}`, "1"},
		{"evt_2", "", "", "", `["a b",1]`, "", "2"},
		{"", "", "", " line\none", "", "", "3"},
		{"7", "", "\ufffd", "true", "", "", "4"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	c.CSV = CSV{Columns: []Column{{Path: "none"}}, NoHeader: true}
	body, _ = encode(t, c, meta, run(events...))
	if got, err := csv.NewReader(strings.NewReader(body)).ReadAll(); err != nil || len(got) != len(events) {
		t.Errorf("rows of one empty value: %q, %v", got, err)
	}
}

// FuzzCSV holds a cell against the standard library's reader.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"", " ", "a,b", `"`, "\r\n", "a\nb", "\ufeff", `\.`, "é"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		event, err := json.Marshal(map[string]string{"a": one, "b": two})
		if err != nil {
			t.Fatal(err)
		}
		body, _ := encode(t, Config{Format: CSVTable, CSV: CSV{NoHeader: true, Columns: []Column{{Path: "a"}, {Path: "b"}}}}, meta, run(string(event), string(event)))
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		clean := func(text string) string { // that reader makes \r\n in a value a line feed
			var valid string
			quoted, _ := json.Marshal(text)
			json.Unmarshal(quoted, &valid)
			return strings.ReplaceAll(valid, "\r\n", "\n")
		}
		want := []string{clean(one), clean(two)}
		if err != nil || len(rows) != 2 || !reflect.DeepEqual(rows[0], want) || !reflect.DeepEqual(rows[1], want) {
			t.Fatalf("%q: %q, %v", body, rows, err)
		}
	})
}

// readCloudEvents reads a body with the library of those who specified it.
func readCloudEvents(t *testing.T, c CloudEvents, records ...string) []cloudevents.Event {
	t.Helper()
	c.SourceDefault = "/streams/leads"
	body, rejected := encode(t, Config{Format: CloudEvent, Metadata: true, CloudEvents: c}, meta, run(records...))
	var list []cloudevents.Event
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != len(records)-len(rejected) {
		t.Fatalf("%v\n%s", err, body)
	}
	for _, e := range list {
		if err := e.Validate(); err != nil {
			t.Errorf("%v\n%s", err, e)
		}
	}
	return list
}

func TestCloudEventsAreValid(t *testing.T) {
	list := readCloudEvents(t, configs()["cloudevents"].CloudEvents, events...)
	f := func(i int, id, kind, subject, at string, sequence int) {
		t.Helper()
		e := list[i]
		if e.ID() != id || e.Type() != kind || e.Subject() != subject || e.Source() != "/streams/leads" || e.DataContentType() != "application/json" || e.SpecVersion() != "1.0" {
			t.Errorf("%s", e)
		}
		if at == "" != e.Time().IsZero() || at != "" && e.Time().Format("2006-01-02T15:04:05.999Z07:00") != at {
			t.Errorf("time %v, want %s", e.Time(), at)
		}
		if e.Extensions()["batchid"] != meta.BatchID || e.Extensions()["sequence"] != int32(sequence) {
			t.Errorf("extensions %v", e.Extensions())
		}
		var data map[string]any
		if err := json.Unmarshal(e.Data(), &data); err != nil || data["firehose_metadata"].(map[string]any)["sequence"] != float64(sequence) {
			t.Errorf("data %s, %v", e.Data(), err)
		}
	}
	f(0, "evt_1", "recipient.delivered", "CA", "2024-01-15T14:30:45.234Z", 1)
	f(1, "evt_2", "event", "", "", 2)
	f(2, meta.BatchID+"-3", "source.accepted", "", "2024-01-15T15:30:45+01:00", 3)
	f(3, "7", "event", "\ufffd", "", 4)
	if list[0].Extensions()["outcome"] != "success" || list[3].Extensions()["flag"] != true {
		t.Errorf("%v, %v", list[0].Extensions(), list[3].Extensions())
	}
}

func TestCloudEventsTakeAttributesFromWhereTheyAre(t *testing.T) {
	c := CloudEvents{ID: "id", Source: "source", Type: "type", Time: "time", Data: "data"}
	list := readCloudEvents(t, c, `{"specversion":"1.0","id":"1","source":"urn:a b/é?100%","type":"t","data":{"x":[1]}}`, `{"id":"2","type":"t"}`)
	if list[0].Source() != "urn:a%20b/%C3%A9?100%25" || string(list[0].Data()) != `{"x":[1]}` {
		t.Errorf("%s", list[0])
	}
	if list[1].Source() != "/streams/leads" || len(list[1].Data()) > 0 {
		t.Errorf("%s", list[1])
	}
}

func TestAttributesThatCloudEventsForbidAreRefused(t *testing.T) {
	c := Config{Format: CloudEvent, CloudEvents: CloudEvents{SourceDefault: "/s", Source: "source", Subject: "subject"}}
	body, rejected := encode(t, c, meta, run(`{"event_id":"a\nb"}`, `{"event_type":"\u0000"}`, `{"source":"http://[::1"}`, `{"subject":"\ufffe"}`))
	if len(rejected) != 3 || rejected[0].Failure.Code != "EventFormat.InvalidAttribute" || rejected[0].Failure.Message != "the event's id holds a control character" {
		t.Errorf("%+v", rejected)
	}
	var list []any
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 1 || !strings.HasPrefix(body, "[\n{") || strings.Contains(body, `"event","subject"`) {
		t.Errorf("%v\n%s", err, body)
	}
}
