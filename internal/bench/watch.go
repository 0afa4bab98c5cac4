package bench

import (
	"context"
	"fmt"
	"math"
	"time"
)

// stallMax is how long nothing may be delivered while somebody waits for it.
const stallMax = time.Minute

// watch looks at the run every second, or less often where looking costs something, until ctx ends.
func (e *e2e) watch(ctx context.Context) error {
	every := time.Second
	if len(e.node.names) > 100 {
		every = 2 * time.Second // the metrics of a thousand streams are megabytes
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	w := watcher{e: e, at: e.began, usage: used(e.node.server.pid), moved: e.began}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c, err := e.node.counters(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		e.report.Seconds = append(e.report.Seconds, w.second(c))
		if time.Since(w.moved) > stallMax && c.inBytes == w.last.inBytes {
			return fmt.Errorf("nothing was delivered for %v; %.0f of %.0f records are", stallMax, c.outRecords, c.inRecords)
		}
	}
}

// watcher turns what is counted into what happens each second.
type watcher struct {
	e     *e2e
	at    time.Time
	last  counters
	usage usage
	moved time.Time // when something was last delivered
}

func (w *watcher) second(c counters) Second {
	now, u := time.Now(), used(w.e.node.server.pid)
	took := now.Sub(w.at).Seconds()
	h := w.e.load.Interval()
	held := c.inBytes - c.outBytes
	s := Second{
		At:              round(now.Sub(w.e.began).Seconds(), 2),
		CapturedMBps:    round((c.inBytes-w.last.inBytes)/1e6/took, 1),
		DeliveredMBps:   round((c.outBytes-w.last.outBytes)/1e6/took, 1),
		UndeliveredMB:   round(held/1e6, 1),
		AckP50:          ms(h.Quantile(0.5)),
		AckP99:          ms(h.Quantile(0.99)),
		ServerCPU:       round((u.cpu-w.usage.cpu).Seconds()/took, 2),
		ServerMemoryMiB: round(float64(u.memory)/(1<<20), 1),
	}
	if !w.e.sent.Load() {
		w.e.looks = append(w.e.looks, look{at: now, counters: c})
	}
	if c.outBytes > w.last.outBytes || c.inBytes > w.last.inBytes {
		w.moved = now
	}
	w.at, w.last, w.usage = now, c, u
	return s
}

// judge looks back on the load: how much waited for its delivery, and what was delivered in its second half, when as much
// leaves the open batches as enters them.
func (e *e2e) judge(end look) {
	u := &Undelivered{EndBytes: int64(end.inBytes - end.outBytes)}
	var held []float64
	var middle *look
	for _, l := range e.looks {
		held = append(held, l.inBytes-l.outBytes)
		if middle == nil && l.at.Sub(e.began) >= end.at.Sub(e.began)/2 {
			middle = &l
		}
	}
	u.judge(held, float64(e.BufferMiB)*(1<<20)*float64(len(e.node.names)))
	e.report.Undelivered = u
	if middle != nil && end.at.Sub(middle.at) >= end.at.Sub(e.began)/4 {
		e.report.Sustained = flow(int(end.outRecords-middle.outRecords), int64(end.outBytes-middle.outBytes), end.at.Sub(middle.at))
	}
}

// judge says whether what waits stays bounded: whether in the last quarter of the load clearly more was waiting than in
// the second. Open is how much may wait in open batches at any time.
func (u *Undelivered) judge(held []float64, open float64) {
	u.MaxBytes = u.EndBytes
	for _, h := range held {
		u.MaxBytes = max(u.MaxBytes, int64(h))
	}
	if n := len(held); n >= 8 {
		u.Growing = mean(held[n-n/4:]) > 1.25*mean(held[n/4:n/2])+open
	}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}
