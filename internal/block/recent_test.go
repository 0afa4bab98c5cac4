package block

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func filled(records ...string) *Builder {
	b := new(Builder)
	for _, r := range records {
		b.Append([]byte(r))
	}
	return b
}

func TestRecentGivesWhatWasPutUntilItIsForgotten(t *testing.T) {
	r, l := NewRecent(1<<20), Log{Partition: 1}
	b := filled("one", "", "three")
	r.Add(l, 5, b)
	r.Add(l, 7, filled("seven"))
	b.Reset()
	b.Append([]byte("another"))

	got, ok := r.Get(l, 5)
	if !ok {
		t.Fatal("block 5 is not here")
	}
	if got.Count() != 3 || !bytes.Equal(got.Data, []byte("onethree")) || string(got.Record(2)) != "three" {
		t.Fatalf("block 5: %t, %q", ok, got.Data)
	}
	check := func(l Log, number uint64, want bool) {
		t.Helper()
		if _, ok := r.Get(l, number); ok != want {
			t.Errorf("block %d of partition %d: %t, not %t", number, l.Partition, ok, want)
		}
	}
	check(l, 6, false)
	check(Log{Partition: 2}, 5, false)
	r.Forget(l, 7)
	check(l, 5, false)
	check(l, 7, true)
	r.Forget(l, 8)
	check(l, 7, false)
	if r.bytes != 0 || r.order.Len() != 0 || len(r.logs) != 0 {
		t.Errorf("%d bytes, %d blocks, %d logs are left", r.bytes, r.order.Len(), len(r.logs))
	}
}

func TestRecentKeepsWhatCameFirstAndDropsWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := string(make([]byte, 1000))
		r, slow, fast := NewRecent(3000), Log{Partition: 1}, Log{Partition: 2}
		r.Add(slow, 1, filled(data))
		r.Add(slow, 2, filled(data))
		r.Add(fast, 1, filled(data))
		if _, ok := r.Get(fast, 1); ok {
			t.Error("a block beyond the memory was taken")
		}
		time.Sleep(recentAge) // of the bubble
		r.Add(fast, 2, filled(data))
		if _, ok := r.Get(fast, 2); !ok {
			t.Error("blocks that stay for long make no room")
		}
		if _, ok := r.Get(slow, 1); ok {
			t.Error("the oldest block is still here")
		}
		if r.bytes > r.bytesMax {
			t.Errorf("%d bytes of %d", r.bytes, r.bytesMax)
		}
	})
}
