package httpendpoint

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/destination/destinationtest"
	"firehose/internal/destination/httpendpoint/httpendpointtest"
	"firehose/internal/destination/s3"
	"firehose/internal/erroroutput"
	"firehose/internal/object/folder"
	"firehose/internal/outbound"
	"firehose/internal/record"
	"firehose/internal/verdict"
)

const (
	testARN = "arn:aws:firehose:us-east-1:123456789012:deliverystream/clicks"
	testURI = "/a%2Fb/c//d.e/?key=v%20w+x&empty="
)

func env() destination.Env {
	return destination.Env{
		Stream: "clicks", StreamID: record.StreamID{1, 2, 3}, Delivery: "destinationId-000000000001",
		HTTP: outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}),
	}
}

// rig is an open destination and its endpoint.
type rig struct {
	*testing.T
	destination.Destination
	receiver *httpendpointtest.Receiver
	config   Config
}

// start makes an endpoint and a destination that delivers to it; it wants at the end that no rule was broken.
func start(t *testing.T, c Config, receiver *httpendpointtest.Receiver) *rig {
	t.Helper()
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	c.URL, c.AllowHTTP, c.SourceARN = server.URL+testURI, true, testARN
	receiver.URI, receiver.SourceARN, receiver.Gzip = testURI, testARN, c.Gzip
	d, err := c.Open(env())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Close()
		if problems := receiver.Problems(); len(problems) > 0 {
			t.Errorf("rules were broken: %q", problems)
		}
	})
	return &rig{t, d, receiver, c}
}

