package control

import (
	"context"
	"fmt"
	"math"
	"os"

	"firehose/internal/stream"
)

// Create declares a stream of status CREATING and starts it. Errors: stream.ErrExists, stream.ErrQuota.
func (c *Control) Create(_ context.Context, s stream.Stream) error {
	c.mu.Lock()
	if _, taken := c.streams[s.Key]; taken {
		c.mu.Unlock()
		return stream.ErrExists
	}
	if err := c.quotaLocked(s.Key); err != nil {
		c.mu.Unlock()
		return err
	}
	r := newRunning(c, s)
	r.change.Lock() // nobody changes it before it is in the catalogue
	defer r.change.Unlock()
	c.streams[s.Key] = r
	c.mu.Unlock()

	if err := c.Store.SaveStream(s); err != nil {
		c.mu.Lock()
		delete(c.streams, s.Key)
		c.mu.Unlock()
		return err
	}
	c.tasks.Go("create "+s.Name, func(ctx context.Context) error {
		r.create(ctx)
		return nil
	})
	return nil
}

func (c *Control) quotaLocked(key stream.Key) error {
	count := 0
	for k := range c.streams {
		if k.Account == key.Account && k.Region == key.Region {
			count++
		}
	}
	if count >= c.Quota {
		return stream.ErrQuota
	}
	return nil
}

