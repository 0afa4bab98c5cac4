package webhook

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"firehose/internal/batch"
	"firehose/internal/config"
	"firehose/internal/destination"
	"firehose/internal/destination/destinationtest"
	"firehose/internal/destination/s3"
	"firehose/internal/format"
	"firehose/internal/object/folder"
	"firehose/internal/outbound"
	"firehose/internal/record"
	"firehose/internal/verdict"
)

// plain is records one after the other.
type plain struct{ gzip bool }

func (p plain) Encoder(_ batch.Head, w io.Writer) (batch.Encoder, error) {
	compression := format.Uncompressed
	if p.gzip {
		compression = format.Gzip
	}
	body, err := format.NewWriter(compression, w, "")
	return encoder{body}, err
}

func (plain) ContentType() string { return "application/x-ndjson" }

func (p plain) ContentEncoding() string {
	if p.gzip {
		return "gzip"
	}
	return ""
}

type encoder struct{ io.WriteCloser }

func (e encoder) Write(r batch.Records) error {
	_, err := e.WriteCloser.Write(r.Bytes())
	return err
}

func env() destination.Env {
	return destination.Env{
		Stream: "clicks", StreamID: record.StreamID{1, 2, 3}, Delivery: "hook",
		HTTP: outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}),
	}
}

func secret(fill byte) config.Secret {
	return config.Secret("whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 24)))
}

// receiver is a webhook that checks signatures by an implementation that others wrote.
type receiver struct {
	t       *testing.T
	secret  config.Secret
	status  atomic.Int32 // 0 for 200
	hang    atomic.Bool
	mu      sync.Mutex
	headers []http.Header
	ids     map[string]bool
	bodies  [][]byte // without repetitions
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender has gone
	}
	verifier, err := standard.NewWebhook(r.secret.Reveal())
	if err == nil {
		err = verifier.Verify(body, request.Header)
	}
	if err != nil {
		r.t.Errorf("verify %v: %v", request.Header, err)
	}
	if len(request.TransferEncoding) > 0 || request.ContentLength != int64(len(body)) {
		r.t.Errorf("Content-Length %d of %d bytes", request.ContentLength, len(body))
	}
	if r.hang.Load() {
		<-request.Context().Done()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, request.Header)
	if status := int(r.status.Load()); status != 0 {
		w.WriteHeader(status)
		return
	}
	if id := request.Header.Get("webhook-id"); !r.ids[id] {
		r.ids[id] = true
		r.bodies = append(r.bodies, body)
	}
}

// start makes a webhook and a destination that delivers to it.
func start(t *testing.T, c Config) (destination.Destination, *receiver) {
	t.Helper()
	r := &receiver{t: t, ids: map[string]bool{}, secret: c.Secrets[0]}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	c.URL, c.AllowHTTP = server.URL+"/hooks/secret?token=secret", true
	if c.Body == nil {
		c.Body = plain{}
	}
	d, err := c.Open(env())
	if err != nil {
		t.Fatal(err)
	}
	return d, r
}

