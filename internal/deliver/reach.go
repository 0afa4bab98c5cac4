package deliver

import (
	"errors"

	"firehose/internal/record"
)

// What a crash leaves unknown
//
// After a crash nobody knows which tries were made after the state was last saved, so a delivery must take all that the log
// had then for sent, and batches that may have been sent keep their version. While all is well that is no loss. While the
// destination takes nothing it would be one: the version that corrects it would hold for none of the records that wait.
//
// So from a failed try on until the next batch is delivered, and while nothing is sent at all, the saved state has a reach.
// It lies behind every batch that may be in place. A try of a batch beyond it first saves a state with one that lies behind
// this batch too; once the batch is refused for certain, the next state draws it in again. A crash between the two leaves
// that one batch, and what lies before it, as it leaves everything where there is no reach. A destination that takes its batches costs nothing;
// one that does not costs two saves for a try at most, and those have pauses between them.

// errUnsaved marks the error of a try that was not made, since the state could not be saved.
var errUnsaved = errors.New("the try could not be announced")

// reachLocked returns the position at and behind which nothing can be in place, or nil when that is not to be saved.
func (d *Delivery) reachLocked() *record.Position {
	if !d.wary && d.resumed == nil {
		return nil
	}
	reach := later(d.start, d.floorLocked())
	for _, s := range d.spans {
		reach = later(reach, s.Until.behind())
	}
	for _, f := range d.flights {
		if f.done || f.mayExist {
			reach = later(reach, f.behind())
		}
	}
	return &reach
}

// behind returns the position behind all that decided what is in the batch.
func (f *flight) behind() record.Position {
	if f.stored == nil {
		return f.End
	}
	return later(f.End, f.stored.span.Until.behind())
}

// announce has the saved state say that a batch may be in place. The caller has set its mayExist.
func (d *Delivery) announce(f *flight) error {
	d.mu.Lock()
	known := reaches(d.state.Reach, f) && reaches(d.saves, f)
	d.mu.Unlock()
	if known {
		return nil
	}
	return d.change(d.reachChangedLocked)
}

// reaches says whether a batch may be in place where a state has such a reach.
func reaches(reach *record.Position, f *flight) bool {
	return reach == nil || !reach.Before(f.behind())
}

// reachChangedLocked says whether a new state has another reach than the one in force.
func (d *Delivery) reachChangedLocked(s *State) bool {
	old := d.state.Reach
	return (s.Reach == nil) != (old == nil) || old != nil && *s.Reach != *old
}
