package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/filter"
	"firehose/internal/log"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// Errors of replays.
var (
	ErrNoDelivery  = errors.New("the document declares no such destination")
	ErrNoReplay    = errors.New("the stream has no such replay")
	ErrReplayEnded = errors.New("the replay has ended")
	ErrReplays     = fmt.Errorf("%d replays of the stream are running, which is the most", replaysMax)
)

// HistoryGone says that a replay was to begin before what is kept.
type HistoryGone struct{ Oldest time.Time }

func (e *HistoryGone) Error() string {
	return fmt.Sprintf("the history begins at %s: what was put before is dropped", e.Oldest.Format(time.RFC3339Nano))
}

// Bound is a place in a stream's log.
type Bound struct {
	Position record.Position // counts if it is not zero
	Time     time.Time       // else what was put at this time or later comes behind the bound; zero for the log's end on that side
}

// ReplayRequest says what is delivered once more, and where to.
type ReplayRequest struct {
	Delivery string // id of the declaration
	Language string // of Document
	Document []byte // declares the delivery; nil for the stream's own
	From     Bound
	Until    Bound
	Rate     float64 // records a second; 0 for no limit
	By       string
	Reason   string
}

// ReplayRange is what a replay is about.
type ReplayRange struct {
	From    record.Position `json:"from"`
	Until   record.Position `json:"until"` // the first that is not in it
	First   time.Time       `json:"first_time,omitzero"`
	Last    time.Time       `json:"last_time,omitzero"` // log time of the last block
	Records int64           `json:"records"`
	Bytes   int64           `json:"bytes"`

	// Passing counts the records that pass the destination's filter; nil without a filter, or where nobody asked.
	Passing *int64 `json:"passing,omitempty"`
}

// Replay is a replay as it stands.
type Replay struct {
	stream.Replay
	Position record.Position  // all before it is delivered
	Problem  *deliver.Problem // why nothing moves, if nothing does
}

const (
	replaysMax  = 8  // of a stream that run at once
	replaysKept = 20 // of a stream that have ended
)

// PlanReplay says what a replay would deliver, and delivers nothing. Errors: stream.ErrNotFound, stream.ErrNotActive,
// ErrNoDelivery, *HistoryGone.
func (c *Control) PlanReplay(ctx context.Context, key stream.Key, q ReplayRequest) (ReplayRange, error) {
	r, err := c.replayed(key)
	if err != nil {
		return ReplayRange{}, err
	}
	_, declared, err := r.replayOf(q)
	if err != nil {
		return ReplayRange{}, err
	}
	found, err := r.rangeOf(q.From, q.Until)
	if err != nil {
		return ReplayRange{}, err
	}
	passes, err := judge(declared)
	if err != nil {
		return ReplayRange{}, err
	}
	return found, r.count(ctx, &found, passes)
}

// StartReplay begins a replay. It goes on over restarts until it is done or cancelled. Errors are those of PlanReplay, and
// ErrReplays.
func (c *Control) StartReplay(ctx context.Context, key stream.Key, q ReplayRequest) (stream.Replay, error) {
	r, err := c.replayed(key)
	if err != nil {
		return stream.Replay{}, err
	}
	made, _, err := r.replayOf(q)
	if err != nil {
		return stream.Replay{}, err
	}
	found, err := r.rangeOf(q.From, q.Until)
	if err != nil {
		return stream.Replay{}, err
	}
	if err := r.count(ctx, &found, nil); err != nil {
		return stream.Replay{}, err
	}
	made.From, made.Until, made.Records, made.Bytes = found.From, found.Until, found.Records, found.Bytes

	r.change.Lock()
	defer r.change.Unlock()
	if r.declared.Load().Status != stream.Active {
		return stream.Replay{}, stream.ErrNotActive
	}
	if len(r.replaying()) >= replaysMax {
		return stream.Replay{}, ErrReplays
	}
	if err := r.saveLocked(func(s *stream.Stream) { s.Replays = append(s.Replays, made) }); err != nil {
		return stream.Replay{}, err
	}
	if err := r.startReplay(ctx, made); err != nil {
		return stream.Replay{}, errors.Join(err, r.forgetReplay(made.ID))
	}
	r.logger.Info("A replay begins.", "replay", made.ID, "delivery", made.Delivery, "from", made.From.String(), "until", made.Until.String(), "by", made.By)
	return made, nil
}

