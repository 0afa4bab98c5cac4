// Package logtest is what any engine of package log must pass.
//
// It tests the interface's promises and nothing that an engine may do in its own way: it asks for no gapless numbers
// and for no trimming at a given moment.
package logtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"testing"
	"time"

	"firehose/internal/log"
)

// Open returns an engine over the same storage each time it is called in one test. The one before is closed by then. The
// engine takes its time from now, if it is made for that.
type Open func(now func() time.Time) log.Engine

// Run tests an engine. The function begin is called once for each test and returns what opens engines over storage that
// is empty at first.
func Run(t *testing.T, begin func(t *testing.T) Open) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"ReadsWhatWasAppendedInOrder", testOrder},
		{"AppendsOfSeveralBodiesAreConsecutive", testConsecutive},
		{"ConcurrentAppendsAllArriveOnce", testConcurrent},
		{"ReaderAtTheHeadGoesOnAfterAnAppend", testHead},
		{"ReadersStartAnywhere", testStart},
		{"ReopenedLogHasEverything", testReopen},
		{"LogsAreApart", testApart},
		{"TimesNeverStepBack", testTimes},
		{"TickSeparatesEarlierFromLater", testTick},
		{"UnreleasedEntriesStay", testRelease},
		{"HeldEntriesStay", testHold},
		{"EntriesAreFoundByTheirTime", testSeek},
		{"RemovedLogIsGone", testRemove},
		{"ClosedLogRefuses", testClose},
		{"LogIsOpenOnce", testOnce},
		{"CancelledContextIsHeard", testCancel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, begin(t)) })
	}
}

const name = "0123456789abcdef0123456789abcdef/0"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openLog(t *testing.T, e log.Engine, name string) log.Log {
	t.Helper()
	l, err := e.Open(t.Context(), name)
	must(t, err)
	return l
}

// start opens an engine and a log for tests that never reopen.
func start(t *testing.T, open Open) (log.Engine, log.Log) {
	t.Helper()
	e := open(time.Now)
	t.Cleanup(func() { e.Close() })
	return e, openLog(t, e, name)
}

func appendOne(t *testing.T, l log.Log, body string) (uint64, time.Time) {
	t.Helper()
	n, at, err := l.Append(t.Context(), []byte(body))
	must(t, err)
	return n, at
}

// entry is a log.Entry that lasts.
type entry struct {
	number uint64
	time   time.Time
	body   string
}

// readAll reads from a position to the head and checks what holds of every log.
func readAll(t *testing.T, l log.Log, from uint64) []entry {
	t.Helper()
	r := l.Read(from)
	defer r.Close()
	return readRest(t, r)
}

func readRest(t *testing.T, r log.Reader) []entry {
	t.Helper()
	var list []entry
	for {
		e, err := r.Next()
		if err == io.EOF {
			return list
		}
		must(t, err)
		if n := len(list); n > 0 && (e.Number <= list[n-1].number || e.Time.Before(list[n-1].time)) {
			t.Fatalf("entry %d of %v after %d of %v", e.Number, e.Time, list[n-1].number, list[n-1].time)
		}
		list = append(list, entry{e.Number, e.Time, string(e.Body)})
	}
}

func bodies(list []entry) string {
	s := ""
	for _, e := range list {
		s += "[" + e.body + "]"
	}
	return s
}

func same(t *testing.T, got []entry, want string) {
	t.Helper()
	if bodies(got) != want {
		t.Fatalf("read %s, want %s", bodies(got), want)
	}
}

// arrives waits until an entry numbered n can be read.
func arrives(t *testing.T, l log.Log, n uint64) []entry {
	t.Helper()
	for {
		ready := l.Arrived(n)
		if list := readAll(t, l, n); len(list) > 0 {
			return list
		}
		select {
		case <-ready:
		case <-t.Context().Done():
			t.Fatal("entry never arrived")
		}
	}
}

func testOrder(t *testing.T, open Open) {
	_, l := start(t, open)
	if first, next := l.Ends(); first != next || first < 1 {
		t.Fatalf("ends of an empty log: %d, %d", first, next)
	}
	same(t, readAll(t, l, 1), "")
	var want string
	for i := range 50 {
		body := fmt.Sprint("body ", i)
		n, at := appendOne(t, l, body)
		want += "[" + body + "]"
		if got := arrives(t, l, n)[0]; got.number != n || !got.time.Equal(at) || got.body != body || at.Location() != time.UTC {
			t.Fatalf("appended %d at %v, read %+v", n, at, got)
		}
		if first, next := l.Ends(); first > n || next <= n {
			t.Fatalf("ends %d, %d after entry %d", first, next, n)
		}
	}
	same(t, readAll(t, l, 1), want)
}

