// Package log keeps the durable log: for each partition of a stream a sequence of blocks, acknowledged only when
// durable. It knows nothing of records; what a block's bytes mean is the business of package block.
//
// The interface is small so that two engines fit it: the embedded one (log/segment), for one machine, and Kafka.
// Hence what callers may rely on is only this: numbers rise but may have gaps; appends of several writers may
// interleave; a reader sees an acknowledged block at least once, in order; times never step back.
package log

import (
	"context"
	"errors"
	"time"
)

// ErrFull is returned by Append when the log has no room: a size limit is reached and nothing more may be trimmed, the
// disk's reserve is reached, or the disk is full. Nothing of the append is kept, and a later one may succeed.
var ErrFull = errors.New("log is full")

// ErrClosed is returned by every call on a log that was closed or removed.
var ErrClosed = errors.New("log is closed")

// Entry is one block as the log keeps it.
type Entry struct {
	Number uint64    // rises by at least one from entry to entry; the first is at least 1
	Time   time.Time // log time, UTC: the clock's when the block was appended, but never before an earlier entry's
	Body   []byte    // the block's bytes; valid until the reader's next call
}

// Log is one partition of a stream. All methods may be called by several goroutines at once.
type Log interface {
	// Append makes the bodies durable as consecutive entries with one time, and returns the first's number and the
	// time. The others follow without a gap. The error wraps ErrFull or ErrClosed, or says what broke; then nothing
	// of the append will ever be read.
	Append(ctx context.Context, bodies ...[]byte) (first uint64, at time.Time, err error)

	// Tick returns the log's time now and the number that the next entry will have. Every entry before next has a
	// time at or before now, and every later one, in all restarts to come but for a stepped-back clock, a time at
	// or after it. It waits for an append that is under way.
	Tick(ctx context.Context) (now time.Time, next uint64, err error)

	// Ends returns the number of the oldest readable entry and the number that the next entry will have; they are
	// equal when nothing is kept.
	Ends() (first, next uint64)

	// KeptSince returns a time before which something was appended and dropped, or the zero time if nothing ever was: what was
	// appended at that time or later is kept.
	KeptSince() time.Time

	// Arrived returns a channel that is closed once an entry numbered n or higher can be read, or the log is closed. It
	// may also be closed too early: whoever waits must read to know.
	Arrived(n uint64) <-chan struct{}

	// Read returns a reader whose first entry is the oldest one numbered from or higher.
	Read(from uint64) Reader

	// Release says that no delivery needs the entries before the given number any more; the latest call counts, so one that
	// begins in history keeps what is still there of it. The engine keeps what is released as history until its retention
	// or its size limit drops it.
	Release(before uint64)

	// Hold asks that entries numbered from and higher stay though they are history and their retention is over; the latest
	// call counts, and math.MaxUint64 asks for nothing. Limits of size drop them all the same.
	Hold(from uint64)

	// Close ends the log's use. What was appended stays.
	Close() error
}

// Reader walks over a log. It belongs to one goroutine.
type Reader interface {
	// Next returns the next entry, or io.EOF at the log's head; after io.EOF it may be called again. Entries that are
	// damaged are passed over (the engine counts and reports them); any other error is the storage's, and the
	// same entry is tried again by the next call.
	Next() (Entry, error)

	// Close frees what the reader holds.
	Close() error
}

// Engine holds the logs of a node's streams.
type Engine interface {
	// Open returns the log of the given name (a folder-safe word such as "4f…/0"), making it if there is none, and
	// repairs what a crash left. A log is open at most once.
	Open(ctx context.Context, name string) (Log, error)

	// Remove deletes the log of the given name, open or not. It is no error if there is none.
	Remove(ctx context.Context, name string) error

	// Close closes all logs.
	Close() error
}
