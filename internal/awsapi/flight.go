package awsapi

import "sync"

// flight bounds the requests that are being worked on and the memory of all that are being read or worked on. At a bound
// a request is not taken; nobody waits.
type flight struct {
	mu       sync.Mutex
	bytes    int64 // that are free
	requests int   // that are free
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

// enter begins work on a request, and says whether there is room for one more.
func (f *flight) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.requests == 0 {
		return false
	}
	f.requests--
	return true
}

// leave ends the work on a request.
func (f *flight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
}
