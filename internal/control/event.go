package control

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"firehose/internal/block"
	"firehose/internal/dedupe"
	"firehose/internal/ingest"
	"firehose/internal/jsonscan"
	"firehose/internal/stream"
)

// Events is what became of events that were put: all before Taken are durable, or were already, or are refused.
type Events struct {
	Taken     int
	Duplicate []bool        // for each of the taken ones whether it was there before
	Stored    int           // of the taken ones
	Refused   map[int]error // by index, those of the taken ones that will never be stored: *TooLargeError
	Receipt   ingest.Receipt
}

// TooLargeError says that an event is larger than its stream takes.
type TooLargeError struct{ Size, Max int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the event has %d bytes; the stream takes events of %d at most (source.max_event_bytes)", e.Size, e.Max)
}

// PutEvents is Put for events, JSON objects: those whose id was stored within the stream's window before are taken and
// not stored again, those that are too large for the stream are refused. Errors are those of Put; ingest.ErrThrottled also
// when no more ids can be remembered.
func (c *Control) PutEvents(ctx context.Context, key stream.Key, events [][]byte) (Events, error) {
	r, err := c.get(key)
	if err != nil {
		return Events{}, err
	}
	window, err := r.intake(ctx)
	if err != nil {
		return Events{}, err
	}
	sizeMax, err := r.sizeMax()
	if err != nil {
		return Events{}, err
	}
	taken, refused := fitting(events, sizeMax)
	if refused == nil {
		return r.putEvents(ctx, window, events)
	}
	var done Events
	if len(taken) > 0 {
		if done, err = r.putEvents(ctx, window, taken); err != nil {
			return Events{}, err
		}
	}
	return done.among(refused, len(events)), nil
}

// fitting returns the events that are not too large, and why the others are refused; nil if none is.
func fitting(events [][]byte, sizeMax int) (taken [][]byte, refused map[int]error) {
	large := func(event []byte) bool { return sizeMax > 0 && len(event) > sizeMax }
	if !slices.ContainsFunc(events, large) {
		return events, nil
	}
	refused = map[int]error{}
	for i, event := range events {
		if large(event) {
			refused[i] = &TooLargeError{len(event), sizeMax}
		} else {
			taken = append(taken, event)
		}
	}
	return taken, refused
}

// among makes of what became of some of the events what became of all of them, up to the first that was not taken.
func (e Events) among(refused map[int]error, events int) Events {
	all := Events{Stored: e.Stored, Receipt: e.Receipt, Refused: map[int]error{}}
	for left := e.Duplicate; all.Taken < events; all.Taken++ {
		duplicate := false
		if why := refused[all.Taken]; why != nil {
			all.Refused[all.Taken] = why
		} else if len(left) > 0 {
			duplicate, left = left[0], left[1:]
		} else {
			break
		}
		all.Duplicate = append(all.Duplicate, duplicate)
	}
	return all
}

func (r *running) putEvents(ctx context.Context, window *idWindow, events [][]byte) (Events, error) {
	if window == nil {
		receipt, err := r.put(ctx, events)
		return Events{Taken: receipt.Accepted, Stored: receipt.Accepted, Duplicate: make([]bool, receipt.Accepted), Receipt: receipt}, err
	}
	return window.put(ctx, r, events)
}

// idWindow is a stream's window of event ids.
type idWindow struct {
	of       *dedupe.Window
	declared stream.Idempotency
	path     *jsonscan.Paths
	name     []byte       // the stream's identity
	busy     sync.RWMutex // held for reading while a put may have records in the log whose ids the window does not know yet
}

// windows is what a stream keeps of its window, and of what it takes.
type windows struct {
	building sync.Mutex
	version  int // of the document that window follows from; 0 for none
	window   *idWindow
	begun    *idWindow // one whose rebuilding was cut off, as by a client that did not wait for it; nil for none
	next     uint64    // block with which that goes on

	largest atomic.Pointer[largest] // nil before the first need
}

// largest is the most bytes of an event, by a version of the document; 0 for as many as a record may have.
type largest struct{ version, bytes int }

