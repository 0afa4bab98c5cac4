package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"firehose/internal/erroroutput"
	"firehose/internal/ingest"
	"firehose/internal/state"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// ErrRedriving says that a redrive of the stream is under way already.
var ErrRedriving = errors.New("a redrive of the stream is under way")

// Redrive says which error outputs are put again, and how.
type Redrive struct {
	ErrorFilter
	Keys   []string // these outputs, if any are named
	DryRun bool     // only count what would be put
	Force  bool     // also what was put before
}

// RedrivenOutput is what became of one error output.
type RedrivenOutput struct {
	Delivery string `json:"delivery,omitempty"`
	Key      string `json:"key"`
	Type     string `json:"type,omitempty"`
	Records  int    `json:"records"`           // that were put, or would be
	Bytes    int64  `json:"bytes"`             // of them
	Skipped  int    `json:"skipped,omitempty"` // records that an earlier redrive has put
	Error    string `json:"error,omitempty"`   // why it was not put to its end; another redrive goes on there
	Note     string `json:"note,omitempty"`    // why it was passed over
}

// A chunk is what is put and marked at once, as large as a put of the Amazon API may be.
const (
	chunkRecords = 500
	chunkBytes   = 4 << 20
)

// A stream that takes nothing is asked again with longer and longer pauses, and given up when they sum up.
const (
	throttledFirst = 100 * time.Millisecond
	throttledMax   = 5 * time.Second
	throttledTotal = 2 * time.Minute
)

// Redrive puts the original records of error outputs into their stream again, and calls report for each output. An output
// that cannot be read does not hold up the others; one whose records cannot be put ends the redrive. Those of replays are put
// only if they are named: their records have been delivered where the stream delivers.
//
//	for each output   skip what its mark says was put
//	for each chunk    put it, as any client would; when it is acknowledged, raise the mark
//	at the end        mark the output as whole
//
// So an interrupted redrive is gone on with by calling it again: nothing is left out, and what is put twice is at most the
// one chunk that was acknowledged when the process ended before its mark. Outputs are never changed or deleted. Those that
// begin after the redrive are not taken, so records that fail again do not turn in a circle.
//
// Errors: those of ErrorOutputs, ErrRedriving, stream.ErrNotActive, ingest.ErrThrottled after some minutes, or of ctx.
func (c *Control) Redrive(ctx context.Context, key stream.Key, what Redrive, report func(RedrivenOutput)) error {
	keepers, err := c.errorKeepers(key)
	if err != nil {
		return err
	}
	r := keepers[0].r
	if !what.DryRun {
		if !r.redrive.TryLock() {
			return ErrRedriving
		}
		defer r.redrive.Unlock()
	}
	if began := time.Now().Truncate(time.Second); what.Until.IsZero() || what.Until.After(began) {
		what.Until = began
	}
	redrive := func(k errorKeeper, o ErrorOutput) error {
		result, err := redriveOutput(ctx, k, o, what)
		report(result)
		return err
	}
	if len(what.Keys) > 0 {
		return redriveKeys(ctx, keepers, what.Keys, redrive, report)
	}
	var failed error
	err = c.ErrorOutputs(ctx, key, what.ErrorFilter, ErrorPlace{}, func(o ErrorOutput) bool {
		at := slices.IndexFunc(keepers, func(k errorKeeper) bool { return k.delivery == o.Delivery })
		if at < 0 {
			return true // of a delivery that was added this moment
		}
		if keepers[at].replayed {
			report(RedrivenOutput{Delivery: o.Delivery, Key: o.Key, Type: o.Type, Note: replayedNote})
			return true
		}
		failed = redrive(keepers[at], o)
		return failed == nil
	})
	return errors.Join(err, failed)
}

const replayedNote = "what a replay could not deliver to a destination of its own is put only if its key is named: the stream delivers it where it did before"

// redriveKeys redrives the outputs that are named.
func redriveKeys(ctx context.Context, keepers []errorKeeper, keys []string, redrive func(errorKeeper, ErrorOutput) error, report func(RedrivenOutput)) error {
	for _, key := range keys {
		k, found, err := findErrorOutput(ctx, keepers, key)
		if err != nil {
			report(RedrivenOutput{Key: key, Error: err.Error()})
			continue
		}
		o, err := k.describe(found)
		if err != nil {
			return err
		}
		if err := redrive(k, o); err != nil {
			return err
		}
	}
	return nil
}

