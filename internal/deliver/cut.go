package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/log"
	"firehose/internal/record"
	"firehose/internal/task"
)

// cutting is what the cutting goroutine knows of its way through the log.
type cutting struct {
	reader log.Reader
	block  block.Block
	at     record.Position // the next record to look at
	cutter batch.Cutter
	lines  *pipeline    // processes the records of the present segment; nil where they are delivered as they are
	inside bool         // a block is being processed
	due    time.Time    // the wall clock's estimate of the next deadline; zero when not known
	dueAt  time.Time    // that deadline, where records are processed
	since  atomic.Int64 // log time of the open batch in Unix nanoseconds, for Status; 0 when none is open
}

// read returns the position behind what may be in open batches. Of a block that is being processed, that is all of it.
func (c *cutting) read() record.Position {
	if c.inside {
		return record.Position{Block: c.at.Block + 1}
	}
	return c.at
}

// tickAgain is the least time between two looks at the log's clock. That clock stands still after the machine's was set
// back, and so the time that seems to be left may pass and still be left.
const tickAgain = 5 * time.Millisecond

// readAgain is the pause after the log could not be read.
const readAgain = time.Second

func (c *cutting) openSince() time.Time {
	if ns := c.since.Load(); ns != 0 {
		return time.Unix(0, ns).UTC()
	}
	return time.Time{}
}

// cutBatches reads the log and sends each batch that is cut.
func (d *Delivery) cutBatches(ctx context.Context, senders *task.Group) {
	for ctx.Err() == nil {
		select {
		case c := <-d.commands:
			c()
			continue
		default:
		}
		_, end := d.Log.Ends()
		entry, err := d.cutting.reader.Next()
		idle := err == io.EOF
		switch {
		case err == nil:
			err = d.takeBlock(ctx, senders, entry)
		case idle:
			err = d.idle(ctx, senders, end)
		case errors.Is(err, log.ErrClosed):
			return
		}
		switch {
		case err == nil:
			d.goesOn(idle)
		case ctx.Err() == nil && err != errMoved:
			d.startOver(ctx, err)
		}
	}
}

// startOver reads again what is in no batch in flight.
func (d *Delivery) startOver(ctx context.Context, err error) {
	d.stops(err)
	d.Logger.Error("Cutting batches failed; trying again.", "position", d.cutting.at.String(), "error", err)
	var full *errBuffer
	if errors.As(err, &full) {
		d.makeRoom(full.at)
	}
	d.mu.Lock()
	next := d.next // the open batch is read again from its first record
	d.mu.Unlock()
	since := d.cutting.since.Load()
	d.rewind(next)
	d.cutting.since.Store(since)
	d.pause(ctx, readAgain)
}

// rewind makes the position the next one to be looked at, with no batch open before it.
func (d *Delivery) rewind(p record.Position) {
	c := &d.cutting
	if c.reader != nil {
		c.reader.Close()
	}
	c.reader = d.Log.Read(p.Block)
	c.at = p
	d.closeBatch()
	d.leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	spans := slices.Clone(d.spans)
	for _, f := range d.flights {
		if f.stored != nil {
			spans = append(spans, f.stored.span)
		}
	}
	d.past = newHistory(spans)
}

// closeBatch forgets the open batch.
func (d *Delivery) closeBatch() {
	d.cutting.cutter = batch.Cutter{}
	d.cutting.due = time.Time{}
	d.cutting.since.Store(0)
}

