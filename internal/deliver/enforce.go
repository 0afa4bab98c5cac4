package deliver

import (
	"fmt"
	"reflect"
	"slices"

	"firehose/internal/record"
)

// processing says whether records are processed, or batches of processed records are in flight, or delivered above where
// the reading goes on.
func (d *Delivery) processing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cutting.lines != nil || d.spannedLocked(d.next) || slices.ContainsFunc(d.flights, func(f *flight) bool { return f.stored != nil })
}

// enforceProcessed is enforce where records are processed. Batches of partitions overlap, so it takes back all that is in
// flight, if none of it can be in place, or else nothing; then the version begins at the next block that is read. What is
// delivered already above the floor is no obstacle if the version makes the same batches. If only batches in flight are its
// reason, it does nothing when it cannot take those back.
func (d *Delivery) enforceProcessed(version int, forFlights bool) (moved bool, err error) {
	plan, err := d.Open(version)
	if err != nil {
		return false, fmt.Errorf("open destination: %w", err)
	}
	d.mu.Lock()
	from := later(d.cutting.read(), d.cutLocked())
	low := d.floorLocked()
	alike := d.cutAlikeLocked(low, plan)
	free := d.freeProcessedLocked(low, from, alike)
	if forFlights && !slices.ContainsFunc(d.flights, func(f *flight) bool { return f.Version != version && free.Before(from) && !f.First.Before(free) }) {
		d.mu.Unlock()
		plan.close()
		return false, nil
	}
	if moved = free.Before(from); moved {
		from, d.next = free, low
		recalled := d.flights
		d.flights = nil
		cancelLocked(recalled)
		defer awaitEnd(recalled)
	}
	d.mu.Unlock()
	err = d.changeWith(func(s *State) bool {
		ends := s.Versions
		s.change(Version{From: from, Version: version, Limits: plan.Limits, Active: plan.Active})
		for _, v := range ends {
			if alike && from.Before(v.From) {
				s.alsoCut(v.From) // batches that are delivered have ended there
			}
		}
		return true
	}, func() { d.adoptLocked(version, plan) })
	if err != nil {
		plan.close()
	}
	switch lines := d.cutting.lines; {
	case moved:
		d.rewind(low)
	case lines != nil && !lines.from.Before(from):
		d.leave() // it has begun under the version that is replaced, and has read nothing
	}
	return moved, err
}

// spannedLocked says whether a record at p or behind it may be in a batch of processed records that is delivered.
func (d *Delivery) spannedLocked(p record.Position) bool {
	return slices.ContainsFunc(d.spans, func(s Span) bool { return p.Before(s.End.behind()) })
}

// freeProcessedLocked returns from where on nothing can be in place when all that is in flight or open from low on is taken
// back. It is the position behind when something may be: then nothing can be taken back.
func (d *Delivery) freeProcessedLocked(low, behind record.Position, alike bool) record.Position {
	if !alike && d.spannedLocked(low) {
		return behind // another version may give a delivered record another partition
	}
	absent := map[int]bool{}
	for _, f := range d.flights {
		if f.done || f.trying || f.mayExist {
			return behind
		}
		absent[f.Version] = absent[f.Version] || f.absent
	}
	if end, some := d.sentBeforeLocked(low, absent); some {
		return end
	}
	return low
}

// cutAlikeLocked says whether a plan makes the same batches as every version in force at a position or behind it.
func (d *Delivery) cutAlikeLocked(p record.Position, plan Plan) bool {
	first, _, _ := d.state.version(p)
	for _, v := range d.state.Versions {
		old := d.plans[v.Version]
		if !v.From.Before(first.From) && (v.Limits != plan.Limits || v.Active != plan.Active || !reflect.DeepEqual(old.Process, plan.Process) || !plan.processes()) {
			return false
		}
	}
	return true
}
