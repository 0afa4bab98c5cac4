package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/disk/disktest"
	"firehose/internal/log"
	"firehose/internal/log/segment"
	"firehose/internal/record"
)

// TestReplayCutsTheSameBatches is the property that everything here is made for. It leads a delivery through random
// lives: streams, limits, faults of the destination, of the disk and of the cursor, flushes, new versions of the
// document, clocks that step, crashes between any two effects. In the end every acknowledged record is in the objects
// exactly once and in order, and a replay from a saved state puts the objects that were put after it.
//
// FIREHOSE_TEST_SEEDS says how many histories, FIREHOSE_TEST_SEED which one alone.
func TestReplayCutsTheSameBatches(t *testing.T) {
	first, count := uint64(0), uint64(40)
	if testing.Short() {
		count = 20
	}
	if s, err := strconv.ParseUint(os.Getenv("FIREHOSE_TEST_SEEDS"), 10, 64); err == nil {
		count = s
	}
	if s, err := strconv.ParseUint(os.Getenv("FIREHOSE_TEST_SEED"), 10, 64); err == nil {
		first, count = s, 1
	}
	dir := t.TempDir()
	for seed := first; seed < first+count && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			h := newHistory(t, seed, dir)
			defer func() {
				if t.Failed() {
					t.Logf("FIREHOSE_TEST_SEED=%d\n%s", seed, strings.Join(h.story, "\n"))
				}
			}()
			h.run()
		})
	}
}

// history is one run of the property: a world and what was promised in it.
type history struct {
	*testing.T
	*world
	rand       *rand.Rand // of the driver
	options    settings
	steps      bool   // the clock steps back between lives
	processing bool   // versions may process records
	impatient  bool   // destinations are often away, and not waited for
	damaging   bool   // the log is damaged now and then
	packed     bool   // records may be packed
	spools     string // folder, which may be away
	p          *life
	running    bool           // p takes records; guarded by the world's mutex
	writing    sync.Mutex     // held by whoever appends, so that the records are numbered in the log's order
	orders     sync.WaitGroup // flushes and changes under way

	records int
	texts   *rand.Rand // of what is appended; goes with writing
	fates   sync.Mutex
	acked   map[string]bool // records that must arrive
	doubted map[string]bool // records that may
	dropped map[string]bool // records that a function may drop, or the log has lost

	spoiled   map[uint64]int // records in blocks that the log was given broken
	savesThen int            // states that were saved when the log was last damaged
}

func newHistory(t *testing.T, seed uint64, dir string) *history {
	r := rand.New(rand.NewPCG(seed, 1))
	h := &history{
		T: t, rand: r, texts: rand.New(rand.NewPCG(seed, 3)), acked: map[string]bool{}, doubted: map[string]bool{}, dropped: map[string]bool{}, spoiled: map[uint64]int{}, steps: r.IntN(2) == 0, processing: r.IntN(3) > 0,
		world: &world{
			fickle: r.IntN(8) == 0, disk: disktest.New(seed), chance: rand.New(rand.NewPCG(seed, 2)), objects: map[string][]byte{},
			sent: map[record.Position]deliver.Sent{},
		},
	}
	h.packed = r.IntN(4) == 0
	h.damaging = r.IntN(4) == 0
	h.holding = r.IntN(4) == 0
	h.impatient = h.processing && r.IntN(3) == 0
	h.spools = filepath.Join(dir, fmt.Sprint(seed))
	if err := os.Mkdir(h.spools, 0o700); err != nil {
		t.Fatal(err)
	}
	h.options = settings{
		inFlight: 1 + r.IntN(5), encoders: 1 + r.IntN(2),
		spools: batch.NewSpools(h.spools, []int64{1 << 30, 1 << 30, 4 << 10, 64 << 10}[r.IntN(4)]),
		logs:   segment.Options{SegmentSizeMax: 1 << (9 + r.IntN(6)), Retention: []time.Duration{-1, time.Hour}[r.IntN(2)]},
	}
	h.options.intrude, h.options.slow = h.intrude, h.slow
	h.declare()
	return h
}

// intrude appends now and then. It is called by the delivery's goroutines.
func (h *history) intrude() {
	h.mu.Lock()
	intrude := !h.calm && !h.dead && h.running && h.chance.IntN(20) == 0
	h.mu.Unlock()
	if intrude {
		h.append()
	}
	for range 5 {
		runtime.Gosched() // so that others see it first
	}
}

// slow returns how long the log's clock takes to answer.
func (h *history) slow() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calm || h.chance.IntN(10) > 0 {
		return 0
	}
	return time.Duration(h.chance.IntN(1_500)) * time.Millisecond
}

