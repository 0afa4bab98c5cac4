package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"firehose/internal/config"
	"firehose/internal/server"
	"firehose/test/fakes3"
)

// tryWorld is a server that nobody needs to sign for, with a bucket named leads.
type tryWorld struct {
	*testing.T
	url    string
	bucket *fakes3.Server
}

func newTryWorld(t *testing.T, changes ...func(*config.Config)) *tryWorld {
	t.Helper()
	for name, value := range map[string]string{"AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "us-east-1", "FIREHOSE_API_KEY": ""} {
		t.Setenv(name, value)
	}
	w := &tryWorld{T: t, bucket: fakes3.Start("leads")}
	t.Cleanup(w.bucket.Close)
	c := config.Default()
	c.Listen, c.DataDir, c.Store = "127.0.0.1:0", t.TempDir(), "s3"
	c.Log.MinFree = 0
	c.S3.Endpoint, c.S3.Region, c.S3.AccessKey, c.S3.SecretKey = w.bucket.URL, "us-east-1", "AKID", "hush-key"
	for _, change := range changes {
		change(&c)
	}
	s, err := server.Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	w.url = s.URL()
	return w
}

// file writes a file and returns its name.
func (w *tryWorld) file(name, text string) string {
	w.Helper()
	path := filepath.Join(w.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}

type tryCommand func(ctx context.Context, in io.Reader, w io.Writer, args []string) error

func (w *tryWorld) run(command tryCommand, args ...string) (string, error) {
	w.Helper()
	var out bytes.Buffer
	err := command(w.Context(), strings.NewReader(""), &out, append(args, "--url", w.url))
	if strings.Contains(out.String(), "hush") {
		w.Errorf("%q shows a secret: %s", args, out.String())
	}
	return out.String(), err
}

// post asks the server itself.
func (w *tryWorld) post(path, body string) (int, string) {
	w.Helper()
	response, err := http.Post(w.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// tryVarying is what differs from run to run.
var tryVarying = regexp.MustCompile(` *\d+\.\d ms|: \d+ ms|127\.0\.0\.1:\d+|\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9a-f]{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// golden compares with a golden file.
func (w *tryWorld) golden(name, got string) {
	w.Helper()
	got = tryVarying.ReplaceAllStringFunc(got, func(found string) string {
		if strings.HasSuffix(found, "ms") {
			return "   TIME"
		}
		return "VARYING"
	})
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			w.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || got != string(want) {
		w.Errorf("%s: %v; got\n%s\nwant\n%s", name, err, got, want)
	}
}

const twoDestinations = `name: clicks
destinations:
  - {id: archive, type: s3, s3: {bucket: leads, key: "all/"}}
  - {id: partner, type: http_endpoint, http_endpoint: {url: "URL"}, errors: {bucket: leads}}
`

func TestTestPrintsTheStepsOfEveryDestination(t *testing.T) {
	w := newTryWorld(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	file := w.file("clicks.yaml", strings.ReplaceAll(twoDestinations, "URL", closed.URL+"/hush-path"))
	out, err := w.run(writeTest, file)
	if err == nil || err.Error() != "1 of 2 destinations cannot be delivered to" {
		t.Errorf("ended with %v", err)
	}
	w.golden("test.txt", out)
	if left := w.bucket.Objects("leads"); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if out, err := w.run(writeTest, "--destination", "archive", file); err != nil || strings.Contains(out, "partner") {
		t.Errorf("one destination: %s, %v", out, err)
	}
	if _, err := w.run(writeTest, "--destination", "none", file); err == nil || !strings.Contains(err.Error(), `"none"; there are archive, partner`) {
		t.Errorf("no destination: %v", err)
	}
}

func TestTestTakesADestinationAlone(t *testing.T) {
	w := newTryWorld(t)
	if out, err := w.run(writeTest, w.file("one.yaml", "type: s3\ns3: {bucket: leads}\n")); err != nil || !strings.Contains(out, "can be delivered to") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := w.run(writeTest, "--json", w.file("one.json", `{"type": "s3", "s3": {"bucket": "none"}}`)); err == nil || !strings.Contains(out, `"step":"authenticate","result":"failed"`) {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := w.run(writeTest, w.file("bad.yaml", "type: s3\ns3: {bucket: leads, kye: x}\n")); err == nil || !strings.Contains(err.Error(), "s3.kye: unknown key") {
		t.Errorf("a wrong document: %v", err)
	}
}

func TestPingShowsStagesAndSends(t *testing.T) {
	w := newTryWorld(t)
	w.create("clicks", "{name: clicks, destinations: [{type: s3, format: {compression: none}, s3: {bucket: leads, key: all/}}]}")
	event := w.file("event.json", `{"id": 1}`)
	out, err := w.run(writePing, "clicks", "--event", event, "--dry-run")
	if err != nil || len(w.bucket.Objects("leads")) > 0 {
		t.Errorf("dry run: %v, put %v", err, w.bucket.Objects("leads"))
	}
	w.golden("ping.txt", out)
	if out, err = w.run(writePing, "clicks", "--event", event); err != nil || !strings.Contains(out, "sent") {
		t.Fatalf("%s, %v", out, err)
	}
	put := w.bucket.Objects("leads")
	for key, body := range put {
		if !strings.HasPrefix(key, "all/firehose-ping-") || string(body) != "{\"id\": 1}\n" {
			t.Errorf("put %s: %s", key, body)
		}
	}
	if len(put) != 1 {
		t.Errorf("put %d objects", len(put))
	}
	if out, err := w.run(writePing, "clicks", "--dry-run", "--json"); err != nil || !strings.Contains(out, `"event":"sample"`) {
		t.Errorf("without an event: %s, %v", out, err)
	}
	if status, body := w.post("/v1/streams/clicks/events", `{"id": 2, "latest": true}`); status != 200 {
		t.Fatal(body)
	}
	if out, err := w.run(writePing, "clicks", "--dry-run", "--json"); err != nil || !strings.Contains(out, `"event":"stream"`) || !strings.Contains(out, `"latest":true`) {
		t.Errorf("the latest event: %s, %v", out, err)
	}
	if _, err := w.run(writePing, "clicks", "--destination", "none"); err == nil || !strings.Contains(err.Error(), "destination_not_found") {
		t.Errorf("no destination: %v", err)
	}
	if out, err := w.run(writePing, "clicks", "--event", w.file("no.json", `[1]`)); err == nil || !strings.Contains(out, "no JSON object") {
		t.Errorf("no event: %s, %v", out, err)
	}
	w.bucket.SetRule(func(fakes3.Request) fakes3.Fault { return fakes3.Fault{Status: 403, Code: "AccessDenied"} })
	if out, err := w.run(writePing, "clicks", "--event", event); err == nil || !strings.Contains(out, "s3:PutObject") {
		t.Errorf("a denied bucket: %s, %v", out, err)
	}
}

func (w *tryWorld) create(name, document string) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodPut, w.url+"/v1/streams/"+name, strings.NewReader(document))
	if err != nil {
		w.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/yaml")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusCreated {
		w.Fatalf("%s: %s", response.Status, text)
	}
}

func TestPreviewAndTestAnswerWhatIsWrong(t *testing.T) {
	w := newTryWorld(t)
	f := func(path, body string, wantStatus int, want string) {
		t.Helper()
		if status, answer := w.post(path, body); status != wantStatus || !strings.Contains(answer, want) {
			t.Errorf("%s %s: %d %s, want %d %s", path, body, status, answer, wantStatus, want)
		}
	}
	f("/v1/preview", `{"document": {"type": "s3", "s3": {"bucket": "leads"}}, "event": {"id": 1}}`, 200, `"outcome":"shown"`)
	f("/v1/preview", `{"document": "{type: s3, s3: {bucket: leads}}"}`, 200, `"event":"sample"`)
	f("/v1/preview", `{"event": {"id": 1}}`, 400, "bad_body")
	f("/v1/preview", `{"document": {"type": "s3"}}`, 400, `"path":"s3"`)
	f("/v1/preview?destination=b", `{"document": {"type": "s3", "s3": {"bucket": "leads"}}}`, 400, "is the id of none; there are s3")
	f("/v1/destinations:test", `{"type": "s3", "s3": {"bucket": "leads"}}`, 200, `"result":"ok"`)
	f("/v1/destinations:test", `{"type": "s4"}`, 400, `"path":"type"`)
	f("/v1/destinations:test", `[]`, 400, "invalid_document")
	if len(w.bucket.Objects("leads")) > 0 {
		t.Errorf("a preview put %v", w.bucket.Objects("leads"))
	}
}

// A server that others can reach tries no address of its own machine or network, unless it is allowed.
func TestAServerThatOthersReachTriesNothingInside(t *testing.T) {
	reached := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	open := func(c *config.Config) { c.Listen, c.InsecureListen = "0.0.0.0:0", true }
	w := newTryWorld(t, open)
	_, own, _ := net.SplitHostPort(strings.TrimPrefix(w.url, "http://"))
	w.url = "http://127.0.0.1:" + own
	for _, host := range []string{"127.0.0.1:" + port, "localhost:" + port, "[::ffff:127.0.0.1]:" + port, "[::1]:" + port, "169.254.169.254", "10.0.0.1"} {
		document := `{"type": "http_endpoint", "http_endpoint": {"url": "http://` + host + `/"}, "errors": {"bucket": "leads"}}`
		if status, answer := w.post("/v1/destinations:test", document); status != 200 || !strings.Contains(answer, "AddressForbidden") || !strings.Contains(answer, "outbound.allow") {
			t.Errorf("%s: %d %s", host, status, answer)
		}
	}
	if reached > 0 {
		t.Errorf("%d requests reached the inside", reached)
	}

	w = newTryWorld(t, open, func(c *config.Config) { c.Outbound.Allow = []string{"127.0.0.0/8"} })
	_, own, _ = net.SplitHostPort(strings.TrimPrefix(w.url, "http://"))
	w.url = "http://127.0.0.1:" + own
	document := `{"type": "http_endpoint", "http_endpoint": {"url": "` + inside.URL + `/"}, "errors": {"bucket": "leads"}}`
	if _, answer := w.post("/v1/destinations:test", document); reached != 1 || strings.Contains(answer, "AddressForbidden") {
		t.Errorf("allowed: %d requests, %s", reached, answer)
	}
}

func TestOnlyAdministratorsTryDestinations(t *testing.T) {
	w := newTryWorld(t, func(c *config.Config) {
		c.Auth.Mode = "sigv4"
		c.Auth.Keys = []config.AuthKey{{AccessKey: "AKIDTEST", SecretKey: "hush-key", Account: "123456789012"}}
	})
	for _, path := range []string{"/v1/destinations:test", "/v1/preview", "/v1/streams/clicks:ping"} {
		if status, answer := w.post(path, `{"type": "s3", "s3": {"bucket": "leads"}}`); status != 403 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	if n := w.bucket.Requests("PutObject"); n > 0 {
		t.Errorf("%d objects were put", n)
	}
}

const maskedLeads = `name: leads
destinations:
  - id: archive
    type: s3
    filter: {include: [{types: ["recipient.*"], where: ["metadata.price > 20"]}, {where: ["lead_data.email = \"ann@example.com\""]}]}
    enrich: {tags: {team: west}}
    mask: {rules: [{path: lead_data.email, kind: "email:partial"}]}
    s3: {bucket: leads, key: all/}
  - id: partner
    type: webhook
    mask: {rules: [{path: lead_data.email, kind: drop}]}
    format: {type: json_array}
    webhook: {url: "URL", headers: {Authorization: "Bearer ${PARTNER_TOKEN}"}}
    errors: {bucket: leads}
`

// What ping shows of masked fields is masked at every stage, the filter's included, and what it sends is as well.
func TestPingShowsAndSendsOnlyWhatMasksLeave(t *testing.T) {
	t.Setenv("PARTNER_TOKEN", "hush-token")
	var requests []*http.Request
	var bodies []string
	partner := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests, bodies = append(requests, r), append(bodies, string(body))
	}))
	defer partner.Close()
	w := newTryWorld(t)
	document := strings.ReplaceAll(maskedLeads, "URL", partner.URL)
	if out, err := w.run(writeTest, w.file("leads.yaml", document)); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	if len(requests) != 1 || requests[0].Header.Get("Authorization") != "Bearer hush-token" || !strings.Contains(bodies[0], "firehose.test") {
		t.Errorf("the test sent %q", bodies)
	}
	w.create("leads", document)
	event := w.file("event.json", `{"event_type":"recipient.failed","metadata":{"price":12},"lead_data":{"email":"hush@email.com"}}`)
	out, err := w.run(writePing, "leads", "--event", event)
	if err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	w.golden("pingmasked.txt", out)
	if len(bodies) != 2 || strings.Contains(bodies[1], "hush") || requests[1].Header.Get("X-Firehose-Test") != "true" {
		t.Errorf("the ping sent %q", bodies)
	}
	if put := w.bucket.Objects("leads"); len(put) > 0 {
		t.Errorf("what the filter leaves out was put: %v", put)
	}
}

// A ping calls the function that a delivery would call, once, and sends what it made.
func TestPingCallsTheFunction(t *testing.T) {
	calls := 0
	functions := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		var asked struct {
			Records []struct {
				ID   string `json:"recordId"`
				Data []byte `json:"data"`
			} `json:"records"`
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Records) != 1 || !strings.Contains(string(asked.Records[0].Data), "hush@email.com") {
			t.Errorf("the function got %+v, %v", asked, err)
			return
		}
		made := []byte(`{"lead_data":{"email":"hush@email.com"},"by":"function"}`)
		json.NewEncoder(w).Encode(map[string]any{"records": []any{map[string]any{"recordId": asked.Records[0].ID, "result": "Ok", "data": made}}})
	}))
	defer functions.Close()
	w := newTryWorld(t, func(c *config.Config) { c.Lambda.Functions = map[string]string{"shorten": functions.URL} })
	w.create("leads", `{"name": "leads", "destinations": [{"type": "s3", "s3": {"bucket": "leads", "key": "all/"}, "function": {"arn": "shorten"},
		"mask": {"rules": [{"path": "lead_data.email", "kind": "email:partial"}]}}]}`)
	event := w.file("event.json", `{"lead_data":{"email":"hush@email.com"}}`)
	out, err := w.run(writePing, "leads", "--event", event, "--dry-run")
	if put := w.bucket.Objects("leads"); err != nil || calls != 1 || len(put) > 0 {
		t.Errorf("%s, %v, %d calls, put %v", out, err, calls, put)
	}
	if out, err = w.run(writePing, "leads", "--event", event); err != nil || calls != 2 || len(w.bucket.Objects("leads")) != 1 {
		t.Errorf("%s, %v, %d calls", out, err, calls)
	}
	w.golden("pingfunction.txt", out)
	functions.Close()
	if out, err = w.run(writePing, "leads", "--event", event); err == nil || !strings.Contains(out, "Lambda.ConnectionFailed") {
		t.Errorf("%s, %v", out, err)
	}
}

// The page's document, destination alone and preview are taken as they stand there.
func TestThePageAboutTestsIsRight(t *testing.T) {
	page, err := os.ReadFile("../../docs/guides/test-before-save.md")
	if err != nil {
		t.Fatal(err)
	}
	_, document, _ := strings.Cut(string(page), "```yaml\n")
	document, _, _ = strings.Cut(document, "```")
	w := newTryWorld(t)
	out, err := w.run(writeTest, "--destination", "archive", w.file("leads.yaml", document))
	if err != nil || !strings.Contains(out, "firehose-verification-") {
		t.Errorf("%s, %v", out, err)
	}
	_, body, _ := strings.Cut(string(page), "/v1/preview -d '")
	body, _, _ = strings.Cut(body, "'\n")
	if status, answer := w.post("/v1/preview", body); status != 200 || !strings.Contains(answer, `"outcome":"shown"`) {
		t.Errorf("%s: %d %s", body, status, answer)
	}
}
