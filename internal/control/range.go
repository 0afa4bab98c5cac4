package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"firehose/internal/block"
	"firehose/internal/filter"
	"firehose/internal/log"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// HistoryGone says that a replay was to begin with what is not kept any more.
type HistoryGone struct{ Since time.Time } // what was put at this time or later is kept

func (e *HistoryGone) Error() string {
	return fmt.Sprintf("what was put before %s is dropped", e.Since.Format(time.RFC3339Nano))
}

// Bound is a place in a stream's log.
type Bound struct {
	Stream   record.StreamID // whose log Position is of; zero for that of the stream asked for
	Position record.Position // counts if it is not zero
	Time     time.Time       // else what was put at this time or later comes behind the bound; zero for the log's end on that side
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

// rangeOf finds the positions of two bounds.
func (r *running) rangeOf(from, until Bound) (found ReplayRange, err error) {
	for _, b := range []Bound{from, until} {
		if b.Stream != (record.StreamID{}) && b.Stream != r.declared.Load().ID {
			return found, ErrOtherStream
		}
	}
	first, next := r.log.Ends()
	since := r.log.KeptSince()
	gone := from.Time.Before(since) && !from.Time.IsZero() || from.Position != (record.Position{}) && from.Position.Block < first
	if gone && !since.IsZero() {
		return found, &HistoryGone{Since: since}
	}
	if found.From, err = r.place(from, record.Position{Block: first}); err != nil {
		return found, err
	}
	end := record.Position{Block: next}
	if found.Until, err = r.place(until, end); err != nil {
		return found, err
	}
	found.Until = earlier(found.Until, end)
	found.From = earlier(found.From, found.Until)
	return found, nil
}

// place finds the position of a bound, or of the end of the log on its side.
func (r *running) place(b Bound, end record.Position) (record.Position, error) {
	switch {
	case b.Position != record.Position{}:
		return b.Position, nil
	case b.Time.IsZero():
		return end, nil
	}
	number, err := log.Seek(r.log, b.Time)
	return record.Position{Block: number}, err
}

func earlier(p, q record.Position) record.Position {
	if q.Before(p) {
		return q
	}
	return p
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
