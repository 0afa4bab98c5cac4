// Package deliver brings the records of a stream's log to one destination.
//
// A Delivery reads the log with a cursor of its own, so a slow or broken destination holds up nobody else. Three
// movements run side by side:
//
//	cutting   one goroutine reads the lengths of records from the log and cuts batches: positions, nothing else.
//	          The log itself is the buffer of an open batch, which therefore costs neither memory nor disk.
//	sending   one goroutine for each batch in flight reads the batch's records again, encodes them into a spool, hands
//	          the body to the destination, and tries until it is delivered.
//	keeping   one goroutine raises the floor to where everything before is delivered, saves it, and only then lets the
//	          log release what lies below.
//
// The floor moves last (invariant 2). After a crash, cutting begins at the saved floor and makes the same batches
// again, since they follow from the log and from what State holds (invariant 3); the destination overwrites.
//
// Two things end a batch where the log does not say so: a flush by hand, and a change of configuration. Both are saved
// before they take effect.
package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/log"
	"firehose/internal/process"
	"firehose/internal/process/lambda"
	"firehose/internal/record"
	"firehose/internal/task"
)

// Plan is what one version of the stream's document says of a delivery. The delivery closes the destination.
type Plan struct {
	Limits      batch.Limits
	Destination destination.Destination

	Process  process.Config    // the zero value delivers records as they are
	Function Function          // that Process.Lambda names; nil without
	Keys     Keys              // of Process.Partition's query; nil without
	Active   int               // partitions that may be open at once; 0 without dynamic partitioning
	Rejects  bool              // the destination or its encoder may refuse records
	Events   *process.Prepared // of Process.Events; nil without
	RetryFor time.Duration     // after which records of a destination that is a destination.Failer go to the error output; 0 for never
	Ordered  bool              // a batch is sent only after all before it are delivered
	Stop     func()            // called when the plan is not used any more; nil for nothing

	opened time.Time
}

// close ends what the plan holds.
func (p Plan) close() {
	p.Destination.Close()
	if p.Stop != nil {
		p.Stop()
	}
}

// processes says whether something is done to records between the log and the destination's encoder, or whether the
// encoder itself may refuse some: then they need more than their bytes.
func (p Plan) processes() bool { return p.Rejects || !p.Process.None() }

// Function transforms records.
type Function interface {
	// Call returns one result for each record, in their order. An error means that ctx has ended.
	Call(ctx context.Context, records []lambda.Record) ([]lambda.Result, error)
}

// Keys finds the values of a record's partition keys. It is used by one goroutine.
type Keys interface {
	// Values appends the values in the order of the prefix. The text of an error is for the error output.
	Values(ctx context.Context, record []byte, dst []string) ([]string, error)
}

// Settings is what a delivery is made of.
type Settings struct {
	Log      log.Log
	Keys     block.Keys                               // of encrypted blocks
	Recent   func(number uint64) (*block.Block, bool) // blocks that are at hand in memory; nil for none
	Cursor   Cursor
	Open     func(version int) (Plan, error) // opens the destination of a version of the document
	Version  int                             // of the document in force
	Range    *Range                          // what of the log is delivered; nil for all that comes
	Begin    *record.Position                // where it begins without a saved state; nil for the log's present end
	Paused   bool                            // nothing is sent before Resume is called
	InFlight int                             // batches being sent at once, at least 1
	Encoders Slots                           // bounds the batches being encoded at once in the whole process
	Spools   *batch.Spools                   // keeps encoded bodies
	Retry    Retry                           // pauses between tries
	Released func(before uint64)             // told after the floor is saved: blocks before are not needed any more
	Observer Observer                        // counts
	Logger   *slog.Logger                    // already names the stream and the delivery
}

// Slots is a bound on something that several deliveries share: a send takes a slot, a receive gives it back.
type Slots chan struct{}

// Observer is told what happens to batches. Its methods must not wait.
type Observer interface {
	// Delivered is called once for each batch that was delivered, after its first and last try.
	// Encoded is the size of its body in bytes.
	Delivered(b *batch.Batch, encoded int64, took time.Duration)

	// Failed is called for each try that failed.
	Failed(err error)

	// Lost is called for records that the log can no longer give: their block is damaged.
	Lost(records int)

	// Filtered is called for an event that the filter keeps from the destination. Unclear says that it could not be judged.
	Filtered(unclear bool)

	// Masked is called for an event in which so many values were hidden whole, because their mask did not understand them.
	Masked(unparsed int)

	// Decompressed is called for each record, of so many bytes, that was to be decompressed.
	Decompressed(ok bool, size int)

	// Transformed is called after each call of the function.
	Transformed(t Transformed, took time.Duration)

	// Rejected is called for records that go to the error output.
	Rejected(f erroroutput.Failure, records int, size int64)

	// Converted is called for the records of a batch, of so many bytes as they were put, that were written in another format.
	Converted(records int, size int64)

	// Partitions is called now and then: so many are open, and it took so long since the last call to find the keys of records.
	Partitions(open int, extracting time.Duration)
}

