package control

import (
	"context"
	"fmt"
	"time"

	"firehose/internal/stream"
)

// versionsKept is how many documents of a stream stay to be looked at, whether a replay needs them or not.
const versionsKept = 20

// dropOthers ends the deliveries that the version in force does not have any more, and forgets their cursors: what they had
// not delivered they never will. A delivery that is declared again later begins at the log's end then. The caller holds change
// or bringing.
func (r *running) dropOthers(spec stream.Spec) error {
	declared := map[string]bool{}
	ids := make([]string, 0, len(spec.Deliveries))
	for _, d := range spec.Deliveries {
		declared[d.ID] = true
		ids = append(ids, d.ID)
	}
	for _, d := range r.delivering() {
		if declared[d.id] {
			continue
		}
		status := d.Status()
		d.stop()
		d.abort()
		<-d.ended
		r.mu.Lock()
		delete(r.deliveries, d.id)
		delete(r.needed, d.id)
		r.releaseLocked()
		r.mu.Unlock()
		r.logger.Warn("A delivery is not declared any more; what it has not delivered it never will.",
			"delivery", d.id, "floor", fmt.Sprint(status.Floor), "undelivered_since", status.Oldest)
	}
	return r.c.Store.KeepCursors(r.declared.Load().ID, ids)
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
