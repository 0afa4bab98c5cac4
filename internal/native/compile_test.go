package native

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/destination/httpendpoint"
	"firehose/internal/destination/s3"
	"firehose/internal/process"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

func TestCompileMakesADeliveryOfEachDestination(t *testing.T) {
	d := parseYAML(t, `
name: clicks
destinations:
  - {id: lake, type: s3, preset: cost, s3: {bucket: my-events, key: "e/year={{year}}/", time_zone: Europe/Berlin}, function: {arn: shorten}}
  - {id: raw, type: s3, batch: {count: 7, wait: 0s}, format: {type: raw, compression: none}, s3: {bucket: my-raw, key: all/}, errors: {key: 'bad/{{error_type}}/'}}
`)
	spec, err := Compile(stream.Key{}, d.Stored())
	if err != nil {
		t.Fatal(err)
	}
	first, second := spec.Deliveries[0], spec.Deliveries[1]
	if first.ID != "lake" || first.Buffer != (stream.Buffer{Size: 128 << 20, Interval: 15 * time.Minute}) || first.Process.Lambda.Retries != 3 {
		t.Errorf("the first delivery is %+v", first)
	}
	if want := (s3.Config{Bucket: "my-events", ErrorBucket: "my-events", Prefix: "e/year=!{timestamp:yyyy}/!{timestamp:[]}",
		ErrorPrefix: "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/!{timestamp:MM}/!{timestamp:dd}/!{timestamp:HH}/!{timestamp:[]}",
		Lines:       true, Compression: "GZIP", TimeZone: "Europe/Berlin"}); first.Destination != want {
		t.Errorf("got  %+v\nwant %+v", first.Destination, want)
	}
	if second.ID != "raw" || second.Buffer != (stream.Buffer{Size: 5 << 20, Count: 7}) {
		t.Errorf("the second delivery is %+v", second)
	}
}

func TestReferencesAreResolvedWhenADestinationIsOpened(t *testing.T) {
	d := parseYAML(t, `
name: clicks
destinations:
  - {id: a, type: http_endpoint, http_endpoint: {url: http://h/in, access_key: "${PARTNER_KEY}", attributes: {b: "2", a: "1"}}, errors: {bucket: bad}}
  - {id: b, type: http_endpoint, batch: {count: 7}, http_endpoint: {url: http://h/in, access_key: file:partner}, errors: {bucket: bad}}
`)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "partner"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked []string
	r := References{Dir: dir, Variable: func(name string) (string, bool) {
		asked = append(asked, name)
		return "from a variable", true
	}}
	spec, err := r.Compile(stream.Key{Name: "clicks"}, d.Stored())
	if err != nil {
		t.Fatal(err)
	}
	if asked != nil {
		t.Errorf("%v was asked for before anything is opened", asked)
	}
	for i, want := range []string{"from a variable", "from a file"} {
		resolved, err := spec.Deliveries[i].Destination.(referring).resolve()
		if err != nil {
			t.Fatal(err)
		}
		if got := resolved.(httpendpoint.Config); got.AccessKey.Reveal() != want || i == 0 && fmt.Sprint(got.Attributes) != "[{a 1} {b 2}]" {
			t.Errorf("got %q, %v", got.AccessKey.Reveal(), got.Attributes)
		}
	}
	if first, second := spec.Deliveries[0].Buffer.Count, spec.Deliveries[1].Buffer.Count; first != httpendpoint.RecordsMax || second != 7 {
		t.Errorf("batches have up to %d and %d events", first, second)
	}
}

func TestWithoutWhatItRefersToADestinationHoldsItsRecords(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hush")
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := os.WriteFile(outside, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"${UNSET_FOR_SURE}", "${AWS_SECRET_ACCESS_KEY}", "file:nothing", "file:../outside", "file:" + outside} {
		d := parseYAML(t, "name: a\ndestinations: [{type: http_endpoint, http_endpoint: {url: 'http://h', access_key: '"+reference+"'}}]")
		spec, err := Environment(dir, "").Compile(stream.Key{}, d.Stored())
		if err != nil {
			t.Fatal(err)
		}
		opened, err := spec.Deliveries[0].Destination.Open(destination.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if err := opened.Deliver(t.Context(), nil); verdict.AsSetUp(err) == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want a set-up error", reference, err)
		}
	}
}

func TestTablesOfLookupsStayBelowTheirFolder(t *testing.T) {
	compile := func(file, dir string) error {
		e := &Enrich{Lookups: []Lookup{{Name: "a", Key: "b", File: file}}}
		_, err := e.resolve(e.compile(nil), References{Tables: dir})
		return err
	}
	for _, outside := range []string{"/etc/passwd", "../state.db", "a/../../b"} {
		if err := compile(outside, "/tables"); err == nil || !strings.Contains(err.Error(), "not below the folder of tables") {
			t.Errorf("%s: %v", outside, err)
		}
	}
	if err := compile("t.csv", ""); err == nil || !strings.Contains(unresolved(err).Fix, "lookups.dir") {
		t.Errorf("without a folder: %v", err)
	}
	if err := compile("t.csv", "/tables"); err != nil {
		t.Error(err)
	}
}