// Transformed is what became of the records of one call of the function. Bytes are of those that were transformed, as
// they were put.
type Transformed struct {
	Records, Dropped, Failed int
	Bytes                    int64
}

// Delivery is one destination of one partition of a stream. Make it with New, then Run it.
type Delivery struct {
	Settings
	start record.Position // the log's end when the delivery was made; batches before it may have been sent in an earlier life

	cutting  cutting       // owned by the cutting goroutine
	past     history       // of processed records that were read before; owned by the cutting goroutine
	commands chan command  // for the cutting goroutine, which takes them wherever it waits
	slots    Slots         // one for each batch in flight
	moved    chan struct{} // tells the cutting goroutine that a try has ended or that a state was saved
	dirty    chan struct{} // tells the keeping goroutine that the floor may have moved
	ending   chan struct{} // closed when nothing new is sent any more
	ended    chan struct{} // closed when the last state is saved

	pacer  pacer     // owned by the cutting goroutine
	saving task.Turn // held while a state is made and saved; taken before mu

	mu      sync.Mutex
	state   State
	plans   map[int]Plan     // by version
	flights []*flight        // in the order of their records
	next    record.Position  // what is before it is delivered or in flight
	spans   []Span           // of processed records that are delivered above the floor
	unsaved int              // spans that no state was saved with
	sent    []Sent           // delivered since the state was last saved
	changed chan struct{}    // closed and replaced when the saved floor moves
	resumed chan struct{}    // closed when the pause ends; nil while there is none
	pausing chan struct{}    // closed when the next pause begins
	wary    bool             // the destination has taken nothing since a try failed, or nothing is sent: the state has a reach
	saves   *record.Position // the reach of the state that is being saved; nil when there is none
	gap     bool             // the log did not have all of what was read
	stuck   *Problem         // why the log cannot be read further; nil while it can
	stuckAt record.Position  // from where on
}

// New returns a delivery that begins where its saved state says, or, without one, where the settings say.
func New(ctx context.Context, s Settings) (*Delivery, error) {
	if s.Recent == nil {
		s.Recent = func(uint64) (*block.Block, bool) { return nil, false }
	}
	if s.Range != nil {
		s.Log = window{s.Log, s.Range.end()}
	}
	d := &Delivery{
		Settings: s,
		commands: make(chan command),
		slots:    make(Slots, s.InFlight),
		moved:    make(chan struct{}, 1),
		dirty:    make(chan struct{}, 1),
		ending:   make(chan struct{}),
		ended:    make(chan struct{}),
		saving:   task.NewTurn(),
		plans:    map[int]Plan{},
		changed:  make(chan struct{}),
		pausing:  make(chan struct{}),
	}
	_, end, err := s.Log.Tick(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log's end: %w", err)
	}
	d.start = record.Position{Block: end}
	if s.Range != nil {
		d.pacer.rate = s.Range.Rate
	}
	if s.Paused {
		d.Pause()
	}
	if err := d.loadState(); err != nil {
		d.closePlans()
		return nil, err
	}
	d.next = d.state.Floor
	d.rewind(d.state.Floor)
	s.Released(d.state.Floor.Block)
	return d, nil
}

