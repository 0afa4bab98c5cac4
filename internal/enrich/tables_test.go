package enrich

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/verdict"
)

// in compiles an enrichment with one lookup, whose table is among others.
func in(t *testing.T, tables *Tables, l Lookup, o Options) *Enricher {
	t.Helper()
	l.Name, l.Key, o.Tables = "region", "state", tables
	e, err := Compile(Config{Lookups: []Lookup{l}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// rowsOf is a csv of so many rows, each of about 200 bytes in memory.
func rowsOf(count int) string {
	var text strings.Builder
	text.WriteString("id,name\n")
	for i := range count {
		fmt.Fprintf(&text, "k%03d,%s\n", i, strings.Repeat("x", 74))
	}
	return text.String()
}

func TestTablesShareOneBound(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) Lookup { return Lookup{File: filepath.Join(dir, name)} }
	write(t, path("a.csv").File, rowsOf(30))
	write(t, path("b.csv").File, rowsOf(30))
	synctest.Test(t, func(t *testing.T) {
		tables := NewTables(10_000)
		var heard told
		a, b := in(t, tables, path("a.csv"), Options{Tell: heard.tell}), in(t, tables, path("b.csv"), Options{})
		if err := a.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		held := tables.Held()
		if held < 30*190 || held > 30*210 {
			t.Fatalf("30 rows are %d bytes", held)
		}
		err := b.Load(t.Context())
		broken := verdict.AsSetUp(err)
		if broken == nil || broken.Code != NoRoom || !strings.Contains(broken.Fix, "memory.lookup_bytes") ||
			!strings.Contains(err.Error(), fmt.Sprint("more than ", 10_000-held, " bytes")) || tables.Held() != held {
			t.Fatalf("%v, and %d bytes are held", err, tables.Held())
		}
		stop := run(t, a)
		write(t, path("a.csv").File, rowsOf(80)) // beyond the bound
		time.Sleep(11 * time.Second)
		if got := apply(t, a, `{"state":"k029"}`, Info{}); !strings.Contains(got, "xxx") || tables.Held() != held {
			t.Errorf("%s, and %d bytes are held", got, tables.Held())
		}
		if s := a.Lookups()[0]; len(heard) != 1 || !strings.Contains(heard[0], NoRoom) || s.Failures != 1 || s.Err == nil || s.Age != 11*time.Second || s.Rows != 30 {
			t.Errorf("told %q, and stands as %+v", heard, s)
		}
		write(t, path("a.csv").File, rowsOf(10)) // makes room
		time.Sleep(10 * time.Second)
		stop()
		if err := b.Load(t.Context()); err != nil || len(heard) != 2 {
			t.Errorf("%v, told %q", err, heard)
		}
		a.Close()
		b.Close()
		if tables.Held() != 0 || len(tables.sources) != 0 {
			t.Errorf("%d bytes of %d sources are held by nobody", tables.Held(), len(tables.sources))
		}
	})
}

func TestATableThatDoesNotFitIsNotReadAgainBeforeThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		s.set(http.StatusOK, `"v1"`, `{"a":"`+strings.Repeat("x", 1000)+`"}`)
		tables := NewTables(500)
		e := in(t, tables, Lookup{URL: "https://tables.example/"}, Options{Client: &http.Client{Transport: s}})
		for range 2 {
			if err := e.Load(t.Context()); err == nil || verdict.AsSetUp(err).Code != NoRoom {
				t.Fatal(err)
			}
		}
		tables.bytesMax = 5000
		if err := e.Load(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A table is asked for once, whoever looks into it, and as often as the most impatient wants.
func TestATableOfSeveralIsHeldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		s.set(http.StatusOK, `"v1"`, `{"CA":1}`)
		tables, client := NewTables(1<<20), &http.Client{Transport: s}
		var stops []func()
		var held int64
		for i := range 40 {
			e := in(t, tables, Lookup{URL: "https://tables.example/", Refresh: Duration(time.Duration(1+i%2) * time.Minute)}, Options{Client: client})
			if err := e.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			if held == 0 {
				held = tables.Held()
			}
			stops = append(stops, run(t, e), e.Close)
		}
		other := in(t, tables, Lookup{URL: "https://tables.example/", Headers: map[string]string{"Authorization": "Bearer other"}}, Options{Client: client})
		if s.count() != 1 || tables.Held() != held {
			t.Errorf("asked %d times, %d bytes of %d are held", s.count(), tables.Held(), held)
		}
		if err := other.Load(t.Context()); err != nil || s.count() != 2 || tables.Held() != 2*held {
			t.Errorf("%v: another's table, asked %d times, %d bytes are held", err, s.count(), tables.Held())
		}
		time.Sleep(10*time.Minute + time.Second)
		if s.count() != 2+10 {
			t.Errorf("asked %d times", s.count())
		}
		for _, stop := range stops {
			stop()
		}
		if tables.Held() != held {
			t.Errorf("%d bytes are held", tables.Held())
		}
	})
}

