// Package segment is the embedded log: an engine of package log for one machine.
//
// A log is a folder of segment files, each a header and then frames, one frame a block. Appends go to the newest
// segment, the active one; the oldest are deleted as a whole. Nothing is ever written over.
//
//	Append   one append at a time per log (the token), any number of logs at once:
//	         one write of all frames, one fdatasync, and only then the entries are visible to readers.
//	Undo     what could not be written is cut off again. A segment whose fdatasync failed, or which could not be cut,
//	         is abandoned at its last good length, and a fresh one goes on with the same number: a frame whose number
//	         is not below the next segment's first was never acknowledged, and nobody reads it.
//	Open     only the last append before a crash can be torn, and all its frames have one time. So recovery walks over
//	         the headers of the active segment, checks the bodies that have the newest time, and cuts what follows the
//	         last whole frame. Whatever it cuts that is not zero goes to quarantine, and the numbers that it may have
//	         carried are never given again, so that no cursor points past a new entry.
//	Read     a frame that fails its checksum is passed over, reported once and copied to quarantine.
//	Trim     only what was released is deleted: by age, by size, or when the disk's reserve is reached.
//
// A log at rest costs no open file and no goroutine: the sweep closes the files of idle writers, readers close theirs at
// the log's head.
//
// What it never does: drop an entry that was not released, cut an entry that is whole, believe an fdatasync after one
// that failed, or wait for room (it refuses with log.ErrFull instead, and works again as soon as there is room).
package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"firehose/internal/disk"
	"firehose/internal/log"
)

// Options say where and how an engine keeps its logs. Only Dir must be given.
type Options struct {
	Dir            string
	FS             disk.FS       // the machine's
	SegmentSizeMax int64         // a segment that would grow beyond is followed by a new one; 64 MiB
	Retention      time.Duration // how long released entries are kept; 72 h; negative: no longer than needed
	BytesMax       int64         // of all logs; 0: no limit
	LogBytesMax    int64         // of each log; 0: no limit
	FreeMin        int64         // room to leave on the disk; 256 MiB; negative: none
	Now            func() time.Time
	Logger         *slog.Logger
	Observer       Observer
}

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = disk.OS
	}
	if o.SegmentSizeMax == 0 {
		o.SegmentSizeMax = 64 << 20
	}
	if o.Retention == 0 {
		o.Retention = 72 * time.Hour
	}
	if o.FreeMin == 0 {
		o.FreeMin = 256 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Observer.setDefaults()
}

const (
	quarantineDir = "quarantine"
	sweepInterval = time.Minute
)

// Engine keeps logs in a folder of the local disk. It implements log.Engine.
type Engine struct {
	opts    Options
	buffers buffers
	reserve reserve
	bytes   atomic.Int64  // of all open logs, with what appends under way will need
	always  chan struct{} // closed

	stop  context.CancelFunc
	swept chan struct{} // closed when the sweep has ended

	mu     sync.Mutex
	logs   map[string]*Log // nil while a log is being opened or removed
	closed bool
}

// Open returns an engine over the folder Dir, which it makes if there is none. One process at a time may use a folder;
// keeping others away is the caller's affair.
func Open(opts Options) (*Engine, error) {
	opts.setDefaults()
	if err := disk.MkdirAllSync(opts.FS, opts.Dir); err != nil {
		return nil, fmt.Errorf("make the log's folder: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{
		opts: opts, stop: stop, swept: make(chan struct{}), always: make(chan struct{}), logs: map[string]*Log{},
	}
	close(e.always)
	go e.sweepUntil(ctx) // Close waits for it
	return e, nil
}

// Open implements log.Engine.
func (e *Engine) Open(ctx context.Context, name string) (log.Log, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := e.claim(name, false); err != nil {
		return nil, fmt.Errorf("open log %s: %w", name, err)
	}
	l := newLog(e, name)
	err := l.recover()

	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil && e.closed {
		err = log.ErrClosed
	}
	if err != nil {
		delete(e.logs, name)
		l.shut()
		return nil, fmt.Errorf("open log %s: %w", name, err)
	}
	e.logs[name] = l
	return l, nil
}

// claim keeps a name for the caller alone until it sets or deletes the name's log. It returns the log if it is open.
func (e *Engine) claim(name string, open bool) (*Log, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l, known := e.logs[name]
	switch {
	case e.closed:
		return nil, log.ErrClosed
	case known && l == nil:
		return nil, errors.New("it is being opened or removed")
	case known && !open:
		return nil, errors.New("it is open already")
	}
	e.logs[name] = nil
	return l, nil
}

// forget gives a name free that is claimed, or that belongs to l.
func (e *Engine) forget(name string, l *Log) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.logs[name] == l {
		delete(e.logs, name)
	}
}

// Remove implements log.Engine. What is in quarantine stays.
func (e *Engine) Remove(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	l, err := e.claim(name, true)
	if err != nil {
		return fmt.Errorf("remove log %s: %w", name, err)
	}
	defer e.forget(name, nil)
	if l != nil {
		l.shut()
	}
	dir := e.dir(name)
	if err := e.opts.FS.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove log %s: %w", name, err)
	}
	for dir = filepath.Dir(dir); dir != filepath.Clean(e.opts.Dir); dir = filepath.Dir(dir) {
		if err := e.opts.FS.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break // another log is in it
		}
	}
	if err := e.opts.FS.SyncDir(dir); err != nil {
		return fmt.Errorf("remove log %s: %w", name, err)
	}
	return nil
}

// Close implements log.Engine. It waits for appends that are under way.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
	<-e.swept
	for _, l := range e.open() {
		l.Close()
	}
	return nil
}

// open returns the logs that are open.
func (e *Engine) open() []*Log {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*Log, 0, len(e.logs))
	for _, l := range e.logs {
		if l != nil {
			list = append(list, l)
		}
	}
	return list
}

func (e *Engine) sweepUntil(ctx context.Context) {
	defer close(e.swept)
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.sweep()
		}
	}
}

// sweep deletes the history that is older than the retention and closes the files of idle writers.
func (e *Engine) sweep() {
	oldest := e.opts.Now().Add(-max(0, e.opts.Retention)).UnixNano()
	for _, l := range e.open() {
		for l.expired(oldest) && l.dropOldest(false) {
		}
		l.rest()
	}
}

func (e *Engine) dir(name string) string { return filepath.Join(e.opts.Dir, filepath.FromSlash(name)) }

// checkName accepts words of letters, digits, "-" and "_", joined by slashes.
func checkName(name string) error {
	for i, word := range strings.Split(name, "/") {
		bad := strings.ContainsFunc(word, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
		})
		if bad || word == "" || i == 0 && word == quarantineDir {
			return fmt.Errorf("log name %q: want words of letters, digits, - and _, joined by slashes", name)
		}
	}
	return nil
}
