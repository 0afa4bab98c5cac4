package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/ingest"
	"firehose/internal/log"
	"firehose/internal/record"
	"firehose/internal/stream"
	"firehose/internal/task"
)

// running is a stream of this node and what runs for it.
type running struct {
	c        *Control
	key      stream.Key
	logger   *slog.Logger
	declared atomic.Pointer[stream.Stream] // as the catalogue has it; never changed in place
	started  atomic.Bool                   // the fields below are set and puts may come
	bringing task.Turn                     // held by whoever brings the stream to where its declaration says; taken before change
	gone     bool                          // the deletion is done; guarded by bringing
	removed  bool                          // the catalogue does not have it any more; guarded by change
	change   task.Turn                     // held by whoever changes the declaration
	puts     sync.RWMutex                  // held for reading by every put
	redrive  sync.Mutex                    // held by whoever puts error outputs again
	drained  bool                          // the deletion has drained, and the deliveries have ended; guarded by bringing

	ids     windows
	log     log.Log
	writer  *ingest.Writer
	limiter *ingest.Limiter
	keys    keys

	mu         sync.Mutex
	problem    error                // why the stream is not started or not in line with its declaration
	deliveries map[string]*delivery // by id
	needed     map[string]uint64    // by id of a delivery: the first block that it needs; 0 while it is being started
	replays    map[string]*delivery // that run, by id of the replay
	held       map[string]uint64    // by id of a replay, or who else looks at history: the first block that is needed
	waiting    map[string]error     // by id of a replay: why it does not run
	draining   context.CancelFunc   // ends a drain, when the deletion need not wait for it any more
}

// delivery is one running delivery of a stream.
type delivery struct {
	*deliver.Delivery
	id       string
	kind     string
	replay   string // id of the replay that it is; empty for none
	find     func(version int) (stream.Delivery, error)
	opening  *opening
	declared atomic.Pointer[stream.Delivery] // by the version in force
	stop     context.CancelFunc              // ends cutting
	abort    context.CancelFunc              // ends tries under way
	ended    chan struct{}
}

func newDelivery(declared stream.Delivery) *delivery {
	d := &delivery{id: declared.ID, kind: declared.Destination.Kind(), opening: newOpening(), ended: make(chan struct{})}
	d.declared.Store(&declared)
	return d
}

// target is where the version in force delivers to, for people.
func (d *delivery) target() string { return d.declared.Load().Destination.Target() }

func newRunning(c *Control, s stream.Stream) *running {
	r := &running{
		c: c, key: s.Key, bringing: task.NewTurn(), change: task.NewTurn(), limiter: ingest.NewLimiter(c.Rates),
		deliveries: map[string]*delivery{}, needed: map[string]uint64{}, replays: map[string]*delivery{}, held: map[string]uint64{}, waiting: map[string]error{},
	}
	r.logger = c.Logger.With("stream", s.Name, "account", s.Account, "region", s.Region)
	r.keys = keys{ring: c.Keyring, r: r}
	r.declared.Store(&s)
	return r
}

// carryOn brings a stream to where its declaration says, and tries until it is there or ctx ends. After the first try
// it calls first, and before it where nobody waits for the stream: its deletion may wait for a broken destination.
func (r *running) carryOn(ctx context.Context, first func()) {
	if r.declared.Load().Status == stream.Deleting {
		first()
	}
	for try := 1; ; try++ {
		err := r.bringUp(ctx)
		first()
		r.setProblem(err)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.logger.Error("The stream cannot run; trying again.", "error", err)
		wait(ctx, r.c.Retry.Pause(try, err))
	}
}