// loadState loads the state, brings it in line with the version in force, and opens the destinations that it needs. A
// version that came while the delivery was not running begins where nothing can have been sent, which is the log's end if
// the state has no reach, and so do other limits of the same version: what was open or in flight before keeps those under
// which it may have been sent.
func (d *Delivery) loadState() error {
	state, found, err := d.Cursor.Load()
	if err != nil {
		return fmt.Errorf("load the delivery's state: %w", err)
	}
	if err := d.openPlan(d.Version); err != nil {
		return err
	}
	switch {
	case !found && d.Range != nil:
		d.start, state = d.Range.From, d.Range.begin()
	case !found && d.Begin != nil:
		d.start = *d.Begin
		state = State{Floor: d.start}
	case !found:
		state = State{Floor: d.start}
	case state.Reach != nil:
		d.start, d.wary = later(state.Floor, *state.Reach), true
	}
	now := Version{From: d.start, Version: d.Version, Limits: d.plans[d.Version].Limits, Active: d.plans[d.Version].Active}
	latest := Version{From: now.From}
	if found {
		latest = state.latest()
		latest.From = now.From
	}
	if latest != now {
		state.change(now)
		if err := d.Cursor.Save(state, nil, 0); err != nil {
			return fmt.Errorf("save the delivery's state: %w", err)
		}
	}
	d.state, d.spans = state, slices.Clone(state.Spans)
	for _, v := range state.Versions {
		if err := d.openPlan(v.Version); err != nil {
			return err
		}
	}
	return nil
}

// openPlan opens the destination of a version, if it is not open.
func (d *Delivery) openPlan(version int) error {
	if _, open := d.plans[version]; open {
		return nil
	}
	plan, err := d.Open(version)
	if err != nil {
		return fmt.Errorf("open destination of version %d: %w", version, err)
	}
	plan.opened = time.Now()
	d.plans[version] = plan
	return nil
}

// Run cuts and sends until ctx ends. Then it finishes what is being tried, but begins nothing and waits for no broken
// destination, and returns, at the latest when abort ends. What was not delivered by then is sent again after the next
// start.
func (d *Delivery) Run(ctx, abort context.Context) error {
	keeping := task.NewGroup(abort)
	keeping.Go("keep the floor", d.keepFloor)
	senders := task.NewGroup(abort)

	d.cutBatches(ctx, senders)
	d.leave()
	close(d.ending)
	senders.Wait()
	keeping.Stop()
	keeping.Wait()
	d.mu.Lock()
	d.wary = true // nothing is sent any more
	d.mu.Unlock()
	err := d.saveFloor()
	close(d.ended)

	d.cutting.reader.Close()
	d.closePlans()
	return err
}

// Close gives back what a delivery holds that was not run and never will be. Its Status stays as it is.
func (d *Delivery) Close() {
	d.cutting.reader.Close()
	d.closePlans()
}

func (d *Delivery) closePlans() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, plan := range d.plans {
		plan.close()
	}
}

// Place is where a record stands on its way to the destination.
type Place struct {
	State string // "open": in no batch that is cut; "processed": in one of several that are open, in flight or delivered; "in flight"; "delivered"; "unknown": so long ago that it is forgotten
	Head  batch.Head
	Name  string // address of what becomes or became of the batch; empty while open
}

// Locate says where the record at p stands.
func (d *Delivery) Locate(p record.Position) (Place, error) {
	d.mu.Lock()
	place, known := d.locateLocked(p)
	d.mu.Unlock()
	if known {
		return place, nil
	}
	sent, found, err := d.Cursor.Find(p)
	if err != nil || !found {
		return Place{State: "unknown"}, err
	}
	place = Place{State: "delivered", Head: sent.Head}
	plan, err := d.Open(sent.Version)
	if err != nil {
		return place, nil // the version's document is gone; the batch is all that is known
	}
	defer plan.close()
	place.Name = name(plan.Destination, sent.Head)
	return place, nil
}

func (d *Delivery) locateLocked(p record.Position) (Place, bool) {
	mixed := func(f *flight) bool { return f.stored != nil && !f.stored.whole() && p.Before(f.End) }
	if !p.Before(d.floorLocked()) && (d.spannedLocked(p) || slices.ContainsFunc(d.flights, mixed)) {
		return Place{State: "processed"}, true
	}
	if !p.Before(d.next) {
		return Place{State: "open"}, true
	}
	for _, f := range d.flights {
		if !p.Before(f.First) && p.Before(f.End) {
			state := "in flight"
			if f.done {
				state = "delivered"
			}
			return Place{State: state, Head: f.Head, Name: name(d.plans[f.Version].Destination, f.Head)}, true
		}
	}
	for _, s := range d.sent {
		if !p.Before(s.First) && p.Before(s.End) {
			return Place{State: "delivered", Head: s.Head, Name: name(d.plans[s.Version].Destination, s.Head)}, true
		}
	}
	return Place{}, false
}

func name(d destination.Destination, head batch.Head) string {
	if namer, ok := d.(destination.Namer); ok {
		return namer.Name(head)
	}
	return ""
}

// OldestVersion returns the lowest version of the document that a replay may need.
func (d *Delivery) OldestVersion() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.Versions[0].Version
}
