package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"firehose/internal/stream"
)

// ErrPausedByDocument says that a delivery cannot be resumed because the document declares it as paused.
var ErrPausedByDocument = errors.New("the document declares the destination as paused")

// ErrNotPaused says that there is nothing to resume: the delivery is not paused.
var ErrNotPaused = errors.New("the destination is not paused")

// pausedByDocument is who paused a delivery that is declared as paused.
const pausedByDocument = "the document"

// pausedNow says whether a delivery is to send nothing: its declaration says so, or somebody paused it.
func (r *running) pausedNow(declared stream.Delivery) bool {
	s := r.declared.Load()
	_, paused := s.Pauses[declared.ID]
	return paused || declared.Paused && !slices.Contains(s.Resumed, declared.ID)
}

// Pause has a delivery of a stream send nothing until it is resumed, also over restarts. The log keeps what comes. Pausing
// again changes who did it, and why. Errors: stream.ErrNotFound, stream.ErrNotActive, ErrNoDelivery.
func (c *Control) Pause(key stream.Key, id, by, reason string) error {
	return c.repause(key, id, func(r *running, d *delivery) error {
		err := r.saveLocked(func(s *stream.Stream) {
			if s.Pauses == nil {
				s.Pauses = map[string]stream.Pause{}
			}
			pause := stream.Pause{By: by, Reason: reason, Since: time.Now().UTC()}
			if known, paused := s.Pauses[id]; paused {
				pause.Since = known.Since
			}
			s.Pauses[id] = pause
		})
		if err == nil {
			d.Pause()
			r.logger.Info("A delivery is paused.", "delivery", id, "by", by, "reason", reason)
		}
		return err
	})
}

// Resume ends a pause. What the document pauses goes on only where the stream is being deleted, since nobody can change its
// document then. Errors: those of Pause, ErrPausedByDocument and ErrNotPaused.
func (c *Control) Resume(key stream.Key, id, by string) error {
	return c.repause(key, id, func(r *running, d *delivery) error {
		declared := d.declared.Load().Paused
		if declared && r.declared.Load().Status != stream.Deleting {
			return ErrPausedByDocument
		}
		if !r.pausedNow(*d.declared.Load()) {
			return ErrNotPaused
		}
		d.Resume()
		err := r.saveLocked(func(s *stream.Stream) {
			delete(s.Pauses, id)
			if declared {
				s.Resumed = append(s.Resumed, id)
			}
		})
		if err != nil {
			d.Pause()
			return err
		}
		r.logger.Info("A delivery goes on.", "delivery", id, "by", by)
		return nil
	})
}

// repause changes whether a delivery is paused. Of a stream that is being deleted too: its deletion may wait for it.
func (c *Control) repause(key stream.Key, id string, change func(*running, *delivery) error) error {
	r, err := c.get(key)
	if err != nil {
		return err
	}
	r.change.Lock()
	defer r.change.Unlock()
	if !r.started.Load() {
		return stream.ErrNotActive
	}
	r.mu.Lock()
	d := r.deliveries[id]
	r.mu.Unlock()
	if d == nil {
		return fmt.Errorf("%w as %q; it has %s", ErrNoDelivery, id, strings.Join(r.deliveryIDs(), ", "))
	}
	return change(r, d)
}

// deliveryIDs returns the ids of the deliveries.
func (r *running) deliveryIDs() (ids []string) {
	for _, d := range r.delivering() {
		ids = append(ids, d.id)
	}
	return ids
}
