package deliver

import (
	"fmt"
	"time"

	"firehose/internal/destination"
	"firehose/internal/record"
)

// Status is where a delivery stands.
type Status struct {
	Floor    record.Position
	Version  int       // of the document in force at the log's end
	InFlight int       // batches being sent
	Paused   bool      // nothing is sent
	Gap      bool      // of a range: the log did not have all of what is before the floor
	Oldest   time.Time // log time of the oldest record that is not delivered; zero when there is none
	Problem  *Problem  // why nothing moves, if nothing does
}

// Problem is why a batch is not delivered yet.
type Problem struct {
	Since time.Time // of the first failed try
	Tries int
	Err   error // of the latest try; a *verdict.SetUp in its chain says how to repair it
}

// Status returns where the delivery stands.
func (d *Delivery) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{Floor: d.state.Floor, Version: d.state.latest().Version, InFlight: len(d.flights), Paused: d.resumed != nil, Gap: d.state.Gap, Oldest: d.cutting.openSince()}
	for _, f := range d.flights {
		if s.Oldest.IsZero() || f.Time.Before(s.Oldest) {
			s.Oldest = f.Time
		}
		if s.Problem == nil {
			s.Problem = f.problemLocked()
		}
	}
	if s.Problem == nil {
		s.Problem = d.standstillLocked()
	}
	return s
}

// standstillLocked returns why no batch is even made or tried, or nil if nothing is in the way.
func (d *Delivery) standstillLocked() *Problem {
	if d.stuck != nil {
		stuck := *d.stuck
		return &stuck
	}
	plan := d.plans[d.state.latest().Version]
	if why := destination.AsHeld(plan.Destination); why != nil {
		return &Problem{Since: plan.opened, Err: why}
	}
	return nil
}

// stops notes that the log could not be read further, or what was read not be processed.
func (d *Delivery) stops(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stuck == nil {
		d.stuck = &Problem{Since: time.Now()}
		d.stuckAt = d.cutting.at
	}
	d.stuck.Tries, d.stuck.Err = d.stuck.Tries+1, err
}

// goesOn notes that what was in the way is passed, if anything was: all before c.at was read, and at the head all there is.
func (d *Delivery) goesOn(head bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stuck != nil && (head || d.stuckAt.Before(d.cutting.at)) {
		d.stuck = nil
	}
}

// slowTry is how long a try may last before it counts as a problem.
const slowTry = 30 * time.Second

// problemLocked returns why a batch is not delivered yet, or nil if there is no reason to ask.
func (f *flight) problemLocked() *Problem {
	if f.problem != nil {
		problem := *f.problem
		return &problem
	}
	if lasts := time.Since(f.tried); f.trying && lasts > slowTry {
		return &Problem{Since: f.tried, Tries: 1, Err: fmt.Errorf("no answer for %v", lasts.Round(time.Second))}
	}
	return nil
}