func batchOf(t *testing.T, d destination.Destination, block uint64, text string) *batch.Batch {
	t.Helper()
	head := batch.Head{First: record.Position{Block: block}, Time: time.UnixMilli(1770091506123).UTC(), Version: 1}
	var body bytes.Buffer
	e, err := d.Encoder(t.Context(), head, &body)
	if err == nil {
		err = e.Write(batch.Records{Data: []byte(text), Ends: []int{len(text)}})
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &batch.Batch{Head: head, Records: 1, Body: bytes.NewReader(body.Bytes())}
}

func TestSuite(t *testing.T) {
	destinationtest.Run(t, func(t *testing.T) destinationtest.Target {
		d, r := start(t, Config{Secrets: []config.Secret{secret(1)}})
		return destinationtest.Target{
			Destination: d,
			Moods:       []destinationtest.Mood{destinationtest.Failing, destinationtest.Broken, destinationtest.Hanging},
			Set: func(m destinationtest.Mood) {
				r.status.Store(map[destinationtest.Mood]int32{destinationtest.Failing: 500, destinationtest.Broken: 403}[m])
				r.hang.Store(m == destinationtest.Hanging)
			},
			Received: func() [][]byte {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.bodies
			},
			Plain: func(body []byte) []byte { return body },
		}
	})
}

func TestRequestsAreAsConfigured(t *testing.T) {
	d, r := start(t, Config{
		Method: http.MethodPut, Body: plain{gzip: true}, Secrets: []config.Secret{secret(1)},
		Headers: []Header{{"authorization", "Bearer secret"}, {"X-Tenant", "a b"}, {"content-type", "text/plain"}},
	})
	defer d.Close()
	if err := d.Deliver(t.Context(), batchOf(t, d, 1, "one")); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Authorization": "Bearer secret", "X-Tenant": "a b", "Content-Type": "text/plain", "Content-Encoding": "gzip", "User-Agent": userAgent}
	for name, value := range want {
		if got := r.headers[0].Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if got := r.headers[0].Values(replayHeader); len(got) > 0 {
		t.Errorf("what is no replay is marked as %v", got)
	}
}

func TestReplaysAreMarked(t *testing.T) {
	var marks []string // one request at a time is sent
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		marks = append(marks, request.Header.Get(replayHeader))
	}))
	defer server.Close()
	replay := env()
	replay.Replay = "replay-1"
	d, err := Config{URL: server.URL, AllowHTTP: true, Body: plain{}}.Open(replay)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Deliver(t.Context(), batchOf(t, d, 1, "one")); err != nil {
		t.Fatal(err)
	}
	if len(marks) != 1 || marks[0] != "replay-1" {
		t.Errorf("the marks are %q", marks)
	}
}

// Every secret signs, so that a receiver may hold either while they are exchanged.
func TestEverySecretSigns(t *testing.T) {
	for _, known := range []config.Secret{secret(1), secret(2), config.Secret(strings.TrimPrefix(secret(2).Reveal(), "whsec_"))} {
		d, r := start(t, Config{Secrets: []config.Secret{secret(1), secret(2)}, Body: plain{gzip: true}})
		r.secret = known
		if err := d.Deliver(t.Context(), batchOf(t, d, 1, strings.Repeat("one", 100_000))); err != nil {
			t.Error(err)
		}
		if got := strings.Count(r.headers[0].Get("webhook-signature"), "v1,"); got != 2 {
			t.Errorf("%d signatures", got)
		}
		d.Close()
	}
}

