package lambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"time"
)

// Function is a function as a stream calls it. Call may be called by several goroutines at once.
type Function struct {
	arn     string // as the stream has it, with its qualifier
	retries int
	stream  Stream
	by      invoker
	turn    chan struct{} // holds one element while the function is called; nil if that may be done many times at once
	options *Options
}

// Call has records transformed and returns a result for each, in their order. It returns an error only if the context
// has ended. The records are neither changed nor kept.
func (f *Function) Call(ctx context.Context, records []Record) ([]Result, error) {
	results := make([]Result, len(records))
	for start := 0; start < len(records); {
		n := f.fitting(records[start:])
		if n == 0 {
			tooLarge := &fault{code: RequestTooLarge}
			results[start].Failure = tooLarge.failure(f.arn, 1)
			start++
			continue
		}
		if err := f.call(ctx, records[start:start+n], results[start:start+n]); err != nil {
			return nil, err
		}
		start += n
	}
	return results, nil
}

// call makes attempts until one is final.
func (f *Function) call(ctx context.Context, records []Record, results []Result) error {
	for attempt := 1; ; attempt++ {
		failed := f.attempt(ctx, records, results, attempt)
		if failed == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failed.final || attempt > f.retries {
			failure := failed.failure(f.arn, attempt)
			for i := range results {
				results[i] = Result{Failure: failure}
			}
			return nil
		}
		f.options.Logger.Warn("A Lambda function will be called again.", "stream", f.stream.ARN, "function", f.arn, "attempt", attempt, "error", failed)
		if err := pause(ctx, f.options.pauseAfter(attempt)); err != nil {
			return err
		}
	}
}

// attempt calls the function once. It returns nil if the results stand, which may be failures too.
func (f *Function) attempt(ctx context.Context, records []Record, results []Result, attempt int) *fault {
	if f.turn != nil { // waiting for it is no part of the function's time
		select {
		case f.turn <- struct{}{}:
			defer func() { <-f.turn }()
		case <-ctx.Done():
			return &fault{err: ctx.Err()}
		}
	}
	payload := f.payload(newID(), records)
	trying, stop := context.WithTimeout(ctx, f.options.Timeout)
	defer stop()
	answer, err := f.by.invoke(trying, payload)
	if err == nil {
		return parse(answer, records, results, f.arn, attempt)
	}
	var known *fault
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(trying.Err(), context.DeadlineExceeded):
		return &fault{code: FunctionTimedOut, err: err}
	}
	return &fault{code: ConnectionFailed, message: "The Lambda function could not be reached, or the connection was lost before it answered: " + err.Error(), err: err}
}

// pauseAfter returns how long to wait after a failed attempt. It is spread over half its length, so that streams that
// failed together do not call together again.
func (o *Options) pauseAfter(attempt int) time.Duration {
	d := o.PauseMin
	for ; attempt > 1 && d < o.PauseMax; attempt-- {
		d *= 2
	}
	d = min(d, o.PauseMax)
	return d + mathrand.N(d/2+1)
}

// pause waits. It returns the context's error if that ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newID makes the ID of an invocation: a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40 // version 4
	b[8] = b[8]&0x3f | 0x80 // variant of RFC 9562
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
