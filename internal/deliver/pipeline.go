package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"firehose/internal/batch"
	"firehose/internal/erroroutput"
	"firehose/internal/process"
	"firehose/internal/record"
	"firehose/internal/task"
)

// failures are the kinds of error outputs that are batches of their own.
var failures = []string{
	erroroutput.Processing, erroroutput.Decompression, erroroutput.Extraction, erroroutput.Partitioning, erroroutput.Partitions,
	erroroutput.Enrichment, erroroutput.Masking,
}

// pipeline brings records through the processors into open batches. It belongs to the cutting goroutine, and lives for
// one segment of the log: between two positions at which every batch ends.
//
// What becomes of a record follows from the log and the processors alone: records keep their order, a partition's
// records are cut by their own sizes and log times, and a partition counts as open until the log says that it is due.
type pipeline struct {
	d        *Delivery
	senders  *task.Group
	version  Version
	plan     Plan
	from     record.Position // where the segment begins
	expander *process.Expander
	steps    *process.Steps // for events; nil without
	calls    []*call        // of the function, in order; the last may still be filled
	stop     context.CancelFunc
	ctx      context.Context // of calls
	table    table
	values   []string // scratch
	line     []byte   // scratch
	part     []byte   // scratch
	note     []byte   // scratch

	extracting time.Duration // keys, since the observer was last told
}

// errMoved ends what is being done because a command moved the reading back.
var errMoved = errors.New("the reading was moved")

// errBuffer is an error of the disk that holds open batches.
type errBuffer struct {
	at  record.Position // of the record that found no room
	err error
}

func (e *errBuffer) Error() string { return fmt.Sprintf("keep records of an open batch: %v", e.err) }
func (e *errBuffer) Unwrap() error { return e.err }

// newPipeline begins a segment.
func (d *Delivery) newPipeline(senders *task.Group, version Version, plan Plan, from record.Position) *pipeline {
	p := &pipeline{d: d, senders: senders, version: version, plan: plan, from: from, expander: process.NewExpander(plan.Process), table: newTable()}
	if plan.Events != nil {
		p.steps = plan.Events.Steps()
	}
	p.ctx, p.stop = context.WithCancel(senders.Context())
	return p
}

// discard gives back what the open batches hold. Their records are read again.
func (p *pipeline) discard() {
	p.stop()
	for _, b := range p.table.byLane {
		b.buffer.Close()
	}
}

// take brings a record of the log on its way.
func (p *pipeline) take(ctx context.Context, at record.Position, when time.Time, data []byte) error {
	it := item{place: Point{At: at}, time: when, raw: data, bytes: int64(len(data))}
	var refused error
	failure := p.expander.Expand(data, func(piece []byte) {
		if refused != nil {
			return
		}
		it.data = piece
		if p.plan.Process.Split != nil {
			it.raw, it.bytes = piece, int64(len(piece))
		}
		refused = p.accept(ctx, it)
		it.place.Sub++
	})
	if p.plan.Process.Decompress {
		p.d.Observer.Decompressed(failure == nil, len(data))
	}
	if failure != nil {
		it.raw, it.bytes = data, int64(len(data))
		return p.fail(ctx, it, *failure)
	}
	return refused
}

func (p *pipeline) accept(ctx context.Context, it item) error {
	if p.steps != nil {
		if passed := p.steps.Judge(it.data); passed != process.Passes {
			p.d.Observer.Filtered(passed == process.Unclear)
			return nil
		}
		enriched, failure, err := p.steps.Enrich(it.data, it.time, time.Now())
		if err != nil {
			return fmt.Errorf("enrich an event: %w", err)
		}
		if failure != nil {
			return p.fail(ctx, it, *failure)
		}
		it.data = enriched
	}
	if p.plan.Function != nil {
		return p.enqueue(ctx, it)
	}
	return p.route(ctx, it)
}

// route adds a record that is processed to the open batch of its partition.
func (p *pipeline) route(ctx context.Context, it item) error {
	if err := p.closeDue(ctx, it.time, it.place); err != nil {
		return err
	}
	size := int64(len(it.data))
	if p.steps != nil {
		masked, done, failure := p.steps.Mask(it.data)
		if failure != nil {
			return p.fail(ctx, it, *failure)
		}
		if done.Unparsed > 0 {
			p.d.Observer.Masked(done.Unparsed)
		}
		it.data, it.raw = masked, masked // from here on nobody sees what was hidden
		if size = int64(len(masked)); p.steps.Timed() {
			size = it.bytes // the same in a replay
		}
	}
	n := lane{}
	if p.plan.Process.Partition != nil {
		partition, failure := p.partition(ctx, it)
		if failure != nil {
			return p.fail(ctx, it, *failure)
		}
		n.Partition = partition
	}
	return p.put(ctx, n, it, size, it.data)
}

// partition returns the values of a record's partition keys.
func (p *pipeline) partition(ctx context.Context, it item) (string, *erroroutput.Failure) {
	p.values = p.values[:0]
	if p.plan.Keys != nil {
		began := time.Now()
		var err error
		p.values, err = p.plan.Keys.Values(ctx, it.data, p.values)
		p.extracting += time.Since(began)
		if err != nil {
			return "", &erroroutput.Failure{Type: erroroutput.Extraction, Code: "DynamicPartitioning.MetadataExtractionFailed", Message: err.Error(), Attempts: 1}
		}
	}
	for _, key := range p.plan.Process.Partition.LambdaKeys {
		value := it.keys[key]
		if value == "" {
			return "", &erroroutput.Failure{Type: erroroutput.Partitioning, Code: "DynamicPartitioning.MetadataExtractionFailed",
				Message: "partitionKeys values must not be null or empty", Attempts: 1}
		}
		p.values = append(p.values, value)
	}
	p.part = batch.JoinPartition(p.part[:0], p.values)
	if b := p.table.byLane[lane{Partition: string(p.part)}]; b != nil {
		return b.Partition, nil // its text is at hand
	}
	return string(p.part), nil
}

