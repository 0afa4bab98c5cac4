package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"firehose/internal/destination"
	"firehose/internal/object"
	"firehose/internal/record"
	"firehose/internal/state"
	"firehose/internal/stream"
)

// Marks keeps which error outputs were put into their stream again. A change is durable when the call returns.
type Marks interface {
	Redriven(id record.StreamID, key string) (state.Redriven, error)
	SaveRedriven(id record.StreamID, key string, mark state.Redriven) error
}

// ErrNoErrorOutputs says that a stream has no error outputs that can be read.
var ErrNoErrorOutputs = errors.New("no destination of the stream keeps error outputs where they can be read")

// ErrorOutput is an error output of one of a stream's deliveries.
type ErrorOutput struct {
	Delivery string         `json:"delivery"`          // or the replay that declared where it delivers
	Key      string         `json:"key"`               // names it within the stream
	Type     string         `json:"type,omitempty"`    // of the failures; empty where the key does not say it
	Time     time.Time      `json:"time"`              // arrival of its first record
	Size     int64          `json:"size"`              // in bytes as it is kept
	Redriven state.Redriven `json:"redriven,omitzero"` // zero before the first redrive
}

// ErrorFilter chooses error outputs. Zero values choose all.
type ErrorFilter struct {
	Type  string
	Since time.Time // of the arrival of an output's first record
	Until time.Time // not included
}

func (f ErrorFilter) takes(o destination.ErrorOutput) bool {
	return (f.Type == "" || f.Type == o.Type) && !o.Time.Before(f.Since) && (f.Until.IsZero() || o.Time.Before(f.Until))
}

// ErrorPlace is a place in the list of a stream's error outputs: behind one of them. The zero value is the beginning.
type ErrorPlace struct {
	Delivery string
	Key      string
}

// ErrorOutputs calls yield with a stream's error outputs behind a place, ordered by delivery and key, until it returns
// false. Behind those of its deliveries come those of its replays that are known and have a destination of their own. Errors: stream.ErrNotFound, ErrNoErrorOutputs, or the object store's.
func (c *Control) ErrorOutputs(ctx context.Context, key stream.Key, f ErrorFilter, after ErrorPlace, yield func(ErrorOutput) bool) error {
	keepers, err := c.errorKeepers(key)
	if err != nil {
		return err
	}
	begin := slices.IndexFunc(keepers, func(k errorKeeper) bool { return k.delivery == after.Delivery })
	for i, k := range keepers {
		more, from := true, ""
		switch {
		case i < begin, begin < 0 && k.delivery < after.Delivery: // whose delivery has gone meanwhile
			continue
		case i == begin:
			from = after.Key
		}
		var failed error
		err := k.outputs.List(ctx, f.Type, from, func(o destination.ErrorOutput) bool {
			if !f.takes(o) || k.shares(o.Key, keepers[:i]) {
				return true
			}
			var full ErrorOutput
			if full, failed = k.describe(o); failed != nil {
				return false
			}
			more = yield(full)
			return more
		})
		if err = errors.Join(err, failed); err != nil {
			return fmt.Errorf("delivery %s: %w", k.delivery, err)
		}
		if !more {
			break
		}
	}
	return nil
}

// OpenErrorOutput opens the lines of one error output, decompressed. Errors as of ErrorOutputs, and object.ErrNotFound.
func (c *Control) OpenErrorOutput(ctx context.Context, key stream.Key, outputKey string) (ErrorOutput, io.ReadCloser, error) {
	keepers, err := c.errorKeepers(key)
	if err != nil {
		return ErrorOutput{}, nil, err
	}
	k, o, err := findErrorOutput(ctx, keepers, outputKey)
	if err != nil {
		return ErrorOutput{}, nil, err
	}
	described, err := k.describe(o)
	if err != nil {
		return ErrorOutput{}, nil, err
	}
	lines, err := k.outputs.Open(ctx, outputKey)
	return described, lines, err
}

