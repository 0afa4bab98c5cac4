// Package load drives a Firehose endpoint as hard, or as evenly, as it is told to, and says how it answered.
//
// A closed loop has a number of connections, each of which sends its next request when the last one is answered: it
// measures how much the endpoint takes. An open loop sends requests at given times, whether the earlier ones are answered
// or not, and counts latency from the time at which a request should have been sent: it measures how long clients wait
// that do not wait for each other. Where all connections are busy, a request is sent late, and the wait is in its
// latency.
//
// The load shares the machine with what it measures, so it is cheap: bodies are prepared, a request is one write and its
// answer a few reads, and of the answer it looks at what it must. Records are lines of realistic JSON of one exact size,
// each with a number of its own.
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"firehose/internal/task"
)

// Settings is what to send, and how.
type Settings struct {
	URL         string
	Streams     []string      // of equal length; requests go to one after the other
	Batch       int           // records of a request; 1 is PutRecord
	Size        int           // bytes of a record
	Connections int           // of a closed loop, and at most of an open one
	Rate        float64       // records a second of an open loop; 0 for a closed one
	Duration    time.Duration // how long to send; 0 for no limit
	Records     int           // how many to send at most; 0 for no limit
	Between     func()        // is called by a connection after each answer, unless it is nil
	Key         Key           // signs requests unless it is zero
	Ledger      *Ledger       // is told the fate of every record, unless it is nil
	First       uint64        // number of the first record
}

// refusedPause is how long a connection of a closed loop waits after a refusal, as clients are told to.
const refusedPause = 5 * time.Millisecond

// answerTimeout is how long an answer may take.
const answerTimeout = time.Minute

// Load is one run. Make it with New, then call Run once; Stats may be asked at any time.
type Load struct {
	Settings
	clients []*client
	bodies  chan *body // those that no connection holds
	slots   int64      // requests to send
	next    atomic.Int64
	began   time.Time
	ended   atomic.Int64 // nanoseconds after began at which the last answer came

	mu       sync.Mutex
	stats    Stats
	interval Histogram // of latency since the last call of Interval
}

// New prepares a load and connects.
func New(ctx context.Context, s Settings) (*Load, error) {
	switch {
	case s.Batch < 1 || s.Batch > 500:
		return nil, fmt.Errorf("%d records a request: want 1 to 500", s.Batch)
	case s.Size < SizeMin:
		return nil, fmt.Errorf("records of %d bytes: want at least %d", s.Size, SizeMin)
	case s.Connections < 1:
		return nil, errors.New("want at least one connection")
	case len(s.Streams) == 0:
		return nil, errors.New("want at least one stream")
	}
	l := &Load{Settings: s, slots: 1<<63 - 1}
	if s.Records > 0 {
		l.slots = int64((s.Records + s.Batch - 1) / s.Batch)
	}
	operation, buffer := "PutRecordBatch", 32<<10
	if s.Batch == 1 {
		operation, buffer = "PutRecord", 1<<10
	}
	const spare = 32 // bodies more than connections, so that they are not the same few again and again
	l.bodies = make(chan *body, s.Connections+spare)
	for _, b := range bodies(cap(l.bodies), s.Streams[0], s.Batch, s.Size, s.Batch == 1) {
		l.bodies <- b
	}
	for range s.Connections {
		c, err := newClient(s.URL, operation, s.Key, buffer, answerTimeout)
		if err == nil {
			err = c.connect(ctx)
		}
		if err != nil {
			l.close()
			return nil, fmt.Errorf("connect to %s: %w", s.URL, err)
		}
		l.clients = append(l.clients, c)
	}
	return l, nil
}

func (l *Load) close() {
	for _, c := range l.clients {
		c.close()
	}
}

// Run sends until the duration or the records are over, or ctx ends, and returns when all is answered.
func (l *Load) Run(ctx context.Context) {
	l.began = time.Now()
	if l.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, l.began.Add(l.Duration))
		defer cancel()
	}
	connections := task.NewGroup(ctx)
	for _, c := range l.clients {
		connections.Go("connection", func(ctx context.Context) error {
			defer c.close()
			l.drive(ctx, c)
			return nil
		})
	}
	connections.Wait() // no task returns an error
}

// drive sends the requests of one connection.
func (l *Load) drive(ctx context.Context, c *client) {
	for ctx.Err() == nil {
		slot := l.next.Add(1) - 1
		if slot >= l.slots {
			return
		}
		due, ok := l.await(ctx, slot)
		if !ok {
			return
		}
		b := <-l.bodies
		taken := l.request(ctx, c, b, slot, due)
		l.bodies <- b
		if !taken && l.Rate <= 0 && !sleep(ctx, refusedPause) {
			return
		}
		if l.Between != nil {
			l.Between()
		}
	}
}

// timerSlack is how late a timer may be. A request that was sent so much late, by a connection that had nothing else to
// do, was held up by the load's own timer, and its latency counts from when it was sent.
const timerSlack = 1500 * time.Microsecond

// await waits until a request is due, and returns from when on its latency counts.
func (l *Load) await(ctx context.Context, slot int64) (due time.Time, ok bool) {
	if l.Rate <= 0 {
		return time.Now(), true
	}
	due = l.began.Add(time.Duration(float64(slot) * float64(l.Batch) / l.Rate * float64(time.Second)))
	wait := time.Until(due)
	if wait <= 0 {
		return due, true
	}
	if !sleep(ctx, wait) {
		return due, false
	}
	if now := time.Now(); now.Sub(due) < timerSlack {
		return now, true
	}
	return due, true
}

// sleep waits, and says whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// request sends one request, notes what became of it, and says whether any of it was taken. It is finished even if ctx
// ends, so that every record has a fate.
func (l *Load) request(ctx context.Context, c *client, b *body, slot int64, due time.Time) (taken bool) {
	first := l.First + uint64(slot)*uint64(l.Batch)
	if l.Key.AccessKey == "" || l.Ledger != nil || len(l.Streams) > 1 {
		b.number(first)
	} // else the body stays as it is: hashing it anew would cost the load as much as the server
	b.address(l.Streams[slot%int64(len(l.Streams))])
	sent := time.Now()
	a, err := c.put(context.WithoutCancel(ctx), b)
	now := time.Now()
	l.ended.Store(int64(now.Sub(l.began)))

	o := outcome{first: first, records: l.Batch, latency: now.Sub(due), service: now.Sub(sent), late: sent.Sub(due), answer: a, err: err}
	l.note(&o)
	return o.taken > 0
}