func (h *history) run() {
	for range 1 + h.rand.IntN(5) {
		h.live()
	}
	h.settle()
	h.checkObjects()
	for range 5 {
		if h.fickle {
			break // a function that changes its mind changes what is put
		}
		if n := h.savesThen + h.rand.IntN(len(h.saves)); n < len(h.saves) {
			h.checkReplay(n)
		}
	}
	h.checkRange()
}

// declare makes a version of the document.
func (h *history) declare() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.buckets) == 0 || h.rand.IntN(2) == 0 {
		state := []bucketState{bucketThere, bucketThere, bucketDenied, bucketAbsent}[h.rand.IntN(4)]
		if h.impatient && h.rand.IntN(2) == 0 {
			state = bucketAway
		}
		h.buckets = append(h.buckets, state)
	}
	p := plan{bucket: h.rand.IntN(len(h.buckets)), limits: h.limits(), ordered: h.rand.IntN(6) == 0}
	if h.processing && h.rand.IntN(4) > 0 {
		p.process = randomProcessing(h.rand, h.packed)
		if h.impatient {
			p.process.giveUp(h.rand)
		}
	}
	if n := len(h.plans); n > 0 && h.rand.IntN(3) == 0 {
		p.limits, p.process = h.plans[n-1].limits, h.plans[n-1].process // only the bucket is another
	}
	h.plans = append(h.plans, p)
	h.note("version %d: %+v, bucket is %d", len(h.plans), p, h.buckets[p.bucket])
}

func (h *history) limits() batch.Limits {
	return batch.Limits{
		Size:     []int64{1, 50, 500, 5000, 1 << 20}[h.rand.IntN(5)],
		Interval: []time.Duration{0, 100 * time.Millisecond, time.Second, time.Minute, 5 * time.Minute}[h.rand.IntN(5)],
		Count:    []int{0, 0, 1, 3}[h.rand.IntN(4)],
	}
}

// reset gives every version other limits, as another configuration of the server may.
func (h *history) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.plans {
		h.plans[i].limits = h.limits()
		if h.plans[i].process.parts > 0 {
			h.plans[i].process.active = h.rand.IntN(5)
		}
		h.note("version %d has the limits %+v", i+1, h.plans[i].limits)
	}
}

// repair lets every bucket take objects.
func (h *history) repair() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note("every bucket is repaired")
	clear(h.buckets)
	h.errors = bucketThere
}

// deny lets a bucket refuse objects, or not answer.
func (h *history) deny() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := h.rand.IntN(len(h.buckets)); h.buckets[n] == bucketThere {
		h.buckets[n] = []bucketState{bucketDenied, bucketAway}[h.rand.IntN(2)]
		h.note("bucket %d denies access or is away: %d", n, h.buckets[n])
	}
	if h.rand.IntN(3) == 0 {
		h.errors = []bucketState{bucketDenied, bucketAbsent, bucketAway}[h.rand.IntN(3)]
		h.note("error outputs: %d", h.errors)
	}
}

// spoolsGo takes the folder of spools away, as a full disk would, or brings it back.
func (h *history) spoolsGo(away bool) {
	from, to := h.spools, h.spools+" away"
	if !away {
		from, to = to, from
	}
	if err := os.Rename(from, to); err == nil {
		h.mu.Lock()
		h.note("the folder of spools is away: %t", away)
		h.mu.Unlock()
	}
}

// live leads the process through one life.
func (h *history) live() {
	h.mu.Lock()
	h.dead, h.fuse, h.failing = false, h.rand.IntN(4)*h.rand.IntN(20), 0
	if h.impatient {
		h.fuse *= 5
	}
	h.clock += time.Duration(h.rand.IntN(600)) * time.Second
	if h.steps {
		h.clock -= time.Duration(h.rand.IntN(900)) * time.Second
	}
	h.mu.Unlock()
	if h.rand.IntN(4) == 0 {
		h.reset()
	}
	h.options.paused = h.rand.IntN(8) == 0
	h.damage()
	p, err := h.start(h.T, h.options)
	if err != nil {
		if !h.isDead() {
			h.Fatalf("start: %v", err)
		}
		return
	}
	h.mu.Lock()
	h.p, h.running = p, true
	h.note("life with version %d, clock %v", len(h.plans), h.clock)
	h.mu.Unlock()
	stopFaults := func() {}
	for range h.rand.IntN(40) {
		if h.isDead() {
			break
		}
		switch h.rand.IntN(29) {
		default:
			h.append()
		case 0, 1, 2, 3:
			time.Sleep(time.Duration(h.rand.IntN(2_000)) * time.Millisecond)
		case 4, 5:
			time.Sleep(time.Duration(h.rand.IntN(200)) * time.Second)
		case 6:
			h.flush()
		case 7:
			h.reconfigure()
		case 8:
			h.mu.Lock()
			h.failing = h.rand.IntN(4)
			h.mu.Unlock()
		case 9:
			stopFaults()
			stopFaults = p.disk.Inject(disktest.Fault{Op: disktest.Read, Skip: h.rand.IntN(10), Times: 1 + h.rand.IntN(3), Err: syscall.EIO})
		case 10:
			h.repair()
		case 11:
			h.declare() // at the next start it is in force
		case 12:
			h.deny()
		case 13:
			h.spoolsGo(true)
		case 14:
			h.spoolsGo(false)
		case 15:
			p.Pause()
		case 16, 17:
			p.Resume()
		}
	}
	stopFaults()
	h.mu.Lock()
	h.running = false
	h.mu.Unlock()
	h.endLife()
	h.orders.Wait()
}

