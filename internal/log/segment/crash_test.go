package segment

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"firehose/internal/disk/disktest"
	"firehose/internal/log"
)

var seeds = flag.Uint64("seeds", 200, "random histories that TestCrashesLoseNothingAcknowledged runs through")

// TestCrashesLoseNothingAcknowledged runs random histories of appends, faults, clock steps, trims, restarts and crashes
// and compares each state after a start with what was promised.
func TestCrashesLoseNothingAcknowledged(t *testing.T) {
	for seed := range *seeds {
		h := &history{
			rig: newRig(t, Options{SegmentSizeMax: 3000, Retention: time.Hour}), rand: rand.New(rand.NewPCG(seed, 7)), seed: seed,
			known: map[uint64]known{}, refused: map[string]bool{},
		}
		h.fs = disktest.New(seed)
		h.reopen()
		for range 60 {
			h.step()
		}
		h.e.Close()
		if t.Failed() {
			return
		}
	}
}

// known is an entry that was acknowledged or read.
type known struct {
	body string
	time time.Time
}

type history struct {
	*rig
	rand     *rand.Rand
	seed     uint64
	bodies   int
	known    map[uint64]known
	top      uint64 // highest number known
	doubt    map[string]bool
	refused  map[string]bool // bodies that must never be read
	released uint64
	torn     bool // an append of several bodies was torn: if its last body is whole, the others are told of as damage
}

func (h *history) fail(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("seed %d: "+format+"\n%s", append(append([]any{h.seed}, args...), h.text.String())...)
}

func (h *history) step() {
	h.now = h.now.Add(time.Duration(h.rand.IntN(7)-2) * time.Minute)
	switch h.rand.IntN(16) {
	default:
		h.append(false)
	case 0:
		h.crashAfter(func() {})
	case 1: // the power goes in the middle of an append
		h.crashAfter(func() {
			h.fs.Inject(disktest.Fault{Op: disktest.Any, Skip: h.rand.IntN(8), Short: h.rand.IntN(3000), Err: syscall.EIO})
			h.append(true)
		})
	case 2:
		h.reopen()
		h.check()
	case 3:
		h.check()
	case 4, 5:
		h.fault()
	case 6:
		h.fs.SetFree(int64(h.rand.IntN(3000)))
		h.append(false)
		h.append(false)
		h.fs.SetFree(1 << 40)
	case 7:
		if h.top > 0 {
			h.released = max(h.released, h.rand.Uint64N(h.top+1))
		}
		h.l.Release(h.released)
		h.e.sweep()
	}
}

// fault lets one kind of operation fail during some appends.
func (h *history) fault() {
	ops := []disktest.Op{disktest.Write, disktest.Sync, disktest.Truncate, disktest.Rename, disktest.Create, disktest.SyncDir, disktest.Open, disktest.Remove}
	stop := h.fs.Inject(disktest.Fault{
		Op: ops[h.rand.IntN(len(ops))], Skip: h.rand.IntN(3), Times: 1 + h.rand.IntN(3), Short: h.rand.IntN(3000),
		Err: []error{syscall.EIO, syscall.ENOSPC}[h.rand.IntN(2)],
	})
	for range 1 + h.rand.IntN(4) {
		h.append(false)
	}
	stop()
}

func (h *history) append(dying bool) {
	var list []string
	for range 1 + h.rand.IntN(3) {
		h.bodies++
		list = append(list, fmt.Sprintf("%d:%s", h.bodies, strings.Repeat("x", h.rand.IntN(1200))))
	}
	first, at, err := h.tryAppend(list...)
	for i, body := range list {
		switch {
		case err == nil:
			h.keep(first+uint64(i), known{body, at})
		case dying:
			h.doubt[body] = true
		default:
			h.refused[body] = true
		}
	}
	if err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, log.ErrFull) {
		h.fail("append: %v", err)
	}
}

func (h *history) keep(n uint64, k known) {
	if n <= h.top || k.time.Before(h.known[h.top].time) {
		h.fail("entry %d at %v after %d at %v", n, k.time, h.top, h.known[h.top].time)
	}
	h.known[n], h.top = k, n
}

func (h *history) crashAfter(last func()) {
	h.doubt = map[string]bool{}
	last()
	if h.l.fresh { // no fresh segment could be begun: what was refused last may come back
		for body := range h.refused {
			h.doubt[body] = true
		}
	}
	h.torn = h.torn || len(h.doubt) > 1
	h.crash(disktest.Mixed)
	h.check()
	h.doubt = nil
}

// check reads everything. Nothing but history may be missing, and nothing new be there but what was in doubt.
func (h *history) check() {
	first, next := h.l.Ends()
	if h.top > 0 && next <= h.top {
		h.fail("next is %d, entry %d is known", next, h.top)
	}
	read := map[uint64]bool{}
	reader := h.l.Read(1)
	defer reader.Close()
	for {
		e, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			h.fail("read: %v", err)
		}
		body := string(e.Body)
		k, old := h.known[e.Number]
		switch {
		case e.Number < first || e.Number >= next:
			h.fail("entry %d read, the ends are %d and %d", e.Number, first, next)
		case old && (k.body != body || !k.time.Equal(e.Time)):
			h.fail("entry %d holds %.20q, was %.20q", e.Number, body, k.body)
		case !old && !h.doubt[body]:
			h.fail("entry %d holds %.20q, which was never acknowledged", e.Number, body)
		case !old:
			h.keep(e.Number, known{body, e.Time})
		}
		read[e.Number] = true
	}
	for n := range h.known {
		if !read[n] && (n >= h.released || n >= first) {
			h.fail("entry %d is lost; released before %d, ends %d, %d", n, h.released, first, next)
		}
	}
	if len(h.damaged) > 0 && !h.torn {
		h.fail("damage where none was done: %+v", h.damaged)
	}
}
