package deliver_test

import (
	"bytes"
	"context"
	"time"

	"firehose/internal/deliver"
	"firehose/internal/record"
)

// settle lives once more, without faults, until everything is delivered.
func (h *history) settle() {
	h.mu.Lock()
	h.calm, h.dead, h.fuse, h.failing = true, false, 0, 0
	h.mu.Unlock()
	h.repair()
	for h.plans[len(h.plans)-1].process.bare != nil {
		h.declare() // what is refused needs a place
	}
	h.repair()
	h.spoolsGo(false)
	h.damage()
	h.options.paused = false
	p, err := h.start(h.T, h.options)
	if err != nil {
		h.Fatalf("start: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := p.Flush(ctx); err != nil {
		h.Errorf("flush: %v, at %+v", err, p.Status())
	}
	p.end(h.T, time.Minute)
}

// count counts in how many objects records are.
func count(objects map[string][]byte) map[string]int {
	found := map[string]int{}
	for _, body := range objects {
		for _, line := range lines(body) {
			found[line]++
		}
	}
	return found
}

// once says whether it is right that a line was found so many times.
func (h *history) once(line string, found int, dropped bool) bool {
	return found == 1 || found == 0 && dropped || found > 1 && (h.fickle || h.twice[line])
}

func (h *history) checkObjects() {
	for key, body := range h.objects {
		list := lines(body)
		for i := 1; i < len(list); i++ {
			if list[i] <= list[i-1] {
				h.Errorf("object %s: %.6s after %.6s", key, list[i], list[i-1])
			}
		}
	}
	found := count(h.objects)
	for line := range h.acked {
		if !h.once(line, found[line], h.dropped[line]) {
			h.Errorf("record %.6s is there %d times", line, found[line])
		}
	}
	for line, n := range found {
		if !h.once(line, n, false) || !h.acked[line] && !h.doubted[line] {
			h.Errorf("record %.6s is there %d times", line, n)
		}
	}
	for _, b := range h.broke {
		h.Error(b)
	}
	spoiled := 0
	for _, records := range h.spoiled {
		spoiled += records
	}
	if h.lost < spoiled || h.lost > 0 && !h.damaging {
		h.Errorf("%d records are said to be lost, and %d are", h.lost, spoiled)
	}
}

// checkReplay replays from the n-th saved state into empty buckets. What had been put while that state was the newest
// one must be put again, byte by byte. Only a batch that the clock had cut, with nothing of its partition after it, may have
// grown: a clock that stepped back after a crash lets more records belong to it, and it overwrites itself. What was tried
// for too long then is delivered now.
func (h *history) checkReplay(n int) {
	options := h.options
	options.intrude, options.slow = func() {}, func() time.Duration { return 0 }
	again := &world{disk: h.disk, clock: h.clock, calm: true, plans: h.plans, buckets: h.buckets, objects: map[string][]byte{},
		saves: h.saves[n : n+1 : n+1], sent: map[record.Position]deliver.Sent{}}
	again.version = again.saves[0].Versions[len(again.saves[0].Versions)-1].Version
	if h.plans[again.version-1].process.bare != nil {
		return // what is refused has no place
	}
	p, err := again.start(h.T, options)
	if err != nil {
		h.Fatalf("start: %v", err)
	}
	if first, _ := p.log.Ends(); h.saves[n].Floor.Block < first {
		p.end(h.T, 0)
		return // trimmed since
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := p.Flush(ctx); err != nil {
		h.Errorf("flush: %v, at %+v", err, p.Status())
	}
	p.end(h.T, time.Minute)
	for _, e := range h.effects {
		got, there := again.objects[e.key]
		switch {
		case e.saves != n+1 || e.gaveUp: // now it is delivered
		case !there && h.steps && e.part: // a batch that has grown is divided elsewhere
		case !there:
			h.Errorf("replay from state %d %+v does not put %s", n, h.saves[n], e.key)
		case (e.newest || h.processing) && h.steps && bytes.HasPrefix(got, e.body):
		case !bytes.Equal(got, e.body):
			h.Errorf("replay from state %d %+v puts %s\n%s\ninstead of\n%s", n, h.saves[n], e.key, got, e.body)
		}
	}
}
