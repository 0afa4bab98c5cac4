package awsapi

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// workPerCore is how many bytes of bodies are worked on at once for each core: some hundredths of a second of work.
// More would make each other wait and nothing faster.
const workPerCore = 2 << 20

// flight bounds the requests that are being worked on, and the memory of all that are being read, wait, or are worked
// on. At the bound of memory a request is not taken at once; at the other it waits its turn for a moment: a burst passes
// in that time, and under an overload that lasts the wait bounds what accepted requests lose by those before them.
type flight struct {
	work     int64 // of all turns together, in bytes
	least    int64 // that a turn takes, so that the number of requests is bounded too
	patience time.Duration
	turns    *semaphore.Weighted // first come, first served

	mu    sync.Mutex
	bytes int64 // that are free
}

func newFlight(bytes int64, requests int, patience time.Duration) *flight {
	work := int64(workPerCore * runtime.GOMAXPROCS(0))
	return &flight{bytes: bytes, patience: patience,
		work: work, least: max(1, work/int64(requests)), turns: semaphore.NewWeighted(work)}
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

// enter begins work on a body of some bytes, and says whether its turn came in time. Then leave ends it.
func (f *flight) enter(ctx context.Context, bytes int64) (leave func(), ok bool) {
	turn := min(max(bytes, f.least), f.work)
	leave = func() { f.turns.Release(turn) }
	if f.turns.TryAcquire(turn) {
		return leave, true
	}
	ctx, cancel := context.WithTimeout(ctx, f.patience)
	defer cancel()
	return leave, f.turns.Acquire(ctx, turn) == nil
}
