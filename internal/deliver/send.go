package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/record"
	"firehose/internal/task"
	"firehose/internal/verdict"
)

// flight is a batch on its way. Its fields below lost are guarded by Delivery.mu.
type flight struct {
	batch.Batch
	lost      int             // records that the log can no longer give; the sender's
	from      record.Position // nothing before it is in the batch or in a later one of the same partition
	stored    *stored         // what processing made of its records; nil when the log has them
	done      bool
	cancelled bool      // it will be cut anew; what the sender still reports does not count
	trying    bool      // a try is under way
	tried     time.Time // when the latest try began
	mayExist  bool      // a try, in this life or an earlier one, may have put it in place
	absent    bool      // the latest try said that the destination does not exist
	partly    bool      // a part of it was delivered
	problem   *Problem  // of the latest try; nil before the first one failed
	stop      context.CancelFunc
	ended     chan struct{} // closed when the sender has ended
}

// send starts sending a batch of records as the log has them. The caller holds one of d.slots for it.
func (d *Delivery) send(senders *task.Group, b batch.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	inForce, _, _ := d.state.version(b.First)
	b.Version = inForce.Version
	from := d.next
	d.next = b.End
	d.sendLocked(senders, &flight{Batch: b, from: from})
}

// sendStored starts sending a batch of processed records. The caller holds one of d.slots for it.
func (d *Delivery) sendStored(senders *task.Group, b *openBatch, until Point) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sendLocked(senders, &flight{Batch: b.cut(), from: b.head.First, stored: &stored{buffer: b.buffer, span: b.span(until)}})
}