// Replays returns a stream's replays in the order in which they began. Error: stream.ErrNotFound.
func (c *Control) Replays(key stream.Key) ([]Replay, error) {
	r, err := c.get(key)
	if err != nil {
		return nil, err
	}
	list := []Replay{}
	for _, known := range r.declared.Load().Replays {
		replay := Replay{Replay: known, Position: known.From}
		if known.Status == stream.ReplayDone {
			replay.Position = known.Until
		}
		r.mu.Lock()
		d := r.replays[known.ID]
		r.mu.Unlock()
		if d != nil {
			status := d.Status()
			replay.Position, replay.Problem = status.Floor, status.Problem
		}
		list = append(list, replay)
	}
	return list, nil
}

// CancelReplay ends a replay where it is. Errors: stream.ErrNotFound, ErrNoReplay, ErrReplayEnded.
func (c *Control) CancelReplay(key stream.Key, id string) error {
	r, err := c.get(key)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(r.declared.Load().Replays, func(known stream.Replay) bool { return known.ID == id })
	if at < 0 {
		return ErrNoReplay
	}
	return r.endReplay(id, stream.ReplayCancelled)
}

// replayed returns a stream whose log can be replayed.
func (c *Control) replayed(key stream.Key) (*running, error) {
	r, err := c.get(key)
	if err == nil && (r.declared.Load().Status != stream.Active || !r.started.Load()) {
		err = stream.ErrNotActive
	}
	return r, err
}

// replayOf makes a replay of a request, without its range, and returns what its delivery is declared to be.
func (r *running) replayOf(q ReplayRequest) (stream.Replay, stream.Delivery, error) {
	s := r.declared.Load()
	if q.Document == nil {
		q.Language, q.Document = s.Language, s.Document()
	}
	id := record.NewStreamID().String()
	made := stream.Replay{
		ID: "replay-" + id[len(id)-12:], Delivery: q.Delivery, Language: q.Language, Document: q.Document, Rate: q.Rate, By: q.By, Reason: q.Reason,
		Status: stream.ReplayRunning, Created: time.Now().UTC(),
	}
	declared, err := r.replayedDelivery(made)
	return made, declared, err
}

// replayedDelivery returns what a replay's delivery is declared to be, under the replay's own id.
func (r *running) replayedDelivery(replay stream.Replay) (stream.Delivery, error) {
	spec, err := r.c.CompileDocument(r.key, replay.Language, replay.Document)
	if err != nil {
		return stream.Delivery{}, err
	}
	var known []string
	for _, d := range spec.Deliveries {
		if d.ID == replay.Delivery {
			d.ID, d.Paused = replay.ID, false
			return d, nil
		}
		known = append(known, d.ID)
	}
	return stream.Delivery{}, fmt.Errorf("%w as %q; it has %s", ErrNoDelivery, replay.Delivery, strings.Join(known, ", "))
}

// rangeOf finds the positions of two bounds.
func (r *running) rangeOf(from, until Bound) (ReplayRange, error) {
	first, next := r.log.Ends()
	end := record.Position{Block: next}
	oldest, found, err := r.oldest()
	if err != nil {
		return ReplayRange{}, err
	}
	begin := record.Position{Block: first}
	switch {
	case from.Position != (record.Position{}):
		begin = from.Position
	case !from.Time.IsZero():
		if begin.Block, err = log.Seek(r.log, from.Time); err != nil {
			return ReplayRange{}, err
		}
	}
	if gone := first > 1 && found; gone && (begin.Block < first || !from.Time.IsZero() && from.Time.Before(oldest)) {
		return ReplayRange{}, &HistoryGone{Oldest: oldest}
	}
	switch {
	case until.Position != (record.Position{}):
		end = earlier(end, until.Position)
	case !until.Time.IsZero():
		if end.Block, err = log.Seek(r.log, until.Time); err != nil {
			return ReplayRange{}, err
		}
	}
	return ReplayRange{From: earlier(begin, end), Until: end}, nil
}

