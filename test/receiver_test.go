package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"firehose/internal/destination/httpendpoint/httpendpointtest"
)

// receiver is a server to which a stream delivers by HTTP. It notes every try.
type receiver interface {
	http.Handler
	Problems() []string         // rules that requests broke
	Tries() map[string]int      // by request id
	taken() map[string][][]byte // records as they were put, by request id: a receiver that tells repetitions has them once
}

// mood says how a receiver answers a request that keeps the rules, and whether the request counts as taken. accept gives the
// answer that means so.
type mood func(w http.ResponseWriter, r *http.Request, records [][]byte, accept func()) (taken bool)

// kindly takes everything.
func kindly(_ http.ResponseWriter, _ *http.Request, _ [][]byte, accept func()) bool {
	accept()
	return true
}

// moody takes its time, fails now and then, and sometimes takes a request without saying so.
func moody(w http.ResponseWriter, r *http.Request, records [][]byte, accept func()) bool {
	randomly(20 * time.Millisecond)
	switch rand.IntN(12) {
	case 0:
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	case 1:
		reset(w, r)
		return false
	case 2:
		reset(w, r)
		return true
	}
	return kindly(w, r, records, accept)
}

// answers is a receiver's mood that answers with a status and takes nothing.
func answers(status int) mood {
	return func(w http.ResponseWriter, _ *http.Request, _ [][]byte, _ func()) bool {
		w.WriteHeader(status)
		return false
	}
}

// mute takes the request and never answers.
func mute(_ http.ResponseWriter, r *http.Request, _ [][]byte, _ func()) bool {
	<-r.Context().Done()
	return false
}

// until is a mood that lasts until the channel is closed, and then becomes kindly.
func until(repaired <-chan struct{}, m mood) mood {
	return func(w http.ResponseWriter, r *http.Request, records [][]byte, accept func()) bool {
		select {
		case <-repaired:
			return kindly(w, r, records, accept)
		default:
			return m(w, r, records, accept)
		}
	}
}

// Credentials of receivers, which documents refer to as ${HOOK_SECRET} and ${ENDPOINT_KEY}.
const (
	hookSecret  = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	endpointKey = "the endpoint's key"
)

// receiverEnv is the environment of a node that delivers to receivers.
func receiverEnv() []string {
	return []string{"HOOK_SECRET=" + hookSecret, "ENDPOINT_KEY=" + endpointKey}
}

// hook is a webhook that takes lines. It checks signatures by an implementation that others wrote.
type hook struct {
	mood  mood
	added *regexp.Regexp // what the stream has put behind a line's own members, and the line's end

	mu       sync.Mutex
	tries    map[string]int
	sums     map[string][32]byte // of the lines without what was added
	bodies   map[string][][]byte
	problems []string
}

func newHook(m mood) *hook { return newHookOf(m, "") }

// newHookOf returns a webhook of lines to which the stream adds something, of which it has the expression.
func newHookOf(m mood, added string) *hook {
	return &hook{mood: m, added: regexp.MustCompile(added + "}\n$"), tries: map[string]int{}, sums: map[string][32]byte{}, bodies: map[string][][]byte{}}
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender has gone
	}
	id := r.Header.Get("Webhook-Id")
	records, err := h.note(id, r.Header, body)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if h.mood(w, r, records, func() { w.WriteHeader(http.StatusNoContent) }) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies[id] = records // before the answer leaves, which is when this returns
	}
}

// note counts a try and checks it: every one of an id must bring the same lines. It returns them as they were put.
func (h *hook) note(id string, header http.Header, body []byte) (records [][]byte, err error) {
	verifier, err := standard.NewWebhook(hookSecret)
	if err == nil {
		err = verifier.Verify(body, header)
	}
	for text := range bytes.Lines(body) {
		added := h.added.FindIndex(text)
		if added == nil {
			return nil, h.complain(id, fmt.Errorf("a line is %q", text))
		}
		records = append(records, append(slices.Clip(text[:added[0]]), "}\n"...))
	}
	h.mu.Lock()
	h.tries[id]++
	sum := sha256.Sum256(bytes.Join(records, nil))
	if before, again := h.sums[id]; again && before != sum {
		err = errors.Join(err, errors.New("it came before with other lines"))
	}
	h.sums[id] = sum
	h.mu.Unlock()
	return records, h.complain(id, err)
}

