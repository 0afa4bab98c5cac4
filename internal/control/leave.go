package control

import (
	"context"
	"time"

	"firehose/internal/record"
	"firehose/internal/stream"
)

// versionsKept is how many documents of a stream stay to be looked at, whether a replay needs them or not.
const versionsKept = 20

// dropOthers ends the deliveries that the version in force does not have any more, and forgets their cursors: what they had
// not delivered they never will. A delivery that is declared again later begins at the log's end then. The caller holds change
// or bringing.
func (r *running) dropOthers(spec stream.Spec) error {
	declared := map[string]bool{}
	for _, d := range spec.Deliveries {
		declared[d.ID] = true
	}
	for _, d := range r.delivering() {
		if declared[d.id] {
			continue
		}
		d.stop()
		d.abort()
		<-d.ended
		r.dropped(d, d.Status().Floor)
		r.mu.Lock()
		delete(r.deliveries, d.id)
		delete(r.needed, d.id)
		r.releaseLocked()
		r.mu.Unlock()
		if _, paused := r.declared.Load().Pauses[d.id]; paused {
			if err := r.saveLocked(func(s *stream.Stream) { delete(s.Pauses, d.id) }); err != nil {
				return err
			}
		}
	}
	return r.keepCursors()
}

// dropped has somebody count what a delivery leaves undelivered that is declared no more. The log holds it until then.
func (r *running) dropped(d *delivery, floor record.Position) {
	_, next := r.log.Ends()
	left := ReplayRange{From: floor, Until: record.Position{Block: next}}
	hold := "dropped by " + d.id
	r.hold(hold, floor.Block)
	r.c.tasks.Go("count what is dropped", func(ctx context.Context) error {
		defer r.letGo(hold)
		if err := r.count(ctx, &left, nil); err != nil && ctx.Err() == nil {
			r.logger.Error("Counting what a delivery leaves undelivered failed.", "delivery", d.id, "error", err)
		}
		r.c.Metrics.DroppedRecords.WithLabelValues(r.key.Account, r.key.Region, r.key.Name, d.id, d.kind).Add(float64(left.Records))
		if left.Records > 0 {
			r.logger.Warn("A destination is not declared any more; what it has not delivered it never will.",
				"delivery", d.id, "floor", floor.String(), "records", left.Records)
		}
		return nil
	})
}

// keepCursors forgets the cursors of what is neither declared nor replayed.
func (r *running) keepCursors() error {
	s := r.declared.Load()
	spec, err := r.compile(s, s.Version)
	if err != nil {
		return err
	}
	var ids []string
	for _, d := range spec.Deliveries {
		ids = append(ids, d.ID)
	}
	for _, replay := range r.replaying() {
		ids = append(ids, replay.ID)
	}
	return r.c.Store.KeepCursors(s.ID, ids)
}

// Await returns a stream once it is not CREATING any more, or as it is when ctx ends. The error is stream.ErrNotFound.
func (c *Control) Await(ctx context.Context, key stream.Key) (stream.Stream, error) {
	ticker := time.NewTicker(awaitPause)
	defer ticker.Stop()
	for {
		s, err := c.Get(key)
		if err != nil || s.Status != stream.Creating || ctx.Err() != nil {
			return s, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// awaitPause is short beside what creating a log takes on a disk.
const awaitPause = 2 * time.Millisecond