func TestSignaturesAreThoseOfTheReference(t *testing.T) {
	at := time.Unix(1770091506, 0)
	reference, err := standard.NewWebhook(secret(7).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", `{"a":1}`, "\x00\xff", strings.Repeat("x", 1<<20)} {
		want, err := reference.Sign("id", at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		list, err := keys([]config.Secret{secret(7)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (&hook{keys: list}).sign("id", "1770091506", strings.NewReader(body)); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}

// A try that comes again has the same id, and after a restart too.
func TestTheIDStaysOverTries(t *testing.T) {
	d, r := start(t, Config{Secrets: []config.Secret{secret(1)}})
	defer d.Close()
	r.status.Store(500)
	for range 2 {
		if err := d.Deliver(t.Context(), batchOf(t, d, 1, "one")); err == nil {
			t.Error("delivered")
		}
	}
	r.status.Store(0)
	b := batchOf(t, d, 1, "one")
	if err := d.Deliver(t.Context(), b); err != nil {
		t.Error(err)
	}
	part := batchOf(t, d, 1, "one")
	part.Part = 1
	if err := d.Deliver(t.Context(), part); err != nil {
		t.Error(err)
	}
	var ids []string
	for _, h := range r.headers {
		ids = append(ids, h.Get("webhook-id"))
	}
	if len(ids) != 4 || ids[0] == "" || ids[0] != ids[1] || ids[0] != ids[2] || ids[3] == ids[0] {
		t.Errorf("%q", ids)
	}
}

func TestStatusesSayWhatToDoNext(t *testing.T) {
	answer := func(status int, headers ...string) error {
		a := &outbound.Answer{Status: status, Header: http.Header{}}
		for i := 0; i < len(headers); i += 2 {
			a.Header.Set(headers[i], headers[i+1])
		}
		return judge(a, time.Now())
	}
	kind := func(err error) string {
		refused := verdict.AsRefused(err)
		switch {
		case err == nil:
			return "delivered"
		case verdict.AsSetUp(err) != nil:
			return "set-up"
		case refused != nil && refused.Final:
			return "final"
		case refused != nil:
			return "refused"
		}
		return "again"
	}
	f := func(want, code string, statuses ...int) {
		t.Helper()
		for _, status := range statuses {
			err := answer(status)
			if got := kind(err); got != want {
				t.Errorf("%d: %s, want %s", status, got, want)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), code+": ") || (&hook{}).Failure(err).Code != code) {
				t.Errorf("%d: %v, want %s", status, err, code)
			}
			if broken := verdict.AsSetUp(err); broken != nil && broken.Fix == "" {
				t.Errorf("%d: nobody knows what to do", status)
			}
		}
	}
	f("delivered", "", 200, 201, 202, 204, 299)
	f("refused", Refused, 400, 413, 415, 422)
	f("again", Throttled, 429, 503)
	f("again", ServerFailed, 408, 409, 425, 500, 502, 504, 599)
	f("set-up", AccessDenied, 401, 403)
	f("set-up", NotFound, 404, 410)
	f("set-up", MethodNotAllowed, 405)
	f("set-up", Redirected, 300, 301, 302, 303, 304, 307, 308)
	f("set-up", Unexpected, 402, 406, 407, 411, 418, 431, 451)

	for _, status := range []int{429, 500, 503} {
		if got := verdict.Delay(answer(status, "Retry-After", "9")); got != 9*time.Second {
			t.Errorf("%d: %v", status, got)
		}
	}
	for _, status := range []int{400, 403, 404, 429, 500} {
		if got := kind(answer(status, "webhook-delivery", "abort-message")); got != "final" {
			t.Errorf("%d with abort-message: %s", status, got)
		}
	}
	if got := kind(answer(200, "webhook-delivery", "abort-message")); got != "delivered" {
		t.Errorf("200 with abort-message: %s", got)
	}
	if got := kind(answer(500, "webhook-delivery", "retry")); got != "again" {
		t.Errorf("another word: %s", got)
	}
}

func TestFailuresSayWhatToRepair(t *testing.T) {
	f := func(url, code string, setUp bool, client *outbound.Client) {
		t.Helper()
		e := env()
		e.HTTP = client
		d, err := Config{URL: url + "/secret?secret", AllowHTTP: true, Body: plain{}}.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		err = d.Deliver(t.Context(), batchOf(t, d, 1, "one"))
		broken := verdict.AsSetUp(err)
		failure := d.(destination.Failer).Failure(err)
		if err == nil || failure.Code != code || (broken != nil) != setUp || setUp && broken.Fix == "" || strings.Contains(err.Error()+failure.Message, "secret") {
			t.Errorf("%s: %v, %+v", url, err, failure)
		}
	}
	open := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	defer open.Close()
	f(open.URL, Forbidden, true, nil)
	f("http://169.254.169.254", Forbidden, true, env().HTTP)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	f(secure.URL, TLSFailed, true, env().HTTP)
	closed := httptest.NewServer(nil)
	closed.Close()
	f(closed.URL, ConnectionFailed, false, env().HTTP)
	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	f(cut.URL, ConnectionReset, false, env().HTTP)
}

func TestTheBodyOfAnAnswerDecidesNothing(t *testing.T) {
	// Its status was said before the body broke, or went on without end: a try more would send again what was taken.
	f := func(body http.HandlerFunc) {
		t.Helper()
		status := http.StatusOK
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000000")
			w.WriteHeader(status)
			io.WriteString(w, "half of it")
			w.(http.Flusher).Flush()
			body(w, r)
		}))
		defer server.Close()
		d, err := Config{URL: server.URL, AllowHTTP: true, Body: plain{}}.Open(env())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		one := batchOf(t, d, 1, "one")
		if err := d.Deliver(t.Context(), one); err != nil {
			t.Errorf("status 200: %v, want that it is delivered", err)
		}
		status = http.StatusUnprocessableEntity
		if err := d.Deliver(t.Context(), one); verdict.AsRefused(err) == nil {
			t.Errorf("status 422: %v, want that it is refused", err)
		}
	}
	f(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	f(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f(func(w http.ResponseWriter, _ *http.Request) {
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 64<<10))
		}
	})
}

