package deliver

import (
	"context"
	"io"
	"time"

	"firehose/internal/log"
	"firehose/internal/record"
)

// Range is a part of the log that is delivered once more. A delivery of a range begins and ends with it; it cuts the same
// batches in each of its lives, but not those of the deliveries that had the records before.
type Range struct {
	From, Until record.Position
	Rate        float64 // records a second, on average over some batches; 0 for no limit
}

// end returns the first block of which nothing is in the range.
func (r *Range) end() uint64 {
	if r.Until.Index > 0 {
		return r.Until.Block + 1
	}
	return r.Until.Block
}

// begin is the state of a delivery that has not delivered anything of the range.
func (r *Range) begin() State {
	return State{Floor: r.From, Cuts: []record.Position{r.Until}}
}

// inRange returns how many of a block's records are before the end of the range, if there is one.
func (d *Delivery) inRange(number uint64, count int) int {
	if d.Range != nil && number == d.Range.Until.Block {
		return min(count, int(d.Range.Until.Index))
	}
	return count
}

// Complete returns when the range is delivered.
func (d *Delivery) Complete(ctx context.Context) error { return d.waitFloor(ctx, d.Range.Until, nil) }

// window is a log that ends at a block, for good.
type window struct {
	log.Log
	end uint64
}

func (w window) Ends() (first, next uint64) {
	first, next = w.Log.Ends()
	return min(first, w.end), min(next, w.end)
}

func (w window) Tick(ctx context.Context) (time.Time, uint64, error) {
	now, next, err := w.Log.Tick(ctx)
	return now, min(next, w.end), err
}

func (w window) Arrived(n uint64) <-chan struct{} {
	if n >= w.end {
		return nil // never
	}
	return w.Log.Arrived(n)
}

func (w window) Read(from uint64) log.Reader { return windowReader{w.Log.Read(from), w.end} }

type windowReader struct {
	log.Reader
	end uint64
}

func (r windowReader) Next() (log.Entry, error) {
	entry, err := r.Reader.Next()
	if err == nil && entry.Number >= r.end {
		return log.Entry{}, io.EOF
	}
	return entry, err
}

// pacer spreads batches over time. It belongs to the cutting goroutine.
type pacer struct {
	rate float64 // records a second; 0 for no limit
	next time.Time
}

// waitMax is the longest that a batch makes the next one wait.
const waitMax = 24 * time.Hour

// charge notes that records are sent.
func (p *pacer) charge(records int) {
	if p.rate <= 0 {
		return
	}
	if now := time.Now(); p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(min(float64(records)/p.rate, waitMax.Seconds()) * float64(time.Second)))
}

// wait returns how long the next batch must wait.
func (p *pacer) wait() time.Duration { return max(0, time.Until(p.next)) }
