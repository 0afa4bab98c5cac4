package server

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"firehose/internal/config"
)

// asking sends requests to a node.
type asking struct {
	*testing.T
	*Server
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; headers are given as Name: value.
func (a asking) ask(method, path, body string, headers ...string) answer {
	a.Helper()
	r, err := http.NewRequest(method, a.URL()+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		a.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// want asks and compares the status and parts of the body.
func (a asking) want(status int, parts []string, method, path, body string, headers ...string) answer {
	a.Helper()
	got := a.ask(method, path, body, headers...)
	for _, part := range parts {
		if !strings.Contains(got.body, part) {
			a.Errorf("%s %s: the answer does not hold %s:\n%s", method, path, part, got.body)
		}
	}
	if got.status != status {
		a.Errorf("%s %s: %d, want %d:\n%s", method, path, got.status, status, got.body)
	}
	return got
}

// amazon sends a request to Amazon's API.
func (a asking) amazon(status int, operation, body string, parts ...string) {
	a.Helper()
	a.want(status, parts, "POST", "/", body, "X-Amz-Target: Firehose_20150804."+operation, "Content-Type: application/x-amz-json-1.1")
}

const clicks = "name: clicks # of the shop\ndestinations:\n  - {id: lake, type: s3, preset: realtime, s3: {bucket: my-events, key: 'e/{{year}}/'}}\n"

func TestAStreamIsADocument(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	got := a.want(201, []string{`"created":true`, `"status":"ACTIVE"`, `"version":1`, `"language":"native"`}, "PUT", "/v1/streams/clicks", clicks)
	if got.header.Get("ETag") != `"1"` {
		t.Errorf("the ETag is %s", got.header.Get("ETag"))
	}
	a.want(200, []string{`"changes":[]`, `"version":1`}, "PUT", "/v1/streams/clicks", clicks, "Content-Type: application/yaml")

	// What is read can be put again, in both forms.
	got = a.want(200, []string{"name: clicks\n", "preset: realtime"}, "GET", "/v1/streams/clicks", "", "Accept: application/yaml")
	a.want(200, []string{`"changes":[]`}, "PUT", "/v1/streams/clicks", got.body, "Content-Type: application/yaml")
	got = a.want(200, []string{`"size":"1MiB"`}, "GET", "/v1/streams/clicks?defaults=true", "")
	var shown struct{ Document json.RawMessage }
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil {
		t.Fatal(err)
	}
	a.want(200, []string{`"changes":[]`}, "PUT", "/v1/streams/clicks", string(shown.Document), "Content-Type: application/json")

	changed := strings.Replace(clicks, "realtime", "cost", 1)
	changes := []string{`{"path":"destinations[lake].preset","from":"realtime","to":"cost"}`, `{"path":"destinations[lake].batch.size","from":"1MiB","to":"128MiB"}`}
	a.want(200, append(changes, `"dry_run":true`, `"version":1`), "PUT", "/v1/streams/clicks?dry_run=true", changed)
	a.want(200, []string{`"version":1`}, "GET", "/v1/streams/clicks", "")
	a.want(200, append(changes, `"version":2`), "PUT", "/v1/streams/clicks", changed)
	a.want(200, append(changes, `{"version":2,"current":true`, `{"version":1,"current":false}`), "GET", "/v1/streams/clicks/versions", "")
	a.want(200, []string{"preset: realtime"}, "GET", "/v1/streams/clicks/versions/1", "", "Accept: application/yaml")
	a.want(404, []string{"version_not_found"}, "GET", "/v1/streams/clicks/versions/9", "")

	a.want(200, []string{`"created":true`, `"dry_run":true`}, "PUT", "/v1/streams/other?dry_run=1", strings.Replace(clicks, "clicks", "other", 1))
	a.want(404, []string{"stream_not_found"}, "GET", "/v1/streams/other", "")
	a.want(200, []string{`{"streams":[{"name":"clicks"`}, "GET", "/v1/streams", "")
	a.want(200, []string{`"status":"DELETING"`}, "DELETE", "/v1/streams/clicks", "", `If-Match: "2"`)
}

func TestDocumentsAreRefusedWithAllTheirProblems(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	a.want(400, []string{`"code":"invalid_document"`, `{"path":"destinations[0].batch.size","value":"5 apples","message":"is wrong; want a size`, `"path":"destinations[0].batch.pigs"`},
		"PUT", "/v1/streams/clicks", strings.Replace(clicks, "preset: realtime", "batch: {size: 5 apples, pigs: 3}", 1))
	a.want(400, []string{`is not the name in the address, \"other\"`}, "PUT", "/v1/streams/other", clicks)
	a.want(400, []string{"not JSON"}, "PUT", "/v1/streams/clicks", clicks, "Content-Type: application/json")
	a.want(415, []string{"want application/json or application/yaml"}, "PUT", "/v1/streams/clicks", clicks, "Content-Type: text/csv")
	a.want(400, []string{"dry_run"}, "PUT", "/v1/streams/clicks?dry_run=perhaps", clicks)
	a.want(400, []string{"If-Match"}, "PUT", "/v1/streams/clicks", clicks, "If-Match: 1")
	a.want(200, []string{`{"streams":[]}`}, "GET", "/v1/streams", "")

	a.want(201, nil, "PUT", "/v1/streams/clicks", clicks)
	a.want(400, []string{"max_event_bytes"}, "PUT", "/v1/streams/clicks", clicks+"source: {max_event_bytes: 2MiB}\n")
	a.want(200, []string{`"version":1`}, "GET", "/v1/streams/clicks", "")
}

func TestADestinationThatBeginsLaterIsRefused(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	later := strings.Replace(clicks, "type: s3", "type: s3, start: 2999-01-01T00:00:00Z", 1)
	a.want(400, []string{`destinations[0].start`, `is still to come`}, "PUT", "/v1/streams/clicks", later)
	a.want(201, []string{`"created":true`}, "PUT", "/v1/streams/clicks", strings.Replace(later, "2999", "1999", 1))
}

// A start is of a destination that is new. That another one has no effect is said, and whoever tidies it up hears nothing.
func TestAnotherStartOfADestinationThatHasBegunIsWarnedOf(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	begins := func(at string) string { return strings.Replace(clicks, "type: s3", "type: s3, start: "+at, 1) }
	warned := func(at string) []string {
		return []string{`"warnings":[{"path":"destinations[lake].start","message":"` + at + ` has no effect: it says where a new destination begins, and lake is there already. ` +
			`To deliver what was put before, use firehose replay"}]`}
	}
	quiet := func(path, document string) {
		t.Helper()
		if got := a.want(200, nil, "PUT", path, document); strings.Contains(got.body, "warnings") {
			t.Errorf("warned by %s", got.body)
		}
	}
	a.want(201, nil, "PUT", "/v1/streams/clicks", begins("2001-02-03T04:05:06Z"))
	quiet("/v1/streams/clicks", begins("2001-02-03T05:05:06+01:00"))
	a.want(200, warned("oldest"), "PUT", "/v1/streams/clicks?dry_run=true", begins("oldest"))
	a.want(200, warned("oldest"), "PUT", "/v1/streams/clicks", begins("oldest"))
	quiet("/v1/streams/clicks", begins("oldest"))
	quiet("/v1/streams/clicks?dry_run=true", clicks)
	quiet("/v1/streams/clicks", clicks)
	quiet("/v1/streams/clicks", clicks+"  - {id: new, type: s3, start: oldest, s3: {bucket: another}}\n")
}

func TestEventsThatAreTooLargeAreRefusedOneByOne(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	a.want(201, nil, "PUT", "/v1/streams/clicks", clicks+"source: {max_event_bytes: 1KiB}\n")
	large := `{"event_id":"` + strings.Repeat("x", 2<<10) + `"}`
	why := `{"index":1,"code":"event_too_large","message":"the event has 2063 bytes; the stream takes events of 1024 at most (source.max_event_bytes)"}`
	a.want(200, []string{`"next":3`, `"stored":2`, `"duplicates":0`, why}, "POST", "/v1/streams/clicks/events", `[{"event_id":"a"},`+large+`,{"event_id":"b"}]`)
	a.want(400, []string{`"stored":0`, `"index":0,"code":"event_too_large"`}, "POST", "/v1/streams/clicks/events", large)
	a.want(200, []string{`"version":2`}, "PUT", "/v1/streams/clicks", clicks)
	a.want(200, []string{`"stored":1`}, "POST", "/v1/streams/clicks/events", large)
}

func TestOfChangesToOneVersionOneWins(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	a.want(412, nil, "PUT", "/v1/streams/clicks", clicks, "If-Match: *")
	a.want(412, nil, "PUT", "/v1/streams/clicks", clicks, `If-Match: "1"`)
	a.want(201, nil, "PUT", "/v1/streams/clicks", clicks, "If-None-Match: *")
	a.want(412, nil, "PUT", "/v1/streams/clicks", clicks, "If-None-Match: *")

	const racers = 8
	statuses := make(chan int, racers)
	var racing sync.WaitGroup
	for i := range racers {
		racing.Go(func() {
			document := strings.Replace(clicks, "preset: realtime", fmt.Sprintf("batch: {count: %d}", i+1), 1)
			statuses <- a.ask("PUT", "/v1/streams/clicks", document, `If-Match: "1"`).status
		})
	}
	racing.Wait()
	close(statuses)
	won := map[int]int{}
	for s := range statuses {
		won[s]++
	}
	if !maps.Equal(won, map[int]int{200: 1, 412: racers - 1}) {
		t.Errorf("statuses %v", won)
	}
	a.want(412, []string{"version_mismatch", "it is 2"}, "DELETE", "/v1/streams/clicks", "", `If-Match: "1"`)
	a.want(200, []string{`"version":2`}, "GET", "/v1/streams/clicks", "")
}

func TestEachDoorSeesTheStreamsOfTheOther(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	a.want(201, nil, "PUT", "/v1/streams/clicks", clicks)
	a.amazon(200, "CreateDeliveryStream", `{"DeliveryStreamName":"orders","ExtendedS3DestinationConfiguration":{"RoleARN":"arn:aws:iam::000000000000:role/r","BucketARN":"arn:aws:s3:::orders"}}`)

	a.amazon(200, "ListDeliveryStreams", `{}`, `["clicks","orders"]`)
	a.amazon(200, "DescribeDeliveryStream", `{"DeliveryStreamName":"clicks"}`, `"DeliveryStreamStatus":"ACTIVE"`, `"DestinationId":"lake"`,
		`"BucketARN":"arn:aws:s3:::my-events"`, `"SizeInMBs":1`, `"CompressionFormat":"GZIP"`)
	a.amazon(400, "UpdateDestination", `{"DeliveryStreamName":"clicks","CurrentDeliveryStreamVersionId":"1","DestinationId":"lake","ExtendedS3DestinationUpdate":{"Prefix":"x/"}}`,
		"InvalidArgumentException", "PUT /v1/streams/clicks")

	a.want(200, []string{`"language":"aws"`, `"BucketARN":"arn:aws:s3:::orders"`}, "GET", "/v1/streams/orders", "")
	a.want(200, []string{"BucketARN: arn:aws:s3:::orders"}, "GET", "/v1/streams/orders", "", "Accept: text/yaml")
	a.want(200, []string{`{"version":1,"current":true}`}, "GET", "/v1/streams/orders/versions", "")
	a.want(409, []string{"other_language"}, "PUT", "/v1/streams/orders", strings.Replace(clicks, "clicks", "orders", 1))
}

func TestEveryDestinationGetsWhatItsDocumentSays(t *testing.T) {
	c := settings(t)
	a := asking{t, start(t, c)}
	a.want(201, nil, "PUT", "/v1/streams/clicks", `
destinations:
  - {id: lake, type: s3, s3: {bucket: lake, key: "e/{{year}}/"}, format: {compression: none}}
  - {id: raw, type: s3, s3: {bucket: raw, key: all/}, format: {type: raw, compression: none}}
`)
	put := func(data string) {
		t.Helper()
		a.amazon(200, "PutRecord", fmt.Sprintf(`{"DeliveryStreamName":"clicks","Record":{"Data":%q}}`, base64.StdEncoding.EncodeToString([]byte(data))))
	}
	put(`{"a":1}`)
	put(`{"a":2}`)
	a.want(200, nil, "POST", "/v1/streams/clicks:flush", "")
	body := func(pattern string) string {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(c.DataDir, "buckets", pattern))
		if err != nil || len(names) != 1 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		text, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := strings.TrimSpace(body("lake/e/2*/clicks-1-*")); got != "{\"a\":1}\n{\"a\":2}" {
		t.Errorf("the lake has %q", got)
	}
	if got := body("raw/all/clicks-1-*"); got != `{"a":1}{"a":2}` {
		t.Errorf("raw has %q", got)
	}
	a.want(200, []string{`{"path":"destinations[raw]","from":{`}, "PUT", "/v1/streams/clicks",
		`destinations: [{id: lake, type: s3, s3: {bucket: lake, key: "e/{{year}}/"}, format: {compression: none}}]`)
}

func TestTheFileWinsOnlyWhenItChanged(t *testing.T) {
	c := settings(t)
	restart := func(document string, check func(a asking)) {
		t.Helper()
		c.Streams = []config.Document{config.Document(document)}
		s, err := Start(t.Context(), c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		check(asking{t, s})
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	changed := strings.Replace(clicks, "realtime", "cost", 1)
	restart(clicks, func(a asking) {
		a.want(200, []string{`"status":"ACTIVE"`, `"version":1`}, "GET", "/v1/streams/clicks", "")
		a.want(200, []string{`"version":2`}, "PUT", "/v1/streams/clicks", changed)
	})
	restart(clicks, func(a asking) {
		a.want(200, []string{`"version":2`, `"preset":"cost"`}, "GET", "/v1/streams/clicks", "")
	})
	restart(strings.Replace(clicks, "realtime", "realtime, batch: {count: 9}", 1), func(a asking) {
		a.want(200, []string{`"version":3`, `"count":9`}, "GET", "/v1/streams/clicks", "")
	})
	restart(strings.Replace(clicks, "clicks", "others", 1), func(a asking) {
		a.want(200, []string{`"name":"clicks"`, `"name":"others"`}, "GET", "/v1/streams", "")
	})
}

func TestANodeDoesNotStartWithADocumentThatIsWrong(t *testing.T) {
	c := settings(t)
	c.Streams = []config.Document{clicks, clicks, "name: b"}
	s, err := Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil {
		s.Stop(t.Context())
		t.Fatal("started")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{`streams[1].name: "clicks": is that of another stream of the file`, "streams[2].destinations: is missing; want "}
	if !slices.EqualFunc(lines, want, func(got, want string) bool { return strings.HasPrefix(got, want) }) {
		t.Errorf("got %s", cmp.Or(err.Error(), "nothing"))
	}
}
