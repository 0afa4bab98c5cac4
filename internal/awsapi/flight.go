package awsapi

import "sync"

// flight bounds the requests that are being worked on, by their number and by the memory they may need. At the bound a
// request is not taken; nobody waits.
type flight struct {
	mu       sync.Mutex
	bytes    int64 // that are free
	requests int   // that are free
}

// enter takes room for a request, and says whether there was any.
func (f *flight) enter(bytes int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.requests == 0 || f.bytes < bytes {
		return false
	}
	f.requests--
	f.bytes -= bytes
	return true
}

// leave gives the room back.
func (f *flight) leave(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	f.bytes += bytes
}
