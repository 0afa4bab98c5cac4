package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// endpoint answers puts by a rule and remembers the records of those that it took.
type endpoint struct {
	*httptest.Server
	mu    sync.Mutex
	taken map[uint64]int
	names map[string]int
}

// rule answers a put of n records, of which it says how many at the end are refused. A status but 200 refuses all.
type rule func(w http.ResponseWriter, request, n int) (status, failed int)

func newEndpoint(t *testing.T, answer rule) *endpoint {
	e := &endpoint{taken: map[uint64]int{}, names: map[string]int{}}
	requests := 0
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			DeliveryStreamName string
			Records            []struct{ Data []byte }
			Record             *struct{ Data []byte }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		requests++
		if body.Record != nil {
			body.Records = append(body.Records, *body.Record)
		}
		status, failed := answer(w, requests, len(body.Records))
		w.WriteHeader(status)
		if status != http.StatusOK {
			io.WriteString(w, `{"__type":"ServiceUnavailableException","message":"Slow down."}`)
			return
		}
		e.names[body.DeliveryStreamName]++
		for _, record := range body.Records[:len(body.Records)-failed] {
			number, _ := ID(record.Data)
			e.taken[number]++
		}
		writeAnswer(w, body.Record != nil, len(body.Records), failed)
	}))
	t.Cleanup(e.Close)
	return e
}

func writeAnswer(w io.Writer, single bool, n, failed int) {
	if single {
		io.WriteString(w, `{"RecordId":"x","Encrypted":false}`)
		return
	}
	var entries []string
	for i := range n {
		if i < n-failed {
			entries = append(entries, `{"RecordId":"`+strings.Repeat("x", 60)+`"}`)
		} else {
			entries = append(entries, `{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}`)
		}
	}
	fmt.Fprintf(w, `{"FailedPutCount":%d,"Encrypted":false,"RequestResponses":[%s]}`, failed, strings.Join(entries, ","))
}

func run(t *testing.T, s Settings) Stats {
	t.Helper()
	l, err := New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	l.Run(t.Context())
	return l.Stats()
}

func TestEveryRecordHasAFate(t *testing.T) {
	check := func(name string, batch int, answer rule, want Stats) {
		t.Helper()
		e := newEndpoint(t, answer)
		ledger := new(Ledger)
		got := run(t, Settings{URL: e.URL, Streams: []string{"s-1", "s-2"}, Batch: batch, Size: 200, Connections: 3, Records: 12 * batch, Ledger: ledger})
		if got.Requests != want.Requests || got.Records != want.Records || got.RefusedRequests != want.RefusedRequests ||
			got.RefusedRecords != want.RefusedRecords || got.FailedRequests != want.FailedRequests || got.Bytes != int64(got.Records)*200 {
			t.Errorf("%s: %+v", name, got)
		}
		v := ledger.Count(func(yield func(uint64) bool) {
			for number, times := range e.taken {
				for range times {
					yield(number)
				}
			}
		})
		if !v.Good() || v.Once != want.Records || v.Unknown != want.FailedRequests*batch {
			t.Errorf("%s: %+v", name, v)
		}
		if want.FailedRequests == 0 && want.RefusedRequests == 0 && (e.names["s-1"] != 6 || e.names["s-2"] != 6) {
			t.Errorf("%s: the streams got %v", name, e.names)
		}
	}
	ok := func(http.ResponseWriter, int, int) (int, int) { return 200, 0 }
	check("single", 1, ok, Stats{Requests: 12, Records: 12})
	check("batches, answered in chunks", 500, ok, Stats{Requests: 12, Records: 6000})
	check("every third refused", 10, func(_ http.ResponseWriter, request, _ int) (int, int) {
		if request%3 == 0 {
			return 503, 0
		}
		return 200, 0
	}, Stats{Requests: 8, Records: 80, RefusedRequests: 4, RefusedRecords: 40})
	check("some records of each refused", 10, func(http.ResponseWriter, int, int) (int, int) { return 200, 3 },
		Stats{Requests: 12, Records: 84, RefusedRecords: 36})
	check("all records of one refused", 10, func(_ http.ResponseWriter, request, n int) (int, int) {
		if request == 1 {
			return 200, n
		}
		return 200, 0
	}, Stats{Requests: 11, Records: 110, RefusedRecords: 10})
	check("an error now and then", 10, func(_ http.ResponseWriter, request, _ int) (int, int) {
		if request == 5 {
			return 500, 0
		}
		return 200, 0
	}, Stats{Requests: 11, Records: 110, FailedRequests: 1})
	check("a connection closed without an answer", 10, func(_ http.ResponseWriter, request, _ int) (int, int) {
		if request == 5 {
			panic(http.ErrAbortHandler)
		}
		return 200, 0
	}, Stats{Requests: 11, Records: 110, FailedRequests: 1})
	check("connections that are closed after each answer", 10, func(w http.ResponseWriter, _, _ int) (int, int) {
		w.Header().Set("Connection", "close")
		return 200, 0
	}, Stats{Requests: 12, Records: 120})
}