// takeBlock goes over one block's records: it cuts batches of them as they are, or processes them, as the version of the
// document in force at each says. It ends early when a command moved the reading back.
func (d *Delivery) takeBlock(ctx context.Context, senders *task.Group, entry log.Entry) error {
	c := &d.cutting
	if c.at.Block < entry.Number {
		d.skipTo(entry.Number)
	}
	if c.since.Load() == 0 {
		c.since.Store(entry.Time.UnixNano()) // it may take long to get through the block
	}
	for c.at.Block == entry.Number {
		processed, err := d.enter(ctx, senders)
		if err != nil {
			return err
		}
		if processed {
			err = d.processBlock(ctx, senders, entry)
		} else {
			err = d.cutBlock(ctx, senders, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// skipTo goes on with a block before which the log has nothing more: it was dropped, or is damaged.
func (d *Delivery) skipTo(number uint64) {
	d.cutting.at = record.Position{Block: number}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gap = true
}

// lose counts records that the log can no longer give.
func (d *Delivery) lose(records int) {
	d.Observer.Lost(records)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gap = true
}

// passOver goes on behind a block that cannot be unpacked.
func (d *Delivery) passOver(entry log.Entry, err error) error {
	if !errors.Is(err, block.ErrCorrupt) {
		return fmt.Errorf("unpack block %d: %w", entry.Number, err)
	}
	records, _, _, _ := block.Describe(entry.Body)
	d.lose(records)
	d.Logger.Error("A block of the log cannot be unpacked and is passed over.", "block", entry.Number, "error", err)
	d.cutting.at = record.Position{Block: entry.Number + 1}
	return nil
}

// cutBlock cuts batches of one block's records, up to its end or to where records are to be processed.
func (d *Delivery) cutBlock(ctx context.Context, senders *task.Group, entry log.Entry) error {
	c := &d.cutting
	from := int(c.at.Index)
	if err := c.block.UnpackLengths(entry.Body, d.Keys); err != nil {
		return d.passOver(entry, err)
	}
	for count := d.inRange(entry.Number, c.block.Count()); from < count; {
		c.at = record.Position{Block: entry.Number, Index: uint32(from)}
		if !c.cutter.Open() && d.processes(c.at) {
			return nil
		}
		boundary, bounded := d.begin(c.at)
		limit := count
		if bounded && boundary.Block <= entry.Number {
			limit = min(count, int(boundary.Index))
			if boundary.Block < entry.Number {
				limit = from
			}
		}
		from += c.cutter.Take(entry.Number, entry.Time, c.block.Ends, from, max(limit, from))
		c.since.Store(d.openTime())
		if from == count {
			c.at = record.Position{Block: entry.Number + 1}
		} else {
			c.at.Index = uint32(from)
		}
		if from < count || c.cutter.Full() {
			if moved := d.dispatch(ctx, senders); moved {
				return errMoved
			}
		}
	}
	c.at = record.Position{Block: entry.Number + 1}
	return nil
}

func (d *Delivery) openTime() int64 {
	if !d.cutting.cutter.Open() {
		return 0
	}
	return d.cutting.cutter.Time().UnixNano()
}

// begin readies the cutter for a record at p, and returns where the batch must end at the latest, if anywhere.
func (d *Delivery) begin(p record.Position) (boundary record.Position, bounded bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cutting.cutter.Open() {
		p = d.cutting.cutter.First()
	} else {
		version, _, _ := d.state.version(p)
		d.cutting.cutter = batch.NewCutter(version.Limits)
		d.cutting.due = time.Time{}
	}
	return d.state.boundary(p)
}

// idle is called at the log's head, when every block before end was looked at. It cuts the open batch if it is due, or
// waits for whatever comes first: a block, the batch's deadline, a command.
func (d *Delivery) idle(ctx context.Context, senders *task.Group, end uint64) error {
	c := &d.cutting
	if c.at.Block < end {
		d.skipTo(end) // what was passed over is not coming any more
	}
	if c.lines != nil {
		return d.idleProcessing(ctx, senders)
	}
	if !c.cutter.Open() {
		c.since.Store(0)
		d.reached(c.at)
		return d.wait(ctx, time.Time{})
	}
	d.mu.Lock()
	boundary, bounded := d.state.boundary(c.cutter.First())
	d.mu.Unlock()
	if bounded && !c.at.Before(boundary) {
		d.dispatch(ctx, senders)
		return nil
	}
	if c.due.IsZero() || !time.Now().Before(c.due) {
		now, next, err := d.Log.Tick(ctx)
		if err != nil {
			return fmt.Errorf("read the log's time: %w", err)
		}
		if next > c.at.Block {
			return nil
		}
		if !now.Before(c.cutter.Deadline()) {
			d.dispatch(ctx, senders)
			return nil
		}
		c.due = time.Now().Add(max(c.cutter.Deadline().Sub(now), tickAgain))
	}
	return d.wait(ctx, c.due)
}

// wait returns when a block can be read, after a command, at the time due unless it is zero, or when ctx ends.
func (d *Delivery) wait(ctx context.Context, due time.Time) error { return d.waitFor(ctx, due, nil) }

// waitFor is wait, and returns also when done is closed.
func (d *Delivery) waitFor(ctx context.Context, due time.Time, done <-chan struct{}) error {
	var alarm <-chan time.Time
	if !due.IsZero() {
		timer := time.NewTimer(time.Until(due))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-d.Log.Arrived(d.cutting.at.Block):
	case c := <-d.commands:
		c()
	case <-d.moved:
		d.moveRefused(ctx)
	case <-alarm:
	case <-done:
	case <-ctx.Done():
	}
	return nil
}

// dispatch cuts the open batch and sends it as soon as there is a slot. It reports whether a command moved the reading
// back meanwhile; then the batch is not sent, since it will be cut anew.
func (d *Delivery) dispatch(ctx context.Context, senders *task.Group) (moved bool) {
	b := d.cutting.cutter.Cut()
	if d.awaitSlot(ctx) {
		return true
	}
	d.send(senders, b)
	d.closeBatch()
	return false
}

// awaitSlot takes a slot for a batch. It reports whether a command moved the reading back meanwhile, or ctx ended.
func (d *Delivery) awaitSlot(ctx context.Context) (moved bool) {
	for {
		slots := d.slots
		var ready <-chan time.Time
		if wait := d.pacer.wait(); wait > 0 {
			ready, slots = time.After(wait), nil
		}
		if d.farAhead() || d.pausedUntil() != nil || d.mustFollow() {
			slots = nil
		}
		select {
		case slots <- struct{}{}:
			return false
		case <-ready:
		case <-d.moved:
			if d.moveRefused(ctx) {
				return true
			}
		case cmd := <-d.commands:
			if moved := cmd(); moved {
				return true
			}
		case <-ctx.Done():
			return true
		}
	}
}

// mustFollow says whether the next batch must wait for those in flight. Error outputs hold up nothing: they have no order.
func (d *Delivery) mustFollow() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.plans[d.state.latest().Version].Ordered && slices.ContainsFunc(d.flights, func(f *flight) bool { return !f.done && f.Failure == "" })
}

// aheadMax bounds the batches that are delivered while the floor, or the state that holds it, stays behind: for a batch
// that cannot be delivered, or a disk that is full. So many are sent again at most after a crash.
const aheadMax = 1000

// farAhead says whether cutting must wait for the floor.
func (d *Delivery) farAhead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.flights) >= aheadMax || len(d.sent) >= aheadMax || d.unsaved >= aheadMax {
		return true
	}
	return d.heldLocked() && d.spansSizeLocked() >= 2*spansSizeMax // else the cutting must go on for the floor to rise
}

// reached notes that everything before p is delivered, if nothing is in flight: p is where the reading stands while no
// batch is open.
func (d *Delivery) reached(p record.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next.Before(p) {
		d.next = p
		d.floorMoved()
	}
}
