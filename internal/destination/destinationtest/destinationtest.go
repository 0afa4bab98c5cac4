// Package destinationtest is the suite that every kind of destination passes. A new kind needs no other test of how it
// behaves towards a delivery.
package destinationtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/record"
	"firehose/internal/verdict"
)

// Mood is how the other side behaves.
type Mood int

// Moods of the other side.
const (
	Well    Mood = iota
	Failing      // answers with an error that passes by itself
	Broken       // answers with an error that somebody must repair
	Hanging      // does not answer
)

// Target is the other side of a destination, as the suite needs it.
type Target struct {
	Destination destination.Destination
	Set         func(Mood)          // changes how it behaves
	Moods       []Mood              // besides Well
	Received    func() [][]byte     // what arrived, without repetitions of the same batch; each in the container of the kind
	Plain       func([]byte) []byte // takes what arrived out of its container: the records, one after the other
}

// timeout is how long anything of the suite may take.
const timeout = 30 * time.Second

// Run runs the suite. Open makes a destination with an empty other side that is well.
func Run(t *testing.T, open func(t *testing.T) Target) {
	check := func(name string, f func(s *suite)) {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, Target: open(t)}
			f(s)
			if err := s.Destination.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	check("delivers a batch", func(s *suite) {
		s.deliver(s.batch(1, "one", "two", "", "three"))
		s.want("onetwothree")
	})
	check("delivers a batch of nothing but empty records", func(s *suite) {
		s.deliver(s.batch(1, "", ""))
		s.want("")
	})
	check("makes equal bytes of the same batch, however its records come", func(s *suite) {
		words := []string{"a", "bc", "", "def", "g"}
		whole := s.encode(head(1), words)
		for piece := 1; piece <= len(words); piece++ {
			if got := s.encodeIn(head(1), piece, words); !bytes.Equal(got, whole) {
				s.Errorf("in pieces of %d: %d bytes differ from %d", piece, len(got), len(whole))
			}
		}
	})
	check("delivers the same batch again without a second effect", func(s *suite) {
		for range 3 {
			s.deliver(s.batch(1, "one"))
		}
		s.want("one")
	})
	check("keeps batches apart", func(s *suite) {
		for block := range uint64(5) {
			s.deliver(s.batch(block+1, fmt.Sprint("batch", block)))
		}
		s.want("batch0", "batch1", "batch2", "batch3", "batch4")
	})
	check("delivers several batches at once", func(s *suite) {
		done := make(chan error)
		for block := range uint64(8) {
			b := s.batch(block+1, fmt.Sprint("batch", block))
			go func() { done <- s.Destination.Deliver(s.Context(), b) }()
		}
		for range 8 {
			if err := <-done; err != nil {
				s.Errorf("deliver: %v", err)
			}
		}
		s.want("batch0", "batch1", "batch2", "batch3", "batch4", "batch5", "batch6", "batch7")
	})
	check("says the name of a batch, always the same", func(s *suite) {
		namer, ok := s.Destination.(destination.Namer)
		if !ok {
			return
		}
		if a, b := namer.Name(head(1)), namer.Name(head(2)); a == "" || a == b || a != namer.Name(head(1)) {
			s.Errorf("names %q and %q", a, b)
		}
	})
	check("tells an error that passes by itself, and delivers after it", func(s *suite) {
		if s.set(Failing) {
			s.wantError(false)
			s.Set(Well)
			s.deliver(s.batch(1, "one"))
			s.want("one")
		}
	})
	check("tells what somebody must repair, and delivers after it", func(s *suite) {
		if s.set(Broken) {
			s.wantError(true)
			s.want()
			s.Set(Well)
			s.deliver(s.batch(1, "one"))
			s.want("one")
		}
	})
	check("ends a try when its context ends", func(s *suite) {
		if s.set(Hanging) {
			ctx, cancel := context.WithTimeout(s.Context(), 50*time.Millisecond)
			defer cancel()
			err := s.Destination.Deliver(ctx, s.batch(1, "one"))
			if err == nil || verdict.AsSetUp(err) != nil {
				s.Errorf("deliver: %v", err)
			}
			s.Set(Well)
			s.deliver(s.batch(1, "one"))
			s.want("one")
		}
	})
	check("does nothing for a context that has ended", func(s *suite) {
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		if err := s.Destination.Deliver(ctx, s.batch(1, "one")); !errors.Is(err, context.Canceled) {
			s.Errorf("deliver: %v", err)
		}
		s.want()
	})
}

type suite struct {
	*testing.T
	Target
}

// set changes how the other side behaves, if it can behave so.
func (s *suite) set(m Mood) bool {
	for _, can := range s.Moods {
		if can == m {
			s.Set(m)
			return true
		}
	}
	return false
}

// head returns the head of a batch that begins with a block.
func head(block uint64) batch.Head {
	return batch.Head{First: record.Position{Block: block}, Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Version: 1}
}

// batch returns a batch of records.
func (s *suite) batch(block uint64, records ...string) *batch.Batch {
	s.Helper()
	b := &batch.Batch{Head: head(block), End: record.Position{Block: block + 1}, Records: len(records)}
	for _, r := range records {
		b.Bytes += int64(len(r))
	}
	b.Body = bytes.NewReader(s.encode(b.Head, records))
	return b
}

func (s *suite) encode(h batch.Head, records []string) []byte {
	s.Helper()
	return s.encodeIn(h, len(records), records)
}

// encodeIn encodes records, so many at once.
func (s *suite) encodeIn(h batch.Head, piece int, records []string) []byte {
	s.Helper()
	var body bytes.Buffer
	encoder, err := s.Destination.Encoder(context.Background(), h, &body)
	if err != nil {
		s.Fatalf("encoder: %v", err)
	}
	for len(records) > 0 {
		n := min(piece, len(records))
		run := batch.Records{Data: []byte("before"), Start: 6}
		for _, r := range records[:n] {
			run.Data = append(run.Data, r...)
			run.Ends = append(run.Ends, len(run.Data))
		}
		run.Data = append(run.Data, "after"...)
		if err := encoder.Write(run); err != nil {
			s.Fatalf("encode: %v", err)
		}
		records = records[n:]
	}
	if err := encoder.Close(); err != nil {
		s.Fatalf("encode: %v", err)
	}
	return body.Bytes()
}

func (s *suite) deliver(b *batch.Batch) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), timeout)
	defer cancel()
	if err := s.Destination.Deliver(ctx, b); err != nil {
		s.Errorf("deliver: %v", err)
	}
}

// wantError delivers and wants an error that must be repaired or one that passes.
func (s *suite) wantError(repair bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), timeout)
	defer cancel()
	err := s.Destination.Deliver(ctx, s.batch(1, "one"))
	broken := verdict.AsSetUp(err)
	if err == nil || (broken != nil) != repair {
		s.Errorf("deliver: %v, which somebody must repair: %t", err, broken != nil)
	}
	if broken != nil && (broken.Code == "" || broken.Fix == "") {
		s.Errorf("the error %+v does not say what to do", broken)
	}
}

// want compares what arrived, in any order.
func (s *suite) want(want ...string) {
	s.Helper()
	got := map[string]int{}
	for _, body := range s.Received() {
		got[string(s.Plain(body))]++
	}
	ok := true
	for _, w := range want {
		got[w]--
	}
	for _, n := range got {
		ok = ok && n == 0
	}
	if !ok {
		s.Errorf("received %v more than %q", got, want)
	}
}
