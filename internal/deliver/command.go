package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"firehose/internal/record"
)

// command is done by the cutting goroutine, between two looks at the log. It reports whether it moved the reading back.
type command func() (moved bool)

// ErrEnded is returned for what a delivery is asked to do after it has ended.
var ErrEnded = errors.New("the delivery has ended")

// order has the cutting goroutine do f, and waits for it.
func (d *Delivery) order(ctx context.Context, f func() (moved bool, err error)) error {
	done := make(chan error, 1)
	c := func() bool {
		moved, err := f()
		done <- err
		return moved
	}
	select {
	case d.commands <- c:
	case <-d.ending:
		return ErrEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Flush cuts what is open now and returns when everything that was acknowledged before the call is delivered. A pause ends the
// wait with ErrPaused.
func (d *Delivery) Flush(ctx context.Context) error {
	d.mu.Lock()
	paused, pausing := d.resumed != nil, d.pausing
	d.mu.Unlock()
	if paused {
		return ErrPaused
	}
	return d.flush(ctx, pausing)
}

// Drain is Flush that waits through pauses.
func (d *Delivery) Drain(ctx context.Context) error { return d.flush(ctx, nil) }

func (d *Delivery) flush(ctx context.Context, pausing <-chan struct{}) error {
	_, end := d.Log.Ends()
	p := record.Position{Block: end}
	err := d.order(ctx, func() (bool, error) {
		read := d.cutting.read()
		p = later(p, read) // the open batch holds what is before it, and can only be cut behind that
		return false, d.change(func(s *State) bool {
			if !d.next.Before(p) {
				return false // everything before p is in flight or delivered already
			}
			s.cut(p, later(read, d.cutLocked()))
			return true
		})
	})
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return d.waitFloor(ctx, p, pausing)
}

// Reconfigure puts a version of the document in force and returns when it is. It holds for the records that are not in a
// batch in flight yet, and for those in batches that the destination has refused for certain: so a repaired
// configuration also moves what the broken one could not deliver. What may be in place already keeps its version: a
// batch of which a try may have succeeded, and what an earlier life may have sent.
func (d *Delivery) Reconfigure(ctx context.Context, version int) error {
	err := d.order(ctx, func() (bool, error) {
		d.awaitAnswers(ctx)
		if d.processing() {
			return d.enforceProcessed(version, false)
		}
		return d.enforce(version, func(int, record.Position) bool { return true })
	})
	if err != nil {
		return fmt.Errorf("put version %d in force: %w", version, err)
	}
	return nil
}

// moveRefused puts the version in force also for batches of earlier versions that were refused for certain after it came.
// It reports whether it moved the reading back.
func (d *Delivery) moveRefused(ctx context.Context) (moved bool) {
	d.mu.Lock()
	version, low := d.state.latest().Version, d.floorLocked()
	spanned := d.spannedLocked(low) && !d.cutAlikeLocked(low, d.plans[version])
	due := slices.ContainsFunc(d.flights, func(f *flight) bool {
		return f.Version != version && f.problem != nil && !f.mayExist && (f.stored == nil || !spanned)
	})
	d.mu.Unlock()
	if !due {
		return false
	}
	d.awaitAnswers(ctx) // what follows is easier to take back before the version in force has delivered behind it
	var err error
	if d.processing() {
		moved, err = d.enforceProcessed(version, true)
	} else {
		moved, err = d.enforce(version, func(keep int, free record.Position) bool {
			return slices.ContainsFunc(d.flights[keep:], func(f *flight) bool {
				return f.Version != version && !f.First.Before(free)
			})
		})
	}
	if err != nil {
		d.Logger.Error("Moving batches to the version in force failed; trying again.", "version", version, "error", err)
		d.pause(ctx, readAgain)
	}
	return moved
}

// enforce takes back the last batches in flight as far as none of them can be in place, and puts a version in force from
// where on nothing can be. It does neither if worth, which is called with d.mu held, says no.
func (d *Delivery) enforce(version int, worth func(keep int, free record.Position) bool) (moved bool, err error) {
	plan, err := d.Open(version)
	if err != nil {
		return false, fmt.Errorf("open destination: %w", err)
	}
	from, free, ok := d.recall(worth)
	if !ok {
		plan.close()
		return false, nil
	}
	err = d.changeWith(func(s *State) bool {
		s.change(Version{From: free, Version: version, Limits: plan.Limits, Active: plan.Active})
		return true
	}, func() { d.adoptLocked(version, plan) })
	if err != nil {
		plan.close()
	}
	d.rewind(from) // also after an error: what was recalled must be cut again
	return true, err
}

// adoptLocked keeps the plan of a version that comes in force, and drops those of versions that are over.
func (d *Delivery) adoptLocked(version int, plan Plan) {
	plan.opened = time.Now()
	if old, known := d.plans[version]; known {
		plan.close()
		plan = old // batches in flight may use it
	}
	d.plans[version] = plan
	d.dropPlansLocked()
}

// answerMax is how long a change of version waits for tries under way. What has no answer by then keeps its version.
const answerMax = 5 * time.Second

// awaitAnswers waits for the tries under way whose answer says whether their batch can be recalled. Without it a batch
// would stay with a broken destination because of the moment at which it was repaired.
func (d *Delivery) awaitAnswers(ctx context.Context) {
	patience := time.NewTimer(answerMax)
	defer patience.Stop()
	for d.answerDue() {
		select {
		case <-d.moved:
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// answerDue says whether the last batch that may be in place is being tried, or was not tried yet in this life.
func (d *Delivery) answerDue() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range slices.Backward(d.flights) {
		if f.done || f.mayExist {
			return f.trying || !f.done && f.problem == nil && d.resumed == nil
		}
	}
	return false
}

// recall takes batches back, if that is worth it. It returns where the reading must go on, and from where on nothing can
// be in place.
func (d *Delivery) recall(worth func(keep int, free record.Position) bool) (from, free record.Position, ok bool) {
	d.mu.Lock()
	keep, free := d.recallableLocked()
	if !worth(keep, free) {
		d.mu.Unlock()
		return from, free, false
	}
	recalled := d.flights[keep:]
	d.flights = d.flights[:keep:keep]
	if len(recalled) > 0 {
		d.next = recalled[0].from
	}
	from = d.next
	cancelLocked(recalled)
	d.mu.Unlock()
	awaitEnd(recalled)
	return from, free, true
}

// cancelLocked has senders end without an effect.
func cancelLocked(flights []*flight) {
	for _, f := range flights {
		f.cancelled = true
		f.stop()
	}
}

// awaitEnd returns when the senders have ended. The caller does not hold d.mu.
func awaitEnd(flights []*flight) {
	for _, f := range flights {
		<-f.ended
	}
}

// cutLocked returns the position up to which batches may have been cut already: by an earlier life, or by this one if the
// reading has moved back since.
func (d *Delivery) cutLocked() record.Position {
	p := d.start
	for _, s := range d.spans {
		p = later(p, s.Until.behind())
	}
	for _, f := range d.flights {
		p = later(p, f.behind())
	}
	return p
}

func later(p, q record.Position) record.Position {
	if p.Before(q) {
		return q
	}
	return p
}

// recallableLocked returns the index from which on no batch in flight can be in place, and the position from which on
// nothing at all can be.
func (d *Delivery) recallableLocked() (keep int, free record.Position) {
	keep, free = len(d.flights), d.next
	absent := map[int]bool{}
	for ; keep > 0; keep-- {
		f := d.flights[keep-1]
		if f.done || f.trying || f.mayExist {
			break
		}
		absent[f.Version] = absent[f.Version] || f.absent
		free = f.from
	}
	if end, some := d.sentBeforeLocked(d.next, absent); some {
		return keep, end
	}
	return keep, free
}

// sentBeforeLocked returns up to where an earlier life may have sent what comes after p, if it may have: up to the log's
// end of that time, but for versions whose destination holds nothing, since it does not exist.
func (d *Delivery) sentBeforeLocked(p record.Position, absent map[int]bool) (end record.Position, some bool) {
	end = d.start
	for _, v := range slices.Backward(d.state.Versions) {
		if !v.From.Before(end) || !p.Before(end) {
			continue
		}
		if !absent[v.Version] {
			return end, true
		}
		end = v.From
	}
	return end, false
}