// create brings a new stream up. A stream that cannot be made keeps its name until it is deleted.
func (r *running) create(ctx context.Context) {
	err := r.bringUp(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	r.logger.Error("Creating the stream failed.", "error", err)
	r.setProblem(err)
	if !r.started.Load() {
		failure := &stream.Failure{Type: "UNKNOWN_ERROR", Details: err.Error()}
		err = r.save(func(s *stream.Stream) {
			if s.Status == stream.Creating { // not deleted meanwhile
				s.Status, s.Failure = stream.CreatingFailed, failure
			}
		})
		if err == nil {
			return
		}
	}
	r.carryOn(ctx, func() {}) // what failed is the catalogue
}

// Update changes a stream's declaration in one step and returns when what runs has taken it over. An error of change comes
// back as it is, and nothing is changed. Error: stream.ErrNotFound.
func (c *Control) Update(ctx context.Context, key stream.Key, change func(*stream.Stream) error) (stream.Stream, error) {
	r, err := c.get(key)
	if err != nil {
		return stream.Stream{}, err
	}
	r.change.Lock()
	defer r.change.Unlock()
	if r.removed {
		return stream.Stream{}, stream.ErrNotFound
	}
	before := r.declared.Load()
	s := before.Clone()
	if err := change(&s); err != nil {
		return stream.Stream{}, err
	}
	if s.Version != before.Version && r.started.Load() {
		r.forgetVersions(&s)
	}
	if err := c.Store.SaveStream(s); err != nil {
		return stream.Stream{}, err
	}
	r.declared.Store(&s)
	if s.Version != before.Version && r.started.Load() {
		if err := r.reconfigure(ctx); err != nil {
			r.setProblem(err)
			c.tasks.Go("reconfigure "+key.Name, func(ctx context.Context) error {
				r.carryOn(ctx, func() {})
				return nil
			})
			return stream.Stream{}, err
		}
	}
	if s.Encryption.Status != before.Encryption.Status || s.Encryption.KeyARN != before.Encryption.KeyARN {
		c.tasks.Go("encrypt "+key.Name, func(ctx context.Context) error {
			r.carryOn(ctx, func() {})
			return nil
		})
	}
	return s.Clone(), nil
}

// reconfigure has every delivery take the version in force, starts those that it adds and ends those that it leaves out. The caller holds change.
func (r *running) reconfigure(ctx context.Context) error {
	s := r.declared.Load()
	spec, err := r.compile(s, s.Version)
	if err != nil {
		return err
	}
	if err := r.dropOthers(spec); err != nil {
		return err
	}
	for _, declared := range spec.Deliveries {
		r.mu.Lock()
		d, runs := r.deliveries[declared.ID]
		r.mu.Unlock()
		if !runs {
			if err := r.startDelivery(ctx, declared, s.Version); err != nil {
				return fmt.Errorf("start delivery %s: %w", declared.ID, err)
			}
			continue
		}
		if err := r.adapt(ctx, d, declared, s.Version); err != nil {
			return fmt.Errorf("change delivery %s: %w", declared.ID, err)
		}
	}
	return nil
}

// adapt has a delivery take the version in force. What a pause keeps goes by the version that is in force when it ends.
func (r *running) adapt(ctx context.Context, d *delivery, declared stream.Delivery, version int) error {
	paused := r.pausedNow(declared)
	if paused {
		d.Pause()
	}
	if d.Status().Version != version {
		if err := d.Reconfigure(ctx, version); err != nil {
			return err
		}
	}
	d.declared.Store(&declared)
	if !paused {
		d.Resume()
	}
	return nil
}

// forgetVersions drops the documents that no replay can need, but for the latest.
func (r *running) forgetVersions(s *stream.Stream) {
	oldest := max(s.Version-versionsKept+1, 1)
	for _, d := range r.delivering() {
		oldest = min(oldest, d.OldestVersion())
	}
	for version := range s.Documents {
		if version < oldest && version < r.declared.Load().Version {
			delete(s.Documents, version)
		}
	}
}

// Delete starts a stream's deletion. What is not delivered yet is delivered first, unless deletion discards or force is
// true; deleting again with force ends the wait for a destination that is broken. Error: stream.ErrNotFound.
func (c *Control) Delete(_ context.Context, key stream.Key, force bool) error {
	r, err := c.get(key)
	if err != nil {
		return err
	}
	r.change.Lock()
	defer r.change.Unlock()
	status := r.declared.Load().Status
	already := status == stream.Deleting
	force = force || status == stream.CreatingFailed // it holds nothing
	if !already || force {
		err := r.saveLocked(func(s *stream.Stream) {
			s.Status = stream.Deleting
			s.Discard = s.Discard || force || c.Discard
		})
		if err != nil {
			return err
		}
	}
	r.mu.Lock()
	if force && r.draining != nil {
		r.draining()
	}
	r.mu.Unlock()
	if already {
		return nil
	}
	c.tasks.Go("delete "+key.Name, func(ctx context.Context) error {
		r.carryOn(ctx, func() {})
		return nil
	})
	return nil
}

// awaitPuts returns when the puts that are under way have ended.
func (r *running) awaitPuts() {
	r.puts.Lock()
	defer r.puts.Unlock()
}

// remove carries a deletion out. Puts are refused already.
func (r *running) remove(ctx context.Context) error {
	if r.started.Load() && !r.drained {
		r.awaitPuts() // what was accepted before the deletion is drained too
		r.writer.Wait()
		if err := r.drain(ctx); err != nil {
			return err
		}
	}
	for _, d := range r.delivering() {
		d.stop()
		if r.declared.Load().Discard {
			d.abort()
		}
		<-d.ended
	}
	for _, replay := range r.replaying() {
		r.stopReplay(replay.ID)
	}
	r.drained = true
	r.c.Recent.Forget(r.blocks(), math.MaxUint64)
	s := r.declared.Load()
	if err := r.c.Engine.Remove(ctx, logName(s)); err != nil {
		return err
	}
	if err := r.removeDeclared(*s); err != nil {
		return err
	}
	os.Remove(r.idsFile()) // there may be none
	r.gone = true
	r.c.mu.Lock()
	delete(r.c.streams, r.key)
	r.c.mu.Unlock()
	r.c.Metrics.ForgetStream(r.key.Account, r.key.Region, r.key.Name)
	r.logger.Info("The stream is deleted.")
	return nil
}

// removeDeclared takes the stream out of the catalogue, for good.
func (r *running) removeDeclared(s stream.Stream) error {
	r.change.Lock()
	defer r.change.Unlock()
	if err := r.c.Store.RemoveStream(s); err != nil {
		return err
	}
	r.removed = true
	return nil
}

// drain delivers what is not delivered, unless the deletion discards it.
func (r *running) drain(ctx context.Context) error {
	draining, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	r.draining = cancel
	r.mu.Unlock()
	if r.declared.Load().Discard {
		return nil
	}
	err := r.flush(draining, true)
	if err != nil && ctx.Err() == nil && r.declared.Load().Discard {
		return nil // told meanwhile to discard
	}
	return err
}
