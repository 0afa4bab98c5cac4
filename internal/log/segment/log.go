package segment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"firehose/internal/disk"
	"firehose/internal/log"
)

// markStep is the distance of the places in a segment from which readers may start.
const markStep = 1 << 20

// Log is one log of an engine. It implements log.Log.
//
// Whoever holds the token may write: it guards the fields of the first group. The mutex guards those of the second and
// is held for moments only; a writer holds both to change them, so with the token alone it may read what only writers
// change (next, the active segment).
type Log struct {
	engine *Engine
	name   string
	dir    string
	done   chan struct{} // closed when the log is
	token  chan struct{}

	w     disk.File // the active segment, nil while the log rests
	seed  uint32    // of the active segment
	fresh bool      // the active segment takes no more; the next append begins another
	made  bool      // the folder is there, durably
	busy  bool      // w was used since the last sweep
	clock int64     // the newest time given to anybody
	read  time.Time // what the clock said then

	mu       sync.Mutex
	segments []*segment // by number
	active   *segment   // the last of them, nil if there is none
	bytes    int64
	next     uint64 // number of the next entry
	last     uint64 // number of the newest entry that can be read, 0 if none can
	lastTime int64  // time of the newest entry
	released uint64
	held     uint64        // entries from here on outlast their retention
	wake     chan struct{} // closed by the next append; nil while nobody waits
	reported map[place]bool
	closed   bool
}

// segment is what a log knows of one of its files.
type segment struct {
	base  uint64
	size  int64 // bytes that are durable; the file may be longer
	began int64 // the log's clock when it was begun; 0: not read yet
	marks []mark
}

// mark is a frame's place.
type mark struct {
	number uint64
	off    int64
}

func newLog(e *Engine, name string) *Log {
	return &Log{
		engine:   e,
		name:     name,
		dir:      e.dir(name),
		done:     make(chan struct{}),
		token:    make(chan struct{}, 1),
		next:     1,
		held:     math.MaxUint64,
		reported: map[place]bool{},
	}
}

func (l *Log) path(s *segment) string { return filepath.Join(l.dir, fileName(s.base)) }

// lock takes the token.
func (l *Log) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-l.done:
		return log.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case l.token <- struct{}{}:
	}
	select {
	case <-l.done:
		l.unlock()
		return log.ErrClosed
	default:
		return nil
	}
}

// tryLock takes the token if it is free.
func (l *Log) tryLock() bool {
	select {
	case l.token <- struct{}{}:
	default:
		return false
	}
	select {
	case <-l.done:
		l.unlock()
		return false
	default:
		return true
	}
}

func (l *Log) unlock() { <-l.token }

// Tick implements log.Log.
func (l *Log) Tick(ctx context.Context) (time.Time, uint64, error) {
	if err := l.lock(ctx); err != nil {
		return time.Time{}, 0, fmt.Errorf("tick log %s: %w", l.name, err)
	}
	defer l.unlock()
	return toTime(l.now()), l.next, nil
}

// now returns the log's time and keeps it from stepping back. It is the clock's, unless that was set back: then the
// log's time goes on at half speed until the clock has caught up, so that what waits for a time still gets there. It
// needs the token.
func (l *Log) now() int64 {
	read := l.engine.opts.Now()
	at := read.UnixNano()
	if at < l.clock && !l.read.IsZero() {
		at = l.clock + max(0, read.Sub(l.read).Nanoseconds())/2 // by the monotonic clock, which nobody sets
	}
	l.read = read
	l.clock = max(l.clock, at)
	return l.clock
}

func toTime(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// Ends implements log.Log.
func (l *Log) Ends() (first, next uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == 0 {
		return l.next, l.next
	}
	return l.segments[0].base, l.next
}

// KeptSince implements log.Log: it is when the oldest segment was begun.
func (l *Log) KeptSince() time.Time {
	l.mu.Lock()
	dropped := len(l.segments) > 0 && l.segments[0].base > 1
	l.mu.Unlock()
	if !dropped {
		return time.Time{}
	}
	began, _ := l.began(0)
	return toTime(began)
}

// Arrived implements log.Log. All who wait share one channel, which the next append closes.
func (l *Log) Arrived(n uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.last != 0 && l.last >= n {
		return l.engine.always
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake
}

// rouse ends the wait of all who wait. It needs the mutex.
func (l *Log) rouse() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

// Read implements log.Log.
func (l *Log) Read(from uint64) log.Reader { return &reader{log: l, next: max(1, from)} }

// Release implements log.Log.
func (l *Log) Release(before uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = before
}

// Hold implements log.Log.
func (l *Log) Hold(from uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = from
}

// Close implements log.Log. It waits for an append that is under way.
func (l *Log) Close() error {
	if l.shut() {
		l.engine.forget(l.name, l)
	}
	return nil
}

// shut ends the log's use and says whether it did so just now.
func (l *Log) shut() bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.closed = true
	close(l.done)
	l.rouse()
	l.mu.Unlock()

	l.token <- struct{}{} // kept for good
	l.rested()
	l.engine.addBytes(-l.bytes)
	return true
}

// rest closes the active segment's file if it was not used since the last call.
func (l *Log) rest() {
	if !l.tryLock() {
		return
	}
	defer l.unlock()
	if !l.busy {
		l.rested()
	}
	l.busy = false
}

// rested closes the active segment's file. Everything in it was synced or will never be read, so the result says
// nothing. It needs the token.
func (l *Log) rested() {
	if l.w != nil {
		l.w.Close()
		l.w = nil
	}
}

// publish makes frames that are durable visible. It needs the token.
func (l *Log) publish(size int64, first, next uint64, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.active
	s.note(first, s.size)
	s.size += size
	l.bytes += size
	l.next, l.last, l.lastTime = next, next-1, at
	l.rouse()
}

// note keeps a frame's place if it is far enough from the last one kept. It needs the mutex.
func (s *segment) note(number uint64, off int64) {
	if last := len(s.marks) - 1; off-framesOffset >= markStep && (last < 0 || off-s.marks[last].off >= markStep) {
		s.marks = append(s.marks, mark{number, off})
	}
}

// before returns the nearest known place from which a reader finds entry number and all after it. It needs the mutex.
func (s *segment) before(number uint64) mark {
	i, found := slices.BinarySearchFunc(s.marks, number, func(m mark, n uint64) int {
		switch {
		case m.number < n:
			return -1
		case m.number > n:
			return 1
		}
		return 0
	})
	switch {
	case found:
		return s.marks[i]
	case i > 0:
		return s.marks[i-1]
	}
	return mark{s.base, framesOffset}
}

var errNothing = errors.New("nothing to append")