func earlier(p, q record.Position) record.Position {
	if q.Before(p) {
		return q
	}
	return p
}

// oldest returns the log time of what the log has first, if it has anything.
func (r *running) oldest() (t time.Time, found bool, err error) {
	reader := r.log.Read(0)
	defer reader.Close()
	entry, err := reader.Next()
	if err == io.EOF {
		return time.Time{}, false, nil
	}
	return entry.Time, err == nil, err
}

// startReplay starts the delivery of a replay. It may be called again after an error.
func (r *running) startReplay(ctx context.Context, replay stream.Replay) error {
	r.mu.Lock()
	_, runs := r.replays[replay.ID]
	if !runs && r.held[replay.ID] == 0 {
		r.held[replay.ID] = replay.From.Block
	}
	r.holdLocked()
	r.mu.Unlock()
	if runs {
		return nil
	}
	declared, err := r.replayedDelivery(replay)
	if err != nil {
		return err
	}
	d := newDelivery(declared)
	settings := r.settings(d)
	settings.Open = func(int) (deliver.Plan, error) { return r.c.plan(r.declared.Load(), declared, replay.ID) }
	settings.Version = 1
	settings.Range = &deliver.Range{From: replay.From, Until: replay.Until, Rate: replay.Rate}
	settings.Recent = nil
	settings.Released = func(before uint64) { r.replayedUntil(replay.ID, before) }
	if d.Delivery, err = deliver.New(ctx, settings); err != nil {
		return err
	}
	r.mu.Lock()
	r.replays[replay.ID] = d
	r.mu.Unlock()
	running := r.launch(d)
	r.c.runs.Go("end a replay", func(context.Context) error {
		if err := d.Complete(running); err != nil {
			return nil // it goes on after the next start, or was cancelled
		}
		if err := r.endReplay(replay.ID, stream.ReplayDone); err != nil && !errors.Is(err, ErrReplayEnded) {
			r.logger.Error("A replay is done, and goes on after the next start, since that could not be noted.", "replay", replay.ID, "error", err)
		}
		return nil
	})
	return nil
}

// replayedUntil notes the first block that a replay still needs, and whether the log dropped some that it needed until now.
// It is called by the delivery, which nobody may wait for while this waits for them.
func (r *running) replayedUntil(id string, before uint64) {
	first, _ := r.log.Ends()
	r.mu.Lock()
	held, known := r.held[id]
	gap := known && held < min(first, before)
	if known {
		r.held[id] = before
		r.holdLocked()
	}
	r.mu.Unlock()
	if !gap {
		return
	}
	r.logger.Warn("A limit of the log's size has dropped history before it was replayed.", "replay", id, "needed", held, "first", first)
	r.c.tasks.Go("note a gap", func(context.Context) error {
		return r.save(func(s *stream.Stream) {
			for i := range s.Replays {
				s.Replays[i].Gap = s.Replays[i].Gap || s.Replays[i].ID == id
			}
		})
	})
}

// startReplays starts the replays that an earlier life has begun. One that cannot start is in the log, and holds up nothing
// else. The caller holds bringing.
func (r *running) startReplays(ctx context.Context) {
	for _, replay := range r.replaying() {
		if err := r.startReplay(ctx, replay); err != nil {
			r.logger.Error("A replay cannot go on before the next start.", "replay", replay.ID, "error", err)
		}
	}
}

// replaying returns the replays that have not ended.
func (r *running) replaying() []stream.Replay {
	return slices.DeleteFunc(slices.Clone(r.declared.Load().Replays), func(replay stream.Replay) bool { return replay.Status != stream.ReplayRunning })
}