// Of a server that keeps silent the wait ends, and says why.
func TestATableThatDoesNotComeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := in(t, NewTables(1<<20), Lookup{URL: "https://tables.example/secret"}, Options{Client: &http.Client{Transport: silent{}}})
		began := time.Now()
		err := e.Load(t.Context())
		if took := time.Since(began); took != fetchMax || verdict.AsSetUp(err) == nil || verdict.AsSetUp(err).Code != Unreadable ||
			!strings.Contains(err.Error(), "not there within 30s") || strings.Contains(err.Error(), "secret") {
			t.Errorf("after %v: %v", took, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Load(ctx); err == nil || e.Lookups()[0].Failures != 1 {
			t.Errorf("%v, and a look that was given up counts: %+v", err, e.Lookups())
		}
	})
}

// stalling answers with a body that never comes.
type stalling struct{}

func (stalling) RoundTrip(r *http.Request) (*http.Response, error) {
	body, end := io.Pipe()
	context.AfterFunc(r.Context(), func() { end.CloseWithError(context.Cause(r.Context())) })
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
}

// A server that begins an answer and does not end it holds up its own table only.
func TestATableThatStallsHoldsUpNoOther(t *testing.T) {
	file := Lookup{File: filepath.Join(t.TempDir(), "a.csv")}
	write(t, file.File, rowsOf(3))
	synctest.Test(t, func(t *testing.T) {
		tables := NewTables(1 << 20)
		stalls := in(t, tables, Lookup{URL: "https://tables.example/"}, Options{Client: &http.Client{Transport: stalling{}}})
		loaded := make(chan error, 1)
		go func() { loaded <- stalls.Load(t.Context()) }() // waited for below
		synctest.Wait()
		began := time.Now()
		if err := in(t, tables, file, Options{}).Load(t.Context()); err != nil || time.Since(began) > 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := <-loaded; err == nil || time.Since(began) != fetchMax {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// Whoever looks into a table is told that it is out of date, also if somebody else finds out, and that it is no more.
func TestAllWhoLookIntoATableAreTold(t *testing.T) {
	file := Lookup{File: filepath.Join(t.TempDir(), "a.csv")}
	write(t, file.File, rowsOf(3))
	synctest.Test(t, func(t *testing.T) {
		tables := NewTables(1 << 20)
		var often, seldom told
		for refresh, heard := range map[time.Duration]*told{time.Second: &often, time.Minute: &seldom} {
			file.Refresh = Duration(refresh)
			e := in(t, tables, file, Options{Tell: heard.tell})
			if err := e.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer run(t, e)()
		}
		if err := os.Remove(file.File); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		write(t, file.File, rowsOf(4))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if len(often) != 2 || len(seldom) != 2 {
			t.Errorf("told %q and %q", often, seldom)
		}
	})
}

// count returns how often the server was asked.
func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// Many destinations open at once, over a network.
func TestTablesAreLoadedSideBySide(t *testing.T) {
	var asked atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprintf(w, `{"CA":%q}`, r.URL.Path)
	}))
	defer web.Close()
	tables := NewTables(1 << 20)
	var all sync.WaitGroup
	for i := range 40 {
		e := in(t, tables, Lookup{URL: fmt.Sprint(web.URL, "/", i%4)}, Options{Client: web.Client()})
		defer e.Close()
		all.Go(func() {
			if err := e.Load(t.Context()); err != nil {
				t.Error(err)
			}
			if got, err := e.Apply(nil, []byte(`{"state":"CA"}`), Info{}); err != nil || !strings.Contains(string(got), fmt.Sprintf("%q", fmt.Sprint("/", i%4))) {
				t.Errorf("%s, %v", got, err)
			}
			if s := e.Lookups()[0]; s.Hits != 1 || s.Misses != 0 || s.Err != nil {
				t.Errorf("%+v", s)
			}
		})
	}
	all.Wait()
	if asked.Load() != 4 || len(tables.sources) != 4 {
		t.Errorf("asked %d times for %d tables", asked.Load(), len(tables.sources))
	}
}