// fail adds a record to the error output of its kind of failure.
func (p *pipeline) fail(ctx context.Context, it item, failure erroroutput.Failure) error {
	if p.steps != nil {
		it.raw = p.steps.Shown(it.raw)
	}
	line := erroroutput.Line{Failure: failure, Arrival: it.time, Ended: time.Now(), Raw: it.raw, Sequence: sequence(it.place)}
	p.line = line.Append(p.line[:0])
	p.d.Observer.Rejected(failure, 1, it.bytes)
	// The size is that of the record: the line's may differ when the record fails again.
	return p.put(ctx, lane{Failure: failure.Type}, it, it.bytes, p.line)
}

// sequence is a point as digits, which rise as points do.
func sequence(p Point) string {
	return fmt.Sprintf("49%020d%010d%08d", p.At.Block, p.At.Index, p.Sub)
}

// put adds a record to an open batch.
func (p *pipeline) put(ctx context.Context, n lane, it item, size int64, data []byte) error {
	d := p.d
	b := p.table.byLane[n]
	past, edge := d.past.find(n, it.place)
	if b != nil && (b.first().Before(edge) || !b.fits(p.version.Limits, it.time, size)) {
		if err := p.close(ctx, b, it.place); err != nil {
			return err
		}
		b = nil
	}
	if past {
		return nil // delivered, or in flight
	}
	if b == nil {
		if p.exceeded(n, it.place) {
			return p.fail(ctx, it, erroroutput.Failure{Type: erroroutput.Partitions, Code: "DynamicPartitioning.ActivePartitionExceeded",
				Message: fmt.Sprintf("The count of active partitions has exceeded the limit of %d.", p.version.Active), Attempts: 1})
		}
		b = &openBatch{lane: n, buffer: d.Spools.NewBuffer(), head: batch.Head{First: it.place.At, Sub: it.place.Sub,
			Partition: n.Partition, Failure: n.Failure, Time: it.time, Version: p.version.Version}}
		if p.plan.Function != nil || p.steps != nil { // the tables of an enrichment change
			b.listed = new(members)
			b.listed.start(it.place)
		}
		p.table.add(b)
	}
	p.note = p.note[:0]
	if p.plan.Rejects && n.Failure == "" {
		p.note = appendNote(p.note, it)
	}
	if err := b.buffer.Append(data, p.note); err != nil {
		return &errBuffer{it.place.At, err}
	}
	b.add(it, size)
	if !b.fits(p.version.Limits, b.head.Time, 0) {
		return p.close(ctx, b, b.end)
	}
	return nil
}

// exceeded says whether one partition more would be too many.
func (p *pipeline) exceeded(n lane, at Point) bool {
	if n.Failure != "" || p.version.Active == 0 {
		return false
	}
	return p.table.open+p.d.past.open(at) >= p.version.Active
}

// closeDue sends the batches that are due when the log's clock shows now. No record before the point is still to come.
func (p *pipeline) closeDue(ctx context.Context, now time.Time, until Point) error {
	for b := p.table.due(p.version.Limits, now); b != nil; b = p.table.due(p.version.Limits, now) {
		if err := p.close(ctx, b, until); err != nil {
			return err
		}
	}
	return nil
}

// close sends an open batch, which ends before the point.
func (p *pipeline) close(ctx context.Context, b *openBatch, until Point) error {
	p.table.remove(b)
	err := b.buffer.Complete()
	if err != nil {
		err = &errBuffer{b.end.At, err}
	} else if moved := p.d.awaitSlot(ctx); moved {
		err = errMoved
	}
	if err != nil {
		b.buffer.Close()
		return err
	}
	p.d.sendStored(p.senders, b, until)
	return nil
}

// catchUp brings on their way the results that are there, and sends what is due now that the records before the position
// were read, the last of them of the given log time, if any was. What waits for a function is not read yet in this sense.
func (p *pipeline) catchUp(ctx context.Context, now time.Time, at record.Position) error {
	if err := p.landCalls(ctx); err != nil {
		return err
	}
	until := Point{At: at}
	if len(p.calls) > 0 {
		now, until = p.calls[0].items[0].time, p.calls[0].items[0].place
	}
	return p.closeDue(ctx, now, until)
}

// finish ends the segment: everything that was read before the position is processed and sent.
func (p *pipeline) finish(ctx context.Context, at record.Position) error {
	if err := p.launch(ctx); err != nil {
		return err
	}
	for len(p.calls) > 0 {
		if err := p.awaitCall(ctx); err != nil {
			return err
		}
	}
	for b := p.table.oldest(); b != nil; b = p.table.oldest() {
		if err := p.close(ctx, b, Point{At: at}); err != nil {
			return err
		}
	}
	return nil
}

// low returns the position before which every record is in flight or delivered, if those before at were read.
func (p *pipeline) low(at record.Position) record.Position {
	if len(p.calls) > 0 {
		at = p.calls[0].items[0].place.At
	}
	return p.table.low(at)
}

// oldest returns the log time of the oldest record that is in no batch in flight; zero when there is none.
func (p *pipeline) oldest() (t time.Time) {
	if b := p.table.oldest(); b != nil {
		t = b.head.Time
	}
	if len(p.calls) > 0 && (t.IsZero() || p.calls[0].items[0].time.Before(t)) {
		t = p.calls[0].items[0].time
	}
	return t
}
