package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"firehose/internal/deliver"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// Errors of replays.
var (
	ErrNoDelivery  = errors.New("the document declares no such destination")
	ErrNoReplay    = errors.New("the stream has no such replay")
	ErrReplayEnded = errors.New("the replay has ended")
	ErrOtherStream = errors.New("the record is of another stream")
	ErrReplays     = fmt.Errorf("%d replays of the stream are running, which is the most", replaysMax)
)

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
	err = r.count(ctx, &found, passes)
	return found, err
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
	r.hold(made.ID, 0) // nothing may go while it is looked for and counted
	kept := false
	defer func() {
		if !kept {
			r.letGo(made.ID)
		}
	}()
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
	kept = true
	r.hold(made.ID, made.From.Block)
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
		replay := Replay{Replay: known, Position: known.Position}
		r.mu.Lock()
		d, waiting := r.replays[known.ID], r.waiting[known.ID]
		r.mu.Unlock()
		switch {
		case d != nil:
			status := d.Status()
			replay.Position, replay.Problem, replay.Gap = status.Floor, status.Problem, status.Gap
		case waiting != nil:
			replay.Problem = &deliver.Problem{Err: waiting}
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
	apart := q.Document != nil
	if !apart {
		q.Language, q.Document = s.Language, s.Document()
	}
	id := record.NewStreamID().String()
	made := stream.Replay{
		ID: "replay-" + id[len(id)-12:], Delivery: q.Delivery, Language: q.Language, Document: q.Document, Apart: apart, Rate: q.Rate, By: q.By, Reason: q.Reason,
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

// startReplay starts the delivery of a replay, if it does not run. The caller holds change, or bringing before the stream is
// started.
func (r *running) startReplay(ctx context.Context, replay stream.Replay) (err error) {
	r.mu.Lock()
	_, runs := r.replays[replay.ID]
	_, held := r.held[replay.ID]
	r.mu.Unlock()
	if runs {
		return nil
	}
	if !held {
		r.hold(replay.ID, replay.From.Block)
	}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(r.waiting, replay.ID); err != nil {
			r.waiting[replay.ID] = err
		}
	}()
	declared, err := r.replayedDelivery(replay)
	if err != nil {
		return err
	}
	d := newDelivery(declared)
	d.replay = replay.ID
	d.find = func(int) (stream.Delivery, error) { return slowed(declared, replay), nil }
	settings := r.settings(d)
	settings.Version = 1
	settings.Range = &deliver.Range{From: replay.From, Until: replay.Until, Rate: replay.Rate}
	settings.Recent = nil
	settings.Released = func(before uint64) { r.hold(replay.ID, before) }
	if d.Delivery, err = deliver.New(ctx, settings); err != nil {
		return err
	}
	r.mu.Lock()
	r.replays[replay.ID] = d
	running := r.launch(d, r.replayAgain) // before anybody can find it to stop it
	r.mu.Unlock()
	r.c.runs.Go("end a replay", func(context.Context) error {
		if err := d.Complete(running); err != nil {
			return nil // it goes on after the next start, or was cancelled
		}
		for try := 1; running.Err() == nil; try++ {
			err := r.endReplay(replay.ID, stream.ReplayDone)
			if err == nil || errors.Is(err, ErrReplayEnded) || errors.Is(err, stream.ErrNotFound) {
				break
			}
			r.logger.Error("A replay is done, and that could not be noted; trying again.", "replay", replay.ID, "error", err)
			wait(running, r.c.Retry.Pause(try, err))
		}
		return nil
	})
	return nil
}

// rateBatch is how long a batch lasts at most at a replay's rate.
const rateBatch = 10 * time.Second

// slowed returns what a replay delivers to. With a rate its batches are so small that they keep it.
func slowed(declared stream.Delivery, replay stream.Replay) stream.Delivery {
	if most := replay.Rate * rateBatch.Seconds(); replay.Rate > 0 && (declared.Buffer.Count == 0 || float64(declared.Buffer.Count) > most) {
		declared.Buffer.Count = int(min(max(most, 1), math.MaxInt32))
	}
	return declared
}

// startReplays starts the replays that have not ended and do not run. One that cannot start holds up nothing else: it is tried
// again. Those of a stream that is being deleted are over. The caller is as that of startReplay.
func (r *running) startReplays(ctx context.Context) {
	if r.declared.Load().Status == stream.Deleting {
		return
	}
	for _, replay := range r.replaying() {
		if err := r.startReplay(ctx, replay); err != nil {
			r.logger.Error("A replay cannot run; trying again.", "replay", replay.ID, "error", err)
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
	r.mu.Lock()
	d := r.replays[id]
	r.mu.Unlock()
	err := r.saveLocked(func(s *stream.Stream) {
		ended := 0
		for i := range s.Replays {
			if replay := &s.Replays[i]; replay.ID == id {
				replay.Status, replay.Ended = status, time.Now().UTC()
				if !replay.Apart {
					replay.Document = nil
				}
				if d != nil {
					at := d.Status()
					replay.Position, replay.Gap = at.Floor, at.Gap
				}
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
	delete(r.waiting, id)
	r.mu.Unlock()
	if d != nil {
		d.stop()
		d.abort()
		<-d.ended
	}
	r.letGo(id)
}

// hold has the log keep the history from a block on for somebody.
func (r *running) hold(by string, from uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[by] = from
	r.holdLocked()
}

// letGo ends what somebody holds.
func (r *running) letGo(by string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, by)
	r.holdLocked()
}

func (r *running) holdLocked() {
	if r.log == nil {
		return // it is removed without having been opened
	}
	from := uint64(math.MaxUint64)
	for _, held := range r.held {
		from = min(from, held)
	}
	r.log.Hold(from)
}