func TestErrorOutputsGoWhereTheDocumentSays(t *testing.T) {
	f := func(to, want string) {
		t.Helper()
		d := parseYAML(t, "name: clicks\ndestinations:\n  - {type: s3, s3: {bucket: lake}, "+to+"}\n")
		spec, err := Compile(stream.Key{}, d.Stored())
		if err != nil {
			t.Fatal(err)
		}
		env := destination.Env{Stream: "clicks", Delivery: "s3"}
		opened, err := spec.Deliveries[0].Destination.Open(env)
		if err != nil {
			t.Fatal(err)
		}
		name := opened.(destination.Namer)
		if got := name.Name(batch.Head{Failure: "processing-failed"}); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", to, got, want)
		}
		if got := name.Name(batch.Head{}); !strings.HasPrefix(got, "s3://lake/") {
			t.Errorf("%s: data is %s", to, got)
		}
	}
	f("errors: {bucket: failures, key: 'e/{{error_type}}/'}", "s3://failures/e/processing-failed/")
	f("errors: {bucket: failures}, format: {type: json_array}", "s3://failures/errors/processing-failed/")
	f("errors: {bucket: failures}, format: {type: raw, compression: zstd}", "s3://failures/errors/processing-failed/")
	f("errors: {}", "s3://lake/errors/processing-failed/")
	f("format: {type: json_array}", "s3://lake/errors/processing-failed/")
}

