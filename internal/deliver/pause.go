package deliver

import (
	"context"
	"errors"
	"time"
)

// ErrPaused is returned for what a pause holds up.
var ErrPaused = errors.New("the delivery is paused")

// Pause has the delivery send nothing more. A try that is under way is finished. The log keeps what waits.
func (d *Delivery) Pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resumed == nil {
		d.resumed, d.resting = make(chan struct{}), true
		close(d.pausing)
		d.pausing = make(chan struct{})
		d.floorMoved()
	}
}

// Resume ends a pause. After an error it lasts.
func (d *Delivery) Resume() error {
	d.mu.Lock()
	d.resting = false
	d.mu.Unlock()
	err := d.mayBeSent()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.resting = d.resumed != nil
		return err
	}
	if d.resumed != nil {
		close(d.resumed)
		d.resumed = nil
		signal(d.moved)
	}
	return nil
}

// pausedUntil returns a channel that is closed when the pause ends, or nil if there is none.
func (d *Delivery) pausedUntil() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.resumed
}

// awaitResume waits while the delivery is paused, and says how long. Ended says that ctx or the delivery ended first.
func (d *Delivery) awaitResume(ctx context.Context) (waited time.Duration, ended bool) {
	began := time.Now()
	for {
		resumed := d.pausedUntil()
		if resumed == nil {
			return time.Since(began), false
		}
		select {
		case <-resumed:
		case <-d.ending:
			return 0, true
		case <-ctx.Done():
			return 0, true
		}
	}
}

// mayBeSent notes in the state that what is above the floor may be sent from now on.
func (d *Delivery) mayBeSent() error {
	return d.change(func(s *State) bool {
		was := s.Unsent
		s.Unsent = false
		return was
	})
}

// noteUnsent notes in the state whether nothing above the floor was ever sent, while nothing is: what a pause keeps then goes
// by the version that is in force when it ends, also after a crash.
func (d *Delivery) noteUnsent() error {
	return d.change(func(s *State) bool {
		if !d.resting {
			return false
		}
		unsent := len(d.spans) == 0 && !s.Floor.Before(d.start) // else an earlier life may have
		for _, f := range d.flights {
			unsent = unsent && !f.done && !f.mayExist
		}
		was := s.Unsent
		s.Unsent = unsent
		return was != unsent
	})
}
