package deliver

import (
	"context"
	"io"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/erroroutput"
)

// stored is what a batch of processed records is made of.
type stored struct {
	buffer *batch.Buffer
	span   Span
}

// whole says whether the batch holds every record between its ends, so that a record's position tells its batch.
func (s *stored) whole() bool {
	return s.span.lane == lane{} && s.span.First.Sub == 0
}

// feed gives the records of a batch.
type feed interface {
	// run returns the next records, valid until the next call, or io.EOF.
	run() (batch.Records, error)

	// note returns what was noted of a record of the last run.
	note(index int) []byte

	close()
}

func (d *Delivery) feed(f *flight) feed {
	if f.stored != nil {
		return storedFeed{f.stored.buffer.Reader()}
	}
	return d.newSource(f.Batch)
}

type storedFeed struct{ *batch.BufferReader }

func (s storedFeed) run() (batch.Records, error) { return s.Next() }
func (s storedFeed) note(index int) []byte       { return s.Note(index) }
func (s storedFeed) close()                      {}

// encoding is the making of the body of a part of a batch.
type encoding struct {
	d    *Delivery
	f    *flight
	part part
	to   destination.Destination
	errs destination.Destination // that takes the error output

	head     batch.Head
	body     *batch.Spool
	rejected *batch.Spool  // error output of refused records; nil before the first
	errors   batch.Encoder // of rejected
	failure  string        // type of rejected
	records  int
	refused  int
	bytes    int64  // of refused records, as they were put
	line     []byte // scratch
}

func (e *encoding) close() {
	closeSpool(e.body)
	closeSpool(e.rejected)
}

func (e *encoding) run(ctx context.Context) error {
	feed := e.d.feed(e.f)
	defer feed.close()
	var encoder batch.Encoder
	for before := 0; ctx.Err() == nil; {
		run, err := feed.run()
		if err == io.EOF {
			return e.finish(encoder)
		}
		if err != nil {
			return err
		}
		from, to := max(e.part.from-before, 0), min(e.part.to-before, len(run.Ends))
		before += len(run.Ends)
		if from >= to {
			continue
		}
		if encoder == nil {
			e.identify(feed.note(from))
			if encoder, err = e.to.Encoder(ctx, e.head, e.body); err != nil {
				return err
			}
		}
		if err := e.take(ctx, encoder, slice(run, from, to), from, feed); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// slice returns some of the records of a run.
func slice(run batch.Records, from, to int) batch.Records {
	if from > 0 {
		run.Start = run.Ends[from-1]
	}
	run.Ends = run.Ends[from:to]
	return run
}

// identify names the part by its number and its first record.
func (e *encoding) identify(note []byte) {
	if e.head.Part = e.part.number; e.part.from > 0 {
		place, _, _ := parseNote(note, nil)
		e.head.First, e.head.Sub = place.At, place.Sub
	}
}

// take encodes records, whose notes begin at an index of the feed's run, or writes them to the error output.
func (e *encoding) take(ctx context.Context, encoder batch.Encoder, run batch.Records, index int, feed feed) error {
	e.records += len(run.Ends)
	if e.part.failed != nil {
		for i := range run.Ends {
			if err := e.reject(ctx, *e.part.failed, run.Record(i), feed.note(index+i)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := encoder.Write(run); err != nil {
		return err
	}
	rejecter, ok := encoder.(batch.Rejecter)
	if !ok {
		return nil
	}
	for _, r := range rejecter.Rejected() {
		if err := e.reject(ctx, r.Failure, run.Record(r.Index), feed.note(index+r.Index)); err != nil {
			return err
		}
	}
	return nil
}

// converter is an encoder that writes rows.
type converter interface{ Rows() int }

func (e *encoding) finish(encoder batch.Encoder) error {
	if encoder == nil {
		return nil // the log has nothing of it any more
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	if _, converts := encoder.(converter); converts {
		e.d.Observer.Converted(e.records-e.refused, e.f.Bytes-e.bytes)
	}
	if e.errors == nil {
		return nil
	}
	return e.errors.Close()
}

// reject writes a record to the error output.
func (e *encoding) reject(ctx context.Context, failure erroroutput.Failure, record, note []byte) error {
	if e.errors == nil {
		head := e.head
		head.Failure = failure.Type
		e.rejected, e.failure = e.d.Spools.New(), failure.Type
		var err error
		if e.errors, err = e.errs.Encoder(ctx, head, e.rejected); err != nil {
			return err
		}
	}
	place, arrival, raw := parseNote(note, record)
	line := erroroutput.Line{Failure: failure, Arrival: arrival, Ended: time.Now(), Raw: raw, Sequence: sequence(place)}
	e.line = line.Append(e.line[:0])
	if err := e.errors.Write(batch.Records{Data: e.line, Ends: []int{len(e.line)}}); err != nil {
		return err
	}
	e.refused++
	e.bytes += int64(len(raw))
	e.d.Observer.Rejected(failure, 1, int64(len(raw)))
	return nil
}
