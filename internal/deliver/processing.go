package deliver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"firehose/internal/log"
	"firehose/internal/record"
	"firehose/internal/task"
)

// processes says whether records at a position are processed before they are delivered.
func (d *Delivery) processes(p record.Position) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	version, _, _ := d.state.version(p)
	return d.plans[version.Version].processes()
}

// enter readies the delivery for the record at c.at: it ends the segment that ends there, and begins the next. It reports
// whether the record is to be processed. Batches of processed records and of others are never in flight together.
func (d *Delivery) enter(ctx context.Context, senders *task.Group) (processed bool, err error) {
	c := &d.cutting
	if c.cutter.Open() {
		return false, nil
	}
	if c.lines != nil {
		if !d.segmentEnds() {
			return true, nil
		}
		if err := c.lines.finish(ctx, c.at); err != nil {
			return false, err
		}
		d.leave()
		d.reached(c.at)
	}
	d.mu.Lock()
	version, _, _ := d.state.version(c.at)
	plan := d.plans[version.Version]
	mixed := false
	for _, f := range d.flights {
		mixed = mixed || (f.stored != nil) != plan.processes()
	}
	d.mu.Unlock()
	if mixed {
		if err := d.awaitLanding(ctx); err != nil {
			return false, err
		}
		return d.enter(ctx, senders)
	}
	if plan.processes() {
		c.lines = d.newPipeline(senders, version, plan, c.at)
	}
	return plan.processes(), nil
}

// segmentEnds says whether every batch must end before c.at.
func (d *Delivery) segmentEnds() bool {
	boundary, bounded := d.segmentEnd()
	return bounded && !d.cutting.at.Before(boundary)
}

// segmentEnd returns where the segment ends, if that is known.
func (d *Delivery) segmentEnd() (boundary record.Position, bounded bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.boundary(d.cutting.lines.from)
}

// leave forgets the segment and what is open in it.
func (d *Delivery) leave() {
	if d.cutting.lines != nil {
		d.cutting.lines.discard()
		d.cutting.lines = nil
	}
	d.cutting.inside = false
	d.cutting.since.Store(0)
}

// awaitLanding returns when a batch in flight has come down.
func (d *Delivery) awaitLanding(ctx context.Context) error {
	for {
		d.mu.Lock()
		flying := len(d.flights) > 0
		d.mu.Unlock()
		if !flying {
			return nil
		}
		select {
		case <-d.moved:
			if d.moveRefused(ctx) {
				return errMoved
			}
		case cmd := <-d.commands:
			if cmd() {
				return errMoved
			}
		case <-ctx.Done():
			return errMoved
		}
	}
}

// processBlock brings one block's records on their way, up to its end or to where the segment ends.
func (d *Delivery) processBlock(ctx context.Context, senders *task.Group, entry log.Entry) error {
	c := &d.cutting
	b, recent := d.Recent(entry.Number)
	if !recent {
		if err := c.block.Unpack(entry.Body, d.Keys); err != nil {
			return d.passOver(entry, err)
		}
		b = &c.block
	}
	d.boundOpen(c.at)
	c.inside = true
	defer func() { c.inside = false }()
	boundary, bounded := d.segmentEnd() // no command sets one inside the block that is read
	for index, count := int(c.at.Index), d.inRange(entry.Number, b.Count()); index < count; index++ {
		c.at = record.Position{Block: entry.Number, Index: uint32(index)}
		if bounded && !c.at.Before(boundary) {
			return nil
		}
		if err := c.lines.take(ctx, c.at, entry.Time, b.Record(index)); err != nil {
			return err
		}
		if moved := d.obey(ctx); moved {
			return errMoved
		}
	}
	c.at, c.inside = record.Position{Block: entry.Number + 1}, false
	if err := c.lines.catchUp(ctx, entry.Time, c.at); err != nil {
		return err
	}
	if !d.segmentEnds() {
		d.progress()
	}
	return nil
}

// obey does a command that is waiting: a block may take long. It reports whether the command moved the reading back, or
// ctx ended.
func (d *Delivery) obey(ctx context.Context) (moved bool) {
	select {
	case cmd := <-d.commands:
		moved = cmd()
	default:
	}
	return moved || ctx.Err() != nil
}

