package control

import (
	"context"
	"time"

	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/stream"
)

// What a destination refers to may be mended, or change, while the server runs: the file of a secret, the table of a
// lookup. Each delivery has a task that sees to it, keepOpen. What could not be opened it tries again; what is open and
// refers to files it compares with them. When a try succeeds, the delivery ends and begins again, as at a start of the
// server: what is not delivered is read from the log, and goes by what is there now.

// rereadEvery is the time between two looks at the files that an open destination refers to.
const rereadEvery = 10 * time.Second

// endMax is how long a delivery that begins again waits for tries under way.
const endMax = 10 * time.Second

// keepOpen has a delivery begin again when what it refers to is mended or has changed. It ends with the delivery.
func (r *running) keepOpen(ctx context.Context, d *delivery, again func(context.Context) error) {
	next := r.nextLook(d)
	for ctx.Err() == nil {
		d.opening.looksAt(next)
		look := time.NewTimer(time.Until(next))
		select {
		case <-look.C:
		case <-d.opening.news:
			look.Stop()
			if sooner := r.nextLook(d); sooner.Before(next) { // what is opened often does not put the look off
				next = sooner
			}
			continue
		case <-d.ended:
			look.Stop()
			return
		case <-ctx.Done():
			look.Stop()
			return
		}
		plan, ok := r.openable(ctx, d)
		if !ok {
			next = r.nextLook(d)
			continue
		}
		r.logger.Info("What a destination refers to is there, or has changed; it is opened again.", "delivery", d.id)
		r.tryAgain(ctx, d, again)
		closePlan(plan) // not before, so that its tables are at hand
		return
	}
}

// tryAgain calls again until it succeeds.
func (r *running) tryAgain(ctx context.Context, d *delivery, again func(context.Context) error) {
	for try := 1; ctx.Err() == nil; try++ {
		err := again(ctx)
		if err == nil {
			return
		}
		r.logger.Error("A delivery cannot begin again; trying again.", "delivery", d.id, "error", err)
		wait(ctx, r.c.Retry.Pause(try, err))
	}
}

// never is longer than any server runs.
const never time.Duration = 1<<63 - 1

// nextLook returns when to look next at what a delivery refers to.
func (r *running) nextLook(d *delivery) time.Time {
	in := never
	if waiting := d.opening.waiting(d.OldestVersion()); len(waiting) > 0 {
		in = d.opening.pause(waiting[0], r.c.Retry)
	} else if d.opening.refers() {
		in = rereadEvery
	}
	return time.Now().Add(in)
}

// openable opens what a delivery could not open, or opened when other things stood in the files that it refers to.
func (r *running) openable(ctx context.Context, d *delivery) (deliver.Plan, bool) {
	if waiting := d.opening.waiting(d.OldestVersion()); len(waiting) > 0 {
		for _, version := range waiting {
			if plan, ok := r.reopen(ctx, d, version); ok {
				return plan, true
			}
		}
		return deliver.Plan{}, false
	}
	version := d.Status().Version
	if declared, err := d.find(version); err != nil {
		return deliver.Plan{}, false
	} else if now, err := destination.References(declared.Destination); err == nil && now == d.opening.reference(version) {
		return deliver.Plan{}, false
	}
	return r.reopen(ctx, d, version)
}

// reopen opens a version once more. One that is held still, or that would be now, is told of if the reason is new, and not that
// ctx has ended.
func (r *running) reopen(ctx context.Context, d *delivery, version int) (deliver.Plan, bool) {
	declared, err := d.find(version)
	if err != nil {
		d.opening.tried(version, err)
		return deliver.Plan{}, false
	}
	plan := r.c.open(r.declared.Load(), declared, d.replay, 0)
	why := destination.AsHeld(plan.Destination)
	if why == nil {
		return plan, true
	}
	closePlan(plan)
	if ctx.Err() != nil {
		return plan, false
	}
	if changed, running := d.opening.tried(version, why); running && changed {
		r.logger.Warn("What a destination refers to has changed and cannot be used; it goes on as it was opened.", "delivery", d.id, "error", why, "fix", why.Fix)
	} else if changed {
		r.logger.Error("A destination cannot be opened for another reason now; its records are kept until it is repaired.", "delivery", d.id, "error", why, "fix", why.Fix)
	}
	return plan, false
}

func closePlan(p deliver.Plan) {
	p.Destination.Close()
	if p.Stop != nil {
		p.Stop()
	}
}

// beginAgain ends a delivery of the stream and starts it once more, unless it is not wanted any more.
func (r *running) beginAgain(ctx context.Context, d *delivery) error {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.declared.Load()
	if r.current(d.id) != d || r.removed {
		return nil
	}
	if s.Status == stream.Deleting && (s.Discard || d.Status().Oldest.IsZero()) {
		return nil // it may be removed any moment
	}
	declared, err := d.find(s.Version)
	if err != nil {
		return err
	}
	d.end()
	made, err := r.makeDelivery(ctx, declared, s.Version)
	if err != nil {
		return err
	}
	r.run(made)
	return nil
}

// replayAgain does so with the delivery of a replay. One that cannot start is tried again with the others that wait.
func (r *running) replayAgain(ctx context.Context, d *delivery) error {
	r.change.Lock()
	defer r.change.Unlock()
	for _, replay := range r.replaying() {
		r.mu.Lock()
		current := r.replays[d.id] == d
		r.mu.Unlock()
		if replay.ID != d.id || !current || r.declared.Load().Status == stream.Deleting {
			continue
		}
		d.end()
		r.mu.Lock()
		delete(r.replays, d.id)
		r.mu.Unlock()
		return r.startReplay(ctx, replay)
	}
	return nil
}

// current returns the delivery that runs under an id, or nil.
func (r *running) current(id string) *delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.deliveries[id]
}

// end ends a delivery, and has it wait for tries under way, but not for long.
func (d *delivery) end() {
	d.stop()
	patience := time.NewTimer(endMax)
	defer patience.Stop()
	select {
	case <-d.ended:
	case <-patience.C:
		d.abort()
		<-d.ended
	}
}
