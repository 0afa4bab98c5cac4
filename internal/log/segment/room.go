package segment

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"firehose/internal/log"
)

// addBytes counts a change of the logs' size.
func (e *Engine) addBytes(n int64) int64 {
	total := e.bytes.Add(n)
	e.opts.Observer.Bytes(total)
	return total
}

// admit counts size bytes that are about to be appended to l, or refuses them with log.ErrFull. Before it refuses, it
// deletes released history, the oldest first. A limit leaves room for the header of a segment that the append may begin.
// It needs l's token.
func (e *Engine) admit(l *Log, size int64) error {
	if most := e.opts.LogBytesMax; most > 0 {
		for l.size()+size+framesOffset > most {
			if !l.dropOldest(true) {
				return e.refuse("log_bytes_max", "the log's limit of %d bytes is reached", most)
			}
		}
	}
	for !e.reserve.take(e, size) {
		if !e.dropOldest(l) {
			return e.refuse("free_min", "less than %d bytes are free on the disk", e.opts.FreeMin)
		}
		e.reserve.forget()
	}
	total := e.addBytes(size)
	if most := e.opts.BytesMax; most > 0 {
		for ; total+framesOffset > most; total = e.bytes.Load() {
			if !e.dropOldest(l) {
				e.addBytes(-size)
				return e.refuse("bytes_max", "the limit of %d bytes for all logs is reached", most)
			}
		}
	}
	return nil
}

func (e *Engine) refuse(reason, text string, limit int64) error {
	e.opts.Observer.Refused(reason)
	return fmt.Errorf("%w: "+text, log.ErrFull, limit)
}

// dropOldest deletes the oldest segment of all logs that nobody needs. The caller holds the token of the log held.
func (e *Engine) dropOldest(held *Log) bool {
	var oldest *Log
	least := int64(math.MaxInt64)
	for _, l := range e.open() {
		if began, ok := l.droppable(); ok && began < least {
			oldest, least = l, began
		}
	}
	return oldest != nil && oldest.dropOldest(oldest == held)
}

// HasRoom says whether the disk's reserve is there, or would be after released history is deleted. So a node may know that
// it has no room before a put is refused.
func (e *Engine) HasRoom() bool {
	return e.reserve.take(e, 0) || slices.ContainsFunc(e.open(), func(l *Log) bool {
		_, ok := l.droppable()
		return ok
	})
}

func (l *Log) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// droppable says whether nobody needs the oldest segment, and when it was begun.
func (l *Log) droppable() (began int64, ok bool) {
	l.mu.Lock()
	ok = l.droppableLocked()
	l.mu.Unlock()
	if !ok {
		return 0, false
	}
	return l.began(0)
}

func (l *Log) droppableLocked() bool {
	switch n := len(l.segments); {
	case l.closed || n == 0:
		return false
	case n > 1:
		return l.segments[1].base <= l.released
	default: // an empty active segment remembers the next number
		return l.segments[0].size > framesOffset && l.next <= l.released
	}
}

// began returns when the segment at index i was begun. It reads the header if that is not known yet.
func (l *Log) began(i int) (int64, bool) {
	l.mu.Lock()
	if l.closed || i >= len(l.segments) {
		l.mu.Unlock()
		return 0, false
	}
	s := l.segments[i]
	began := s.began
	l.mu.Unlock()
	if began != 0 {
		return began, true
	}
	f, h, err := openSegment(l.engine.opts.FS, l.path(s))
	switch {
	case err == errDamagedHeader: // as old as can be: it is of no use to anybody
		h.time = 1
	case err != nil:
		return 0, false
	}
	f.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	s.began = h.time
	return s.began, true
}

// expired says whether nobody needs or holds the oldest segment and its newest entry was appended before the time given.
func (l *Log) expired(before int64) bool {
	l.mu.Lock()
	ok, alone, newest := l.droppableLocked(), len(l.segments) == 1, l.lastTime
	end := l.next
	if len(l.segments) > 1 {
		end = l.segments[1].base
	}
	ok = ok && end <= l.held
	l.mu.Unlock()
	if ok && !alone {
		newest, ok = l.began(1)
	}
	return ok && newest < before
}

// dropOldest deletes the oldest segment if nobody needs it. If that is the active one, an empty one takes its place, so
// that number and time live on; this needs the token, which the caller holds or which must be free.
func (l *Log) dropOldest(held bool) bool {
	l.mu.Lock()
	ok, alone := l.droppableLocked(), len(l.segments) == 1
	l.mu.Unlock()
	if ok && alone {
		ok = l.replaceActive(held)
	}
	if !ok {
		return false
	}

	l.mu.Lock()
	if len(l.segments) < 2 || !l.droppableLocked() {
		l.mu.Unlock()
		return false
	}
	s := l.segments[0]
	l.segments = slices.Delete(l.segments, 0, 1)
	l.bytes -= s.size
	if l.last < l.segments[0].base {
		l.last = 0
	}
	l.engine.addBytes(-s.size)
	l.mu.Unlock()

	if err := l.engine.opts.FS.Remove(l.path(s)); err != nil {
		l.engine.opts.Logger.Warn("A segment could not be deleted.", "log", l.name, "file", fileName(s.base), "error", err)
	}
	l.engine.opts.Observer.Trimmed(s.size)
	return true
}

// replaceActive puts an empty segment after the active one.
func (l *Log) replaceActive(held bool) bool {
	if !held {
		if !l.tryLock() {
			return false
		}
		defer l.unlock()
	}
	if err := l.begin(); err != nil {
		l.engine.opts.Logger.Warn("A fresh segment could not be begun yet; the next append tries again.", "log", l.name, "error", err)
		return false
	}
	return true
}

const (
	freeAge   = 50 * time.Millisecond // how long an answer about the free room is believed
	freeBytes = 8 << 20               // and how many bytes may be written meanwhile
)

// reserve watches the room that is left on the disk.
type reserve struct {
	mu    sync.Mutex
	asked time.Time
	free  int64 // when asked
	taken int64 // since
}

// take counts size bytes that are about to be written, if the disk's reserve then is still there. If nobody can tell
// how much room there is, the disk itself will say.
func (r *reserve) take(e *Engine, size int64) bool {
	if e.opts.FreeMin < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked.IsZero() || r.taken >= freeBytes || time.Since(r.asked) >= freeAge {
		free, err := e.opts.FS.Free(e.opts.Dir)
		if err != nil {
			return true
		}
		r.asked, r.free, r.taken = time.Now(), free, 0
	}
	if r.free-r.taken-size < e.opts.FreeMin {
		return false
	}
	r.taken += size
	return true
}

// forget makes the next take ask again.
func (r *reserve) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = time.Time{}
}
