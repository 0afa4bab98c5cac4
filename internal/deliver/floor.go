package deliver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"firehose/internal/record"
)

// floorMoved tells the keeping goroutine that the floor may have moved. The caller holds d.mu.
func (d *Delivery) floorMoved() { signal(d.dirty) }

// signal tells the one who waits for a channel with room for one that there is something to look at.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // told already
	}
}

// floorLocked returns the position before which everything is delivered.
func (d *Delivery) floorLocked() record.Position {
	floor := d.next
	for _, f := range d.flights {
		if f.from.Before(floor) {
			floor = f.from
		}
	}
	return floor
}

// keepFloor saves the floor and the reach whenever they have moved. Several moves may become one save.
func (d *Delivery) keepFloor(ctx context.Context) error {
	for {
		select {
		case <-d.dirty:
		case <-ctx.Done():
			return nil
		}
		for try := 1; ; try++ {
			err := d.saveFloor()
			if err == nil && d.spanned() {
				d.pause(ctx, spansSave)
			}
			if err == nil || ctx.Err() != nil {
				break // Run makes the last save
			}
			if try == 1 {
				d.Logger.Error("Saving the delivery's state failed; trying again.", "error", err)
			}
			if ended := d.pause(ctx, d.Retry.Pause(try, nil)); ended {
				break
			}
		}
	}
}

// spansSave is the least time between two saves of a state that has many parts. What is delivered meanwhile is delivered
// again after a crash, under the same names.
const spansSave = 250 * time.Millisecond

// spanned says whether batches are delivered above the floor.
func (d *Delivery) spanned() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.spans) > 0
}

// saveFloor saves the floor and the reach, and then lets the log release what lies below the floor.
func (d *Delivery) saveFloor() error {
	moved := false
	err := d.change(func(s *State) bool {
		floor := d.floorLocked()
		moved = s.Floor.Before(floor)
		if moved {
			s.raise(floor)
		}
		return moved || d.unsaved > 0 || d.reachChangedLocked(s)
	})
	if err != nil || !moved {
		return err
	}
	d.mu.Lock()
	floor := d.state.Floor
	d.spans = slices.DeleteFunc(d.spans, func(s Span) bool { return s.over(floor) })
	d.dropPlansLocked()
	close(d.changed)
	d.changed = make(chan struct{})
	d.mu.Unlock()
	d.Released(floor.Block)
	return nil
}

// change makes a new state and saves it; only then is it in force. Edit is called with d.mu held and returns whether it
// changed anything.
func (d *Delivery) change(edit func(*State) bool) error { return d.changeWith(edit, func() {}) }

// changeWith is change, and calls comes with d.mu held in the moment in which the new state comes in force.
func (d *Delivery) changeWith(edit func(*State) bool, comes func()) error {
	d.saving.Lock()
	defer d.saving.Unlock()
	d.mu.Lock()
	state := d.state.clone()
	state.Spans = slices.Clone(d.spans)
	state.Gap = state.Gap || d.Range != nil && d.gap
	state.Reach = d.reachLocked()
	changed := edit(&state)
	sent, unsaved := d.sent, d.unsaved
	if changed {
		d.saves = state.Reach
	}
	d.mu.Unlock()
	if !changed {
		return nil
	}
	oldest, _ := d.Log.Ends()
	err := d.Cursor.Save(state, sent, oldest)
	d.mu.Lock()
	d.saves = nil
	if err != nil {
		d.mu.Unlock()
		return fmt.Errorf("save the delivery's state: %w", err)
	}
	d.state = state
	d.sent = d.sent[len(sent):]
	d.unsaved -= unsaved
	comes()
	d.mu.Unlock()
	signal(d.moved)
	return nil
}

// dropPlansLocked closes the destinations of versions that are over.
func (d *Delivery) dropPlansLocked() {
	for version, plan := range d.plans {
		used := false
		for _, v := range d.state.Versions {
			used = used || v.Version == version
		}
		if !used {
			plan.close()
			delete(d.plans, version)
		}
	}
}

// waitFloor returns when everything before p is delivered and the floor is saved, or with ErrPaused when pausing is closed.
func (d *Delivery) waitFloor(ctx context.Context, p record.Position, pausing <-chan struct{}) error {
	for {
		d.mu.Lock()
		reached, changed := !d.state.Floor.Before(p), d.changed
		d.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-pausing:
			return ErrPaused
		case <-d.ended:
			return ErrEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
