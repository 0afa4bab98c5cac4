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
		d.resumed, d.wary = make(chan struct{}), true
		close(d.pausing)
		d.pausing = make(chan struct{})
		d.floorMoved()
	}
}

// Resume ends a pause.
func (d *Delivery) Resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resumed != nil {
		close(d.resumed)
		d.resumed = nil
		signal(d.moved)
	}
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