// Raw events are delivered by the same plain way as lines, unless something asks for what only events have.
func TestRawEventsAreNamedByWhatTheyHold(t *testing.T) {
	f := func(format, s3 string, wantKeys int, want string) {
		t.Helper()
		d := parseYAML(t, "name: clicks\ndestinations:\n  - {type: s3, s3: {bucket: lake, "+s3+"}, format: {type: raw, "+format+"}}\n")
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		spec, err := Compile(stream.Key{}, d.Stored())
		if err != nil {
			t.Fatal(err)
		}
		opened, err := spec.Deliveries[0].Destination.Open(destination.Env{Stream: "clicks", Delivery: "s3"})
		if err != nil {
			t.Fatal(err)
		}
		values := make([]string, wantKeys)
		for i := range values {
			values[i] = "value"
		}
		name := opened.(destination.Namer).Name(batch.Head{Version: 1, Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Partition: string(batch.JoinPartition(nil, values))})
		if matched, _ := regexp.MatchString("^s3://lake/"+want+"$", name); !matched {
			t.Errorf("%s, %s: %s, want %s", format, s3, name, want)
		}
		if partitioned := spec.Deliveries[0].Process.Partition != nil; partitioned != (wantKeys > 0) {
			t.Errorf("%s, %s: partitioned %v", format, s3, partitioned)
		}
		var body bytes.Buffer
		encoder, err := opened.Encoder(t.Context(), batch.Head{}, &body)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(encoder.Write(batch.Records{Data: []byte("a\nb"), Ends: []int{1, 3}}), encoder.Close()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(format, "none") && body.String() != "a\nb" {
			t.Errorf("%s, %s: %q", format, s3, body.String())
		}
	}
	f("compression: gzip", "key: a/", 0, "a/clicks-1-2026-02-03-04-05-06-[0-9a-f-]{36}.gz")
	f("compression: none", "file: 'x-{{year}}-{{unique}}'", 0, "2026/02/03/04/x-2026-[0-9A-Za-z]+")
	f("compression: none", "key: '{{lead.state}}/'", 1, "value/events-.*")
	f("compression: zstd", "key: a/", 0, "a/events-.*.zst")
	f("compression: lz4", "key: '{{flow_id}}/', extension: .bin", 1, "value/events-.*.bin")
}

func TestMaskedFieldsAreListedWhereThereIsMetadata(t *testing.T) {
	f := func(metadata, mask string, want bool) {
		t.Helper()
		d := parseYAML(t, "name: clicks\ndestinations:\n  - {type: s3, s3: {bucket: lake}, filter: {}, format: {metadata: "+metadata+"}"+mask+"}\n")
		spec, err := Compile(stream.Key{}, d.Stored())
		if err != nil {
			t.Fatal(err)
		}
		if got := spec.Deliveries[0].Process.Events.MaskedFields; got != want {
			t.Errorf("metadata %s%s: %v", metadata, mask, got)
		}
	}
	f("true", ", mask: {rules: [{path: a, kind: all}]}", true)
	f("false", ", mask: {rules: [{path: a, kind: all}]}", false)
}

// What is missing is named, with what to do, and concerns no other destination.
func TestAReferenceThatLeadsNowhereIsAProblemOfItsDestinationAlone(t *testing.T) {
	f := func(to, wantCode, want, wantFix string) {
		t.Helper()
		d := parseYAML(t, "name: a\ndestinations:\n  - {id: whole, type: s3, s3: {bucket: abc}, filter: {}}\n  - {id: broken, "+to+"}\n")
		t.Setenv("SHORT", "short")
		spec, err := Environment("", "").Compile(stream.Key{}, d.Stored())
		if err != nil {
			t.Fatalf("%s: %v", to, err)
		}
		if _, err := process.Prepare(*spec.Deliveries[0].Process.Events, process.Surroundings{}); err != nil {
			t.Errorf("%s: the other one: %v", to, err)
		}
		opened, err := spec.Deliveries[1].Destination.Open(destination.Env{})
		if err != nil {
			t.Fatalf("%s: %v", to, err)
		}
		if events := spec.Deliveries[1].Process.Events; events != nil {
			_, err = process.Prepare(*events, process.Surroundings{Client: http.DefaultClient})
		} else {
			err = opened.Deliver(t.Context(), nil)
		}
		broken := verdict.AsSetUp(err)
		if broken == nil || broken.Code != wantCode || broken.Err.Error() != want || broken.Fix != wantFix {
			t.Errorf("%s:\n%#v, want\n%s: %s: %s", to, err, wantCode, want, wantFix)
		}
	}
	const unset, again = "variable UNSET of the server's environment is not set, or empty", ", and start the server again."
	const correct = "Correct the value that the document refers to where the server runs; a file is read again by itself, for a variable start the server again."
	f("type: s3, s3: {bucket: abc}, mask: {rules: [{path: a, kind: hash}], key: '${UNSET}'}", "Secret.Missing",
		"key of masks: "+unset, "Set UNSET in the server's environment"+again)
	f("type: s3, s3: {bucket: abc}, mask: {rules: [{path: a, kind: hash}], key: '${SHORT}'}", "Secret.Invalid",
		`mask 1 (path "a"): kind "hash": a key of at least 16 bytes is needed, 5 are given`, correct)
	f("type: s3, s3: {bucket: abc}, mask: {rules: [{path: a, kind: hash}], key: '${AWS_SECRET}'}", "Secret.Missing",
		"key of masks: variable AWS_SECRET of the server's environment is meant for the server itself",
		"Give the value to a variable whose name begins neither with AWS_ nor with FIREHOSE_, correct the document"+again)
	f("type: s3, s3: {bucket: abc}, mask: {rules: [{path: a, kind: hash}], key: 'file:k'}", "Secret.Missing",
		"key of masks: the server has no folder for secrets", "Set secrets.dir to the folder that they are kept in"+again)
	f("type: s3, s3: {bucket: abc}, enrich: {lookups: [{name: a, key: b, url: 'http://h', headers: {X: '${UNSET}'}}]}", "Secret.Missing",
		"lookup a: header X: "+unset, "Set UNSET in the server's environment"+again)
	f("type: s3, s3: {bucket: abc}, enrich: {lookups: [{name: a, key: b, file: t.csv}]}", "Secret.Missing",
		"lookup a: the server has no folder of tables", "Set lookups.dir to the folder that tables are kept in"+again)
	f("type: webhook, webhook: {url: 'http://h', headers: {X: 'a ${UNSET}'}}", "Secret.Missing", "header X: "+unset, "Set UNSET in the server's environment"+again)
	f("type: webhook, webhook: {url: 'http://h', secrets: ['${SHORT}']}", "Secret.Invalid",
		"secret 1 of the webhook is not the base64 of at least 16 bytes", correct)
}

func TestOrderAndRetriesAreOfDestinationsByHTTP(t *testing.T) {
	d, err := Parse([]byte(`{name: a, order_key: lead_id, destinations: [{type: s3, start: oldest, s3: {bucket: abc}},
		{type: webhook, start: 2026-03-01T12:00:00Z, webhook: {url: http://h}, errors: {bucket: abc}, retry_for: 2h}]}`), YAML)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := Compile(stream.Key{Name: "a"}, d.Stored())
	if err != nil {
		t.Fatal(err)
	}
	lake, hook := spec.Deliveries[0], spec.Deliveries[1]
	if lake.Ordered || lake.RetryFor != 0 || !lake.Start.Oldest {
		t.Errorf("%+v", lake)
	}
	if want := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC); !hook.Ordered || hook.RetryFor != 2*time.Hour || !hook.Start.Time.Equal(want) || hook.Start.Oldest {
		t.Errorf("%+v", hook)
	}
}
