package segment

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"firehose/internal/disk/disktest"
	"firehose/internal/log"
)

// TestWritersReadersAndTrimsTogether lets readers of several logs release what they read, while the limits are so narrow
// that appends must delete it all the time, in their own log and in others.
func TestWritersReadersAndTrimsTogether(t *testing.T) {
	e, err := Open(Options{
		Dir: "/log", FS: disktest.New(1), SegmentSizeMax: 500, LogBytesMax: 4000, BytesMax: 10_000, FreeMin: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	const logs, writers, each = 3, 3, 200
	var wait, running sync.WaitGroup
	var left atomic.Int64
	for i := range logs {
		l, err := e.Open(t.Context(), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		left.Add(1)
		wait.Go(func() { readAndRelease(t, l, writers*each); left.Add(-1) })
		for w := range writers {
			wait.Go(func() { appendUntilTaken(t, l, w, each) })
		}
	}
	running.Go(func() {
		for left.Load() > 0 {
			e.sweep()
		}
	})
	wait.Wait()
	running.Wait()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func appendUntilTaken(t *testing.T, l log.Log, writer, count int) {
	for i := 0; i < count; {
		_, _, err := l.Append(t.Context(), fmt.Appendf(nil, "%d %d", writer, i), nil)
		switch {
		case err == nil:
			i++
		case !errors.Is(err, log.ErrFull):
			t.Error(err)
			return
		}
	}
}

// readAndRelease reads all that the writers append and checks that each one's come in order and complete.
func readAndRelease(t *testing.T, l log.Log, count int) {
	reader := l.Read(1)
	defer reader.Close()
	next := map[int]int{}
	for read, last := 0, uint64(0); read < 2*count; {
		arrived := l.Arrived(last + 1)
		entry, err := reader.Next()
		if err == io.EOF {
			<-arrived
			continue
		}
		if err != nil || entry.Number <= last {
			t.Errorf("entry %d after %d, %v", entry.Number, last, err)
			return
		}
		last = entry.Number
		read++
		if len(entry.Body) > 0 {
			var writer, i int
			fmt.Sscanf(string(entry.Body), "%d %d", &writer, &i)
			if next[writer] != i {
				t.Errorf("writer %d: entry %d, want %d", writer, i, next[writer])
				return
			}
			next[writer]++
		}
		l.Release(last + 1)
	}
}
