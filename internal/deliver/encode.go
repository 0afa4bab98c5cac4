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

// encoding is the making of one batch's body.
type encoding struct {
	d  *Delivery
	f  *flight
	to destination.Destination

	body     *batch.Spool
	rejected *batch.Spool  // error output of refused records; nil before the first
	errors   batch.Encoder // of rejected
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
	encoder, err := e.to.Encoder(ctx, e.f.Head, e.body)
	if err != nil {
		return err
	}
	rejecter, _ := encoder.(batch.Rejecter)
	feed := e.d.feed(e.f)
	defer feed.close()
	for ctx.Err() == nil {
		run, err := feed.run()
		if err == io.EOF {
			return e.finish(encoder, rejecter != nil)
		}
		if err == nil {
			err = encoder.Write(run)
		}
		if err == nil && rejecter != nil {
			err = e.reject(ctx, rejecter.Rejected(), run, feed)
		}
		if err != nil {
			return err
		}
		e.records += len(run.Ends)
	}
	return context.Cause(ctx)
}

func (e *encoding) finish(encoder batch.Encoder, converts bool) error {
	if err := encoder.Close(); err != nil {
		return err
	}
	if converts {
		e.d.Observer.Converted(e.records-e.refused, e.f.Bytes-e.bytes)
	}
	if e.errors == nil {
		return nil
	}
	return e.errors.Close()
}

// reject writes records that the encoder refused to the error output.
func (e *encoding) reject(ctx context.Context, refused []batch.Rejected, run batch.Records, feed feed) error {
	for _, r := range refused {
		if e.errors == nil {
			head := e.f.Head
			head.Failure = r.Failure.Type
			e.rejected = e.d.Spools.New()
			var err error
			if e.errors, err = e.to.Encoder(ctx, head, e.rejected); err != nil {
				return err
			}
		}
		place, arrival, raw := parseNote(feed.note(r.Index), run.Record(r.Index))
		line := erroroutput.Line{Failure: r.Failure, Arrival: arrival, Ended: time.Now(), Raw: raw, Sequence: sequence(place)}
		e.line = line.Append(e.line[:0])
		if err := e.errors.Write(batch.Records{Data: e.line, Ends: []int{len(e.line)}}); err != nil {
			return err
		}
		e.refused++
		e.bytes += int64(len(raw))
		e.d.Observer.Rejected(r.Failure, 1, int64(len(raw)))
	}
	return nil
}
