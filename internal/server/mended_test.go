package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// elsewhere is another server: it has tables, and receives webhooks.
type elsewhere struct {
	mu       sync.Mutex
	table    string // nothing is a failure
	asked    int
	received []string // signature and body
}

func (e *elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case r.URL.Path == "/hook":
		e.received = append(e.received, r.Header.Get("Webhook-Signature")+" "+string(body))
	case e.table == "":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		e.asked++
		io.WriteString(w, e.table)
	}
}

// What somebody mends outside is found by itself: nothing here starts a server or changes a document.
func TestWhatADocumentRefersToMayComeLater(t *testing.T) {
	e := &elsewhere{}
	other := httptest.NewServer(e)
	defer other.Close()
	c := settings(t)
	c.Secrets.Dir, c.Lookups.Dir = t.TempDir(), t.TempDir()
	a := asking{t, start(t, c)}
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.want(201, nil, "PUT", "/v1/streams/leads", fmt.Sprintf(`
destinations:
  - {id: table, type: s3, s3: {bucket: lake, key: table/}, format: {compression: none}, enrich: {lookups: [{name: buyer, key: id, url: '%[1]s/table'}]}}
  - {id: file, type: s3, s3: {bucket: lake, key: file/}, format: {compression: none}, enrich: {lookups: [{name: buyer, key: id, file: b.csv}]}}
  - {id: hook, type: webhook, webhook: {url: '%[1]s/hook', secrets: ['file:key']}}
`, other.URL))
	a.want(200, nil, "POST", "/v1/streams/leads/events", `{"id":"a"}`)
	a.want(200, []string{`"Lookup.Unreadable"`, "the answer is 503", "no such file", `"Secret.Missing"`, "looked for again by itself", "asked again by itself", `"next_try"`},
		"GET", "/v1/streams/leads/destinations", "")

	e.mu.Lock()
	e.table = `{"a":{"name":"Buyer A"}}`
	e.mu.Unlock()
	write(c.Lookups.Dir, "b.csv", "id,name\na,Buyer A\n")
	write(c.Secrets.Dir, "key", "MDEyMzQ1Njc4OWFiY2RlZg==\n")
	a.want(200, nil, "POST", "/v1/streams/leads:flush", "")
	for key, want := range map[string]string{"table": `"buyer":{"name":"Buyer A"}`, "file": `"buyer":{"id":"a","name":"Buyer A"}`} {
		names, err := filepath.Glob(filepath.Join(c.DataDir, "buckets/lake", key, "*"))
		if err != nil || len(names) != 1 {
			t.Fatalf("%s: %v, %v", key, names, err)
		}
		if text, err := os.ReadFile(names[0]); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s, %v", key, text, err)
		}
	}
	e.mu.Lock()
	if len(e.received) != 1 || !strings.HasPrefix(e.received[0], "v1,") || !strings.Contains(e.received[0], `{"id":"a"}`) {
		t.Errorf("the webhook received %q", e.received)
	}
	e.mu.Unlock()
	answer := a.want(200, []string{
		`firehose_lookup_events_total{account="000000000000",delivery="table",destination="s3",lookup="buyer",region="us-east-1",result="hit",stream="leads"} 1`,
		`firehose_lookup_failing{account="000000000000",delivery="file",destination="s3",lookup="buyer",region="us-east-1",stream="leads"} 0`,
		`firehose_lookup_age_seconds{account="000000000000",delivery="table",`, "firehose_lookup_bytes "}, "GET", "/metrics", "")
	if strings.Contains(answer.body, "firehose_lookup_bytes 0") || strings.Contains(answer.body, "Buyer") {
		t.Error("the metrics do not count tables, or show a row")
	}
}

// Many destinations share a table, and one that does not fit beside it waits and says why.
func TestTablesOfAServerShareItsMemory(t *testing.T) {
	e := &elsewhere{table: `{"a":"` + strings.Repeat("x", 3000) + `"}`}
	other := httptest.NewServer(e)
	defer other.Close()
	c := settings(t)
	c.Memory.LookupBytes = 5000
	a := asking{t, start(t, c)}
	var document strings.Builder
	document.WriteString("destinations:\n")
	for i := range 20 {
		fmt.Fprintf(&document, "  - {id: d%d, type: s3, s3: {bucket: lake, key: d%d/}, enrich: {lookups: [{name: n, key: id, url: '%s/one'}]}}\n", i, i, other.URL)
	}
	a.want(201, nil, "PUT", "/v1/streams/many", document.String())
	a.want(201, nil, "PUT", "/v1/streams/more", fmt.Sprintf("destinations: [{id: d, type: s3, s3: {bucket: more}, enrich: {lookups: [{name: n, key: id, url: '%s/two'}]}}]", other.URL))
	if got := a.want(200, nil, "GET", "/v1/streams/many/destinations", ""); strings.Contains(got.body, "problem") {
		t.Errorf("of one table: %s", got.body)
	}
	a.want(200, []string{`"Lookup.NoRoom"`, "memory.lookup_bytes, 5000", "raise memory.lookup_bytes"}, "GET", "/v1/streams/more/destinations", "")
	a.want(200, []string{"Lookup.NoRoom"}, "GET", "/healthz", "")
	a.want(200, nil, "DELETE", "/v1/streams/many", "") // makes room
	a.want(200, nil, "POST", "/v1/streams/more/events", `{"id":"a"}`)
	a.want(200, nil, "POST", "/v1/streams/more:flush", "")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked > 20 {
		t.Errorf("asked %d times", e.asked)
	}
}

// A function that no setting leads to must not send what it was to hide, or all there is, to the error output.
func TestAFunctionThatNoSettingLeadsToHoldsItsDestination(t *testing.T) {
	a := asking{t, start(t, settings(t))}
	a.want(201, nil, "PUT", "/v1/streams/leads", `
destinations:
  - {id: changed, type: s3, s3: {bucket: lake, key: e/}, function: {arn: nowhere}}
`)
	a.want(200, nil, "POST", "/v1/streams/leads/events", `{"id":"a"}`)
	a.want(200, []string{`"degraded"`, `"Lambda.NotConfigured"`, "no way to the function nowhere", "lambda.functions", "start the server again"}, "GET", "/v1/streams/leads/destinations", "")
}