func (d *Delivery) sendLocked(senders *task.Group, f *flight) {
	f.mayExist, f.ended = f.First.Before(d.start), make(chan struct{})
	d.flights = append(d.flights, f)
	d.pacer.charge(f.Records)
	to := d.plans[f.Version].Destination
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

// deliver tries until the batch is delivered, or ctx ends. A batch that is refused is divided, to find the records that
// are; they, and what was tried for too long, go to the error output.
func (d *Delivery) deliver(ctx context.Context, f *flight, to destination.Destination) bool {
	began := time.Now()
	size := int64(0)
	for parts := []part{{to: f.Records}}; len(parts) > 0; {
		divided, delivered := d.deliverPart(ctx, f, parts[0], to, &size)
		if !delivered && divided == nil {
			return false
		}
		parts = append(divided, parts[1:]...)
	}
	d.Observer.Delivered(&f.Batch, size, time.Since(began))
	return true
}

// deliverPart tries until a part of the batch is delivered, or ctx ends, or it is to be delivered in other parts.
func (d *Delivery) deliverPart(ctx context.Context, f *flight, p part, to destination.Destination, size *int64) (divided []part, delivered bool) {
	var made parcel // kept from try to try, unless the set-up is broken: that may take long, and its records are kept anyway
	defer func() { made.close() }()
	var first time.Time // when the tries began to fail, but for failures that do not count
	for try := 1; ; try++ {
		if d.pausedUntil() != nil {
			made.close()
			made.ready = false
			waited, ended := d.awaitResume(ctx)
			if ended {
				return nil, false
			}
			if !first.IsZero() {
				first = first.Add(waited)
			}
		}
		err := error(nil)
		if sent := made.sent; !made.ready {
			made, err = d.encode(ctx, f, p, to)
			made.sent = sent
		}
		if err == nil {
			err = d.tryParcel(ctx, f, &made)
			if first.IsZero() {
				first = time.Now()
			}
		}
		if err == nil {
			*size += made.size
			return nil, true
		}
		if err == ErrPaused {
			try--
			continue
		}
		if ctx.Err() != nil {
			return nil, false
		}
		if verdict.AsRefused(err) != nil && !divisible(p, err) && !destination.TakesErrors(d.forErrors(to)) {
			err = destination.NoErrorOutput(err) // the receiver is asked again all the same: it may be what is repaired
		}
		broken := verdict.AsSetUp(err)
		if !made.ready || errors.Is(err, errUnsaved) || broken != nil && !broken.Bounded {
			first = time.Time{} // this is not a failure for which records are given up
		}
		if divided := d.giveUp(f, p, to, err, try, first); divided != nil && !made.sent {
			return divided, false
		}
		if broken != nil {
			made.close()
			made.ready = false
		}
		if p.failed != nil { // which is what somebody must know who mends the error output
			err = fmt.Errorf("%w, for %s: %s", err, p.failed.Code, p.failed.Message)
		}
		d.failed(f, err, try)
		if ended := d.pause(ctx, d.Retry.Pause(try, err)); ended {
			return nil, false
		}
	}
}

// part is some of a batch's records: those from one index to before another.
type part struct {
	number   uint32 // as batch.Head has it
	from, to int
	failed   *erroroutput.Failure // they go to the error output; nil to deliver them
}

// giveUp returns in which parts a part is to be delivered after an error, or nil if it is to be tried again.
func (d *Delivery) giveUp(f *flight, p part, to destination.Destination, err error, try int, first time.Time) []part {
	failer, can := to.(destination.Failer)
	if !can || f.stored == nil || p.failed != nil || f.Failure != "" {
		return nil
	}
	d.mu.Lock()
	budget := d.plans[f.Version].RetryFor
	d.mu.Unlock()
	refused := verdict.AsRefused(err)
	late := budget > 0 && !first.IsZero() && time.Since(first) >= budget
	switch {
	case divisible(p, err):
		middle := (p.from + p.to) / 2
		return []part{{number: 2*p.number + 1, from: p.from, to: middle}, {number: 2*p.number + 2, from: middle, to: p.to}}
	case (refused != nil || late) && destination.TakesErrors(d.forErrors(to)):
		failure := failer.Failure(err)
		failure.Attempts = try
		d.Observer.Failed(err)
		d.Logger.Warn("Records go to the error output, because the destination did not take them.",
			"batch", f.First.String(), "records", p.to-p.from, "tries", try, "error", err)
		p.failed = &failure
		return []part{p}
	}
	return nil
}

// divisible says whether an error leaves open which records of a part are refused.
func divisible(p part, err error) bool {
	refused := verdict.AsRefused(err)
	return refused != nil && !refused.Final && p.to-p.from > 1
}

// forErrors returns what takes the error outputs of a batch: the destination as it was declared when the batch was cut, or,
// where that has nowhere for them, as it is declared now. So a batch that was partly taken, or whose neighbours were, and that
// keeps its version, can be helped by a document that gives them a place; and nothing of it can lie where there was none.
func (d *Delivery) forErrors(to destination.Destination) destination.Destination {
	if destination.TakesErrors(to) {
		return to
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.plans[d.state.latest().Version].Destination
}

// parcel is what a destination's encoder made of a part of a batch.
type parcel struct {
	ready    bool
	head     batch.Head
	to       destination.Destination // that takes the body
	body     *batch.Spool            // nil if there is nothing in it, or when it is delivered
	rejected *batch.Spool            // the error output of records that were refused; nil without any, or when it is delivered
	errs     destination.Destination // that takes that
	failure  string                  // its type
	size     int64                   // of the body
	sent     bool                    // the body is delivered
}

func (p *parcel) close() {
	closeSpool(p.body)
	closeSpool(p.rejected)
	p.body, p.rejected = nil, nil
}

// tryParcel makes one try with what is not delivered yet. The error output comes last, so that it never stands for a batch
// that may still be recalled.
func (d *Delivery) tryParcel(ctx context.Context, f *flight, p *parcel) error {
	hand := func(spool **batch.Spool, failure string, to destination.Destination) error {
		if *spool == nil {
			return nil
		}
		given := f.Batch
		given.Head, given.Body = p.head, *spool
		if failure != "" {
			given.Failure = failure
		}
		if err := d.try(ctx, f, &given, to); err != nil {
			return err
		}
		p.sent = p.sent || failure == ""
		closeSpool(*spool)
		*spool = nil
		return nil
	}
	if p.sent { // it was made again for the error output
		closeSpool(p.body)
		p.body = nil
	}
	if err := hand(&p.body, "", p.to); err != nil {
		return err
	}
	return hand(&p.rejected, p.failure, p.errs)
}

// try makes one try. While it lasts, and after an error that leaves it open, the batch may be in place.
func (d *Delivery) try(ctx context.Context, f *flight, b *batch.Batch, to destination.Destination) error {
	d.mu.Lock()
	switch {
	case f.cancelled:
		d.mu.Unlock()
		return context.Canceled
	case d.resumed != nil:
		d.mu.Unlock()
		return ErrPaused
	}
	existed := f.mayExist
	f.trying, f.mayExist, f.tried = true, true, time.Now()
	d.mu.Unlock()
	if err := d.announce(f); err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		f.trying, f.mayExist = false, existed
		return fmt.Errorf("%w: %w", errUnsaved, err)
	}

	trying, cancel := context.WithTimeout(ctx, d.Retry.Timeout)
	defer cancel()
	err := to.Deliver(trying, b)
	if err != nil && trying.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %v: %w", d.Retry.Timeout, err)
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	f.trying = false
	f.partly = f.partly || err == nil
	d.wary = err != nil && verdict.AsRefused(err) == nil
	if refused := verdict.AsSetUp(err); refused != nil {
		// That the place of error outputs does not exist says nothing of where the records go.
		absent := refused.Absent && !f.partly && b.Failure == f.Failure
		f.absent = absent && f.Failure == ""
		f.mayExist = existed && !absent
	} else {
		f.absent = false
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
	d.floorMoved() // the reach may have
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
	if f.stored != nil {
		defer f.stored.buffer.Close()
	}
	if !delivered || f.cancelled {
		return
	}
	f.done = true
	if f.stored == nil || f.stored.whole() {
		d.sent = append(d.sent, Sent{Head: f.Head, End: f.End, Records: f.Records})
	}
	if f.stored != nil {
		d.spans, d.unsaved = append(d.spans, f.stored.span), d.unsaved+1
		d.flights = slices.DeleteFunc(d.flights, func(other *flight) bool { return other == f })
	}
	for len(d.flights) > 0 && d.flights[0].done {
		d.flights = slices.Delete(d.flights, 0, 1)
	}
	d.floorMoved()
}

// encode encodes a part of a batch. The parcel is empty if the log has none of its records any more.
func (d *Delivery) encode(ctx context.Context, f *flight, p part, to destination.Destination) (parcel, error) {
	select {
	case d.Encoders <- struct{}{}:
		defer func() { <-d.Encoders }()
	case <-ctx.Done():
		return parcel{}, context.Cause(ctx)
	}
	errs := d.forErrors(to)
	if f.Failure != "" { // it is an error output itself
		to = errs
	}
	e := encoding{d: d, f: f, part: p, to: to, errs: errs, head: f.Head, body: d.Spools.New()}
	if err := e.run(ctx); err != nil {
		e.close()
		return parcel{}, fmt.Errorf("encode batch %v: %w", f.First, err)
	}
	if lost := p.to - p.from - e.records; lost > f.lost {
		d.lose(lost - f.lost)
		d.Logger.Error("Records of a batch can no longer be read from the log.", "batch", f.First.String(), "lost", lost-f.lost)
		f.lost = lost
	}
	if e.records == e.refused {
		closeSpool(e.body)
		e.body = nil
	}
	return parcel{ready: true, head: e.head, to: e.to, body: e.body, rejected: e.rejected, errs: e.errs, failure: e.failure, size: sizeOf(e.body)}, nil
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