// endReplay ends a replay and notes how.
func (r *running) endReplay(id string, status stream.ReplayStatus) error {
	r.change.Lock()
	defer r.change.Unlock()
	if !slices.ContainsFunc(r.replaying(), func(replay stream.Replay) bool { return replay.ID == id }) {
		return ErrReplayEnded
	}
	err := r.saveLocked(func(s *stream.Stream) {
		ended := 0
		for i := range s.Replays {
			if replay := &s.Replays[i]; replay.ID == id {
				replay.Status, replay.Ended, replay.Document = status, time.Now().UTC(), nil
			}
			if s.Replays[i].Status != stream.ReplayRunning {
				ended++
			}
		}
		s.Replays = slices.DeleteFunc(s.Replays, func(replay stream.Replay) bool {
			drop := ended > replaysKept && replay.Status != stream.ReplayRunning
			if drop {
				ended--
				r.c.Metrics.ForgetDelivery(r.key.Account, r.key.Region, r.key.Name, replay.ID)
			}
			return drop
		})
	})
	if err != nil {
		return err
	}
	r.logger.Info("A replay has ended.", "replay", id, "status", status)
	r.stopReplay(id)
	return r.keepCursors()
}

// forgetReplay takes back a replay that did not start. The caller holds change.
func (r *running) forgetReplay(id string) error {
	r.stopReplay(id)
	return r.saveLocked(func(s *stream.Stream) {
		s.Replays = slices.DeleteFunc(s.Replays, func(replay stream.Replay) bool { return replay.ID == id })
	})
}

// stopReplay stops the delivery of a replay, if it runs, and lets its history go.
func (r *running) stopReplay(id string) {
	r.mu.Lock()
	d := r.replays[id]
	delete(r.replays, id)
	r.mu.Unlock()
	if d != nil {
		d.stop()
		d.abort()
		<-d.ended
	}
	r.mu.Lock()
	delete(r.held, id)
	r.holdLocked()
	r.mu.Unlock()
}

// holdLocked has the log keep the history that replays need.
func (r *running) holdLocked() {
	from := uint64(math.MaxUint64)
	for _, held := range r.held {
		from = min(from, held)
	}
	r.log.Hold(from)
}

// judge returns what says whether a record passes a delivery's filter, or nil if it has none.
func judge(d stream.Delivery) (func(record []byte) bool, error) {
	if d.Process.Events == nil || d.Process.Events.Filter == nil {
		return nil, nil
	}
	compiled, err := filter.Compile(*d.Process.Events.Filter)
	if err != nil {
		return nil, err
	}
	return func(record []byte) bool {
		passes, err := compiled.Match(record)
		return err == nil && passes
	}, nil
}

// count fills in how many records are in a range, and how many of them pass.
func (r *running) count(ctx context.Context, found *ReplayRange, passes func(record []byte) bool) error {
	if passes != nil {
		found.Passing = new(int64)
	}
	reader := r.log.Read(found.From.Block)
	defer reader.Close()
	var b block.Block
	for ctx.Err() == nil {
		entry, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("count the records of a range: %w", err)
		}
		from, until := record.Position{Block: entry.Number}, record.Position{Block: entry.Number + 1}
		if found.From.Block == entry.Number {
			from = found.From
		}
		if found.Until.Before(until) {
			until = found.Until
		}
		if !from.Before(until) {
			return nil
		}
		if found.First.IsZero() {
			found.First = entry.Time
		}
		found.Last = entry.Time
		records, size, _, err := block.Describe(entry.Body)
		if err != nil {
			continue // it is damaged: nobody gets its records
		}
		if whole := from.Index == 0 && until.Index == 0; whole && passes == nil {
			found.Records += int64(records)
			found.Bytes += int64(size)
			continue
		}
		if err := b.Unpack(entry.Body, r.keys.get); errors.Is(err, block.ErrCorrupt) {
			continue
		} else if err != nil {
			return fmt.Errorf("count the records of a range: %w", err)
		}
		last := b.Count()
		if until.Index > 0 && until.Block == entry.Number {
			last = min(last, int(until.Index))
		}
		for i := int(from.Index); i < last; i++ {
			data := b.Record(i)
			found.Records++
			found.Bytes += int64(len(data))
			if passes != nil && passes(data) {
				*found.Passing++
			}
		}
	}
	return ctx.Err()
}
