package awsapi

import (
	"context"
	"sync"
	"time"
)

// enterPatience is how long a request waits for its turn to be worked on. A burst passes in that time; under an overload
// that lasts it bounds what the requests that are taken wait for those before them.
const enterPatience = 100 * time.Millisecond

// flight bounds the requests that are being worked on, and the memory of all that are being read, wait, or are worked
// on. At the bound of memory a request is not taken at once; at the other it waits its turn for a moment.
type flight struct {
	turns chan struct{} // holds one for each request that is worked on

	mu    sync.Mutex
	bytes int64 // that are free
}

// take takes memory, and says whether there was so much.
func (f *flight) take(bytes int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes < bytes {
		return false
	}
	f.bytes -= bytes
	return true
}

// give gives memory back.
func (f *flight) give(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes += bytes
}

// enter begins work on a request, and says whether its turn came in time.
func (f *flight) enter(ctx context.Context) bool {
	select {
	case f.turns <- struct{}{}:
		return true
	default:
	}
	patience := time.NewTimer(enterPatience)
	defer patience.Stop()
	select {
	case f.turns <- struct{}{}: // first come, first served
		return true
	case <-patience.C:
	case <-ctx.Done():
	}
	return false
}

// leave ends the work on a request.
func (f *flight) leave() { <-f.turns }