// errorKeeper is a delivery whose error outputs can be read.
type errorKeeper struct {
	r        *running
	delivery string
	replayed bool // it is a replay with a destination of its own
	outputs  destination.ErrorOutputs
}

// errorKeepers returns those of a stream, by the version in force, sorted by delivery, and behind them those of its replays,
// the oldest first.
func (c *Control) errorKeepers(key stream.Key) ([]errorKeeper, error) {
	r, err := c.get(key)
	if err != nil {
		return nil, err
	}
	s := r.declared.Load()
	spec, err := r.compile(s, s.Version)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(spec.Deliveries, func(a, b stream.Delivery) int { return strings.Compare(a.ID, b.ID) })
	var keepers []errorKeeper
	for _, d := range spec.Deliveries {
		outputs, err := r.errorOutputs(d)
		if err != nil {
			return nil, fmt.Errorf("delivery %s: %w", d.ID, err)
		}
		if outputs != nil {
			keepers = append(keepers, errorKeeper{r: r, delivery: d.ID, outputs: outputs})
		}
	}
	for _, replay := range s.Replays {
		if !replay.Apart {
			continue
		}
		d, err := r.replayedDelivery(replay)
		if err != nil {
			continue // a program that reads documents otherwise has taken it over, and nobody reads it any more
		}
		if outputs, err := r.errorOutputs(d); err == nil && outputs != nil {
			keepers = append(keepers, errorKeeper{r: r, delivery: replay.ID, replayed: true, outputs: outputs})
		}
	}
	if len(keepers) == 0 {
		return nil, ErrNoErrorOutputs
	}
	return keepers, nil
}

// errorOutputs opens the error outputs of a delivery; they are nil if it keeps none.
func (r *running) errorOutputs(d stream.Delivery) (destination.ErrorOutputs, error) {
	keeper, ok := d.Destination.(destination.ErrorKeeper)
	if !ok {
		return nil, nil
	}
	s := r.declared.Load()
	outputs, err := keeper.ErrorOutputs(destination.Env{Stream: s.Name, StreamID: s.ID, Delivery: d.ID, Objects: r.c.Objects})
	if errors.Is(err, destination.ErrKeepsNone) {
		return nil, nil
	}
	return outputs, err
}

// findErrorOutput returns the keeper whose output a key names. Where it may be that of several, in different places, the one
// has it that has such an output.
func findErrorOutput(ctx context.Context, keepers []errorKeeper, key string) (found errorKeeper, o destination.ErrorOutput, err error) {
	for i, k := range keepers {
		one, ok := k.outputs.Find(key)
		if !ok || k.shares(key, keepers[:i]) {
			continue
		}
		if found.outputs != nil && !found.has(ctx, key) {
			found.outputs = nil
		}
		if found.outputs == nil {
			found, o = k, one
		}
	}
	if found.outputs == nil {
		err = fmt.Errorf("%s is no error output of the stream: %w", key, object.ErrNotFound)
	}
	return found, o, err
}

// has says whether an output exists, or cannot be asked for.
func (k errorKeeper) has(ctx context.Context, key string) bool {
	lines, err := k.outputs.Open(ctx, key)
	if err == nil {
		lines.Close()
	}
	return !errors.Is(err, object.ErrNotFound)
}

// shares says whether a key is one of an earlier keeper's too: the settings of a stream and of its backup may give their
// error outputs equal keys but for what is unique in them.
func (k errorKeeper) shares(key string, earlier []errorKeeper) bool {
	return slices.ContainsFunc(earlier, func(e errorKeeper) bool {
		_, ok := e.outputs.Find(key)
		return ok && e.outputs.Place() == k.outputs.Place()
	})
}

// describe adds what the stream knows of an output.
func (k errorKeeper) describe(o destination.ErrorOutput) (ErrorOutput, error) {
	mark, err := k.r.c.Store.Redriven(k.r.declared.Load().ID, o.Key)
	return ErrorOutput{Delivery: k.delivery, Key: o.Key, Type: o.Type, Time: o.Time, Size: o.Size, Redriven: mark}, err
}
