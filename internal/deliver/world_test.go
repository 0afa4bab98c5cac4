package deliver_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/disk/disktest"
	"firehose/internal/erroroutput"
	"firehose/internal/log"
	"firehose/internal/log/segment"
	"firehose/internal/record"
	"firehose/internal/verdict"
)

// world is what outlives a process: the disk, the saved states, the catalogue's versions and the buckets. It dies at a
// point chosen beforehand, and then nothing more has an effect on it.
type world struct {
	disk  *disktest.FS
	clock time.Duration // how far the machine's clock is ahead of the test's

	mu      sync.Mutex
	chance  *rand.Rand
	calm    bool // nothing fails
	fickle  bool // functions change their minds
	fuse    int  // points of danger until the process dies; 0 for never
	dead    bool
	ends    func() (first, next uint64)
	saves   []deliver.State // the last is in force
	sent    map[record.Position]deliver.Sent
	failing int  // saves that fail from now on
	broken  bool // every save fails
	plans   []plan
	version int // in force at the start; 0 for the last plan
	buckets []bucketState
	errors  bucketState             // of all error outputs
	held    destination.Destination // in place of buckets; nil for them
	holding bool                    // now and then a destination cannot be opened
	denied  string                  // part of names that are refused; "" for none
	dies    string                  // name of the object that is the last one; "" for none
	objects map[string][]byte
	effects []effect
	places  map[string]*place   // where every line was put, by its object's key
	holders map[string][]*place // by line
	twice   map[string]bool     // lines that are rightly in the data and in the error output
	life    int
	damages int // how often the log was damaged
	lost    int
	refused map[string]int // records that were counted as going to the error output, by kind of failure
	broke   []string       // promises that were broken
	story   []string       // what happened, for whoever looks for the fault
}

