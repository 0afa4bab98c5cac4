// Package ingest takes puts and answers them when they are durable.
//
// The records that arrive together become durable together (group commit): while one group of blocks is being written
// and synced, the next one fills. There is no timer. On an idle stream a put is its own group and is acknowledged at the
// speed of one sync; under load the groups grow by themselves until the disk keeps up.
//
//	Put          adds the records to the group that is filling, and waits for the group
//	commit       packs the group, appends it to the log, and only then wakes the puts that wait for it
//
// Nothing is queued without a client that waits for it: the bound on requests in flight, which the doors keep, bounds
// what is filling here.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"firehose/internal/block"
	"firehose/internal/log"
	"firehose/internal/record"
)

// Writer appends puts to one partition of a stream's log.
type Writer struct {
	stream    record.StreamID
	partition uint32
	log       log.Log
	recent    *block.Recent             // keeps what was appended at hand for deliveries; nil for no
	key       atomic.Pointer[block.Key] // encrypts what is packed from now on; nil for none

	mu         sync.Mutex
	filling    *group // takes the records of puts; nil when none waits
	committing bool   // a goroutine runs commit and will take what is filling
	commits    sync.WaitGroup
}

// group is what becomes durable by one append.
type group struct {
	blocks []*block.Builder
	done   chan struct{} // closed when the fields below are set
	key    *block.Key
	first  uint64
	at     time.Time
	err    error
}

// NewWriter returns the writer of a partition. There must be no other for it on this node. Recent may be nil.
func NewWriter(stream record.StreamID, partition uint32, l log.Log, recent *block.Recent) *Writer {
	return &Writer{stream: stream, partition: partition, log: l, recent: recent}
}

// Encrypt sets the key that encrypts what is put from now on; nil to stop encrypting.
func (w *Writer) Encrypt(key *block.Key) { w.key.Store(key) }

// Put makes the records durable, in order, and says where they stand. The records are copied. An error means that none
// was taken, but for ctx's: then it is not known. ErrThrottled is wrapped when the log has no room.
func (w *Writer) Put(ctx context.Context, records [][]byte) (Receipt, error) {
	if len(records) == 0 {
		return Receipt{}, errors.New("put of no records")
	}
	w.mu.Lock()
	if w.filling == nil {
		w.filling = &group{done: make(chan struct{})}
	}
	g := w.filling
	spans := g.add(records)
	lead := !w.committing
	if lead {
		w.committing = true
		w.commits.Add(1)
	}
	w.mu.Unlock()

	if lead {
		w.lead(g)
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return Receipt{}, context.Cause(ctx)
	}
	if errors.Is(g.err, log.ErrFull) {
		return Receipt{}, fmt.Errorf("%w: %w", ErrThrottled, g.err)
	}
	if g.err != nil {
		return Receipt{}, g.err
	}
	for i := range spans {
		spans[i].first.Block += g.first
	}
	return Receipt{Stream: w.stream, Partition: w.partition, Time: g.at, Encrypted: g.key != nil,
		Accepted: len(records), spans: spans}, nil
}

// lead commits the caller's own group in the caller's goroutine, which spares an idle stream a change of goroutines,
// and leaves what filled meanwhile to a goroutine of its own.
func (w *Writer) lead(own *group) {
	w.commit(own)
	if w.next() == nil {
		w.commits.Done()
		return
	}
	go func() { // ends when nothing is filling; Wait waits for it
		defer w.commits.Done()
		for g := w.next(); g != nil; g = w.next() {
			w.commit(g)
		}
	}()
}

// next returns the group that is filling, or nil and ends the committing.
func (w *Writer) next() *group {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.filling == nil {
		w.committing = false
	}
	return w.filling
}

// commit makes a group durable, acknowledges it (invariant 1: never earlier), and gives its memory back.
func (w *Writer) commit(g *group) {
	w.mu.Lock()
	w.filling = nil
	w.mu.Unlock()

	g.key = w.key.Load()
	bodies, memory := pack(g.blocks, g.key)
	g.first, g.at, g.err = w.log.Append(context.Background(), bodies...)
	close(g.done)

	if g.err == nil && w.recent != nil {
		for i, b := range g.blocks {
			w.recent.Add(block.Log{Stream: w.stream, Partition: w.partition}, g.first+uint64(i), b)
		}
	}
	memory.free(g.blocks)
}

// Wait returns when no commit is under way.
func (w *Writer) Wait() { w.commits.Wait() }

// add copies the records into the group's blocks, in the order in which puts come (invariant 4). The spans count blocks from the group's first.
func (g *group) add(records [][]byte) []span {
	spans := make([]span, 0, 1)
	for _, data := range records {
		last := len(g.blocks) - 1
		if last < 0 || !g.blocks[last].Fits(len(data)) {
			g.blocks = append(g.blocks, newBuilder())
			last++
		}
		if n := len(spans); n == 0 || spans[n-1].first.Block != uint64(last) {
			spans = append(spans, span{first: record.Position{Block: uint64(last), Index: uint32(g.blocks[last].Count())}})
		}
		g.blocks[last].Append(data)
		spans[len(spans)-1].count++
	}
	return spans
}
