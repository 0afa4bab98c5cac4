// Package dedupe remembers the ids of events for a while, so that an event that is sent again is not stored again.
//
// An id counts as known once the event is durable. While that is not decided, whoever sends the same id waits for the
// outcome: both clients then hear the truth. Ids are kept as digests of 64 bits; among a hundred million of them a new id
// is taken for a known one with a chance of one in a hundred thousand million.
//
// The window is in memory. It is rebuilt from the log, which holds the events, or faster from a snapshot and what the log
// has behind it.
package dedupe

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ID is the digest of an event's id.
type ID uint64

// Digest returns the digest of an event's id in a stream.
func Digest(stream []byte, id []byte) ID {
	h := sha256.New()
	h.Write(stream)
	h.Write(id)
	var sum [sha256.Size]byte
	return ID(binary.BigEndian.Uint64(h.Sum(sum[:0])))
}

// Window remembers ids. Its methods may be called by several goroutines at once.
type Window struct {
	length time.Duration
	most   int // ids

	mu      sync.Mutex
	known   map[ID]slot
	pending map[ID]*Claim
	swept   slot
}

// slot is a time in 1/slots of the window's length, since slots are small.
type slot uint32

// slots is into how many parts a window's length is divided. An id is forgotten at most so much later than its time.
const slots = 48

// ErrFull is returned when the window can remember no more ids. It passes as old ones are forgotten.
var ErrFull = errors.New("the window of event ids is full")

// New returns an empty window that remembers up to so many ids for so long.
func New(length time.Duration, most int) *Window {
	return &Window{length: max(length, slots), most: most, known: map[ID]slot{}, pending: map[ID]*Claim{}}
}

func (w *Window) slotOf(t time.Time) slot { return slot(t.UnixNano() / (int64(w.length) / slots)) }

// old says whether an id of this slot is beyond the window.
func (w *Window) old(s, now slot) bool { return s+slots < now }

// sweep forgets what is old, once a slot.
func (w *Window) sweep(now slot) {
	if now <= w.swept {
		return
	}
	w.swept = now
	for id, s := range w.known {
		if w.old(s, now) {
			delete(w.known, id)
		}
	}
}

// Add remembers an id that is known to be durable since t.
func (w *Window) Add(id ID, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[id] = max(w.known[id], w.slotOf(t))
}

// Len returns how many ids are remembered.
func (w *Window) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.known)
}

// Claim is a set of new ids whose events somebody is storing. End it with Done.
type Claim struct {
	window *Window
	ids    []ID
	ended  chan struct{}
}

// Claim claims the ids that are not known, and says of each whether it is: then its event is a duplicate. An id that
// comes twice is new once. While another claim has one of the ids it waits. Errors are ErrFull, and the cause of ctx.
func (w *Window) Claim(ctx context.Context, ids []ID, now time.Time) (c *Claim, duplicate []bool, err error) {
	for {
		c, duplicate, other, err := w.try(ids, w.slotOf(now))
		if other == nil {
			return c, duplicate, err
		}
		select {
		case <-other.ended:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

// try claims all new ids at once, or none if another claim has one of them: so claims never wait for each other in a ring.
func (w *Window) try(ids []ID, now slot) (c *Claim, duplicate []bool, other *Claim, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep(now)
	duplicate = make([]bool, len(ids))
	c = &Claim{window: w, ended: make(chan struct{})}
	for _, id := range ids {
		if other := w.pending[id]; other != nil {
			return nil, nil, other, nil
		}
	}
	for i, id := range ids {
		s, known := w.known[id]
		if duplicate[i] = known && !w.old(s, now) || w.pending[id] == c; duplicate[i] {
			continue
		}
		w.pending[id] = c
		c.ids = append(c.ids, id)
	}
	if len(w.known)+len(w.pending) > w.most {
		for _, id := range c.ids {
			delete(w.pending, id)
		}
		return nil, nil, nil, ErrFull
	}
	return c, duplicate, nil, nil
}

// Done ends the claim: of its new ids, in the order in which they were given, the first so many are durable since t.
func (c *Claim) Done(durable int, t time.Time) {
	w := c.window
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slotOf(t)
	for i, id := range c.ids {
		delete(w.pending, id)
		if i < durable {
			w.known[id] = s
		}
	}
	close(c.ended)
}

// Each entry of a snapshot is the id and the slot, big endian, after a head with the count of entries and the length of a slot.
const entrySize = 8 + 4

// WriteTo writes the ids that are remembered.
func (w *Window) WriteTo(to io.Writer) (int64, error) {
	w.mu.Lock()
	buffer := make([]byte, 0, 16+entrySize*len(w.known))
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(len(w.known)))
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(int64(w.length)/slots))
	for id, s := range w.known {
		buffer = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(buffer, uint64(id)), uint32(s))
	}
	w.mu.Unlock()
	n, err := to.Write(buffer)
	return int64(n), err
}

// ReadFrom adds the ids that WriteTo wrote, also those of a window of another length.
func (w *Window) ReadFrom(from io.Reader) (read int64, err error) {
	var head [16]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return 0, fmt.Errorf("read ids: %w", err)
	}
	count, length := binary.BigEndian.Uint64(head[:]), int64(binary.BigEndian.Uint64(head[8:]))
	if length <= 0 {
		return 16, errors.New("read ids: the snapshot's slots have no length")
	}
	read = 16
	for range count {
		var entry [entrySize]byte
		if _, err := io.ReadFull(from, entry[:]); err != nil {
			return read, fmt.Errorf("read ids: %w", err)
		}
		read += entrySize
		at := time.Unix(0, int64(binary.BigEndian.Uint32(entry[8:]))*length)
		w.Add(ID(binary.BigEndian.Uint64(entry[:])), at)
	}
	return read, nil
}