func testConsecutive(t *testing.T, open Open) {
	_, l := start(t, open)
	appendOne(t, l, "x")
	first, at, err := l.Append(t.Context(), []byte("a"), nil, []byte("c"))
	must(t, err)
	got := readAll(t, l, first)
	same(t, got, "[a][][c]")
	for i, e := range got {
		if e.number != first+uint64(i) || !e.time.Equal(at) {
			t.Fatalf("entry %d: %+v; the append began at %d, %v", i, e, first, at)
		}
	}
}

func testConcurrent(t *testing.T, open Open) {
	_, l := start(t, open)
	const writers, each = 8, 25
	var wait sync.WaitGroup
	var mu sync.Mutex
	acked := map[uint64]string{}
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				body := fmt.Sprintf("%d-%d", w, i)
				n, _, err := l.Append(t.Context(), []byte(body))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[n] = body
				mu.Unlock()
			}
		})
	}
	r := l.Read(1)
	defer r.Close()
	var got []entry
	for next := uint64(1); len(got) < writers*each; {
		ready := l.Arrived(next)
		more := readRest(t, r)
		got = append(got, more...)
		if len(more) > 0 {
			next = more[len(more)-1].number + 1
			continue
		}
		<-ready
	}
	wait.Wait()
	if len(acked) != writers*each {
		t.Fatalf("%d different numbers, want %d", len(acked), writers*each)
	}
	for _, e := range got {
		if acked[e.number] != e.body {
			t.Fatalf("entry %d holds %q, acknowledged was %q", e.number, e.body, acked[e.number])
		}
	}
}

func testHead(t *testing.T, open Open) {
	_, l := start(t, open)
	r := l.Read(1)
	defer r.Close()
	same(t, readRest(t, r), "")
	appendOne(t, l, "a")
	same(t, readRest(t, r), "[a]")
	same(t, readRest(t, r), "")

	_, next := l.Ends()
	got := make(chan []entry)
	go func() { got <- arrives(t, l, next) }()
	appendOne(t, l, "b")
	same(t, <-got, "[b]")
	same(t, readRest(t, r), "[b]")
}

func testStart(t *testing.T, open Open) {
	_, l := start(t, open)
	var numbers []uint64
	for i := range 10 {
		n, _ := appendOne(t, l, fmt.Sprint(i))
		numbers = append(numbers, n)
	}
	for i, n := range numbers {
		if got := readAll(t, l, n); len(got) != 10-i || got[0].number != n {
			t.Fatalf("from %d: %d entries", n, len(got))
		}
	}
	_, next := l.Ends()
	same(t, readAll(t, l, next), "")
	same(t, readAll(t, l, 0), "[0][1][2][3][4][5][6][7][8][9]")
}

func testReopen(t *testing.T, open Open) {
	var want string
	var before []entry
	for round := range 4 {
		e := open(time.Now)
		l := openLog(t, e, name)
		if got := readAll(t, l, 1); fmt.Sprint(got) != fmt.Sprint(before) {
			t.Fatalf("round %d: read %v, want %v", round, got, before)
		}
		if len(before) > 0 {
			<-l.Arrived(before[len(before)-1].number)
		}
		for i := range 3 {
			body := fmt.Sprintf("%d-%d", round, i)
			appendOne(t, l, body)
			want += "[" + body + "]"
		}
		before = readAll(t, l, 1)
		same(t, before, want)
		must(t, e.Close())
	}
}

func testApart(t *testing.T, open Open) {
	e, a := start(t, open)
	b := openLog(t, e, "0123456789abcdef0123456789abcdef/1")
	appendOne(t, a, "a")
	appendOne(t, b, "b")
	same(t, readAll(t, a, 1), "[a]")
	same(t, readAll(t, b, 1), "[b]")
}

func testTimes(t *testing.T, open Open) {
	now := time.Unix(1_000_000, 0)
	var last time.Time
	for _, step := range []time.Duration{0, time.Hour, -2 * time.Hour, time.Minute, -time.Hour} {
		now = now.Add(step)
		e := open(func() time.Time { return now })
		l := openLog(t, e, name)
		for _, inner := range []time.Duration{0, -time.Minute, time.Second} {
			now = now.Add(inner)
			_, at := appendOne(t, l, "x")
			tick, _, err := l.Tick(t.Context())
			must(t, err)
			if at.Before(last) || tick.Before(at) {
				t.Fatalf("time %v after %v, then tick %v", at, last, tick)
			}
			last = tick
		}
		all := readAll(t, l, 1)
		last = all[len(all)-1].time // a restart may forget a tick, but no entry
		must(t, e.Close())
	}
}

func testTick(t *testing.T, open Open) {
	_, l := start(t, open)
	type tick struct {
		now  time.Time
		next uint64
	}
	var ticks []tick
	var wait sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	wait.Go(func() {
		for ctx.Err() == nil {
			now, next, err := l.Tick(ctx)
			if err == nil {
				ticks = append(ticks, tick{now, next})
			}
		}
	})
	for range 100 {
		appendOne(t, l, "x")
	}
	stop()
	wait.Wait()
	now, next, err := l.Tick(t.Context())
	must(t, err)
	ticks = append(ticks, tick{now, next})
	appendOne(t, l, "x")
	for _, e := range readAll(t, l, 1) {
		for _, tick := range ticks {
			if e.number < tick.next && e.time.After(tick.now) || e.number >= tick.next && e.time.Before(tick.now) {
				t.Fatalf("entry %d of %v contradicts the tick at %v, next %d", e.number, e.time, tick.now, tick.next)
			}
		}
	}
}