// endLife kills the process, in the middle of an append or not, or lets it end.
func (h *history) endLife() {
	switch h.rand.IntN(4) {
	case 0:
		h.p.end(h.T, time.Minute)
	case 1:
		h.p.end(h.T, 0)
	case 2:
		h.p.disk.Inject(disktest.Fault{Op: disktest.Any, Skip: h.rand.IntN(8), Short: h.rand.IntN(3000), Err: syscall.EIO})
		h.append()
		fallthrough
	default:
		h.mu.Lock()
		h.fuse = 1
		h.danger()
		h.mu.Unlock()
		h.p.end(h.T, 0)
	}
}

// append appends one or several blocks.
func (h *history) append() {
	h.writing.Lock()
	defer h.writing.Unlock()
	var blocks []*block.Builder
	var bodies [][]byte
	var lines []string
	spoiled := map[int]int{}
	for range 1 + h.texts.IntN(2)*h.texts.IntN(3) {
		b, begun := new(block.Builder), len(lines)
		for range 1 + h.texts.IntN(5) {
			if h.texts.IntN(10) == 0 {
				b.Append(nil)
				continue
			}
			text, first := "", len(lines)
			for range 1 + h.texts.IntN(2)*h.texts.IntN(3) {
				h.records++
				line := fmt.Sprintf("%06d%s\n", h.records, strings.Repeat("x", h.texts.IntN(60)*h.texts.IntN(3)))
				if h.texts.IntN(60) == 0 {
					line = line[:6] + strings.Repeat("y", 40<<10) + "\n"
				}
				text += line
				lines = append(lines, line)
			}
			if h.packed && h.texts.IntN(5) > 0 {
				b.Append(packed([]byte(text)))
			} else {
				b.Append([]byte(text))
			}
			h.fates.Lock()
			for _, line := range lines[first:] {
				h.dropped[line] = dropped([]byte(text)) || dropped([]byte(line))
			}
			h.fates.Unlock()
		}
		blocks = append(blocks, b)
		bodies = append(bodies, b.Pack(nil, nil))
		if h.damaging && h.texts.IntN(8) == 0 {
			last := len(bodies) - 1
			blocks[last], bodies[last] = nil, spoil(bodies[last], h.texts.IntN)
			spoiled[last], _, _, _ = block.Describe(bodies[last])
			h.forgive(lines[begun:])
		}
	}
	first, at, err := h.p.log.Append(context.Background(), bodies...)
	for i, b := range blocks {
		if err == nil && b != nil && h.texts.IntN(2) == 0 {
			h.p.recent.Add(block.Log{}, first+uint64(i), b)
		}
	}
	h.mu.Lock()
	dead := h.dead
	for i, records := range spoiled {
		if err == nil && !dead {
			h.spoiled[first+uint64(i)] = records
		}
	}
	h.note("append %d blocks at %d, %v: %.6q: %v", len(bodies), first, at.Format("15:04:05.000"), lines, err)
	h.mu.Unlock()
	h.fates.Lock()
	defer h.fates.Unlock()
	for _, line := range lines {
		if err == nil && !dead {
			h.acked[line] = true
		} else {
			h.doubted[line] = true
		}
	}
	if err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, log.ErrClosed) {
		h.Errorf("append: %v", err)
	}
}

// flush flushes beside everything else. If it succeeds, what was acknowledged before is in objects.
func (h *history) flush() {
	h.fates.Lock()
	before := len(h.acked)
	promised := make([]string, 0, before)
	for line := range h.acked {
		promised = append(promised, line)
	}
	dropped := maps.Clone(h.dropped)
	h.fates.Unlock()
	p, patience := h.p, time.Duration(h.rand.IntN(100))*time.Second
	h.orders.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if p.Flush(ctx) != nil {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		found := count(h.objects)
		for _, line := range promised {
			if !h.once(line, found[line], dropped[line]) {
				h.Errorf("after a flush %.6s is there %d times", line, found[line])
			}
		}
	})
}

// reconfigure puts a new version in force beside everything else.
func (h *history) reconfigure() {
	h.declare()
	p, version := h.p, len(h.plans)
	h.orders.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := p.Reconfigure(ctx, version)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.note("version %d put in force: %v", version, err)
	})
}
