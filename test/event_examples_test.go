package test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

var update = flag.Bool("update", false, "write what the event examples give as what is expected of them")

// An event example is a folder below examples/ with a stream in the product's own language. Its files:
//
//	stream.yaml      the stream
//	events.ndjson    what is put
//	firehose.yaml    settings of the server, if it needs any
//	environment      variables of the server, if it needs any: NAME=value
//	receiver.py      an HTTP server that must run; it is at port 9100 in the stream
//	ping.json        an event of which ping.txt shows what would become of it
//	expected.txt     every object, decompressed, and every request with the answer to it, in order of names
//
// In expected.txt, what differs from run to run has a form that does not: YYYY for a year, UNIQUE, 0.
func TestEventExamplesGiveWhatIsExpected(t *testing.T) {
	_, err := product() // before the folder is changed
	check(t, err)
	folders, err := filepath.Glob("../examples/*/stream.yaml")
	check(t, err)
	if len(folders) < 9 {
		t.Fatalf("%d examples are found", len(folders))
	}
	for _, stream := range folders {
		dir := filepath.Dir(stream)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Chdir(dir)
			runEventExample(t)
		})
	}
}

// streamName matches the name of a stream in its document.
var streamName = regexp.MustCompile(`(?m)^name: (\S+)$`)

// runEventExample runs the example in the working folder.
func runEventExample(t *testing.T) {
	text, err := os.ReadFile("stream.yaml")
	check(t, err)
	requests := &requests{}
	if exists(t, "receiver.py") {
		text = bytes.ReplaceAll(text, []byte("http://127.0.0.1:9100"), []byte(requests.receive(t)))
	}
	document := filepath.Join(t.TempDir(), "stream.yaml")
	check(t, os.WriteFile(document, text, 0o600))
	n := newNode(t, exampleConfig(t)...)
	n.env = exampleEnvironment(t)
	n.start()
	if said, status := command(t, "streams", "apply", document, "--url", n.at()); status != 0 {
		t.Fatalf("apply: %s", said)
	}
	name := string(streamName.FindSubmatch(text)[1])
	if said, status := command(t, "put", name, "events.ndjson", "--from-start", "--url", n.at()); status != 0 {
		t.Fatalf("put: %s", said)
	}
	n.flush(name)
	expect(t, "expected.txt", listed(t, n)+requests.String())
	if exists(t, "ping.json") {
		said, status := command(t, "ping", name, "--event", "ping.json", "--dry-run", "--url", n.at())
		if status != 0 {
			t.Fatalf("ping: %s", said)
		}
		expect(t, "ping.txt", took.ReplaceAllString(said, "           0.0 ms"))
	}
}

// expect holds what an example gives against a file.
func expect(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	check(t, err)
	if got != string(want) {
		t.Errorf("the example gives\n%s\nwant, by %s:\n%s", got, file, want)
	}
}

// took matches the time that a stage took.
var took = regexp.MustCompile(` +\d+\.\d ms`)

// exampleEnvironment returns the variables that the example needs.
func exampleEnvironment(t *testing.T) []string {
	if !exists(t, "environment") {
		return nil
	}
	text, err := os.ReadFile("environment")
	check(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// listed shows the objects of all buckets.
func listed(t *testing.T, n *node) string {
	var list []string
	buckets, err := os.ReadDir(filepath.Join(n.dir, "buckets"))
	check(t, err)
	for _, b := range buckets {
		all := folders(n.dir).read(t, b.Name())
		for key, body := range all {
			text, err := readable(key, body)
			check(t, err)
			list = append(list, fmt.Sprintf("--- %s\n%s\n", constantKey(path.Join(b.Name(), key)), constant(strings.TrimSuffix(string(text), "\n"))))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "")
}

// readable decompresses an object.
func readable(key string, body []byte) ([]byte, error) {
	switch path.Ext(key) {
	case ".zst":
		r, err := zstd.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	case ".lz4":
		return io.ReadAll(lz4.NewReader(bytes.NewReader(body)))
	case ".sz":
		return io.ReadAll(s2.NewReader(bytes.NewReader(body)))
	}
	return decompress(key, body)
}

const uuid = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

// replacing returns a function that replaces what patterns match, one after the other, given as pattern and replacement.
func replacing(pairs ...string) func(string) string {
	var patterns []*regexp.Regexp
	for i := 0; i < len(pairs); i += 2 {
		patterns = append(patterns, regexp.MustCompile(pairs[i]))
	}
	return func(text string) string {
		for i, p := range patterns {
			text = p.ReplaceAllString(text, pairs[2*i+1])
		}
		return text
	}
}

var (
	// constantKey replaces times and what is unique in a key.
	constantKey = replacing(
		`-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-`, `-YYYY-MM-DD-hh-mm-ss-`,
		`-`+uuid, `-UUID`,
		`-ss-[0-9A-Z]{6}\b`, `-ss-ABC123`, // as the file pattern asks for six
		`-[0-9A-Z]{16}\b`, `-UNIQUE`,
		`\d{4}-\d\d-\d\d`, `YYYY-MM-DD`,
		`year=\d{4}/month=\d\d/day=\d\d`, `year=YYYY/month=MM/day=DD`,
		`hour=\d\d`, `hour=hh`,
		`\d{4}/\d\d/\d\d/\d\d/`, `YYYY/MM/DD/hh/`,
		`\d{4}/\d\d/\d\d/`, `YYYY/MM/DD/`,
	)
	// constant replaces times and what is unique in a body, or in headers.
	constant = replacing(
		`"batch_\w{16}"`, `"batch_UNIQUE"`,
		`"(delivered_at|stored_at)":"[^"]*"`, `"$1":"YYYY-MM-DDThh:mm:ss.SSSZ"`,
		`("(?:queue_ms|timestamp|arrivalTimestamp|attemptEndingTimestamp)":)\d+`, `${1}0`,
		`(?m)^(Webhook-Timestamp: )\d+$`, `${1}0`,
		`(?m)^(Webhook-Signature: v1,)\S+$`, `${1}SIGNATURE`,
		`(?m)^(X-Amzn-Trace-Id: Root=1-)\S+$`, `${1}UNIQUE`,
		uuid, `UUID`,
	)
)

// requests are those that a receiver got, with its answers, by path.
type requests struct {
	mu  sync.Mutex
	all map[string]string
}

// receive starts the example's receiver, and before it what notes the requests. It returns where that is.
func (r *requests) receive(t *testing.T) string {
	receiver, err := url.Parse(startExampleServer(t, "receiver.py", exampleEnvironment(t)))
	check(t, err)
	proxy := httputil.NewSingleHostReverseProxy(receiver)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		q.Body = io.NopCloser(bytes.NewReader(body))
		head := ""
		for _, name := range slices.Sorted(maps.Keys(q.Header)) {
			if name != "Accept-Encoding" && name != "Content-Length" { // which are the Go client's
				head += name + ": " + q.Header.Get(name) + "\n"
			}
		}
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, q)
		r.note(q.URL.Path, fmt.Sprintf("--- %s %s, answered with %d\n%s\n%s\n", q.Method, q.URL.Path, answer.Code,
			constant(head), constant(strings.TrimSuffix(string(body), "\n"))))
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (r *requests) note(path, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]string{}
	}
	r.all[path] += text
}

// String shows the requests by path, those of one path in their order.
func (r *requests) String() (text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(r.all)) {
		text += r.all[path]
	}
	return text
}

