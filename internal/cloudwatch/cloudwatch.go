// Package cloudwatch sends the diagnostics of deliveries to Amazon CloudWatch Logs, for streams that ask for it.
//
// It is a copy for those who look there: every failure stands in the server's log and in its metrics already. So nobody
// ever waits for it, and it may leave out, in this order:
//
//   - Of events with the same stream, log stream and code, one in 10 seconds is taken; the metric of failed deliveries
//     counts all of them.
//   - Of what waits to be sent, 1,024 events are kept; the oldest go first.
//   - What CloudWatch Logs does not take after the SDK's retries, within 10 seconds, is given up.
//
// Stats counts each. Log groups and streams are never made: their owner makes them, as with Amazon's service. What is
// wrong with one (it is missing, access is denied) is logged once, and again after it has worked in between.
package cloudwatch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

const (
	sampleInterval = 10 * time.Second // between two events of a kind
	gatherTime     = time.Second      // from the first event that waits to the requests that send it
	queueMax       = 1024             // events that wait; the oldest are dropped
	requestTimeout = 10 * time.Second // for a request with its retries
	closeTimeout   = 3 * time.Second  // for what waits when Run's context ends
)

// Diagnostic is a failed try of a delivery.
type Diagnostic struct {
	StreamARN string // of the delivery stream
	Region    string // of the stream, and of the log group
	Version   int    // of the stream's configuration
	Target    string // ARN or URL of the destination
	Code      string // such as S3.AccessDenied
	Message   string // the error; the service's own text stands in its place where it has one for the code
	Processor string // ARN of the function, if it is about one
	LogGroup  string
	LogStream string
	Occurred  time.Time
}

// Stats counts events.
type Stats struct {
	Sent     uint64 // taken by CloudWatch Logs
	LeftOut  uint64 // by sampling
	Dropped  uint64 // because too many waited
	Rejected uint64 // not taken by CloudWatch Logs
}

// Settings say where the diagnostics go.
type Settings struct {
	Endpoint string // "aws" for Amazon's own, or a URL; empty sends nothing
	Logger   *slog.Logger
}

// Sink takes diagnostics. All methods may be called by several goroutines at once.
type Sink struct {
	client   *cloudwatchlogs.Client // nil sends nothing
	logger   *slog.Logger
	troubles map[logStream]string // error codes that were logged; owned by Run

	mu      sync.Mutex
	queue   []Diagnostic       // at most queueMax
	waiting chan struct{}      // holds one element when the queue is not empty
	taken   map[kind]time.Time // when the last event of a kind was taken; forgotten after sampleInterval
	swept   time.Time          // when taken was last cleared of old ones

	sent, leftOut, dropped, rejected atomic.Uint64
}

// kind is what sampling tells apart.
type kind struct {
	stream, code string
	to           logStream
}

// logStream is where events go.
type logStream struct{ region, group, name string }

// Open makes a sink. Credentials are found the SDK's usual way. It does not try to reach the service.
func Open(ctx context.Context, s Settings) (*Sink, error) {
	k := &Sink{
		logger:   s.Logger,
		troubles: map[logStream]string{},
		waiting:  make(chan struct{}, 1),
		taken:    map[kind]time.Time{},
	}
	if s.Endpoint == "" {
		return k, nil
	}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configure CloudWatch Logs: %w", err)
	}
	k.client = cloudwatchlogs.NewFromConfig(settings, func(o *cloudwatchlogs.Options) {
		if s.Endpoint != "aws" {
			o.BaseEndpoint = &s.Endpoint
		}
	})
	return k, nil
}

// Diagnose takes in a diagnostic. It never waits.
func (k *Sink) Diagnose(d Diagnostic) {
	if k.client == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.sampleLocked(d) {
		k.leftOut.Add(1)
		return
	}
	if len(k.queue) == queueMax {
		k.queue = slices.Delete(k.queue, 0, 1)
		k.dropped.Add(1)
	}
	k.queue = append(k.queue, d)
	select {
	case k.waiting <- struct{}{}:
	default:
	}
}

// sampleLocked says whether to take an event.
func (k *Sink) sampleLocked(d Diagnostic) bool {
	now := time.Now()
	if now.Sub(k.swept) >= sampleInterval {
		maps.DeleteFunc(k.taken, func(_ kind, at time.Time) bool { return now.Sub(at) >= sampleInterval })
		k.swept = now
	}
	of := kind{d.StreamARN, d.Code, d.logStream()}
	if at, ok := k.taken[of]; ok && now.Sub(at) < sampleInterval {
		return false
	}
	k.taken[of] = now
	return true
}

func (d *Diagnostic) logStream() logStream { return logStream{d.Region, d.LogGroup, d.LogStream} }

// Run sends what Diagnose takes in, until the context ends and what waits then is sent, or closeTimeout is over.
func (k *Sink) Run(ctx context.Context) error {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(closeTimeout, stop) })
	for {
		select {
		case <-k.waiting:
			pause(ctx, gatherTime)
		case <-ctx.Done():
		}
		last := ctx.Err() != nil
		k.send(sending, k.take())
		if last {
			return nil
		}
	}
}

// pause waits, or less if the context ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// take empties the queue.
func (k *Sink) take() []Diagnostic {
	k.mu.Lock()
	defer k.mu.Unlock()
	queue := k.queue
	k.queue = nil
	select {
	case <-k.waiting:
	default:
	}
	return queue
}

// Stats returns what happened to the events so far.
func (k *Sink) Stats() Stats {
	return Stats{Sent: k.sent.Load(), LeftOut: k.leftOut.Load(), Dropped: k.dropped.Load(), Rejected: k.rejected.Load()}
}