func testRelease(t *testing.T, open Open) {
	_, l := start(t, open)
	appendOne(t, l, "a")
	n, _ := appendOne(t, l, "b")
	appendOne(t, l, "c")
	l.Release(n)
	l.Release(n - 1)
	l.Release(n)
	same(t, readAll(t, l, n), "[b][c]")
	if first, next := l.Ends(); first > n || next <= n {
		t.Fatalf("ends %d, %d; entry %d was not released", first, next, n)
	}
}

func testHold(t *testing.T, open Open) {
	_, l := start(t, open)
	n, _ := appendOne(t, l, "a")
	appendOne(t, l, "b")
	l.Hold(n)
	l.Release(n + 2)
	l.Hold(math.MaxUint64)
	l.Hold(n)
	if got := bodies(readAll(t, l, n)); got != "[a][b]" {
		t.Fatalf("read %s", got)
	}
}

func testSeek(t *testing.T, open Open) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := open(func() time.Time { return now })
	t.Cleanup(func() { e.Close() })
	l := openLog(t, e, name)
	wanted := func(at time.Time, want uint64) {
		t.Helper()
		got, err := log.Seek(l, at)
		must(t, err)
		if got != want {
			t.Fatalf("%v is at %d, want %d", at, got, want)
		}
	}
	_, next := l.Ends()
	wanted(now, next)
	var list []entry
	for i := range 40 {
		if i%3 > 0 { // several have the same time
			now = now.Add(time.Second)
		}
		n, at := appendOne(t, l, "a")
		list = append(list, entry{number: n, time: at})
	}
	for i, e := range list {
		first := i
		for first > 0 && !list[first-1].time.Before(e.time) {
			first--
		}
		wanted(e.time, list[first].number)
		if i+1 < len(list) && e.time.Before(list[i+1].time) {
			wanted(e.time.Add(1), list[i+1].number)
		}
	}
	wanted(now.Add(time.Hour), list[len(list)-1].number+1)
}

func testRemove(t *testing.T, open Open) {
	e, l := start(t, open)
	must(t, e.Remove(t.Context(), "0123456789abcdef0123456789abcdef/none"))
	appendOne(t, l, "a")
	r := l.Read(1)
	defer r.Close()
	_, next := l.Ends()
	waiting := l.Arrived(next)
	must(t, e.Remove(t.Context(), name))
	<-waiting
	if _, err := r.Next(); !errors.Is(err, log.ErrClosed) {
		t.Fatalf("read a removed log: %v", err)
	}
	if _, _, err := l.Append(t.Context(), []byte("b")); !errors.Is(err, log.ErrClosed) {
		t.Fatalf("append to a removed log: %v", err)
	}
	l = openLog(t, e, name)
	same(t, readAll(t, l, 1), "")
	must(t, l.Close())
	must(t, e.Remove(t.Context(), name))
	same(t, readAll(t, openLog(t, e, name), 1), "")
}

func testClose(t *testing.T, open Open) {
	e, l := start(t, open)
	appendOne(t, l, "a")
	r := l.Read(1)
	must(t, l.Close())
	must(t, l.Close())
	<-l.Arrived(100)
	_, err := r.Next()
	if !errors.Is(err, log.ErrClosed) {
		t.Fatalf("read a closed log: %v", err)
	}
	must(t, r.Close())
	if _, _, err := l.Append(t.Context(), []byte("b")); !errors.Is(err, log.ErrClosed) {
		t.Fatalf("append to a closed log: %v", err)
	}
	if _, _, err := l.Tick(t.Context()); !errors.Is(err, log.ErrClosed) {
		t.Fatalf("tick of a closed log: %v", err)
	}
	same(t, readAll(t, openLog(t, e, name), 1), "[a]")
	must(t, e.Close())
	if _, err := e.Open(t.Context(), name); !errors.Is(err, log.ErrClosed) {
		t.Fatalf("open after close: %v", err)
	}
}

func testOnce(t *testing.T, open Open) {
	e, l := start(t, open)
	if _, err := e.Open(t.Context(), name); err == nil {
		t.Fatal("the log was opened twice")
	}
	must(t, l.Close())
	openLog(t, e, name)
}

func testCancel(t *testing.T, open Open) {
	_, l := start(t, open)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := l.Append(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Fatalf("append: %v", err)
	}
	if _, _, err := l.Tick(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("tick: %v", err)
	}
	same(t, readAll(t, l, 1), "")
}