// sizeMax returns the most bytes of an event by the version in force.
func (r *running) sizeMax() (int, error) {
	s := r.declared.Load()
	if known := r.ids.largest.Load(); known != nil && known.version == s.Version {
		return known.bytes, nil
	}
	spec, err := r.compile(s, s.Version)
	if err != nil {
		return 0, err
	}
	r.ids.largest.Store(&largest{s.Version, spec.EventMax})
	return spec.EventMax, nil
}

// checkSizes refuses records that are too large for the stream: all of the put, as one that breaks the limit of every stream.
func (r *running) checkSizes(records [][]byte) error {
	sizeMax, err := r.sizeMax()
	if err != nil || sizeMax == 0 {
		return err
	}
	var large []int
	for i, data := range records {
		if len(data) > sizeMax {
			large = append(large, i)
		}
	}
	if large != nil {
		return &ingest.TooLargeError{Max: sizeMax, Records: large}
	}
	return nil
}

// id returns the digest of an event's id, or false if it has none.
func (w *idWindow) id(event []byte, found []jsonscan.Value) (dedupe.ID, bool) {
	if err := w.path.Scan(event, found); err != nil || !found[0].Found() {
		return 0, false
	}
	value := event[found[0].Start:found[0].End]
	if len(value) == 0 || bytes.Equal(value, []byte("null")) || value[0] == '{' || value[0] == '[' {
		return 0, false
	}
	return dedupe.Digest(w.name, value), true
}

// put claims the new ids, stores their events, and those that have no id.
func (w *idWindow) put(ctx context.Context, r *running, events [][]byte) (Events, error) {
	var found [1]jsonscan.Value
	ids, has := make([]dedupe.ID, 0, len(events)), make([]bool, len(events))
	for i, event := range events {
		var id dedupe.ID
		if id, has[i] = w.id(event, found[:]); has[i] {
			ids = append(ids, id)
		}
	}
	now := time.Now()
	claim, known, err := w.of.Claim(ctx, ids, now)
	if errors.Is(err, dedupe.ErrFull) {
		return Events{}, fmt.Errorf("%w: %w", ingest.ErrThrottled, err)
	} else if err != nil {
		return Events{}, err
	}
	duplicate, fresh := make([]bool, len(events)), make([][]byte, 0, len(events))
	claimed := make([]int, 0, len(events)) // of the fresh ones before each: how many have ids
	count := 0
	for i, event := range events {
		if has[i] {
			duplicate[i], known = known[0], known[1:]
		}
		if duplicate[i] {
			continue
		}
		fresh = append(fresh, event)
		if has[i] {
			count++
		}
		claimed = append(claimed, count)
	}
	result := Events{Duplicate: duplicate}
	if len(fresh) > 0 {
		w.busy.RLock()
		defer w.busy.RUnlock()
		// A client that goes away must not leave open whether its events are stored: their ids would be free again.
		result.Receipt, err = r.put(context.WithoutCancel(ctx), fresh)
	}
	result.Stored = result.Receipt.Accepted
	durable := 0
	if result.Stored > 0 {
		durable = claimed[result.Stored-1]
	}
	claim.Done(durable, now)
	if err != nil {
		return Events{}, err
	}
	for left := result.Stored; result.Taken < len(events) && (duplicate[result.Taken] || left > 0); result.Taken++ {
		if !duplicate[result.Taken] {
			left--
		}
	}
	result.Duplicate = duplicate[:result.Taken]
	return result, nil
}

// intake returns the stream's window as its document in force declares it, rebuilt from the log at the first need and nil
// if it declares none.
func (r *running) intake(ctx context.Context) (window *idWindow, err error) {
	if !r.started.Load() {
		return nil, nil // put says so
	}
	r.ids.building.Lock()
	defer r.ids.building.Unlock()
	s := r.declared.Load()
	if r.ids.version == s.Version {
		return r.ids.window, nil
	}
	spec, err := r.compile(s, s.Version)
	if err != nil {
		return nil, err
	}
	if window, err = r.windowLocked(ctx, s, spec.Idempotency); err != nil {
		return nil, err
	}
	r.ids.version, r.ids.window = s.Version, window
	return window, nil
}

