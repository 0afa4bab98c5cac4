package enrich

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"firehose/internal/erroroutput"
	"firehose/internal/jsonscan"
)

func compile(t testing.TB, c Config) *Enricher {
	t.Helper()
	e, err := Compile(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func apply(t *testing.T, e *Enricher, event string, info Info) string {
	t.Helper()
	got, err := e.Apply([]byte("x"), []byte(event), info)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(got), "x")
}

var (
	tagged = Config{
		Tags:     map[string]string{"team": "west", "env": "prod"},
		Metadata: map[string]any{"flow_name": "Solar CA", "flow_version": 14, "account": map[string]any{"plan": "enterprise"}},
	}
	stored   = time.Date(2026, 5, 4, 8, 12, 9, 417e6, time.UTC)
	onItsWay = Info{Stored: stored, Taken: stored.Add(812 * time.Millisecond)}
)

func TestTagsAndMetadataStandUnderThePath(t *testing.T) {
	const added = `{"account":{"plan":"enterprise"},"flow_name":"Solar CA","flow_version":14,"tags":{"env":"prod","team":"west"}}`
	f := func(path, event, want string) {
		t.Helper()
		c := tagged
		c.Path = path
		if got := apply(t, compile(t, c), event, Info{}); got != want {
			t.Errorf("%s: %s, want %s", event, got, want)
		}
	}
	f("", `{"event_id":"evt_1"}`, `{"event_id":"evt_1","enrichment":`+added+`}`)
	f("", `{}`, `{"enrichment":`+added+`}`)
	f("context.firehose", `{"context":{"ip":"::1"}}`, `{"context":{"ip":"::1","firehose":`+added+`}}`)
	f("", `{"enrichment":{"flow_name":"forged","tags":{"team":"none"}},"enrichment":{"tags":1,"other":2},"a":1}`, `{"a":1,"enrichment":{"other":2,`+added[1:]+`}`)
}

func TestNothingIsAddedWhereNothingIsSaid(t *testing.T) {
	if got := apply(t, compile(t, Config{}), `{"a":1}`, onItsWay); got != `{"a":1}` {
		t.Errorf("%s", got)
	}
}

func TestTimesAreCounted(t *testing.T) {
	e := compile(t, Config{Processing: true})
	f := func(info Info, want string) {
		t.Helper()
		if got := apply(t, e, `{}`, info); got != `{"enrichment":{"processing":`+want+`}}` {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(onItsWay, `{"stored_at":"2026-05-04T08:12:09.417Z","queue_ms":812}`)
	f(Info{Stored: stored, Taken: stored.Add(-time.Second)}, `{"stored_at":"2026-05-04T08:12:09.417Z","queue_ms":0}`)
	f(Info{Stored: stored.In(time.FixedZone("", 3600))}, `{"stored_at":"2026-05-04T08:12:09.417Z"}`)
	f(Info{Taken: stored}, `{}`)
}

func TestWhatIsNoObjectIsRejected(t *testing.T) {
	e := compile(t, tagged)
	for _, event := range []string{``, `5`, `[{}]`, `"{}"`, `{`, `{"a":1}}`, `{"a":01}`, `not json`} {
		got, err := e.Apply([]byte("x"), []byte(event), Info{})
		var failed *Error
		if !errors.As(err, &failed) || failed.Failure.Type != erroroutput.Enrichment || failed.Failure.Code != "Enrichment.InvalidEvent" || failed.Failure.Attempts != 1 {
			t.Errorf("%q: %v", event, err)
		}
		if string(got) != "x" {
			t.Errorf("%q left %q", event, got)
		}
	}
}

func TestARefusalSaysNothingOfTheEvent(t *testing.T) {
	e := compile(t, tagged)
	for _, event := range []string{`{"ssn":§`, `{"ssn":"123"§`, `§`} {
		_, err := e.Apply(nil, []byte(event), Info{})
		if want := fmt.Sprintf("the event is not JSON at offset %d", strings.Index(event, "§")); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", event, err, want)
		}
	}
}

func TestMistakesInAConfigAreNamed(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		_, err := Compile(c, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	one := func(l Lookup) Config { return Config{Lookups: []Lookup{l}} }
	f(Config{Path: "a..b"}, `path "a..b" has an empty name`)
	f(Config{Metadata: map[string]any{"tags": 1}, Tags: map[string]string{"a": "b"}}, "enrichment.tags is set twice")
	f(Config{Metadata: map[string]any{"f": func() {}}}, "metadata.f")
	f(one(Lookup{}), "lookups[0]: name is empty")
	f(one(Lookup{Name: "n", Key: "a."}), `key "a." is no path`)
	f(one(Lookup{Name: "n", Key: "a"}), "one of file and url")
	f(one(Lookup{Name: "n", Key: "a", File: "f", URL: "u"}), "one of file and url")
	f(one(Lookup{Name: "n", Key: "a", File: "f", Miss: "drop"}), `miss "drop" is none of`)
	f(one(Lookup{Name: "n", Key: "a", File: "f", Refresh: 5}), "refresh 5ns is less than 1s")
	f(one(Lookup{Name: "n", Key: "a", File: "f", Format: "xml"}), `format "xml" is none of`)
	f(one(Lookup{Name: "n", Key: "a", URL: "ftp://h/t"}), "url is no address")
	f(one(Lookup{Name: "n", Key: "a", URL: "https://h/t"}), "asks no other servers")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// withTable returns an enricher with one table, loaded.
func withTable(t *testing.T, name, text string, l Lookup) *Enricher {
	t.Helper()
	l.Name, l.File = "region", filepath.Join(t.TempDir(), name)
	write(t, l.File, text)
	e := compile(t, Config{Lookups: []Lookup{l}})
	if err := e.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRowsOfEveryForm(t *testing.T) {
	const ca, de = `{"id":"CA","name":"California, \"the Golden\""}`, `{"id":"7","name":"DE"}`
	f := func(name, text string, l Lookup) {
		t.Helper()
		l.Key = "lead_data.state"
		e := withTable(t, name, text, l)
		for event, row := range map[string]string{`{"lead_data":{"state":"CA"}}`: ca, `{"lead_data":{"state":"\u0043A"}}`: ca, `{"lead_data":{"state":7}}`: de} {
			got := apply(t, e, event, Info{})
			var decoded struct {
				Enrichment struct{ Region json.RawMessage }
			}
			if err := json.Unmarshal([]byte(got), &decoded); err != nil || string(decoded.Enrichment.Region) != row {
				t.Errorf("%s: %s: %s", name, event, got)
			}
		}
	}
	f("t.csv", "id,name\nCA,\"California, \"\"the Golden\"\"\"\n7,DE\n", Lookup{})
	f("t.csv", "\ufeffid,name\r\nCA,old\r\n7,DE\r\nCA,\"California, \"\"the Golden\"\"\"", Lookup{Column: "id"})
	f("t.json", `[ `+ca+`,`+de+`]`, Lookup{})
	f("t.json", `{"CA": `+ca+`, "7":`+de+`}`, Lookup{})
	f("t.ndjson", ca+"\n\n"+de+"\r\n", Lookup{})
	f("t.txt", ca+"\n"+de, Lookup{Format: "ndjson", Column: "id"})
}

func TestMissesGoByThePolicy(t *testing.T) {
	f := func(miss, event, want string) {
		t.Helper()
		e := withTable(t, "t.csv", "id,name\nCA,California\n", Lookup{Key: "state", Miss: miss})
		got, err := e.Apply(nil, []byte(event), Info{})
		if want == "" {
			var failed *Error
			if !errors.As(err, &failed) || failed.Failure.Code != "Enrichment.LookupMiss" || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s of %s: %v", miss, event, err)
			}
			return
		}
		if err != nil || string(got) != want {
			t.Errorf("%s of %s: %s, %v", miss, event, got, err)
		}
	}
	for _, begin := range []string{`{"state":"secret",`, `{"state":null,`, `{"other":1,`, `{"state":{"CA":1},`, `{"state":["CA"],`} {
		event := begin[:len(begin)-1] + "}"
		f("", event, begin+`"enrichment":{"region":null}}`)
		f("null", event, begin+`"enrichment":{"region":null}}`)
		f("omit", event, begin+`"enrichment":{}}`)
		f("reject", event, "")
	}
	f("omit", `{"state":"X","enrichment":{"region":"forged"}}`, `{"state":"X","enrichment":{}}`)
}

func TestTablesThatCannotBeReadAreErrorsThatCanBeRetried(t *testing.T) {
	f := func(name, text, want string, l Lookup) {
		t.Helper()
		l.Name, l.Key, l.File = "region", "state", filepath.Join(t.TempDir(), name)
		e := compile(t, Config{Lookups: []Lookup{l}})
		if text != "" {
			write(t, l.File, text)
		}
		err := e.Load(t.Context())
		if err == nil || !strings.Contains(err.Error(), "load the table region") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if _, err := e.Apply(nil, []byte(`{}`), Info{}); !errors.Is(err, ErrNotLoaded) {
			t.Errorf("%q: enriched without a table: %v", text, err)
		}
		good := map[string]string{".csv": "id,code\nCA,1\n", ".json": `{"CA":{"id":"CA","code":"1"}}`, ".ndjson": `{"id":"CA","code":"1"}`}
		write(t, l.File, good[filepath.Ext(name)])
		if err := e.Load(t.Context()); err != nil && l.Column == "" {
			t.Errorf("load again: %v", err)
		}
	}
	f("t.csv", "", "no such file", Lookup{})
	f("t.csv", "\ufeff", "no row of column names", Lookup{})
	f("t.csv", "id,name\nCA\n", "wrong number of fields", Lookup{})
	f("t.csv", "id,id\n", `column 2 has no name of its own, but "id"`, Lookup{})
	f("t.csv", "id,name\n", `no column "key"`, Lookup{Column: "key"})
	f("t.json", "{", "ends too early", Lookup{})
	f("t.json", "[1]", `row 1: it has no text, number or boolean "id"`, Lookup{})
	f("t.json", `{"CA":{}}`, "take the column out", Lookup{Column: "id"})
	f("t.ndjson", `{"id":1}`+"\n{]", "line 2", Lookup{})
}

// TestEnrichingIsSettingMembers holds Apply against decoding and setting.
func TestEnrichingIsSettingMembers(t *testing.T) {
	event := `{"lead_data":{"state":"CA"},"n":[1,{"enrichment":2}],"enrichment":{"keep":true}}`
	c := tagged
	c.Lookups = []Lookup{{Name: "region", Key: "lead_data.state", File: filepath.Join(t.TempDir(), "t.json")}}
	c.Processing = true
	write(t, c.Lookups[0].File, `{"CA":"California"}`)
	e := compile(t, c)
	if err := e.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	if err := json.Unmarshal([]byte(event), &want); err != nil {
		t.Fatal(err)
	}
	want["enrichment"] = map[string]any{
		"keep": true, "region": "California", "flow_name": "Solar CA", "flow_version": 14.0, "account": map[string]any{"plan": "enterprise"},
		"tags": map[string]any{"team": "west", "env": "prod"}, "processing": map[string]any{"stored_at": "2026-05-04T08:12:09.417Z", "queue_ms": 812.0},
	}
	once := apply(t, e, event, onItsWay)
	var got map[string]any
	if err := json.Unmarshal([]byte(once), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s, %v", once, err)
	}
	if twice := apply(t, e, once, onItsWay); twice != once {
		t.Errorf("enriched again: %s, once: %s", twice, once)
	}
}

func FuzzApply(f *testing.F) {
	for _, event := range []string{`{}`, `{"enrichment":{"tags":1},"enrichment":2}`, ` { "a" : {"b":"\u0043"} } `, `{"\u0065nrichment":{}}`, `[]`} {
		f.Add([]byte(event))
	}
	c := tagged
	c.Processing = true
	e := compile(f, c)
	only := jsonscan.Compile([]string{"enrichment", "tags", "team"})
	f.Fuzz(func(t *testing.T, event []byte) {
		got, err := e.Apply(nil, event, onItsWay)
		if jsonscan.Valid(event) != (err == nil) && strings.HasPrefix(strings.TrimLeft(string(event), " \t\r\n"), "{") {
			t.Fatalf("%q: %v", event, err)
		}
		var found [1]jsonscan.Value
		if err == nil && (only.Scan(got, found[:]) != nil || string(got[found[0].Start:found[0].End]) != `"west"`) {
			t.Fatalf("%q gives %q", event, got)
		}
	})
}

// kilobyte is an event of that length in the form that the documents show.
func kilobyte() []byte {
	event := `{"event_id":"evt_2C6kT0vWm9QyPz4HnR7s","timestamp":"2026-05-04T08:12:09.417Z","account_id":"acc_71fKq0","flow_id":"flow_9dLw2e","event_type":"recipient.failed","outcome":"failure","duration_ms":611,` +
		`"metadata":{"step_name":"Deliver to Buyer B","integration":"custom_json","http_status":200,"attempt_number":1,"price":0,"buyer_response":{"status":"rejected","reason":"duplicate"}},` +
		`"lead_data":{"first_name":"Anna","email":"anna@example.org","phone":"512-555-0199","state":"CA","comments":"` + strings.Repeat("would like a call in the evening ", 14) + `"}}`
	return []byte(event)
}

func BenchmarkTagsAndMetadata(b *testing.B) { benchmark(b, tagged, kilobyte()) }

func BenchmarkScan(b *testing.B) {
	e, event := compile(b, tagged), kilobyte()
	var found [1]jsonscan.Value
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		e.scan.Scan(event, found[:])
	}
}

func BenchmarkTagsMetadataTimesOverOlder(b *testing.B) {
	c := tagged
	c.Processing = true
	event, err := compile(b, c).Apply(nil, kilobyte(), onItsWay)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, c, event)
}

func BenchmarkLookup(b *testing.B) {
	c := tagged
	c.Lookups = []Lookup{{Name: "region", Key: "lead_data.state", File: filepath.Join(b.TempDir(), "t.json")}}
	if err := os.WriteFile(c.Lookups[0].File, []byte(`{"CA":{"name":"California","zone":"America/Los_Angeles"}}`), 0o600); err != nil {
		b.Fatal(err)
	}
	benchmark(b, c, kilobyte())
}

func benchmark(b *testing.B, c Config, event []byte) {
	e := compile(b, c)
	if err := e.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = e.Apply(dst[:0], event, onItsWay); err != nil {
			b.Fatal(err)
		}
	}
}
