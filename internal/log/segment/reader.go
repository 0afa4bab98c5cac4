package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"firehose/internal/disk"
	"firehose/internal/log"
)

// reader implements log.Reader. It holds a file and a buffer only while it stands before entries that it has not read.
type reader struct {
	log    *Log
	next   uint64 // the next entry has this number or a higher one
	file   disk.File
	seg    *segment // where the scanner stands
	scan   scanner
	marked int64 // offset of the last frame offered as a mark
}

// stretch is a part of a segment that can be read.
type stretch struct {
	seg   *segment
	start mark
	size  int64
	limit uint64 // the numbers in it are below
}

// Next implements log.Reader.
func (r *reader) Next() (log.Entry, error) {
	for {
		if err := r.stand(); err != nil {
			return log.Entry{}, err
		}
		it, err := r.scan.next()
		switch {
		case err == io.EOF: // all of the stretch is read
			r.next = max(r.next, r.scan.limit)
		case err != nil:
			return log.Entry{}, fmt.Errorf("read log %s: %w", r.log.name, err)
		case it.damaged:
			r.next = max(r.next, it.lost)
			if it.lost > it.number { // else it is what an abandoned segment ends with
				r.log.damaged(r.file, r.seg, it)
			}
		default:
			r.mark(it)
			if it.number < r.next {
				continue
			}
			r.next = it.number + 1
			return log.Entry{Number: it.number, Time: toTime(it.time), Body: it.body}, nil
		}
	}
}

// stand sees to it that the scanner stands in a file with something to read, or returns io.EOF.
func (r *reader) stand() error {
	select {
	case <-r.log.done:
		r.rest()
		return fmt.Errorf("read log %s: %w", r.log.name, log.ErrClosed)
	default:
	}
	for r.file == nil || r.scan.off >= r.scan.size || r.next >= r.scan.limit {
		s, ok := r.log.stretch(r.next)
		if !ok {
			r.rest()
			return io.EOF
		}
		if s.seg == r.seg && r.file != nil {
			r.scan.size, r.scan.limit = s.size, s.limit
			if r.scan.off >= s.size { // the rest of the numbers below the limit was given up
				r.next = max(r.next, s.limit)
			}
			continue
		}
		if err := r.open(s); err != nil && !(errors.Is(err, fs.ErrNotExist) && r.log.trimmed(s.seg)) {
			return fmt.Errorf("read log %s: %w", r.log.name, err)
		}
	}
	return nil
}

// open opens the segment of a stretch and places the scanner: where it stood if it is the segment it was in.
func (r *reader) open(s stretch) error {
	r.rest()
	f, h, err := openSegment(r.log.engine.opts.FS, r.log.path(s.seg))
	if err == errDamagedHeader {
		defer f.Close()
		r.log.damaged(f, s.seg, item{frameHeader: frameHeader{number: s.seg.base}, end: s.size, lost: s.limit})
		r.next = max(r.next, s.limit)
		return nil
	}
	if err != nil {
		return err
	}
	if r.seg == s.seg {
		s.start = mark{r.scan.expect, r.scan.off}
	}
	r.file, r.seg, r.marked = f, s.seg, s.start.off
	r.scan = scanner{
		file: f, seed: h.seed(), off: s.start.off, size: s.size, expect: s.start.number, limit: s.limit, from: r.next,
		buffer: r.log.engine.buffers.get(), chunk: readSize,
	}
	return nil
}

// rest gives back the file and the buffer.
func (r *reader) rest() {
	if r.file == nil {
		return
	}
	r.file.Close()
	r.log.engine.buffers.put(r.scan.buffer)
	r.file, r.scan.buffer = nil, nil
}

// Close implements log.Reader.
func (r *reader) Close() error {
	r.rest()
	return nil
}

// mark tells the log where the frame is, from time to time.
func (r *reader) mark(it item) {
	if it.off-r.marked < markStep {
		return
	}
	r.marked = it.off
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.seg.note(it.number, it.off)
}

// stretch returns what can be read of the segment that holds entry n, or of the next one that is there.
func (l *Log) stretch(n uint64) (stretch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n >= l.next || len(l.segments) == 0 {
		return stretch{}, false
	}
	i := len(l.segments) - 1
	for i > 0 && l.segments[i].base > n {
		i--
	}
	s := stretch{seg: l.segments[i], size: l.segments[i].size, limit: l.next, start: l.segments[i].before(n)}
	if i+1 < len(l.segments) {
		s.limit = l.segments[i+1].base
	}
	return s, true
}

// trimmed says whether a segment is no longer part of the log.
func (l *Log) trimmed(s *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.segments {
		if x == s {
			return false
		}
	}
	return true
}
