package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/columns"
	"firehose/internal/convert"
)

// fakePlace answers with the columns it has at the moment.
type fakePlace struct {
	mu    sync.Mutex
	text  string
	err   error
	asked int
	slow  time.Duration
}

func (f *fakePlace) table(ctx context.Context, _ convert.Ref) (*columns.Type, error) {
	select {
	case <-time.After(f.slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.err != nil {
		return nil, f.err
	}
	return columns.ParseType(f.text)
}

// newCached returns a catalogue that asks one fake place, and what it logs.
func newCached() (*fakePlace, *catalog, *bytes.Buffer) {
	f := &fakePlace{text: "struct<a:int>"}
	var logged bytes.Buffer
	return f, newCatalog(Options{Refresh: time.Minute, Logger: slog.New(slog.NewTextHandler(&logged, nil))}, f), &logged
}

func mustTable(t *testing.T, c convert.Tables, r convert.Ref) *columns.Type {
	t.Helper()
	found, err := c.Table(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestLatestIsAskedForAgainAfterTheRefreshTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newCached()
		first := mustTable(t, c, orders)
		f.text = "struct<a:int,b:string>"
		time.Sleep(time.Minute - time.Nanosecond)
		if again := mustTable(t, c, orders); again != first || f.asked != 1 {
			t.Errorf("%v after less than the refresh time, asked %d times", again, f.asked)
		}
		time.Sleep(1 * time.Nanosecond)
		if again := mustTable(t, c, orders); again.String() != f.text || f.asked != 2 {
			t.Errorf("%v after the refresh time, asked %d times", again, f.asked)
		}
	})
}

func TestUnchangedDefinitionIsTheSamePointer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newCached()
		first := mustTable(t, c, orders)
		time.Sleep(time.Hour)
		if again := mustTable(t, c, orders); again != first || f.asked != 2 {
			t.Errorf("another pointer, or asked %d times", f.asked)
		}
	})
}

func TestNumberedVersionIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newCached()
		mustTable(t, c, ref("orders", "3"))
		time.Sleep(time.Hour)
		mustTable(t, c, ref("ORDERS", "3"))
		if f.asked != 1 {
			t.Errorf("asked %d times", f.asked)
		}
	})
}

func TestOutageLeavesTheLastKnownDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, logged := newCached()
		first := mustTable(t, c, orders)
		f.err = errors.New("out of order")
		for range 3 {
			time.Sleep(time.Minute)
			if again := mustTable(t, c, orders); again != first {
				t.Errorf("%v during the outage", again)
			}
			mustTable(t, c, orders) // asks nobody
		}
		if n := strings.Count(logged.String(), "out of order"); n != 1 || f.asked != 4 {
			t.Errorf("logged %d times, asked %d times:\n%s", n, f.asked, logged)
		}
		f.err, f.text = nil, "struct<b:int>"
		time.Sleep(time.Minute)
		if again := mustTable(t, c, orders); again.String() != f.text {
			t.Errorf("%v after the outage", again)
		}
		f.err = errors.New("out of order")
		time.Sleep(time.Minute)
		mustTable(t, c, orders)
		if n := strings.Count(logged.String(), "out of order"); n != 2 {
			t.Errorf("two outages are logged %d times", n)
		}
	})
}

func TestFirstErrorIsNotKept(t *testing.T) {
	f, c, _ := newCached()
	f.err = errors.New("out of order")
	if _, err := c.Table(t.Context(), orders); !errors.Is(err, f.err) {
		t.Errorf("%v, want %v", err, f.err)
	}
	f.err = nil
	mustTable(t, c, orders)
}

func TestThoseWhoAskAtOnceShareOneLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newCached()
		f.slow = time.Second
		impatient, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		var failed atomic.Int32
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				ctx := t.Context()
				if i%2 == 0 {
					ctx = impatient
				}
				if _, err := c.Table(ctx, orders); err != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		if f.asked != 1 || failed.Load() != 25 {
			t.Errorf("asked %d times, %d callers got an error", f.asked, failed.Load())
		}
	})
}

func TestLookupThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newCached()
		f.slow = time.Hour
		began := time.Now()
		if _, err := c.Table(t.Context(), orders); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != lookupTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestManyTablesAtOnce(t *testing.T) {
	f, c, _ := newCached()
	c.Refresh = 0
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if _, err := c.Table(t.Context(), ref(fmt.Sprint("t", i%7), "LATEST")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if f.asked < 7 {
		t.Errorf("asked %d times", f.asked)
	}
}
