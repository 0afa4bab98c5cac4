package dedupe

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var start = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// claim claims and ends the claim at once, all durable.
func claim(t *testing.T, w *Window, at time.Time, ids ...ID) []bool {
	t.Helper()
	c, duplicate, err := w.Claim(t.Context(), ids, at)
	if err != nil {
		t.Fatal(err)
	}
	c.Done(len(ids), at)
	return duplicate
}

func TestKnownIDsAreDuplicatesWithinTheWindow(t *testing.T) {
	w := New(24*time.Hour, 1000)
	f := func(after time.Duration, want []bool, ids ...ID) {
		t.Helper()
		if got := claim(t, w, start.Add(after), ids...); !slices.Equal(got, want) {
			t.Errorf("after %v %v are duplicates: %v", after, ids, got)
		}
	}
	f(0, []bool{false, false, true}, 1, 2, 1)
	f(time.Hour, []bool{true, false}, 2, 3)
	f(23*time.Hour, []bool{true, true, true}, 1, 2, 3)
	f(26*time.Hour, []bool{false}, 1)
	f(26*time.Hour, []bool{true}, 1)
	f(60*time.Hour, []bool{false}, 4)
	if n := w.Len(); n != 1 {
		t.Errorf("%d ids are remembered after all but one are old", n)
	}
}

func TestOnlyWhatIsDurableIsKnown(t *testing.T) {
	w := New(time.Hour, 100)
	c, _, err := w.Claim(t.Context(), []ID{1, 2, 3}, start)
	if err != nil {
		t.Fatal(err)
	}
	c.Done(2, start)
	if got := claim(t, w, start, 1, 2, 3); !slices.Equal(got, []bool{true, true, false}) {
		t.Errorf("duplicates: %v", got)
	}
}

func TestWhoSendsTheSameWaitsForTheOutcome(t *testing.T) {
	f := func(durable int, want bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := New(time.Hour, 100)
			first, _, err := w.Claim(t.Context(), []ID{1}, start)
			if err != nil {
				t.Fatal(err)
			}
			answered := make(chan bool)
			go func() { // ends with the answer
				c, duplicate, err := w.Claim(t.Context(), []ID{2, 1}, start)
				if err != nil {
					t.Error(err)
				}
				c.Done(2, start)
				answered <- duplicate[1]
			}()
			synctest.Wait()
			select {
			case <-answered:
				t.Error("the second was answered before the first")
			default:
			}
			first.Done(durable, start)
			if got := <-answered; got != want {
				t.Errorf("with %d durable the second is a duplicate: %v", durable, got)
			}
			ctx, cancel := context.WithCancel(t.Context())
			held, _, _ := w.Claim(ctx, []ID{9}, start)
			cancel()
			if _, _, err := w.Claim(ctx, []ID{9}, start); !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled wait: %v", err)
			}
			held.Done(0, start)
		})
	}
	f(1, true)
	f(0, false)
}

func TestFullWindowRefusesAndRecovers(t *testing.T) {
	w := New(time.Hour, 3)
	claim(t, w, start, 1, 2, 3)
	if _, _, err := w.Claim(t.Context(), []ID{4}, start); !errors.Is(err, ErrFull) {
		t.Errorf("the fourth: %v", err)
	}
	if got := claim(t, w, start, 2); !got[0] {
		t.Error("a known id is not known any more")
	}
	if got := claim(t, w, start.Add(3*time.Hour), 4); got[0] {
		t.Error("an id that was refused is known")
	}
}

func TestSnapshotsComeBack(t *testing.T) {
	w := New(24*time.Hour, 1000)
	claim(t, w, start, 1, 2)
	claim(t, w, start.Add(20*time.Hour), 3)
	var snapshot bytes.Buffer
	if _, err := w.WriteTo(&snapshot); err != nil {
		t.Fatal(err)
	}
	again := New(12*time.Hour, 1000)
	if _, err := again.ReadFrom(bytes.NewReader(snapshot.Bytes())); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, again, start.Add(21*time.Hour), 1, 2, 3); !slices.Equal(got, []bool{false, false, true}) {
		t.Errorf("after a shorter window came back: %v", got)
	}
	if _, err := New(time.Hour, 10).ReadFrom(bytes.NewReader(snapshot.Bytes()[:20])); err == nil {
		t.Error("a snapshot that was cut is read")
	}
}

// TestEveryIDIsDurableOnce sends the same ids from many sides, some of which fail.
func TestEveryIDIsDurableOnce(t *testing.T) {
	w := New(time.Hour, 1<<20)
	var mu sync.Mutex
	stored := map[ID]int{}
	var clients sync.WaitGroup
	for client := range uint64(8) {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(client, 1))
			for range 2000 {
				ids := make([]ID, 1+r.IntN(5))
				for i := range ids {
					ids[i] = ID(r.IntN(3000))
				}
				c, duplicate, err := w.Claim(t.Context(), ids, start)
				if err != nil {
					t.Error(err)
					return
				}
				durable := r.IntN(len(ids) + 1)
				n := 0
				mu.Lock()
				for i, id := range ids {
					if !duplicate[i] && n < durable {
						stored[id]++
						n++
					}
				}
				mu.Unlock()
				c.Done(n, start)
			}
		})
	}
	clients.Wait()
	for id, n := range stored {
		if n != 1 {
			t.Errorf("id %d is stored %d times", id, n)
		}
	}
	if len(stored) < 2500 {
		t.Errorf("%d ids were stored", len(stored))
	}
}

func BenchmarkClaim(b *testing.B) {
	w := New(24*time.Hour, 1<<30)
	ids := make([]ID, 500)
	n := uint64(0)
	for b.Loop() {
		for i := range ids {
			ids[i] = Digest([]byte("stream"), []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
			n++
		}
		c, _, err := w.Claim(b.Context(), ids, start)
		if err != nil {
			b.Fatal(err)
		}
		c.Done(len(ids), start)
	}
}