func TestAnEarlyRefusalIsReadThoughTheBodyWasNot(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	got := run(t, Settings{URL: server.URL, Streams: []string{"s"}, Batch: 100, Size: 1000, Connections: 1, Records: 500})
	if got.RefusedRequests != 5 || got.FailedRequests != 0 || got.RefusedLatency.Count() != 5 {
		t.Errorf("%+v", got)
	}
}

func TestTheLedgerFindsWhatIsWrong(t *testing.T) {
	check := func(name string, delivered []uint64, want Verdict) {
		t.Helper()
		l := new(Ledger)
		l.note(0, 10, Taken)
		l.note(10, 5, Refused)
		l.note(15, 5, Unknown)
		want.Taken, want.Unknown = 10, 5
		if got := l.Count(func(yield func(uint64) bool) {
			for _, n := range delivered {
				yield(n)
			}
		}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	all := []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	check("all", all, Verdict{Once: 10})
	check("one of unknown fate too", append(all[:10:10], 17), Verdict{Once: 10})
	check("one missing", all[1:], Verdict{Once: 9, Missing: 1})
	check("two twice", append(all[:10:10], 3, 4), Verdict{Once: 10, Repeated: 2})
	check("one that was refused", append(all[:10:10], 10), Verdict{Once: 10, Foreign: 1})
	check("one that nobody sent", append(all[:10:10], 1<<40), Verdict{Once: 10, Foreign: 1})
}

func TestAnOpenLoopCountsFromWhenARequestWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Load{Settings: Settings{Batch: 10, Rate: 1000}, began: time.Now()}
		time.Sleep(25 * time.Millisecond)
		due, ok := l.await(t.Context(), 1) // was due after 10 ms
		if !ok || time.Since(due) != 15*time.Millisecond {
			t.Errorf("a late request counts from %v ago, want 15ms", time.Since(due))
		}
		due, ok = l.await(t.Context(), 7)
		if !ok || due.Sub(l.began) != 70*time.Millisecond || !time.Now().Equal(due) {
			t.Errorf("request 7 is sent after %v, want 70ms", due.Sub(l.began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, ok := l.await(ctx, 1000); ok {
			t.Error("the end of the load does not end the wait")
		}
	})
}

func TestSignaturesAreThoseOfTheSDK(t *testing.T) {
	at := time.Date(2026, 3, 2, 23, 59, 59, 0, time.UTC)
	s := &signer{key: Key{"AKID", "secret/+", "eu-west-1"}, host: "127.0.0.1:4573", target: "Firehose_20150804.PutRecord"}
	for range 3 { // over midnight
		sum := sha256.Sum256([]byte(at.String()))
		hash := hex.EncodeToString(sum[:])
		r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:4573/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-Amz-Target", s.target)
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret/+"}, r, hash, "firehose", "eu-west-1", at); err != nil {
			t.Fatal(err)
		}
		want := "X-Amz-Date: " + r.Header.Get("X-Amz-Date") + "\r\nAuthorization: " + r.Header.Get("Authorization") + "\r\n"
		if got := string(s.appendHeaders(nil, hash, at)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		at = at.Add(time.Second)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	check := func(want string, s Settings) {
		t.Helper()
		if _, err := New(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error with %q", s, err, want)
		}
	}
	good := Settings{URL: "http://127.0.0.1:1", Streams: []string{"s"}, Batch: 1, Size: 100, Connections: 1}
	change := func(f func(*Settings)) Settings { s := good; f(&s); return s }
	check("records a request", change(func(s *Settings) { s.Batch = 501 }))
	check("bytes", change(func(s *Settings) { s.Size = 10 }))
	check("connection", change(func(s *Settings) { s.Connections = 0 }))
	check("stream", change(func(s *Settings) { s.Streams = nil }))
	check("begins with http", change(func(s *Settings) { s.URL = "localhost:4573" }))
	check("connect to", good)
}