// windowLocked returns the window that is declared; the caller holds building.
func (r *running) windowLocked(ctx context.Context, s *stream.Stream, declared *stream.Idempotency) (*idWindow, error) {
	if declared == nil {
		return nil, nil
	}
	if w := r.ids.window; w != nil && w.declared == *declared {
		return w, nil
	}
	began := time.Now()
	w := r.ids.begun
	if w == nil || w.declared != *declared {
		w = r.beginWindow(*declared, s.ID[:])
	}
	if err := r.rebuild(ctx, w); err != nil {
		return nil, fmt.Errorf("rebuild the window of event ids: %w", err)
	}
	r.logger.Info("The window of event ids is rebuilt.", "ids", w.of.Len(), "took", time.Since(began).Round(time.Millisecond).String())
	r.ids.begun = nil
	return w, nil
}

// beginWindow makes a window of the last snapshot.
func (r *running) beginWindow(declared stream.Idempotency, name []byte) *idWindow {
	w := &idWindow{of: dedupe.New(declared.Window, r.c.IDsMax), declared: declared,
		path: jsonscan.Compile(jsonscan.Dotted(declared.Field)), name: name}
	from, err := r.loadIDs(w)
	if err != nil {
		r.logger.Warn("The snapshot of event ids cannot be read; the log is read instead.", "error", err)
	}
	r.ids.begun, r.ids.next = w, from
	return w
}

// rebuild adds the ids of the events that the log holds from the block on that is next.
func (r *running) rebuild(ctx context.Context, w *idWindow) error {
	first, _ := r.log.Ends()
	reader := r.log.Read(max(first, r.ids.next))
	defer reader.Close()
	cutoff := time.Now().Add(-w.declared.Window)
	var b block.Block
	var found [1]jsonscan.Value
	for ctx.Err() == nil {
		entry, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		r.ids.next = entry.Number
		if entry.Time.Before(cutoff) {
			continue
		}
		if err := b.Unpack(entry.Body, r.keys.get); errors.Is(err, block.ErrCorrupt) {
			continue // counted by whoever delivers it
		} else if err != nil {
			return err
		}
		for i := range b.Count() {
			if id, ok := w.id(b.Record(i), found[:]); ok {
				w.of.Add(id, entry.Time)
			}
		}
	}
	return context.Cause(ctx)
}

func (r *running) idsFile() string {
	return filepath.Join(r.c.IDsDir, r.declared.Load().ID.String()+".ids")
}

// loadIDs loads a snapshot into an empty window, and returns the block from which on the log holds what it has not. Without a
// snapshot that is the first.
func (r *running) loadIDs(w *idWindow) (from uint64, err error) {
	file, err := os.Open(r.idsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	defer file.Close()
	var head [8]byte
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return 0, err
	}
	field := make([]byte, len(w.declared.Field)+1)
	if _, err := io.ReadFull(file, field); err != nil || string(field) != w.declared.Field+"\n" {
		return 0, nil // ids of another field
	}
	if _, err := w.of.ReadFrom(file); err != nil {
		return 0, err // what was read of it does no harm
	}
	return binary.BigEndian.Uint64(head[:]), nil
}

// saveIDs writes a snapshot of the stream's window, if it has one.
func (r *running) saveIDs() error {
	r.ids.building.Lock()
	w := r.ids.window
	r.ids.building.Unlock()
	if w == nil {
		return nil
	}
	var text bytes.Buffer
	w.busy.Lock()
	_, next := r.log.Ends() // the ids of everything before are known
	text.Write(binary.BigEndian.AppendUint64(nil, next))
	text.WriteString(w.declared.Field + "\n")
	_, err := w.of.WriteTo(&text)
	w.busy.Unlock()
	if err != nil {
		return err
	}
	partial := r.idsFile() + ".partial"
	if err := os.WriteFile(partial, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("save event ids: %w", err)
	}
	if err := os.Rename(partial, r.idsFile()); err != nil {
		return fmt.Errorf("save event ids: %w", err)
	}
	return nil
}

// snapshotEvery is the time between two snapshots of event ids. What came since the last is read from the log after a crash.
const snapshotEvery = 15 * time.Minute

// saveIDs writes snapshots now and then until ctx ends. Close writes the last.
func (c *Control) saveIDs(ctx context.Context) error {
	ticker := time.NewTicker(snapshotEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		for _, r := range c.all() {
			if err := r.saveIDs(); err != nil {
				r.logger.Error("Saving a snapshot of event ids failed.", "error", err)
			}
		}
	}
}