// batch encodes records.
func (r *rig) batch(head batch.Head, records ...string) *batch.Batch {
	r.Helper()
	var body bytes.Buffer
	encoder, err := r.Encoder(r.Context(), head, &body)
	if err != nil {
		r.Fatal(err)
	}
	for _, text := range records {
		if err := encoder.Write(batch.Records{Data: []byte(text), Ends: []int{len(text)}}); err != nil {
			r.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		r.Fatal(err)
	}
	return &batch.Batch{Head: head, Records: len(records), Body: bytes.NewReader(body.Bytes())}
}

func head(block uint64) batch.Head {
	return batch.Head{First: record.Position{Block: block}, Time: time.UnixMilli(1770091506123).UTC(), Version: 1}
}

func TestSuite(t *testing.T) {
	for _, zip := range []bool{false, true} {
		t.Run(fmt.Sprintf("gzip %t", zip), func(t *testing.T) {
			destinationtest.Run(t, func(t *testing.T) destinationtest.Target {
				var mood atomic.Int32
				receiver := &httpendpointtest.Receiver{}
				receiver.Answer = func(w http.ResponseWriter, r *http.Request, id string) bool {
					switch destinationtest.Mood(mood.Load()) {
					case destinationtest.Failing:
						http.Error(w, "not now", http.StatusInternalServerError)
						return false
					case destinationtest.Hanging:
						<-r.Context().Done()
						return false
					}
					httpendpointtest.Accept(w, id)
					return true
				}
				r := start(t, Config{Gzip: zip}, receiver)
				return destinationtest.Target{
					Destination: r.Destination,
					Set:         func(m destinationtest.Mood) { mood.Store(int32(m)) },
					Moods:       []destinationtest.Mood{destinationtest.Failing, destinationtest.Hanging},
					Received: func() (bodies [][]byte) {
						for _, b := range receiver.Bodies() {
							bodies = append(bodies, b.Text)
						}
						return bodies
					},
					Plain: func(body []byte) []byte {
						var document struct{ Records []struct{ Data []byte } }
						if err := json.Unmarshal(body, &document); err != nil {
							t.Error(err)
						}
						var plain []byte
						for _, record := range document.Records {
							plain = append(plain, record.Data...)
						}
						return plain
					},
				}
			})
		})
	}
}

func TestRequestsAreTheServices(t *testing.T) {
	attributes := []Attribute{{"environment", "test"}, {"Schlüssel \"a\\b\"", "Wert\n\x7f €𝄞"}, {"empty", ""}}
	r := start(t, Config{AccessKey: "key with spaces and ü", Gzip: true, Attributes: attributes}, &httpendpointtest.Receiver{
		AccessKey:  "key with spaces and ü",
		Attributes: map[string]string{"environment": "test", "Schlüssel \"a\\b\"": "Wert\n\x7f €𝄞", "empty": ""},
	})
	if err := r.Deliver(t.Context(), r.batch(head(7), "one", "", "\x00\xff", strings.Repeat("x", record.SizeMax))); err != nil {
		t.Fatal(err)
	}
	bodies := r.receiver.Bodies()
	if len(bodies) != 1 || bodies[0].Timestamp != 1770091506123 || len(bodies[0].Records) != 4 || string(bodies[0].Records[2]) != "\x00\xff" || len(bodies[0].Records[3]) != record.SizeMax {
		t.Errorf("%d bodies", len(bodies))
	}
	if !bytes.HasPrefix(bodies[0].Text, []byte(`{"requestId":"`+bodies[0].ID+`","timestamp":1770091506123,"records":[{"data":"b25l"},{"data":""},{"data":"AP8="},{"data":"eHh4`)) {
		t.Errorf("%.200s", bodies[0].Text)
	}
}

func TestReplaysAreMarked(t *testing.T) {
	r := start(t, Config{Attributes: []Attribute{{"site", "one"}}}, &httpendpointtest.Receiver{Attributes: map[string]string{"site": "one", "firehose-replay-id": "replay-1"}})
	surroundings := env()
	surroundings.Replay = "replay-1"
	replay, err := r.config.Open(surroundings)
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	if err := replay.Deliver(t.Context(), r.batch(head(1), "one")); err != nil {
		t.Fatal(err)
	}
	if bodies := r.receiver.Bodies(); len(bodies) != 1 { // the receiver has checked the attributes
		t.Errorf("%d bodies", len(bodies))
	}
}

func TestTheRequestIDIsTheBatchs(t *testing.T) {
	id := func(e destination.Env, h batch.Head) string {
		t.Helper()
		return (&endpoint{env: e}).requestID(h)
	}
	e, h := env(), head(7)
	if first, again := id(e, h), id(e, h); first != again {
		t.Errorf("%s, then %s", first, again)
	}
	seen := map[string]bool{id(e, h): true}
	differs := func(e destination.Env, h batch.Head) {
		t.Helper()
		if got := id(e, h); seen[got] {
			t.Errorf("%+v of %s has the id of another batch", h, e.Delivery)
		} else {
			seen[got] = true
		}
	}
	change := func(f func(*destination.Env, *batch.Head)) {
		t.Helper()
		e, h := e, h
		f(&e, &h)
		differs(e, h)
	}
	change(func(_ *destination.Env, h *batch.Head) { h.First.Block++ })
	change(func(_ *destination.Env, h *batch.Head) { h.First.Index++ })
	change(func(_ *destination.Env, h *batch.Head) { h.Sub++ })
	change(func(_ *destination.Env, h *batch.Head) { h.Part++ })
	change(func(_ *destination.Env, h *batch.Head) { h.Partition = "1:a" })
	change(func(e *destination.Env, _ *batch.Head) { e.StreamID[0]++ })
	change(func(e *destination.Env, _ *batch.Head) { e.Delivery = "other" })
}

// Tries of a batch have one request id and one body, whatever happened in between, a restart included.
func TestTheRequestIDStaysOverTriesAndRestarts(t *testing.T) {
	var tries atomic.Int32
	receiver := &httpendpointtest.Receiver{}
	receiver.Answer = func(w http.ResponseWriter, _ *http.Request, id string) bool {
		switch tries.Add(1) {
		case 1:
			http.Error(w, "", http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			w.WriteHeader(http.StatusNoContent)
		default:
			httpendpointtest.Accept(w, id)
			return true
		}
		return false
	}
	r := start(t, Config{Gzip: true}, receiver)
	for range 3 {
		if err := r.Deliver(t.Context(), r.batch(head(1), "a", "b")); err == nil {
			t.Error("delivered")
		}
	}
	again, err := r.config.Open(env())
	if err != nil {
		t.Fatal(err)
	}
	r.Destination = again
	if err := r.Deliver(t.Context(), r.batch(head(1), "a", "b")); err != nil {
		t.Error(err)
	}
	if all := receiver.Tries(); len(all) != 1 || tries.Load() != 4 {
		t.Errorf("%v", all)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	receiver := &httpendpointtest.Receiver{AccessKey: "key"}
	receiver.Answer = func(w http.ResponseWriter, r *http.Request, _ string) bool {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		return false
	}
	r := start(t, Config{AccessKey: "key"}, receiver)
	err := r.Deliver(t.Context(), r.batch(head(1), "one"))
	if f := r.Destination.(destination.Failer).Failure(err); err == nil || f.Code != DestinationFailed {
		t.Errorf("%v, %+v", err, f)
	}
}

func TestFailuresHaveTheServicesCodes(t *testing.T) {
	f := func(answer http.HandlerFunc, config Config, code string) {
		t.Helper()
		server := httptest.NewServer(answer)
		defer server.Close()
		config.URL, config.AllowHTTP = cmp.Or(config.URL, server.URL), true
		d, err := config.Open(env())
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{T: t, Destination: d}
		err = d.Deliver(t.Context(), r.batch(head(1), "one"))
		if got := d.(destination.Failer).Failure(err); err == nil || got.Code != code || got.Message == "" {
			t.Errorf("%v: %+v, want %s", err, got, code)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v shows what may be secret", err)
		}
	}
	f(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // else the server does not notice that the sender goes
		<-r.Context().Done()
	}, Config{Timeout: 20 * time.Millisecond}, RequestTimeout)
	f(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Config{}, ConnectionReset)
	f(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(make([]byte, 2<<20))
	}, Config{}, ResponseTooLarge)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	f(nil, Config{URL: secure.URL + "/secret?secret=1"}, SSLHandshakeFailure)
	closed := httptest.NewServer(nil)
	closed.Close()
	f(nil, Config{URL: closed.URL + "/secret?secret=1"}, ConnectionFailed)
}

func TestWhatOnlyAnotherURLOrCertificateMendsIsASetUp(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	f := func(err error, code string) {
		t.Helper()
		if broken := verdict.AsSetUp(judgeFailure(err)); broken == nil || broken.Code != code || broken.Fix == "" || !broken.Bounded {
			t.Errorf("%v: %+v, want a set-up with %s, for as long as the delivery tries", err, broken, code)
		}
	}
	_, err := http.Get(secure.URL)
	f(err, SSLHandshakeFailure)
	f(&net.DNSError{Name: "a.example", IsNotFound: true}, ConnectionFailed)
}

func TestAStatusCountsThoughTheBodyBreaks(t *testing.T) {
	// A server that does not read a body that is too large ends the connection behind its answer.
	f := func(status int, refused bool, code string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(status)
			io.WriteString(w, "half of it")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		defer server.Close()
		d, err := Config{URL: server.URL, AllowHTTP: true}.Open(env())
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{T: t, Destination: d}
		err = d.Deliver(t.Context(), r.batch(head(1), "one"))
		if got := d.(destination.Failer).Failure(err); err == nil || (verdict.AsRefused(err) != nil) != refused || got.Code != code {
			t.Errorf("status %d: %v, %+v", status, err, got)
		}
	}
	f(http.StatusOK, false, ConnectionReset) // the protocol's answer is in the body
	f(http.StatusRequestEntityTooLarge, true, DestinationFailed)
}

func TestAddressesInsideAreASetUpToRepair(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	defer server.Close()
	e := env()
	e.HTTP = nil
	d, err := Config{URL: server.URL, AllowHTTP: true}.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r := &rig{T: t, Destination: d}
	broken := verdict.AsSetUp(d.Deliver(t.Context(), r.batch(head(1), "one")))
	if broken == nil || broken.Code != ConnectionFailed || !strings.Contains(broken.Fix, outbound.Setting) {
		t.Errorf("%+v", broken)
	}
}

func TestWhatCannotBeSentIsRefusedAtOnce(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		if _, err := c.Open(env()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(Config{}, "URL")
	f(Config{URL: "https://"}, "URL")
	f(Config{URL: "https://a b/secret"}, "URL")
	f(Config{URL: "http://a.example/secret"}, "https://")
	f(Config{URL: "ftp://a.example/secret", AllowHTTP: true}, "https://")
	f(Config{URL: "https://a.example", AccessKey: "secret\n"}, "access key")
	f(Config{URL: "https://a.example", Errors: s3.Config{Bucket: "b", TimeZone: "Nowhere"}}, "error output")
}

func TestNothingShowsSecrets(t *testing.T) {
	c := Config{URL: "https://user:secret@a.example:443/secret?secret", AccessKey: "secret"}
	d, err := c.Open(env())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got := c.Target(); got != "https://a.example:443" {
		t.Error(got)
	}
	if got := d.(destination.Namer).Name(head(1)); strings.Contains(got, "secret") {
		t.Error(got)
	}
	if got := fmt.Sprintf("%v %+v %#v %s", c.AccessKey, c.AccessKey, c.AccessKey, c.AccessKey); strings.Contains(got, "secret") {
		t.Error(got)
	}
}

// Error outputs go to the bucket, and can be read from there.
func TestErrorOutputsGoToTheBucket(t *testing.T) {
	store, err := folder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	e := env()
	e.Objects = store
	c := Config{URL: "https://a.example", Errors: s3.Config{Bucket: "bucket", ErrorPrefix: "failed/!{firehose:error-output-type}/", Compression: "GZIP"}}
	d, err := c.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r := &rig{T: t, Destination: d}
	h := head(1)
	h.Failure = erroroutput.HTTPEndpoint
	line := erroroutput.Line{Failure: erroroutput.Failure{Type: erroroutput.HTTPEndpoint, Code: DestinationFailed, Message: "413", Attempts: 2},
		Arrival: h.Time, Ended: h.Time, Raw: []byte("one"), Sequence: "7"}
	if err := d.Deliver(t.Context(), r.batch(h, string(line.Append(nil)))); err != nil {
		t.Fatal(err)
	}
	if name := d.(destination.Namer).Name(h); !strings.HasPrefix(name, "s3://bucket/failed/http-endpoint-failed/clicks-1-") {
		t.Error(name)
	}
	outputs, err := c.ErrorOutputs(e)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	if err := outputs.List(t.Context(), erroroutput.HTTPEndpoint, "", func(o destination.ErrorOutput) bool {
		keys = append(keys, o.Key)
		return true
	}); err != nil || len(keys) != 1 {
		t.Fatalf("%q, %v", keys, err)
	}
	content, err := outputs.Open(t.Context(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	for got, err := range erroroutput.Lines(content) {
		if err != nil || !reflect.DeepEqual(got, line) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// Without a bucket an error output is held: it has nowhere to go.
func TestErrorOutputsAreNeverDropped(t *testing.T) {
	d, err := Config{URL: "https://a.example"}.Open(env())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	h := head(1)
	h.Failure = erroroutput.HTTPEndpoint
	_, err = d.Encoder(context.Background(), h, new(bytes.Buffer))
	for _, err := range []error{err, d.Deliver(t.Context(), &batch.Batch{Head: h})} {
		if broken := verdict.AsSetUp(err); broken == nil || broken.Fix == "" {
			t.Error(err)
		}
	}
	if _, err := (Config{}).ErrorOutputs(env()); err == nil {
		t.Error("error outputs of nowhere")
	}
}

// Batches that keep to SizeMax and RecordsMax make bodies that keep to their size, whatever the sizes of records.
func TestBodiesKeepToTheirSize(t *testing.T) {
	const body = 1 << 20
	size := SizeMax(body)
	for _, records := range []int{1, 2, 3, 1000, 9999, RecordsMax} {
		each := size / int64(records)
		r := start(t, Config{}, &httpendpointtest.Receiver{BodyMax: body})
		texts := slices.Repeat([]string{strings.Repeat("x", int(each))}, records)
		texts[0] += strings.Repeat("x", int(size-each*int64(records)))
		if err := r.Deliver(t.Context(), r.batch(head(1), texts...)); err != nil {
			t.Errorf("%d records: %v", records, err)
		}
	}
	if SizeMax(1) != 1 {
		t.Error("not even a record fits")
	}
}
