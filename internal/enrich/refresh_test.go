package enrich

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// told notes what Tell is told.
type told []string

func (t *told) tell(lookup string, err error) { *t = append(*t, fmt.Sprintf("%s: %v", lookup, err)) }

func TestChangesOfAFileAreSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, "id,name\nCA,one\n")
	synctest.Test(t, func(t *testing.T) {
		var heard told
		e, err := Compile(Config{Lookups: []Lookup{{Name: "region", Key: "state", File: path}}}, Options{Tell: heard.tell})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := run(t, e)
		expect := func(name string) {
			t.Helper()
			time.Sleep(21 * time.Second) // never when the table is looked at
			if got := apply(t, e, `{"state":"CA"}`, Info{}); !strings.Contains(got, `"name":"`+name+`"`) {
				t.Errorf("%s, want %s", got, name)
			}
		}
		expect("one")
		write(t, path, "id,name\nCA,longer\n")
		expect("longer")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expect("longer")
		expect("longer")
		write(t, path, "id,name\nCA,back again\n")
		expect("back again")
		stop()
		if len(heard) != 2 || !strings.Contains(heard[0], "no such file") || heard[1] != "region: <nil>" {
			t.Errorf("told %q", heard)
		}
	})
}

// run starts Run and returns what ends it.
func run(t *testing.T, e *Enricher) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // waited for by stop
		defer close(done)
		e.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// server answers requests in place of a network.
type server struct {
	mu        sync.Mutex
	tag, body string
	status    int
	err       error
	asked     []string // the If-None-Match of each request
	headers   http.Header
}

// set changes the answers from now on.
func (s *server) set(status int, tag, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.tag, s.body, s.err = status, tag, body, nil
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.headers = append(s.asked, r.Header.Get("If-None-Match")), r.Header
	if s.err != nil {
		return nil, s.err
	}
	answer := &http.Response{StatusCode: s.status, Status: fmt.Sprint(s.status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body))}
	if s.status == http.StatusOK && s.tag != "" && s.tag == r.Header.Get("If-None-Match") {
		answer.StatusCode, answer.Body = http.StatusNotModified, http.NoBody
	}
	answer.Header.Set("ETag", s.tag)
	return answer, nil
}

func TestATableBehindAURLIsAskedForByItsTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard told
		s := &server{err: errors.New("connection refused")}
		e, err := Compile(Config{Lookups: []Lookup{{Name: "region", Key: "state", URL: "https://tables.example/t?token=secret", Headers: map[string]string{"Authorization": "Bearer x"}, Refresh: Duration(time.Minute)}}},
			Options{Client: &http.Client{Transport: s}, Tell: heard.tell})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Load(t.Context()); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "connection refused") {
			t.Fatalf("load: %v", err)
		}
		s.set(http.StatusOK, `"v1"`, `{"CA":1}`)
		if err := e.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.headers.Get("Authorization") != "Bearer x" {
			t.Errorf("sent %v", s.headers)
		}
		stop := run(t, e)
		minute := func(want string) {
			t.Helper()
			time.Sleep(time.Minute + time.Second)
			if got := apply(t, e, `{"state":"CA"}`, Info{}); !strings.Contains(got, `"region":`+want) {
				t.Errorf("%s, want %s", got, want)
			}
		}
		minute("1")
		s.set(http.StatusOK, `"v2"`, `{"CA":2}`)
		minute("2")
		s.set(http.StatusServiceUnavailable, "", "")
		minute("2")
		s.set(http.StatusOK, `"v3"`, `{"CA":`)
		minute("2")
		s.set(http.StatusOK, `"v3"`, `{"CA":3}`)
		minute("3")
		stop()
		if got := strings.Join(s.asked, " "); got != `  "v1" "v1" "v2" "v2" "v2"` {
			t.Errorf("asked with %s", got)
		}
		if len(heard) != 2 || strings.Contains(heard[0], "secret") || !strings.Contains(heard[0], "503") || heard[1] != "region: <nil>" {
			t.Errorf("told %q", heard)
		}
	})
}

func TestATableThatIsTooLargeIsNotTaken(t *testing.T) {
	s := &server{status: http.StatusOK, body: `{"CA":"` + strings.Repeat("x", tableSizeMax) + `"}`}
	e, err := Compile(Config{Lookups: []Lookup{{Name: "n", Key: "a", URL: "http://h/"}}}, Options{Client: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 67108864 bytes") {
		t.Fatal(err)
	}
}
