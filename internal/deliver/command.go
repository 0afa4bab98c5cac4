package deliver

import (
	"context"
	"fmt"

	"firehose/internal/record"
)

// command is done by the cutting goroutine, between two looks at the log. It reports whether it moved the reading back.
type command func() (moved bool)

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

// Flush cuts what is open now and returns when everything that was acknowledged before the call is delivered.
func (d *Delivery) Flush(ctx context.Context) error {
	_, end := d.Log.Ends()
	p := record.Position{Block: end}
	err := d.order(ctx, func() (bool, error) {
		if p.Before(d.cutting.at) {
			p = d.cutting.at // the open batch holds what is before it, and can only be cut behind that
		}
		return false, d.change(func(s *State) bool {
			if !d.next.Before(p) {
				return false // everything before p is in flight or delivered already
			}
			s.cut(p)
			return true
		})
	})
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return d.waitFloor(ctx, p)
}

// Reconfigure puts a version of the document in force and returns when it is. It holds for the records that are not in a
// batch in flight yet, and for those in batches that the destination has refused for certain: so a repaired
// configuration also moves what the broken one could not deliver. A batch of which a try may have succeeded keeps its
// version, since it may be in place already.
func (d *Delivery) Reconfigure(ctx context.Context, version int) error {
	plan, err := d.Open(version)
	if err != nil {
		return fmt.Errorf("open destination of version %d: %w", version, err)
	}
	err = d.order(ctx, func() (bool, error) {
		from := d.recall()
		err := d.change(func(s *State) bool {
			s.change(from, version)
			d.plans[version] = plan
			return true
		})
		d.rewind(from) // also after an error: what was recalled must be cut again
		return true, err
	})
	if err != nil {
		return fmt.Errorf("put version %d in force: %w", version, err)
	}
	d.mu.Lock()
	d.dropPlansLocked()
	d.mu.Unlock()
	return nil
}

// recall takes back the last batches in flight as far as none of them can be in place, and returns where the reading
// must go on.
func (d *Delivery) recall() record.Position {
	d.mu.Lock()
	keep := len(d.flights)
	for keep > 0 {
		f := d.flights[keep-1]
		if f.done || f.trying || f.mayExist {
			break
		}
		keep--
	}
	recalled := d.flights[keep:]
	d.flights = d.flights[:keep:keep]
	if len(recalled) > 0 {
		d.next = recalled[0].from
	}
	for _, f := range recalled {
		f.cancelled = true
		f.stop()
	}
	from := d.next
	d.mu.Unlock()
	for _, f := range recalled {
		<-f.ended
	}
	return from
}