func TestTheReceiverOfTheExampleRefusesWhatIsNotSigned(t *testing.T) {
	t.Chdir("../examples/webhooks")
	at := startExampleServer(t, "receiver.py", exampleEnvironment(t))
	secret := []byte("firehose example key of 32 bytes") // whose base64 the environment has
	now := time.Now().Unix()
	f := func(want int, key []byte, signedAt int64, body, signedBody string, headers ...string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/ingest", strings.NewReader(body))
		check(t, err)
		sum := hmac.New(sha256.New, key)
		fmt.Fprintf(sum, "msg-%d.%d.%s", want, signedAt, signedBody)
		q.Header.Set("Authorization", "Bearer t0ken-of-the-example")
		q.Header.Set("Webhook-Id", fmt.Sprintf("msg-%d", want))
		q.Header.Set("Webhook-Timestamp", fmt.Sprint(signedAt))
		q.Header.Set("Webhook-Signature", "v1,bm9uZQ== v1,"+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
		for _, h := range headers {
			q.Header.Del(h)
		}
		answer, err := http.DefaultClient.Do(q)
		check(t, err)
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s signed as %s at %d without %q: %d, want %d", body, signedBody, signedAt, headers, answer.StatusCode, want)
		}
	}
	const body = `[{"event_id":"e1"}]`
	f(200, secret, now, body, body)
	f(401, secret, now, body, `[{"event_id":"e2"}]`)
	f(401, []byte("another key of at least 16 bytes"), now, body, body)
	f(401, secret, now-3600, body, body)
	for _, header := range []string{"Authorization", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		f(401, secret, now, body, body, header)
	}
}

// sizes are the events in each request that a webhook got, in order, by path.
type sizes struct {
	mu  sync.Mutex
	all map[string][]int
}

func (s *sizes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[r.URL.Path] = append(s.all[r.URL.Path], bytes.Count(body, []byte(`"event_id"`)))
}

// of returns the requests of a path, and how many events they hold.
func (s *sizes) of(path string) (requests []int, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, size := range s.all[path] {
		events += size
	}
	return slices.Clone(s.all[path]), events
}

func TestWebhooksOfTheExampleGetBatchesByCountAndWait(t *testing.T) {
	slow(t, "it waits 30 seconds for a batch that is not full")
	t.Parallel()
	const dir = "../examples/webhooks/"
	s := &sizes{all: map[string][]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	text, err := os.ReadFile(dir + "stream.yaml")
	check(t, err)
	environment, err := os.ReadFile(dir + "environment")
	check(t, err)
	n := newNode(t)
	n.env = strings.Split(strings.TrimSpace(string(environment)), "\n")
	n.start()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/hooks", strings.ReplaceAll(string(text), "http://127.0.0.1:9100", server.URL))
	var events strings.Builder
	const count = 250
	for i := range count {
		fmt.Fprintf(&events, `{"event_id":"e%d","outcome":"success"}`+"\n", i)
	}
	began := time.Now()
	n.putEvents("hooks", events.String(), "Content-Type: application/x-ndjson")
	f := func(path string, waits time.Duration) {
		t.Helper()
		for _, full := range []int{200, count} {
			wait(t, waits+time.Minute, fmt.Sprintf("%d events at %s", full, path), func() (bool, string) {
				requests, events := s.of(path)
				return events >= full, fmt.Sprint(requests)
			})
			if took := time.Since(began); full == count && took < waits-time.Second {
				t.Errorf("%s: a batch that is not full came after %v, want %v", path, took, waits)
			} else if full < count && took > waits-time.Second {
				t.Errorf("%s: full batches came after %v", path, took)
			}
		}
		if requests, _ := s.of(path); !slices.Equal(slices.Sorted(slices.Values(requests)), []int{50, 100, 100}) {
			t.Errorf("%s: requests of %d events", path, requests)
		}
	}
	f("/live", 10*time.Second)
	f("/ingest", 30*time.Second)
}