func TestATryEndsInTime(t *testing.T) {
	d, r := start(t, Config{Secrets: []config.Secret{secret(1)}, Timeout: 20 * time.Millisecond})
	defer d.Close()
	r.hang.Store(true)
	err := d.Deliver(t.Context(), batchOf(t, d, 1, "one"))
	if err == nil || d.(destination.Failer).Failure(err).Code != Timeout {
		t.Error(err)
	}
}

func TestWhatCannotBeSentIsRefusedAtOnce(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := Config{URL: "https://a.example/secret", Body: plain{}}
		change(&c)
		if _, err := c.Open(env()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(func(c *Config) { c.URL = "http://a.example/hidden" }, "https://")
	f(func(c *Config) { c.URL = "https://a b/hidden" }, "URL")
	f(func(c *Config) { c.URL = "" }, "URL")
	f(func(c *Config) { c.Method = "GET" }, "POST, PUT or PATCH")
	f(func(c *Config) { c.Body = nil }, "format")
	f(func(c *Config) { c.Headers = []Header{{"a b", ""}} }, "name of a header")
	f(func(c *Config) { c.Headers = []Header{{"", ""}} }, "name of a header")
	f(func(c *Config) { c.Headers = []Header{{"webhook-signature", "hidden"}} }, "set by the server")
	f(func(c *Config) { c.Headers = []Header{{"host", "hidden"}} }, "set by the server")
	f(func(c *Config) { c.Headers = []Header{{"X", "hidden\r\nX: y"}} }, "characters")
	f(func(c *Config) { c.Secrets = []config.Secret{secret(1), "whsec_hidden!"} }, "secret 2")
	f(func(c *Config) { c.Secrets = []config.Secret{"whsec_aGlkZGVu"} }, "secret 1")
}

func TestNothingShowsSecrets(t *testing.T) {
	c := Config{URL: "https://user:hidden@a.example/hidden?hidden", Body: plain{}, Secrets: []config.Secret{secret(1)}, Headers: []Header{{"X", "hidden"}}}
	d, err := c.Open(env())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	shown := fmt.Sprintf("%+v %v %s %s", c.Headers, c.Secrets, c.Target(), d.(destination.Namer).Name(batch.Head{}))
	if strings.Contains(shown, "hidden") || strings.Contains(shown, "whsec") {
		t.Error(shown)
	}
}

func TestErrorOutputsGoToTheBucket(t *testing.T) {
	store, err := folder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	e := env()
	e.Objects = store
	d, err := Config{URL: "https://a.example", Body: plain{}, Errors: s3.Config{Bucket: "bucket", Compression: "UNCOMPRESSED"}}.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b := batchOf(t, d, 1, "line\n")
	b.Failure = (&hook{}).Failure(io.EOF).Type
	if err := d.Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if name := d.(destination.Namer).Name(b.Head); !strings.HasPrefix(name, "s3://bucket/webhook-failed/") {
		t.Error(name)
	}
}