// complain notes that a request broke a rule, if there is an error.
func (h *hook) complain(id string, err error) error {
	if err == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	err = fmt.Errorf("message %s: %w", id, err)
	h.problems = append(h.problems, err.Error())
	return err
}

func (h *hook) Problems() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.problems)
}

func (h *hook) Tries() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.tries)
}

func (h *hook) taken() map[string][][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.bodies)
}

// endpoint is a strict receiver of Amazon's protocol.
type endpoint struct{ *httpendpointtest.Receiver }

// newEndpoint returns the endpoint of a stream, at /firehose, with the common attribute site=one.
func newEndpoint(t testing.TB, stream string, zipped bool, m mood) endpoint {
	r := &httpendpointtest.Receiver{URI: "/firehose", SourceARN: "arn:aws:firehose:us-east-1:000000000000:deliverystream/" + stream,
		AccessKey: endpointKey, Attributes: map[string]string{"site": "one"}, Gzip: zipped}
	r.Answer = func(w http.ResponseWriter, request *http.Request, id string) bool {
		records, err := endpointRecords(request, zipped)
		if err != nil {
			t.Errorf("request %s, which keeps the rules, cannot be read: %v", id, err)
		}
		return m(w, request, records, func() { httpendpointtest.Accept(w, id) })
	}
	return endpoint{r}
}

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender has gone
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil } // for the mood
	r.Body, _ = r.GetBody()
	e.Receiver.ServeHTTP(w, r)
}

// endpointRecords reads the records of a request again.
func endpointRecords(r *http.Request, zipped bool) (records [][]byte, err error) {
	body, err := r.GetBody()
	if err == nil && zipped {
		body, err = gzip.NewReader(body)
	}
	if err != nil {
		return nil, err
	}
	var said struct{ Records []struct{ Data []byte } }
	err = json.NewDecoder(body).Decode(&said)
	for _, record := range said.Records {
		records = append(records, record.Data)
	}
	return records, err
}

func (e endpoint) taken() map[string][][]byte {
	all := map[string][][]byte{}
	for _, b := range e.Bodies() {
		all[b.ID] = b.Records
	}
	return all
}

// listen starts a receiver and returns its address.
func listen(t testing.TB, r receiver) (url string) {
	s := httptest.NewServer(r)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if problems := r.Problems(); t.Failed() && len(problems) > 0 {
			t.Logf("%d requests broke a rule, the first: %s", len(problems), problems[0])
		}
	})
	return s.URL
}

// deaf is a listener whose connections nobody serves until it is opened.
type deaf struct {
	net.Listener
	opened <-chan struct{}
}

func (d deaf) Accept() (net.Conn, error) {
	<-d.opened
	return d.Listener.Accept()
}

// received returns how often each record is in what a receiver took, repetitions of requests left out.
func received(t testing.TB, r receiver) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for request, records := range r.taken() {
		for _, text := range records {
			id, err := idOf(append(slices.Clip(bytes.TrimSuffix(text, []byte("\n"))), '\n'))
			if err != nil {
				t.Fatalf("request %s: %v", request, err)
			}
			counts[id]++
		}
	}
	return counts
}

// checkRequests checks that requests kept the rules, and returns how many came again.
func checkRequests(t testing.TB, name string, r receiver) (repeated int) {
	t.Helper()
	wrong := complaints{t: t}
	for _, p := range r.Problems() {
		wrong.add("%s: %s", name, p)
	}
	wrong.end()
	for _, tries := range r.Tries() {
		if tries > 1 {
			repeated++
		}
	}
	return repeated
}
