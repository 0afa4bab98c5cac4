package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firehose/internal/ingest"
	"firehose/internal/log/segment"
	"firehose/internal/record"
)

// TestClockSetBackDelaysAndLosesNothing starts a node on a log that was written an hour in the future.
func TestClockSetBackDelaysAndLosesNothing(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.create("s", buffered(1, 2))
	a := newAccount()
	check(t, put(t.Context(), n.api(), "s", "before"))
	a.acknowledge("before")
	n.flush("s")
	n.stop()

	a.acknowledge(appendLater(t, n.dir, time.Hour)...)
	n.start()
	began := time.Now()
	l := startLoad(n, 2, "s")
	l.grow(500)
	a.settle(t, folders(n.dir), bucket, "")
	l.stop()
	l.account["s"].settle(t, folders(n.dir), bucket, "") // by the clock: nothing is flushed
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v until all records were delivered; the interval is 2 s", took)
	}
	n.stop()
	for id := range a.acked {
		l.account["s"].acknowledge(id)
	}
	all := folders(n.dir).read(t, bucket)
	l.account["s"].verify(t, all.count(t, ""))

	// A restart, with the clock still behind the log, replays nothing and goes on.
	n.start()
	check(t, put(t.Context(), n.api(), "s", "after"))
	l.account["s"].acknowledge("after")
	l.account["s"].settle(t, folders(n.dir), bucket, "")
	n.stop()
	includes(t, "before the restart", folders(n.dir).read(t, bucket), all)
	l.account["s"].verify(t, folders(n.dir).read(t, bucket).count(t, ""))
}

// appendLater appends records to the only stream of a node that does not run, with a clock that is ahead.
func appendLater(t *testing.T, dir string, ahead time.Duration) (ids []string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "log", strings.Repeat("[0-9a-f]", 32), "0"))
	check(t, err)
	if len(logs) != 1 {
		t.Fatalf("%d logs, want one", len(logs))
	}
	name := filepath.Base(filepath.Dir(logs[0]))
	stream, err := record.ParseStreamID(name)
	check(t, err)
	engine, err := segment.Open(segment.Options{Dir: filepath.Join(dir, "log"), FreeMin: -1,
		Now: func() time.Time { return time.Now().Add(ahead) }})
	check(t, err)
	defer engine.Close()
	l, err := engine.Open(t.Context(), name+"/0")
	check(t, err)
	writer := ingest.NewWriter(stream, 0, l, nil)
	for block := range 50 {
		records := make([][]byte, 40)
		for i := range records {
			id := fmt.Sprintf("future-%d-%d", block, i)
			ids, records[i] = append(ids, id), line(id)
		}
		_, err := writer.Put(t.Context(), records)
		check(t, err)
	}
	return ids
}
