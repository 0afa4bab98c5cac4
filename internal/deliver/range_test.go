package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/record"
)

// checkRange delivers a random part of the log once more, by a delivery of its own that dies now and then. Each record of
// the part must be in its objects once, and no other.
func (h *history) checkRange() {
	again := &world{disk: h.disk, clock: h.clock, chance: rand.New(rand.NewPCG(h.rand.Uint64(), 4)), plans: []plan{{limits: h.limits()}},
		buckets: []bucketState{bucketThere}, objects: map[string][]byte{}, sent: map[record.Position]deliver.Sent{}}
	if h.processing {
		again.plans[0].process = processing{split: !h.packed && h.rand.IntN(2) == 0, rejects: h.rand.IntN(3) == 0, parts: h.rand.IntN(4)}
	}
	defer func() {
		if h.T.Failed() {
			h.story = append(append(h.story, "range:"), again.story...)
		}
	}()
	records := again.logged(h)
	from := h.rand.IntN(len(records) + 1)
	until := from + h.rand.IntN(len(records)-from+1)
	span := &deliver.Range{From: records.at(from), Until: records.at(until)}
	if h.rand.IntN(2) == 0 {
		span.Rate = 1 + 100*h.rand.Float64()
	}
	options := h.options
	options.intrude, options.slow, options.span = func() {}, func() time.Duration { return 0 }, span
	for life := 0; ; life++ {
		fuse := h.rand.IntN(30)
		if life == 5 {
			fuse = 0
		}
		again.mu.Lock()
		again.dead, again.calm, again.fuse = false, life == 5, fuse
		again.mu.Unlock()
		p, err := again.start(h.T, options)
		if err != nil {
			continue // it died before it ran
		}
		ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
		if fuse == 0 && life < 5 {
			ctx, cancel = context.WithTimeout(context.Background(), time.Duration(h.rand.IntN(100))*time.Second)
		} else if life < 5 {
			ctx, cancel = context.WithTimeout(context.Background(), 10*time.Minute)
		}
		err = p.Complete(ctx)
		cancel()
		p.end(h.T, time.Minute)
		if life == 5 && err != nil {
			h.Errorf("a range from %v to %v of %d records was not delivered: %v", span.From, span.Until, until-from, err)
		}
		if life == 5 {
			break
		}
	}
	want := map[string]int{}
	for _, r := range records[from:until] {
		for _, line := range r.lines {
			want[line]++
		}
	}
	found := count(again.objects)
	for line := range found {
		if want[line] == 0 {
			h.Errorf("record %.6s is not in the range from %v to %v, and was delivered", line, span.From, span.Until)
		}
	}
	for line := range want {
		if found[line] != 1 {
			h.Errorf("record %.6s of the range from %v to %v is there %d times", line, span.From, span.Until, found[line])
		}
	}
}

// logged is what the log has, record by record.
type logged []struct {
	position record.Position
	lines    []string
}

func (l logged) at(index int) record.Position {
	if index < len(l) {
		return l[index].position
	}
	if index == 0 {
		return record.Position{Block: 1}
	}
	last := l[index-1].position
	return record.Position{Block: last.Block, Index: last.Index + 1}
}

// logged reads the log.
func (w *world) logged(h *history) (list logged) {
	options := h.options
	p, err := w.start(h.T, options)
	if err != nil {
		h.Fatal(err)
	}
	defer func() {
		p.end(h.T, 0)
		w.saves, w.disk = nil, p.disk
	}()
	reader := p.log.Read(1)
	defer reader.Close()
	var b block.Block
	for {
		entry, err := reader.Next()
		if err == io.EOF {
			return list
		}
		if err == nil {
			err = b.Unpack(entry.Body, nil)
		}
		if errors.Is(err, block.ErrCorrupt) {
			continue
		}
		if err != nil {
			h.Fatal(err)
		}
		for i := range b.Count() {
			list = append(list, struct {
				position record.Position
				lines    []string
			}{record.Position{Block: entry.Number, Index: uint32(i)}, lines(unpacked(b.Record(i)))})
		}
	}
}

// spanned starts a delivery of a part of the rig's log, with nothing delivered of it.
func (r *rig) spanned(span deliver.Range, limits batch.Limits) *life {
	r.Helper()
	again := &world{disk: r.p.disk, calm: true, chance: r.chance, objects: map[string][]byte{}, sent: map[record.Position]deliver.Sent{},
		plans: []plan{{limits: limits}}, buckets: []bucketState{bucketThere}}
	settings := r.settings
	settings.span = &span
	p, err := again.start(r.T, settings)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func TestARangeBeginsAndEndsInsideBlocks(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b c d")
		r.put("e f g h")
		r.put("i j")
		r.p.end(t, time.Minute)
		p := r.spanned(deliver.Range{From: record.Position{Block: 1, Index: 3}, Until: record.Position{Block: 2, Index: 3}}, batch.Limits{Size: 1 << 20, Interval: time.Hour, Count: 3})
		began := time.Now()
		if err := p.Complete(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("a range has an end, and its last batch waited for %v", took)
		}
		p.end(t, time.Minute)
		got := ""
		for _, key := range []string{"0/v1/1:3", "0/v1/2:2"} {
			got += key + "=" + strings.Join(strings.Fields(string(p.objects[key])), " ") + ";"
		}
		if want := "0/v1/1:3=d e f;0/v1/2:2=g;"; got != want || len(p.objects) != 2 {
			t.Errorf("objects %s of %d, want %s", got, len(p.objects), want)
		}
		r.start()
	})
}

func TestARangeKeepsToItsRate(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		for i := range 50 {
			r.put(fmt.Sprint(i, i))
		}
		r.p.end(t, time.Minute)
		p := r.spanned(deliver.Range{From: record.Position{Block: 1}, Until: record.Position{Block: 51}, Rate: 4}, byTwo)
		began := time.Now()
		if err := p.Complete(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 24*time.Second || took > 26*time.Second {
			t.Errorf("100 records at 4 a second took %v", took)
		}
		p.end(t, time.Minute)
		if len(p.objects) != 50 {
			t.Errorf("%d objects", len(p.objects))
		}
		r.start()
	})
}
