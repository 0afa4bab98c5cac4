package control

import (
	"context"
	"time"

	"firehose/internal/deliver"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// State is what may be said of a delivery in a word.
type State string

// The states of a delivery, the most urgent first.
const (
	StatePaused     State = "paused"      // somebody, or the document, has it send nothing
	StateDegraded   State = "degraded"    // its tries fail
	StateCatchingUp State = "catching up" // it delivers, and what it delivers is late
	StateActive     State = "active"
)

// Standing is where a delivery of a stream stands.
type Standing struct {
	Delivery  string
	Kind      string
	Target    string
	State     State
	Pause     *stream.Pause    // by whom and why; nil when it is not paused
	Problem   *deliver.Problem // why nothing moves, if nothing does
	NextTry   time.Time        // when a destination that cannot be opened is tried again; zero for any other
	Position  record.Position  // all before it is delivered
	Oldest    time.Time        // log time of the oldest record that is not delivered; zero when there is none
	InFlight  int              // batches being sent
	Retention float64          // the age of that record to the log's retention
}

// Standings returns where the deliveries of a stream stand, ordered by id. Errors: stream.ErrNotFound, stream.ErrNotActive.
func (c *Control) Standings(key stream.Key) ([]Standing, error) {
	r, err := c.get(key)
	if err != nil {
		return nil, err
	}
	if !r.started.Load() {
		return nil, stream.ErrNotActive
	}
	list := []Standing{}
	for _, d := range r.delivering() {
		list = append(list, r.standing(d, time.Now()))
	}
	return list, nil
}

// lateAfter is how much longer than its buffering interval a record may wait before its delivery counts as catching up.
const lateAfter = 30 * time.Second

func (r *running) standing(d *delivery, now time.Time) Standing {
	declared, status := d.declared.Load(), d.Status()
	s := Standing{Delivery: d.id, Kind: d.kind, Target: d.target(), State: StateActive, Problem: status.Problem, NextTry: d.opening.nextTry(), Position: status.Floor,
		Oldest: status.Oldest, InFlight: status.InFlight}
	age := time.Duration(0)
	if !s.Oldest.IsZero() {
		age = max(0, now.Sub(s.Oldest))
	}
	if r.c.Retention > 0 {
		s.Retention = age.Seconds() / r.c.Retention.Seconds()
	}
	expected := declared.Buffer.Interval + lateAfter
	if declared.Process.Lambda != nil {
		expected += declared.Process.Lambda.Interval
	}
	switch {
	case status.Paused:
		s.State = StatePaused
		s.Pause = r.pauseOf(d.id)
	case s.Problem != nil:
		s.State = StateDegraded
	case age > expected:
		s.State = StateCatchingUp
	}
	return s
}

// pauseOf says by whom a delivery is paused.
func (r *running) pauseOf(id string) *stream.Pause {
	s := r.declared.Load()
	if pause, known := s.Pauses[id]; known {
		return &pause
	}
	since := s.Updated
	if since.IsZero() {
		since = s.Created
	}
	return &stream.Pause{By: pausedByDocument, Since: since}
}

// warnAt are the parts of the log's retention after which a delivery that does not get on is warned of. Nothing happens to
// what it holds: the log keeps it for as long as there is room.
var warnAt = []float64{0.5, 0.7, 0.9}

// watchEvery is the time between two looks at what deliveries hold.
const watchEvery = time.Minute

// watch warns of deliveries that hold records for long, once for each of warnAt.
func (c *Control) watch(ctx context.Context) error {
	warned := map[*delivery]int{}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		c.retryReplays(ctx)
		before := warned
		warned = map[*delivery]int{}
		for _, r := range c.all() {
			for _, d := range r.delivering() {
				s := r.standing(d, time.Now())
				level := 0
				for level < len(warnAt) && s.Retention >= warnAt[level] {
					level++
				}
				warned[d] = level
				if level > before[d] {
					r.warn(s, warnAt[level-1])
				}
			}
		}
	}
}

// retryReplays starts the replays that could not start.
func (c *Control) retryReplays(ctx context.Context) {
	for _, r := range c.all() {
		r.mu.Lock()
		waiting := len(r.waiting) > 0
		r.mu.Unlock()
		if waiting && r.started.Load() {
			r.change.Lock()
			r.startReplays(ctx)
			r.change.Unlock()
		}
	}
}

func (r *running) warn(s Standing, part float64) {
	attributes := []any{"delivery", s.Delivery, "target", s.Target, "state", string(s.State), "part", part, "oldest", s.Oldest}
	if s.Pause != nil {
		attributes = append(attributes, "paused_by", s.Pause.By, "reason", s.Pause.Reason)
	}
	if s.Problem != nil {
		attributes = append(attributes, "error", s.Problem.Err)
	}
	r.logger.Warn("A destination holds records for a large part of the retention. They are kept; the log's room is what ends.", attributes...)
}
