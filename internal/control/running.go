package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/ingest"
	"firehose/internal/log"
	"firehose/internal/stream"
)

// running is a stream of this node and what runs for it.
type running struct {
	c        *Control
	key      stream.Key
	logger   *slog.Logger
	declared atomic.Pointer[stream.Stream] // as the catalogue has it; never changed in place
	started  atomic.Bool                   // the fields below are set and puts may come
	bringing sync.Mutex                    // held by whoever brings the stream to where its declaration says; taken before change
	gone     bool                          // the deletion is done; guarded by bringing
	change   sync.Mutex                    // held by whoever changes the declaration

	log     log.Log
	writer  *ingest.Writer
	limiter *ingest.Limiter
	keys    keys

	mu         sync.Mutex
	problem    error                // why the stream is not started or not in line with its declaration
	deliveries map[string]*delivery // by id
	draining   context.CancelFunc   // ends a drain, when the deletion need not wait for it any more
}

// delivery is one running delivery of a stream.
type delivery struct {
	*deliver.Delivery
	id       string
	kind     string
	target   string
	observer *observer
	stop     context.CancelFunc
	ended    chan struct{}
	released atomic.Uint64 // blocks before are delivered
}

func newRunning(c *Control, s stream.Stream) *running {
	r := &running{c: c, key: s.Key, deliveries: map[string]*delivery{}, limiter: ingest.NewLimiter(c.Rates)}
	r.logger = c.Logger.With("stream", s.Name)
	r.keys = keys{ring: c.Keyring, r: r}
	r.declared.Store(&s)
	return r
}

// carryOn brings a stream to where its declaration says, and tries until it is there or ctx ends. After the first try
// it calls first.
func (r *running) carryOn(ctx context.Context, first func()) {
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
	if err := r.settleEncryption(ctx); err != nil || s.Status != stream.Creating {
		return err
	}
	return r.activate()
}

// activate ends the creation. A stream that was to be encrypted from its birth and cannot be takes no records at all.
func (r *running) activate() error {
	if e := r.declared.Load().Encryption; e.Status == stream.EncryptionEnablingFailed {
		return r.save(func(s *stream.Stream) { s.Status, s.Failure = stream.CreatingFailed, e.Failure })
	}
	if err := r.save(func(s *stream.Stream) { s.Status = stream.Active }); err != nil {
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
		r.writer = ingest.NewWriter(s.ID, partition, l)
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
	for _, d := range spec.Deliveries {
		if err := r.startDelivery(ctx, d, s.Version); err != nil {
			return fmt.Errorf("start delivery %s: %w", d.ID, err)
		}
	}
	r.started.Store(true)
	r.release()
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
	r.mu.Unlock()
	if runs {
		return nil
	}
	s := r.declared.Load()
	kind := spec.Destination.Kind()
	d := &delivery{id: spec.ID, kind: kind, target: spec.Destination.Target(), ended: make(chan struct{})}
	d.observer = r.newObserver(d, spec.Logging)
	var err error
	d.Delivery, err = deliver.New(ctx, deliver.Settings{
		Log:      r.log,
		Keys:     r.keys.get,
		Cursor:   r.c.Store.Cursor(s.ID, spec.ID),
		Open:     func(version int) (deliver.Plan, error) { return r.plan(spec.ID, version) },
		Version:  version,
		InFlight: r.c.InFlight,
		Encoders: r.c.encoders,
		Spools:   r.c.Spools,
		Retry:    r.c.Retry,
		Released: func(before uint64) { d.released.Store(before); r.release() },
		Observer: d.observer,
		Logger:   r.logger.With("delivery", spec.ID, "destination", d.target),
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.deliveries[spec.ID] = d
	r.mu.Unlock()
	running, stop := context.WithCancel(r.c.runs.Context())
	d.stop = stop
	r.c.runs.Go("deliver "+s.Name, func(context.Context) error {
		defer close(d.ended)
		defer stop()
		if err := d.Run(running, r.c.abort); err != nil {
			r.logger.Error("The delivery ended with an error.", "delivery", spec.ID, "error", err)
		}
		return nil
	})
	return nil
}

// plan opens the destination that a version declares for a delivery.
func (r *running) plan(id string, version int) (deliver.Plan, error) {
	s := r.declared.Load()
	spec, err := r.compile(s, version)
	if err != nil {
		return deliver.Plan{}, err
	}
	for _, d := range spec.Deliveries {
		if d.ID != id {
			continue
		}
		to, err := d.Destination.Open(destination.Env{Stream: s.Name, StreamID: s.ID, Delivery: id, Objects: r.c.Objects})
		if err != nil {
			return deliver.Plan{}, err
		}
		limits := batch.Limits{Size: d.Buffer.Size, Interval: max(d.Buffer.Interval, r.c.IntervalMin), Count: d.Buffer.Count}
		return deliver.Plan{Limits: limits, Destination: to}, nil
	}
	return deliver.Plan{}, fmt.Errorf("stream %s: version %d has no delivery %s", s.Name, version, id)
}

// release lets the log drop what all deliveries are done with. Before all are started nobody knows what that is.
func (r *running) release() {
	if !r.started.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := uint64(math.MaxUint64)
	for _, d := range r.deliveries {
		before = min(before, d.released.Load())
	}
	r.log.Release(before)
}

// put makes records durable.
func (r *running) put(ctx context.Context, records [][]byte) (ingest.Receipt, error) {
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

// flush has all deliveries deliver what is acknowledged.
func (r *running) flush(ctx context.Context) error {
	r.mu.Lock()
	flushing := make([]*delivery, 0, len(r.deliveries))
	for _, d := range r.deliveries {
		flushing = append(flushing, d)
	}
	r.mu.Unlock()
	errs := make(chan error, len(flushing))
	for _, d := range flushing {
		go func() { errs <- d.Flush(ctx) }() // waited for below
	}
	var all error
	for range flushing {
		all = errors.Join(all, <-errs)
	}
	return all
}

// save changes the declaration in the catalogue. The caller is the only one who changes the stream.
func (r *running) save(change func(*stream.Stream)) error {
	r.change.Lock()
	defer r.change.Unlock()
	return r.saveLocked(change)
}

func (r *running) saveLocked(change func(*stream.Stream)) error {
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