// explain says what went wrong, and what to do if that is known.
func explain(err error) string {
	if broken := verdict.AsSetUp(err); broken != nil {
		return err.Error() + ": " + broken.Fix
	}
	return err.Error()
}

// outputRedrive is the redrive of one output.
type outputRedrive struct {
	Redrive
	k      errorKeeper
	mark   state.Redriven
	result RedrivenOutput
	chunk  [][]byte
	size   int // bytes of the chunk
}

// redriveOutput redrives one output. An error is one of putting or marking; what is wrong with the output is in the result.
func redriveOutput(ctx context.Context, k errorKeeper, o ErrorOutput, what Redrive) (RedrivenOutput, error) {
	r := outputRedrive{Redrive: what, k: k, mark: o.Redriven, result: RedrivenOutput{Delivery: o.Delivery, Key: o.Key, Type: o.Type}}
	if what.Force {
		r.mark = state.Redriven{}
	}
	if o.Type == erroroutput.Masking {
		r.result.Error = "these events could not be read, so that their output holds nothing of them that could be put again"
		return r.result, nil
	}
	r.result.Skipped = r.mark.Records
	if r.mark.Whole {
		return r.result, nil
	}
	unreadable, err := r.run(ctx)
	switch {
	case err != nil:
		r.result.Error = err.Error()
	case ctx.Err() != nil:
		err, r.result.Error = ctx.Err(), ctx.Err().Error()
	case unreadable != nil:
		r.result.Error = explain(unreadable)
	}
	return r.result, err
}

// run puts an output's records from its mark on. All before what cannot be read is put.
func (r *outputRedrive) run(ctx context.Context) (unreadable, err error) {
	lines, err := r.k.outputs.Open(ctx, r.result.Key)
	if err != nil {
		return err, nil
	}
	defer lines.Close()
	number, skip := 0, r.mark.Records
	for line, err := range erroroutput.Lines(lines) {
		if err != nil {
			unreadable = err
			break
		}
		if number++; number <= skip {
			continue
		}
		r.chunk, r.size = append(r.chunk, line.Raw), r.size+len(line.Raw)
		if len(r.chunk) < chunkRecords && r.size < chunkBytes {
			continue
		}
		if err := r.putChunk(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.putChunk(ctx); err != nil || unreadable != nil || r.DryRun {
		return unreadable, err
	}
	r.mark.Whole = true
	return nil, r.saveMark()
}

// putChunk puts the chunk and raises the mark to what was acknowledged of it, also if that is not all.
func (r *outputRedrive) putChunk(ctx context.Context) error {
	count, err := len(r.chunk), error(nil)
	if count == 0 {
		return nil
	}
	if !r.DryRun {
		count, err = r.k.r.putSlowly(ctx, r.chunk)
	}
	for _, raw := range r.chunk[:count] {
		r.result.Bytes += int64(len(raw))
	}
	r.result.Records += count
	r.chunk, r.size = r.chunk[:0], 0
	if r.DryRun || count == 0 {
		return err
	}
	key := r.k.r.key
	r.k.r.c.Metrics.RedrivenRecords.WithLabelValues(key.Account, key.Region, key.Name).Add(float64(count))
	r.mark.Records += count
	return errors.Join(err, r.saveMark())
}

func (r *outputRedrive) saveMark() error {
	r.mark.Time = time.Now().UTC()
	return r.k.r.c.Store.SaveRedriven(r.k.r.declared.Load().ID, r.result.Key, r.mark)
}

// putSlowly puts records, and waits while the stream throttles. It returns how many, from the first, are acknowledged. The
// end of ctx ends the waiting but no put: one that is given up may have become durable all the same.
func (r *running) putSlowly(ctx context.Context, records [][]byte) (put int, err error) {
	pause, waited := throttledFirst, time.Duration(0)
	for {
		receipt, err := r.put(context.WithoutCancel(ctx), records[put:])
		if err != nil && !errors.Is(err, ingest.ErrThrottled) {
			return put, fmt.Errorf("put records again: %w", err)
		}
		if receipt.Accepted > 0 {
			put, pause, waited = put+receipt.Accepted, throttledFirst, 0
		}
		if put == len(records) {
			return put, nil
		}
		if waited >= throttledTotal {
			return put, fmt.Errorf("put records again: %w", ingest.ErrThrottled)
		}
		wait(ctx, pause)
		if ctx.Err() != nil {
			return put, ctx.Err()
		}
		waited, pause = waited+pause, min(2*pause, throttledMax)
	}
}
