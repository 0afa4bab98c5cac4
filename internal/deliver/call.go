package deliver

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"firehose/internal/process/lambda"
)

// call is a call of the function. Its items are cut by the log, as batches are.
type call struct {
	items   []item
	size    int64
	begun   bool
	took    time.Duration
	results []lambda.Result
	err     error         // the call was given up
	done    chan struct{} // closed when results or err are set
}

// callsMax is how many calls of a delivery are under way at once.
const callsMax = 5

// callRecordsMax bounds the records of a call, for empty ones add nothing to its size.
const callRecordsMax = 10_000

// filling returns the call that still takes records, or nil.
func (p *pipeline) filling() *call {
	if n := len(p.calls); n > 0 && !p.calls[n-1].begun {
		return p.calls[n-1]
	}
	return nil
}

// callDeadline is the log time at which the call is made though nothing more arrives.
func (p *pipeline) callDeadline(c *call) time.Time {
	return c.items[0].time.Add(max(p.plan.Process.Lambda.Interval, 1))
}

// enqueue adds a record to the call that is being filled.
func (p *pipeline) enqueue(ctx context.Context, it item) error {
	size := int64(len(it.data))
	if c := p.filling(); c != nil && (len(c.items) == callRecordsMax || c.size+size > p.plan.Process.Lambda.Size || !it.time.Before(p.callDeadline(c))) {
		if err := p.launch(ctx); err != nil {
			return err
		}
	}
	c := p.filling()
	if c == nil {
		c = &call{done: make(chan struct{})}
		p.calls = append(p.calls, c)
	}
	raw := it.raw
	unchanged := it.unchanged()
	it.data = bytes.Clone(it.data)
	if it.raw = it.data; !unchanged {
		it.raw = bytes.Clone(raw)
	}
	c.items, c.size = append(c.items, it), c.size+size
	return nil
}

// launch makes the call that is being filled, if there is one.
func (p *pipeline) launch(ctx context.Context) error {
	c := p.filling()
	if c == nil {
		return nil
	}
	for len(p.calls) > callsMax {
		if err := p.awaitCall(ctx); err != nil {
			return err
		}
	}
	c.begun = true
	records := make([]lambda.Record, len(c.items))
	for i, it := range c.items {
		records[i] = lambda.Record{ID: sequence(it.place), Arrival: it.time, Data: it.data}
	}
	p.senders.Go("call the function", func(context.Context) error {
		defer close(c.done)
		began := time.Now()
		c.results, c.err = p.plan.Function.Call(p.ctx, records)
		c.took = time.Since(began)
		return nil
	})
	return nil
}

// awaitCall waits for the first call and brings its results on their way.
func (p *pipeline) awaitCall(ctx context.Context) error {
	c := p.calls[0]
	for {
		select {
		case <-c.done:
			return p.land(ctx)
		default:
		}
		select {
		case <-c.done:
		case <-p.d.moved:
			if p.d.moveRefused(ctx) {
				return errMoved
			}
		case cmd := <-p.d.commands:
			if cmd() {
				return errMoved
			}
		case <-ctx.Done():
			return errMoved
		}
	}
}

// landCalls brings the results on their way that are there already.
func (p *pipeline) landCalls(ctx context.Context) error {
	for len(p.calls) > 0 && p.calls[0].begun {
		select {
		case <-p.calls[0].done:
			if err := p.land(ctx); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// land brings the results of the first call on their way.
func (p *pipeline) land(ctx context.Context) error {
	c := p.calls[0]
	if c.err != nil {
		return fmt.Errorf("call the function: %w", c.err)
	}
	p.observeCall(c)
	for i, it := range c.items {
		r := &c.results[i]
		switch {
		case r.Dropped:
			continue
		case r.Failure != nil:
			if err := p.fail(ctx, it, *r.Failure); err != nil {
				return err
			}
		default:
			it.data, it.keys = r.Data, r.Keys
			if err := p.route(ctx, it); err != nil {
				return err
			}
		}
	}
	p.calls = p.calls[1:]
	return nil
}

func (p *pipeline) observeCall(c *call) {
	var t Transformed
	for i, it := range c.items {
		switch r := &c.results[i]; {
		case r.Dropped:
			t.Dropped++
		case r.Failure != nil:
			t.Failed++
		default:
			t.Records++
			t.Bytes += it.bytes
		}
	}
	p.d.Observer.Transformed(t, c.took)
}
