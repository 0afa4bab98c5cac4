package deliver

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/record"
	"firehose/internal/task"
	"firehose/internal/verdict"
)

// flight is a batch on its way. Its fields below Batch are guarded by Delivery.mu.
type flight struct {
	batch.Batch
	from      record.Position // where the batch before it ends
	done      bool
	cancelled bool      // it will be cut anew; what the sender still reports does not count
	trying    bool      // a try is under way
	tried     time.Time // when the latest try began
	mayExist  bool      // a try, in this life or an earlier one, may have put it in place
	absent    bool      // the latest try said that the destination does not exist
	problem   *Problem  // of the latest try; nil before the first one failed
	stop      context.CancelFunc
	ended     chan struct{} // closed when the sender has ended
}

// send starts sending a batch. The caller holds one of d.slots for it.
func (d *Delivery) send(senders *task.Group, b batch.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	inForce, _, _ := d.state.version(b.First)
	b.Version = inForce.Version
	f := &flight{Batch: b, from: d.next, mayExist: b.First.Before(d.start), ended: make(chan struct{})}
	d.flights = append(d.flights, f)
	d.next = b.End
	to := d.plans[b.Version].Destination
	ctx, stop := context.WithCancel(senders.Context())
	f.stop = stop
	senders.Go("send a batch", func(context.Context) error {
		defer stop()
		delivered := d.deliver(ctx, f, to)
		<-d.slots
		d.land(f, delivered)
		return nil
	})
}

// deliver tries until the batch is delivered, or ctx ends.
func (d *Delivery) deliver(ctx context.Context, f *flight, to destination.Destination) bool {
	began := time.Now()
	var body *batch.Spool // kept from try to try, unless the set-up is broken: that may take long, and the log has the records
	defer func() { closeSpool(body) }()
	for try := 1; ; try++ {
		err := error(nil)
		if body == nil {
			body, err = d.encode(ctx, f.Batch, to)
		}
		if err == nil && body != nil {
			sent := f.Batch
			sent.Body = body
			err = d.try(ctx, f, &sent, to)
		}
		if err == nil {
			d.Observer.Delivered(&f.Batch, sizeOf(body), time.Since(began))
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if verdict.AsSetUp(err) != nil {
			closeSpool(body)
			body = nil
		}
		d.failed(f, err, try)
		if ended := d.pause(ctx, d.Retry.Pause(try, err)); ended {
			return false
		}
	}
}

// try makes one try. While it lasts, and after an error that leaves it open, the batch may be in place.
func (d *Delivery) try(ctx context.Context, f *flight, b *batch.Batch, to destination.Destination) error {
	d.mu.Lock()
	if f.cancelled {
		d.mu.Unlock()
		return context.Canceled
	}
	existed := f.mayExist
	f.trying, f.mayExist, f.tried = true, true, time.Now()
	d.mu.Unlock()

	trying, cancel := context.WithTimeout(ctx, d.Retry.Timeout)
	defer cancel()
	err := to.Deliver(trying, b)
	if err != nil && trying.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %v: %w", d.Retry.Timeout, err)
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	f.trying = false
	refused := verdict.AsSetUp(err)
	f.absent = refused != nil && refused.Absent
	if refused != nil {
		f.mayExist = existed && !f.absent
	}
	return err
}

// failed notes and reports a failed try: the first, then each time the number of tries doubles.
func (d *Delivery) failed(f *flight, err error, try int) {
	d.mu.Lock()
	if f.problem == nil {
		f.problem = &Problem{Since: time.Now()}
	}
	f.problem.Tries, f.problem.Err = try, err
	signal(d.moved)
	d.mu.Unlock()

	d.Observer.Failed(err)
	if try&(try-1) != 0 {
		return
	}
	args := []any{"batch", f.First.String(), "records", f.Records, "tries", try, "error", err}
	if broken := verdict.AsSetUp(err); broken != nil {
		d.Logger.Error("The destination's set-up is broken; records are kept until it is repaired.",
			append(args, "code", broken.Code, "fix", broken.Fix)...)
		return
	}
	d.Logger.Warn("Delivery failed; trying again.", args...)
}

// land takes a batch out of the air.
func (d *Delivery) land(f *flight, delivered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer close(f.ended)
	defer signal(d.moved)
	if !delivered || f.cancelled {
		return
	}
	f.done = true
	d.sent = append(d.sent, Sent{Head: f.Head, End: f.End, Records: f.Records})
	for len(d.flights) > 0 && d.flights[0].done {
		d.flights = slices.Delete(d.flights, 0, 1)
	}
	d.floorMoved()
}

// encode reads a batch's records from the log and encodes them. It returns nil if the log has none of them any more.
func (d *Delivery) encode(ctx context.Context, b batch.Batch, to destination.Destination) (*batch.Spool, error) {
	select {
	case d.Encoders <- struct{}{}:
		defer func() { <-d.Encoders }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	spool := d.Spools.New()
	records, err := d.encodeTo(ctx, spool, b, to)
	if err != nil {
		closeSpool(spool)
		return nil, fmt.Errorf("encode batch %v: %w", b.First, err)
	}
	if records < b.Records {
		d.Observer.Lost(b.Records - records)
		d.Logger.Error("Records of a batch can no longer be read from the log.", "batch", b.First.String(), "lost", b.Records-records)
	}
	if records == 0 {
		closeSpool(spool)
		return nil, nil
	}
	return spool, nil
}

func (d *Delivery) encodeTo(ctx context.Context, w io.Writer, b batch.Batch, to destination.Destination) (records int, err error) {
	encoder, err := to.Encoder(b.Head, w)
	if err != nil {
		return 0, err
	}
	source := d.newSource(b)
	defer source.close()
	for ctx.Err() == nil {
		run, err := source.run()
		if err == io.EOF {
			return records, encoder.Close()
		}
		if err == nil {
			err = encoder.Write(run)
		}
		if err != nil {
			return records, err
		}
		records += len(run.Ends)
	}
	return records, context.Cause(ctx)
}

func closeSpool(s *batch.Spool) {
	if s != nil {
		s.Close()
	}
}

func sizeOf(s *batch.Spool) int64 {
	if s == nil {
		return 0
	}
	return s.Size()
}