// bringUp makes one try.
func (r *running) bringUp(ctx context.Context) error {
	r.bringing.Lock()
	defer r.bringing.Unlock()
	s := r.declared.Load()
	if r.gone || s.Status == stream.CreatingFailed {
		return nil
	}
	if s.Status == stream.Deleting && s.Discard {
		return r.remove(ctx) // whether it can start or not
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	if s.Status == stream.Deleting {
		return r.remove(ctx)
	}
	r.change.Lock()
	defer r.change.Unlock()
	if err := r.settleEncryption(ctx); err != nil {
		return err
	}
	if err := r.reconfigure(ctx); err != nil { // to a version that came while it was being started
		return err
	}
	return r.activate()
}

// activate ends the creation, if it is not ended by a deletion. A stream that was to be encrypted from its birth and
// cannot be takes no records at all. The caller holds change.
func (r *running) activate() error {
	s := r.declared.Load()
	if s.Status != stream.Creating {
		return nil
	}
	if e := s.Encryption; e.Status == stream.EncryptionEnablingFailed {
		return r.saveLocked(func(s *stream.Stream) { s.Status, s.Failure = stream.CreatingFailed, e.Failure })
	}
	if err := r.saveLocked(func(s *stream.Stream) { s.Status = stream.Active }); err != nil {
		return err
	}
	r.logger.Info("The stream is active.")
	return nil
}

// start opens the stream's log and starts its deliveries. It may be called again after an error.
func (r *running) start(ctx context.Context) error {
	if r.started.Load() {
		return nil
	}
	s := r.declared.Load()
	if r.log == nil {
		l, err := r.c.Engine.Open(ctx, logName(s))
		if err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
		r.log = l
		r.writer = ingest.NewWriter(s.ID, partition, l, r.c.Recent)
	}
	if s.Encryption.DataKey != 0 {
		key, err := r.keys.block(s.Encryption.DataKey)
		if err != nil {
			return err
		}
		r.writer.Encrypt(key)
	}
	spec, err := r.compile(s, s.Version)
	if err != nil {
		return err
	}
	if err := r.dropOthers(spec); err != nil {
		return err
	}
	for _, d := range spec.Deliveries {
		if err := r.startDelivery(ctx, d, s.Version); err != nil {
			return fmt.Errorf("start delivery %s: %w", d.ID, err)
		}
	}
	r.startReplays(ctx)
	r.started.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.releaseLocked()
	return nil
}

// partition is the only one until streams have several.
const partition = 0

func logName(s *stream.Stream) string { return fmt.Sprintf("%s/%d", s.ID, partition) }

func (r *running) compile(s *stream.Stream, version int) (stream.Spec, error) {
	compile, ok := r.c.Compile[s.Language]
	if !ok {
		return stream.Spec{}, fmt.Errorf("stream %s: unknown language %q", s.Name, s.Language)
	}
	document, ok := s.Documents[version]
	if !ok {
		return stream.Spec{}, fmt.Errorf("stream %s: version %d is not kept", s.Name, version)
	}
	spec, err := compile(s.Key, document)
	if err != nil {
		return stream.Spec{}, fmt.Errorf("stream %s, version %d: %w", s.Name, version, err)
	}
	return spec, nil
}

// startDelivery starts a delivery that does not run yet.
func (r *running) startDelivery(ctx context.Context, spec stream.Delivery, version int) error {
	r.mu.Lock()
	_, runs := r.deliveries[spec.ID]
	if !runs {
		r.needed[spec.ID] = 0 // the log keeps everything until it is known where the delivery begins
		r.releaseLocked()
	}
	r.mu.Unlock()
	if runs {
		return nil
	}
	d, err := r.makeDelivery(ctx, spec, version)
	if err == nil {
		r.run(d)
	}
	return err
}

// makeDelivery makes a delivery that begins where its cursor says.
func (r *running) makeDelivery(ctx context.Context, spec stream.Delivery, version int) (*delivery, error) {
	d := newDelivery(spec)
	d.find = func(version int) (stream.Delivery, error) { return r.find(spec.ID, version) }
	settings := r.settings(d)
	settings.Version = version
	settings.Paused = r.pausedNow(spec)
	settings.Released = func(before uint64) { r.release(spec.ID, before) }
	var err error
	if settings.Begin, err = r.begin(spec.Start); err != nil {
		return nil, err
	}
	d.Delivery, err = deliver.New(ctx, settings)
	return d, err
}

// run has a delivery of the stream run, in place of one that has ended.
func (r *running) run(d *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliveries[d.id] = d
	r.launch(d, r.beginAgain) // before anybody can find it to stop it
}

// settings are what all deliveries of the stream have in common.
func (r *running) settings(d *delivery) deliver.Settings {
	return deliver.Settings{
		Log:      r.log,
		Open:     func(version int) (deliver.Plan, error) { return r.plan(d, version) },
		Keys:     r.keys.get,
		Recent:   func(number uint64) (*block.Block, bool) { return r.c.Recent.Get(r.blocks(), number) },
		Cursor:   r.c.Store.Cursor(r.declared.Load().ID, d.id),
		InFlight: r.c.InFlight,
		Encoders: r.c.encoders,
		Spools:   r.c.Spools,
		Retry:    r.c.Retry,
		Observer: r.newObserver(d),
		Logger:   r.logger.With("delivery", d.id, "destination", d.kind),
	}
}

// launch runs a delivery until it is stopped, or nothing new may be sent: then the context that it returns ends. Again is
// what has it begin again.
func (r *running) launch(d *delivery, again func(context.Context, *delivery) error) context.Context {
	running, stop := context.WithCancel(r.c.runs.Context())
	aborting, abort := context.WithCancel(r.c.abort)
	d.stop, d.abort = stop, abort
	r.c.runs.Go("deliver "+r.key.Name, func(context.Context) error {
		defer close(d.ended)
		defer stop()
		defer abort()
		if err := d.Run(running, aborting); err != nil {
			r.logger.Error("The delivery ended with an error.", "delivery", d.id, "error", err)
		}
		return nil
	})
	r.c.runs.Go("keep open "+r.key.Name, func(ctx context.Context) error {
		r.keepOpen(ctx, d, func(ctx context.Context) error { return again(ctx, d) })
		return nil
	})
	return running
}

// begin returns where a delivery begins that has delivered nothing yet; nil for the log's end.
func (r *running) begin(start stream.Start) (*record.Position, error) {
	first, _ := r.log.Ends()
	switch {
	case start.Oldest:
		return &record.Position{Block: first}, nil
	case start.Time.IsZero():
		return nil, nil
	}
	number, err := log.Seek(r.log, start.Time)
	return &record.Position{Block: max(first, number)}, err
}

// delivering returns the deliveries that run, by id.
func (r *running) delivering() []*delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.deliveries), func(a, b *delivery) int { return strings.Compare(a.id, b.id) })
}