// progress notes how far the records are in flight or delivered.
func (d *Delivery) progress() {
	c := &d.cutting
	since := int64(0)
	if oldest := c.lines.oldest(); !oldest.IsZero() {
		since = oldest.UnixNano()
	}
	c.since.Store(since)
	if c.lines.plan.Process.Partition != nil {
		d.Observer.Partitions(c.lines.table.open, c.lines.extracting)
		c.lines.extracting = 0
	}
	d.reached(c.lines.low(c.at))
}

// idleProcessing is idle while records are processed.
func (d *Delivery) idleProcessing(ctx context.Context, senders *task.Group) error {
	c := &d.cutting
	if d.segmentEnds() {
		_, err := d.enter(ctx, senders)
		return err
	}
	if err := c.lines.catchUp(ctx, time.Time{}, c.at); err != nil {
		return err
	}
	d.progress()
	due := c.lines.due()
	if due.IsZero() {
		return d.waitProcessing(ctx, time.Time{})
	}
	if c.due.IsZero() || c.dueAt != due || !time.Now().Before(c.due) {
		now, next, err := d.Log.Tick(ctx)
		if err != nil {
			return fmt.Errorf("read the log's time: %w", err)
		}
		if next > c.at.Block {
			return nil
		}
		if !now.Before(due) {
			return c.lines.timePasses(ctx, now, c.at)
		}
		c.due, c.dueAt = time.Now().Add(max(due.Sub(now), tickAgain)), due
	}
	return d.waitProcessing(ctx, c.due)
}

// waitProcessing is wait, and returns also when a call of the function has come back.
func (d *Delivery) waitProcessing(ctx context.Context, due time.Time) error {
	var back <-chan struct{}
	if calls := d.cutting.lines.calls; len(calls) > 0 && calls[0].begun {
		back = calls[0].done
	}
	return d.waitFor(ctx, due, back)
}

// due returns the log time at which something is to be done though nothing arrives; zero when nothing is.
func (p *pipeline) due() time.Time {
	if c := p.filling(); c != nil {
		return p.callDeadline(c)
	}
	if b := p.table.oldest(); b != nil && len(p.calls) == 0 {
		return b.deadline(p.version.Limits)
	}
	return time.Time{}
}

// timePasses does what is due when nothing more arrives before now and at.
func (p *pipeline) timePasses(ctx context.Context, now time.Time, at record.Position) error {
	if c := p.filling(); c != nil {
		if now.Before(p.callDeadline(c)) {
			return nil
		}
		return p.launch(ctx)
	}
	if len(p.calls) > 0 {
		return nil
	}
	return p.closeDue(ctx, now, Point{At: at})
}

// spansSizeMax bounds the state, and with it the batches that are delivered above the floor, which an open batch holds
// down: about four thousand, or fewer if their records are listed.
const spansSizeMax = 1 << 20

// spansSizeLocked returns how much room the spans take that the floor has not passed.
func (d *Delivery) spansSizeLocked() (size int) {
	floor := d.floorLocked()
	for _, s := range d.spans {
		if !s.over(floor) {
			size += s.size()
		}
	}
	return size
}

// heldLocked says whether a batch in flight holds the floor down; else what is open does.
func (d *Delivery) heldLocked() bool {
	return slices.ContainsFunc(d.flights, func(f *flight) bool { return !d.next.Before(f.from) })
}

// boundOpen ends all open batches at a position when too much is delivered above them. It does not help where a batch in
// flight holds the floor down.
func (d *Delivery) boundOpen(at record.Position) {
	d.mu.Lock()
	crowded := d.next.Before(at) && d.spansSizeLocked() >= spansSizeMax && !d.heldLocked()
	d.mu.Unlock()
	if crowded {
		d.endBatches(at)
	}
}

// makeRoom ends all open batches at a position when the disk has no room to keep them open.
func (d *Delivery) makeRoom(at record.Position) {
	d.mu.Lock()
	worth := d.next.Before(at)
	d.mu.Unlock()
	if worth {
		d.endBatches(at)
	}
}

// endBatches has every batch end at a position that no batch has crossed. It does nothing where an earlier life may have
// cut batches that cross it.
func (d *Delivery) endBatches(at record.Position) {
	d.mu.Lock()
	crossed := at.Before(d.cutLocked())
	d.mu.Unlock()
	if crossed {
		return
	}
	err := d.change(func(s *State) bool {
		s.alsoCut(at) // a flush may wait for what it cut behind
		return true
	})
	if err != nil {
		d.Logger.Error("Ending the open batches failed.", "position", at.String(), "error", err)
	}
}
