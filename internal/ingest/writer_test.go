package ingest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/block"
	"firehose/internal/log"
	"firehose/internal/record"
)

// fakeLog keeps what is appended. An append waits for a word on open, if that is not nil.
type fakeLog struct {
	log.Log
	open chan error // what an append returns

	mu       sync.Mutex
	bodies   [][]byte
	appends  int
	underway atomic.Int64
}

var testTime = time.Unix(1_800_000_000, 0)

func (l *fakeLog) Append(_ context.Context, bodies ...[]byte) (uint64, time.Time, error) {
	if l.underway.Add(1) > 1 {
		panic("two appends at once")
	}
	defer l.underway.Add(-1)
	if l.open != nil {
		if err := <-l.open; err != nil {
			return 0, time.Time{}, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	first := uint64(len(l.bodies)) + 1
	for _, b := range bodies {
		l.bodies = append(l.bodies, bytes.Clone(b))
	}
	l.appends++
	return first, testTime, nil
}

// record returns what stands at a position.
func (l *fakeLog) record(t *testing.T, p record.Position, keys block.Keys) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Block < 1 || p.Block > uint64(len(l.bodies)) {
		t.Fatalf("no block at %v", p)
	}
	var b block.Block
	if err := b.Unpack(l.bodies[p.Block-1], keys); err != nil {
		t.Fatal(err)
	}
	if int(p.Index) >= b.Count() {
		t.Fatalf("no record at %v of %d", p, b.Count())
	}
	return string(b.Record(int(p.Index)))
}

func words(list ...string) (records [][]byte) {
	for _, w := range list {
		records = append(records, []byte(w))
	}
	return records
}

var testStream = record.StreamID{1, 2, 3}

// checkReceipt compares what stands at a receipt's positions with what was put.
func checkReceipt(t *testing.T, l *fakeLog, r Receipt, records [][]byte) {
	t.Helper()
	if r.Stream != testStream || r.Partition != 5 || r.Accepted != len(records) {
		t.Errorf("receipt %+v", r)
	}
	var last record.Position
	for i, want := range records {
		id := r.ID(i)
		if got := l.record(t, id.Position, nil); got != string(want) {
			t.Errorf("record %d at %v differs", i, id.Position)
		}
		if !last.Before(id.Position) && i > 0 || id.Stream != testStream || id.Partition != 5 || !id.Time.Equal(testTime) {
			t.Errorf("record %d has the id %+v, after %v", i, id, last)
		}
		last = id.Position
	}
}

func TestPutIsAcknowledgedWhenItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLog{open: make(chan error)}
		w := NewWriter(testStream, 5, l, nil)
		var answered atomic.Int64
		for i := range 10 {
			go func() {
				records := words(fmt.Sprint("a", i), fmt.Sprint("b", i))
				r, err := w.Put(t.Context(), records)
				if err != nil {
					t.Error(err)
					return
				}
				checkReceipt(t, l, r, records)
				answered.Add(1)
			}()
			synctest.Wait()
		}
		if n := answered.Load(); n != 0 {
			t.Errorf("%d puts were answered before anything was durable", n)
		}
		l.open <- nil // the first put alone
		synctest.Wait()
		if n := answered.Load(); n != 1 {
			t.Errorf("%d puts were answered after the first append", n)
		}
		l.open <- nil // those that came meanwhile, together
		synctest.Wait()
		if n := answered.Load(); n != 10 || l.appends != 2 {
			t.Errorf("%d puts were answered after %d appends", n, l.appends)
		}
		w.Wait()
	})
}

func TestPutsGetTheirOwnRecordsUnderLoad(t *testing.T) {
	l := &fakeLog{}
	w := NewWriter(testStream, 5, l, nil)
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for i := range 200 {
				var records [][]byte
				for n := range 1 + (client+i)%4 {
					records = append(records, bytes.Repeat(fmt.Appendf(nil, "%d/%d/%d ", client, i, n), 1+i%50))
				}
				r, err := w.Put(t.Context(), records)
				if err != nil {
					t.Error(err)
					return
				}
				checkReceipt(t, l, r, records)
			}
		})
	}
	clients.Wait()
	w.Wait()
}