// note adds to the story. It needs the mutex.
func (w *world) note(format string, args ...any) {
	w.story = append(w.story, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// plan is what a version of the document says.
type plan struct {
	limits  batch.Limits
	bucket  int
	process processing
	ordered bool
}

// bucketState is what a bucket answers.
type bucketState int

const (
	bucketThere bucketState = iota
	bucketDenied
	bucketAbsent
	bucketAway // does not answer
)

// effect is an object that was put.
type effect struct {
	key    string
	body   []byte
	saves  int  // states that were saved before
	newest bool // no record came after the batch's last
	gaveUp bool // to put it elsewhere
	part   bool // of a batch that was divided
}

var errDead = errors.New("the process is dead")

// danger is a point at which the process may die. It needs the mutex.
func (w *world) danger() bool {
	if w.fuse > 0 && !w.dead {
		if w.fuse--; w.fuse == 0 {
			w.note("crash")
			w.dead = true
			w.disk = w.disk.Crash(disktest.Mixed)
		}
	}
	return w.dead
}

func (w *world) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// Load, Save and Find make a world a deliver.Cursor.
func (w *world) Load() (deliver.State, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.saves) == 0 {
		return deliver.State{}, false, nil
	}
	return w.stored(w.saves[len(w.saves)-1]), true, nil
}

func (w *world) Save(s deliver.State, sent []deliver.Sent, oldest uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.danger() {
		return errDead
	}
	if w.broken || w.failing > 0 && !w.calm {
		w.failing--
		return errors.New("disk full")
	}
	w.note("state %d: %+v", len(w.saves), s)
	w.saves = append(w.saves, w.stored(s))
	for _, b := range sent {
		w.sent[b.First] = b
	}
	if w.danger() {
		return errDead
	}
	return nil
}

func (w *world) Find(p record.Position) (deliver.Sent, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.sent {
		if !p.Before(b.First) && p.Before(b.End) {
			return b, true, nil
		}
	}
	return deliver.Sent{}, false, nil
}

// stored returns the state as it comes back from where it is kept.
func (w *world) stored(s deliver.State) (back deliver.State) {
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || !reflect.DeepEqual(s.Spans, back.Spans) && len(s.Spans)+len(back.Spans) > 0 {
		w.note("state %+v came back as %+v: %v", s, back, err)
		panic("a state is not what was saved")
	}
	return back
}

// open is deliver.Settings.Open.
func (w *world) open(version int) (deliver.Plan, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if version < 1 || version > len(w.plans) {
		return deliver.Plan{}, fmt.Errorf("no version %d", version)
	}
	p := w.plans[version-1]
	if w.held != nil {
		return deliver.Plan{Limits: p.limits, Destination: w.held}, nil
	}
	if w.holding && !w.calm && w.chance.IntN(3) == 0 {
		w.note("version %d is held", version)
		broken := &verdict.SetUp{Code: "Secret.Missing", Err: errors.New("no secret")}
		return deliver.Plan{Limits: p.limits, Active: p.process.active, RetryFor: p.process.tries, Destination: destination.Held(broken)}, nil
	}
	return p.process.apply(w, deliver.Plan{Limits: p.limits, Ordered: p.ordered, Destination: &bucket{world: w, number: p.bucket, processing: p.process}}), nil
}

// bucket is a destination that keeps bodies as they are.
type bucket struct {
	world  *world
	number int
	processing
}

func (b *bucket) Close() error { return nil }

func (b *bucket) Name(head batch.Head) string {
	name := fmt.Sprintf("%d/v%d/%v", b.number, head.Version, head.First)
	if head.Part > 0 {
		name += fmt.Sprintf("p%d", head.Part)
	}
	if head.Sub > 0 || head.Partition != "" || head.Failure != "" {
		name += fmt.Sprintf(".%d/%s%s", head.Sub, head.Partition, head.Failure)
	}
	return name
}

func (b *bucket) Encoder(_ context.Context, head batch.Head, w io.Writer) (batch.Encoder, error) {
	switch {
	case head.Failure != "":
		return originals{w}, nil
	case b.rejects:
		return &fussy{plainEncoder: plainEncoder{w}}, nil
	}
	return plainEncoder{w}, nil
}

type plainEncoder struct{ io.Writer }

func (e plainEncoder) Write(r batch.Records) error {
	for i := range r.Ends {
		if err := e.line(r.Record(i)); err != nil {
			return err
		}
	}
	return nil
}

// line writes a record, which may have lost its line end when it was split, and may still be packed.
func (e plainEncoder) line(text []byte) error {
	text = unpacked(text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(bytes.Clone(text), '\n')
	}
	_, err := e.Writer.Write(text)
	return err
}
func (plainEncoder) Close() error { return nil }

// Deliver does, or does not do, what it should, and says so, or not.
func (b *bucket) Deliver(ctx context.Context, given *batch.Batch) error {
	body := make([]byte, given.Body.Size())
	if _, err := given.Body.ReadAt(body, 0); err != nil && err != io.EOF {
		return err
	}
	w := b.world
	if b.refuses && given.Failure == "" && poisonous(body) {
		return &verdict.Refused{Code: "Refused", Err: errors.New("a line is poisonous")}
	}
	w.mu.Lock()
	if w.danger() {
		w.mu.Unlock()
		return errDead
	}
	mood, long := 11, time.Duration(0)
	if !w.calm {
		mood, long = w.chance.IntN(12), time.Duration(w.chance.IntN(5_000))*time.Millisecond
		if b.tries > 0 && w.chance.IntN(3) == 0 {
			mood = []int{0, 0, 5}[w.chance.IntN(3)]
		}
	}
	w.mu.Unlock()

	switch mood {
	case 0:
		return errors.New("come back later")
	case 1:
		return verdict.After(errors.New("come back much later"), long)
	case 2:
		return &verdict.SetUp{Code: "Denied", Bounded: b.bounded, Err: errors.New("denied for a while")}
	case 3: // hangs
		<-ctx.Done()
		return context.Cause(ctx)
	case 4: // hangs after it was done
		if err := b.put(given, body); err != nil {
			return err
		}
		<-ctx.Done()
		return context.Cause(ctx)
	case 5: // done, but nobody hears of it
		if err := b.put(given, body); err != nil {
			return err
		}
		return errors.New("connection reset")
	case 6, 7: // slow
		select {
		case <-time.After(long):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := b.put(given, body); err != nil {
		return err
	}
	b.heard(given)
	return nil
}

func (b *bucket) put(given *batch.Batch, body []byte) error {
	w := b.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.danger() {
		return errDead
	}
	state := w.buckets[b.number]
	if given.Failure != "" {
		state = max(state, w.errors)
	}
	switch state {
	case bucketDenied:
		return &verdict.SetUp{Code: "Denied", Bounded: b.bounded, Err: errors.New("denied")}
	case bucketAbsent:
		return &verdict.SetUp{Code: "Absent", Absent: true, Err: errors.New("no such bucket")}
	case bucketAway:
		return errors.New("no answer")
	}
	key := b.Name(given.Head)
	if w.denied != "" && given.Failure == "" && strings.Contains(key, w.denied) {
		return errors.New("not this name")
	}
	_, next := w.ends()
	if reach := w.saves[len(w.saves)-1].Reach; reach != nil && reach.Before(given.End) {
		w.broke = append(w.broke, fmt.Sprintf("object %s to %v was put beyond the reach %v", key, given.End, reach))
	}
	w.note("object %s to %v: %.6q", key, given.End, lines(body))
	w.objects[key] = body
	w.effects = append(w.effects, effect{key, body, len(w.saves), next <= given.End.Block, given.Failure == gaveUp, given.Part > 0})
	w.place(key, given, body)
	if key == w.dies {
		w.fuse, w.dies = 1, ""
	}
	if w.danger() {
		return errDead
	}
	return nil
}

// Delivered and the following make a world a deliver.Observer.
func (w *world) Delivered(*batch.Batch, int64, time.Duration)   {}
func (w *world) Failed(error)                                   {}
func (w *world) Filtered(bool)                                  {}
func (w *world) Masked(int)                                     {}
func (w *world) Decompressed(bool, int)                         {}
func (w *world) Transformed(deliver.Transformed, time.Duration) {}
func (w *world) Converted(records int, size int64)              {}
func (w *world) Partitions(int, time.Duration)                  {}
func (w *world) Rejected(f erroroutput.Failure, records int, _ int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused == nil {
		w.refused = map[string]int{}
	}
	w.refused[f.Type] += records
}
func (w *world) Lost(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dead {
		w.lost += n
	}
}

// busyLog is a log to which others append at the worst moments.
type busyLog struct {
	log.Log
	intrude func()
	slow    func() time.Duration // how long it takes to look at the clock
}

func (l busyLog) Ends() (first, next uint64) {
	first, next = l.Log.Ends()
	l.intrude()
	return first, next
}

func (l busyLog) Tick(ctx context.Context) (time.Time, uint64, error) {
	l.intrude()
	time.Sleep(l.slow()) // of the bubble
	return l.Log.Tick(ctx)
}

// life is one life of a delivery in a world.
type life struct {
	*world
	*deliver.Delivery
	disk   *disktest.FS // before a crash
	engine *segment.Engine
	log    log.Log
	recent *block.Recent
	stop   context.CancelFunc // begins nothing more
	abort  context.CancelFunc
	ended  chan error
}

// settings are what a life of the process differs in.
type settings struct {
	inFlight int
	slow     func() time.Duration
	intrude  func() // called at moments at which an append is a nuisance
	encoders int
	spools   *batch.Spools
	logs     segment.Options
	span     *deliver.Range // nil for all that comes
	paused   bool
	slots    deliver.Slots // in place of encoders; nil for so many of its own
}

// openLog opens the log of the world's stream.
func (w *world) openLog(t *testing.T, options segment.Options) (*segment.Engine, log.Log, error) {
	w.mu.Lock()
	options.Dir, options.FS, options.FreeMin = "/log", w.disk, -1
	clock := w.clock
	w.mu.Unlock()
	options.Now = func() time.Time { return time.Now().Add(clock) }
	engine, err := segment.Open(options)
	if err != nil {
		return nil, nil, err
	}
	l, err := engine.Open(t.Context(), "stream/0")
	if err != nil {
		engine.Close()
	}
	return engine, l, err
}

// start begins a life. It returns an error if the process dies, or something fails, before the delivery runs.
func (w *world) start(t *testing.T, s settings) (*life, error) {
	w.mu.Lock()
	w.life++
	version, fs := cmp.Or(w.version, len(w.plans)), w.disk
	w.mu.Unlock()
	engine, l, err := w.openLog(t, s.logs)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.ends = l.Ends
	w.mu.Unlock()
	if s.slots == nil {
		s.slots = make(deliver.Slots, s.encoders)
	}
	p := &life{world: w, disk: fs, engine: engine, log: l, recent: block.NewRecent(2000), ended: make(chan error, 1)}
	p.Delivery, err = deliver.New(t.Context(), deliver.Settings{
		Log: busyLog{l, s.intrude, s.slow}, Cursor: w, Open: w.open, Version: version,
		Range: s.span, Paused: s.paused,
		InFlight: s.inFlight, Encoders: s.slots, Spools: s.spools,
		Retry:    deliver.Retry{First: 100 * time.Millisecond, Max: 10 * time.Second, Timeout: 30 * time.Second},
		Recent:   func(number uint64) (*block.Block, bool) { return p.recent.Get(block.Log{}, number) },
		Released: func(before uint64) { l.Release(before); p.recent.Forget(block.Log{}, before) }, Observer: w, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		engine.Close()
		return nil, err
	}
	run, stop := context.WithCancel(context.Background())
	abort, aborted := context.WithCancel(context.Background())
	p.stop, p.abort = stop, aborted
	go func() { p.ended <- p.Run(run, abort) }() // end waits for it
	return p, nil
}

// end ends a life: at once, or after what is being tried is finished or patience is over.
func (p *life) end(t *testing.T, patience time.Duration) {
	p.stop()
	timer := time.AfterFunc(patience, p.abort)
	err := <-p.ended
	timer.Stop()
	p.abort()
	p.mu.Lock()
	failing, dead := p.failing > 0, p.dead
	p.mu.Unlock()
	if err != nil && !dead && !failing && !strings.Contains(err.Error(), "disk full") {
		t.Errorf("run: %v", err)
	}
	p.engine.Close()
}

// lines returns the records in a body, without the empty ones.
func lines(body []byte) (list []string) {
	for line := range bytes.Lines(body) {
		list = append(list, string(line))
	}
	return list
}