// plan opens the destination that a version declares for a delivery.
func (r *running) plan(d *delivery, version int) (deliver.Plan, error) {
	declared, err := d.find(version)
	if err != nil {
		return deliver.Plan{}, err
	}
	return d.opening.open(version, declared, func() deliver.Plan { return r.c.plan(r.declared.Load(), declared, d.replay) }), nil
}

// find returns what a version declares for a delivery. Of one that is outdated it is what the next says that is not: what was
// cut under it, and may be in place, would stand for ever otherwise.
func (r *running) find(id string, version int) (stream.Delivery, error) {
	s := r.declared.Load()
	declared, err := r.declares(s, id, version)
	for later := version + 1; err == nil && destination.IsOutdated(declared.Destination) && later <= s.Version; later++ {
		if next, err := r.declares(s, id, later); err == nil {
			declared = next
		}
	}
	return declared, err
}

func (r *running) declares(s *stream.Stream, id string, version int) (stream.Delivery, error) {
	spec, err := r.compile(s, version)
	if err != nil {
		return stream.Delivery{}, err
	}
	for _, d := range spec.Deliveries {
		if d.ID == id {
			return d, nil
		}
	}
	return stream.Delivery{}, fmt.Errorf("stream %s: version %d has no delivery %s", s.Name, version, id)
}

// release notes which block a delivery needs first, and lets the log drop what all are done with. Before all are started
// nobody knows what that is.
func (r *running) release(delivery string, before uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.needed[delivery] = before
	r.releaseLocked()
}

// blocks names the stream's log for what is held in memory of it.
func (r *running) blocks() block.Log {
	return block.Log{Stream: r.declared.Load().ID, Partition: partition}
}

func (r *running) releaseLocked() {
	if !r.started.Load() {
		return
	}
	before := uint64(math.MaxUint64)
	for _, needed := range r.needed {
		before = min(before, needed)
	}
	r.log.Release(before)
	r.c.Recent.Forget(r.blocks(), before)
}

// put makes records durable.
func (r *running) put(ctx context.Context, records [][]byte) (ingest.Receipt, error) {
	r.puts.RLock()
	defer r.puts.RUnlock()
	if r.declared.Load().Status != stream.Active {
		return ingest.Receipt{}, stream.ErrNotActive
	}
	if !r.started.Load() {
		return ingest.Receipt{}, fmt.Errorf("%w: the stream is not started yet", ingest.ErrThrottled)
	}
	allowed := r.limiter.Allow(records)
	if allowed == 0 {
		return ingest.Receipt{}, ingest.ErrThrottled
	}
	receipt, err := r.writer.Put(ctx, records[:allowed])
	if errors.Is(err, log.ErrClosed) {
		err = stream.ErrNotActive // deleted meanwhile
	}
	return receipt, err
}

// flush has deliveries deliver what is acknowledged: all, or those that are not paused.
func (r *running) flush(ctx context.Context, paused bool) error {
	flushing := slices.DeleteFunc(r.delivering(), func(d *delivery) bool { return d.Status().Paused && !paused })
	errs := make(chan error, len(flushing))
	for _, d := range flushing {
		go func() { errs <- r.flushOne(ctx, d, paused) }() // waited for below
	}
	var all error
	for range flushing {
		all = errors.Join(all, <-errs)
	}
	return all
}

// flushOne flushes a delivery, and the one that takes its place if it begins again meanwhile.
func (r *running) flushOne(ctx context.Context, d *delivery, paused bool) error {
	for {
		flush := d.Flush
		if paused {
			flush = d.Drain
		}
		err := flush(ctx)
		if errors.Is(err, deliver.ErrPaused) {
			return nil // paused meanwhile
		}
		if !errors.Is(err, deliver.ErrEnded) {
			return err
		}
		r.change.Lock() // which it holds until it has begun
		next := r.current(d.id)
		r.change.Unlock()
		if next == nil || next == d {
			return err
		}
		d = next
	}
}

// save changes the declaration in the catalogue. The caller is the only one who changes the stream.
func (r *running) save(change func(*stream.Stream)) error {
	r.change.Lock()
	defer r.change.Unlock()
	return r.saveLocked(change)
}

func (r *running) saveLocked(change func(*stream.Stream)) error {
	if r.removed {
		return stream.ErrNotFound
	}
	s := r.declared.Load().Clone()
	change(&s)
	if err := r.c.Store.SaveStream(s); err != nil {
		return err
	}
	r.declared.Store(&s)
	return nil
}

func (r *running) setProblem(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problem = err
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