func TestPutOverSeveralBlocks(t *testing.T) {
	l := &fakeLog{}
	w := NewWriter(testStream, 5, l, nil)
	var records [][]byte
	for i := range 9 {
		records = append(records, bytes.Repeat([]byte{byte(i)}, 400_000))
	}
	r, err := w.Put(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	checkReceipt(t, l, r, records)
	if len(l.bodies) != 5 || l.appends != 1 {
		t.Errorf("%d blocks in %d appends", len(l.bodies), l.appends)
	}
}

func TestErrorsReachEveryPutOfTheGroup(t *testing.T) {
	f := func(cause error, throttled bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			l := &fakeLog{open: make(chan error)}
			w := NewWriter(testStream, 5, l, nil)
			errs := make(chan error, 4)
			for range 4 {
				go func() {
					_, err := w.Put(t.Context(), words("x"))
					errs <- err
				}()
				synctest.Wait()
			}
			l.open <- cause
			l.open <- cause
			for range 4 {
				if err := <-errs; !errors.Is(err, cause) || errors.Is(err, ErrThrottled) != throttled {
					t.Errorf("put: %v", err)
				}
			}
			go func() { l.open <- nil }()
			if r, err := w.Put(t.Context(), words("y")); err != nil {
				t.Errorf("after the error: %v", err)
			} else {
				checkReceipt(t, l, r, words("y"))
			}
		})
	}
	f(fmt.Errorf("append: %w", log.ErrFull), true)
	f(errors.New("disk broke"), false)
	f(log.ErrClosed, false)
}

func TestPutWhoseClientLeftIsMadeDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLog{open: make(chan error)}
		w := NewWriter(testStream, 5, l, nil)
		go w.Put(t.Context(), words("first"))
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := w.Put(ctx, words("second"))
			left <- err
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v", err)
		}
		l.open <- nil
		l.open <- nil
		w.Wait()
		if got := l.record(t, record.Position{Block: 2}, nil); got != "second" {
			t.Errorf("the second block holds %q", got)
		}
	})
}

func TestPutCopiesItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLog{open: make(chan error)}
		w := NewWriter(testStream, 5, l, nil)
		go w.Put(t.Context(), words("first"))
		synctest.Wait()
		records := words("second")
		go w.Put(t.Context(), records)
		synctest.Wait()
		copy(records[0], "spoilt")
		l.open <- nil
		l.open <- nil
		w.Wait()
		if got := l.record(t, record.Position{Block: 2}, nil); got != "second" {
			t.Errorf("the log holds %q", got)
		}
	})
}

func TestPutOfNothingIsRefused(t *testing.T) {
	if _, err := NewWriter(testStream, 5, &fakeLog{}, nil).Put(t.Context(), nil); err == nil {
		t.Error("no error")
	}
}

func TestEncryptionHoldsFromTheNextGroup(t *testing.T) {
	c, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		t.Fatal(err)
	}
	l := &fakeLog{}
	w := NewWriter(testStream, 5, l, nil)
	for i, key := range []*block.Key{nil, {Number: 9, AEAD: aead}, nil} {
		w.Encrypt(key)
		r, err := w.Put(t.Context(), words("a secret"))
		if err != nil || r.Encrypted != (key != nil) {
			t.Fatalf("put %d: %+v, %v", i, r, err)
		}
		asked := uint32(0)
		got := l.record(t, r.ID(0).Position, func(number uint32) (cipher.AEAD, error) {
			asked = number
			return aead, nil
		})
		if got != "a secret" || (asked == 9) != (key != nil) || bytes.Contains(l.bodies[i], []byte("a secret")) != (key == nil) {
			t.Errorf("put %d: %q, key %d", i, got, asked)
		}
	}
}

func TestReceiptPanicsPastItsEnd(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	r := Receipt{spans: []span{{count: 2}}}
	r.ID(2)
}

func TestLimiter(t *testing.T) {
	f := func(rates Rates, sizes []int, want ...int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			l := NewLimiter(rates)
			var records [][]byte
			for _, size := range sizes {
				records = append(records, make([]byte, size))
			}
			var got []int
			for range want { // a quarter of a second apart
				got = append(got, l.Allow(records))
				time.Sleep(time.Second / 4)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v allows %v, want %v", rates, got, want)
			}
		})
	}
	two := []int{10, 10}
	f(Rates{}, two, 2, 2, 2)
	f(Rates{Requests: 2}, two, 2, 2, 2, 0, 2) // a full bucket, and half a request back each time
	f(Rates{Records: 4}, two, 2, 2, 2, 1, 1)
	f(Rates{Bytes: 40}, two, 2, 2, 2, 1, 1)
	f(Rates{Bytes: 10}, two, 1, 0, 0, 0, 1)
	f(Rates{Bytes: 5}, two, 0, 0)
	f(Rates{Records: 1, Bytes: 1000}, two, 1, 0, 0, 0, 1)
	f(Rates{Records: 100, Bytes: 15}, two, 1, 0, 1) // 7.5 of 15 left after half a second and a record
}

func TestLimiterNeverAllowsMoreThanItsRateToMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(Rates{Records: 100})
		var allowed atomic.Int64
		var clients sync.WaitGroup
		for range 20 {
			clients.Go(func() { allowed.Add(int64(l.Allow(words("a", "b", "c", "d", "e", "f", "g")))) })
		}
		clients.Wait()
		if n := allowed.Load(); n > 100 {
			t.Errorf("%d records at once", n)
		}
	})
}
