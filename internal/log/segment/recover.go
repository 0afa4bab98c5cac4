package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"firehose/internal/disk"
)

// recover finds out what a log holds and repairs what a crash left. Of the segments before the active one it reads no
// more than the names, unless the active one is empty.
func (l *Log) recover() error {
	if err := l.list(); err != nil {
		return err
	}
	if err := l.settle(); err != nil {
		return err
	}
	for i := len(l.segments) - 1; i >= 0 && l.last == 0; i-- {
		if err := l.recoverSegment(i); err != nil {
			return err
		}
	}
	return nil
}

// settle makes durable what the kernel still holds of a process that was killed: whatever is read from now on must still
// be there after the next crash.
func (l *Log) settle() error {
	s := l.active
	if s == nil {
		return nil
	}
	f, err := l.engine.opts.FS.OpenFile(l.path(s), os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	return l.makeDir()
}

// list finds the log's segments and deletes those that never got their name.
func (l *Log) list() error {
	entries, err := l.engine.opts.FS.ReadDir(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), newExtension) {
			if err := l.engine.opts.FS.Remove(filepath.Join(l.dir, entry.Name())); err != nil {
				return err
			}
			continue
		}
		base, ok := parseFileName(entry.Name())
		if !ok {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		l.segments = append(l.segments, &segment{base: base, size: info.Size()})
		l.bytes += info.Size()
		l.active = l.segments[len(l.segments)-1]
	}
	l.engine.addBytes(l.bytes)
	return nil
}

// recoverSegment takes from a segment what the log must know of its newest entry. The active segment is repaired.
func (l *Log) recoverSegment(i int) error {
	s, active := l.segments[i], i == len(l.segments)-1
	f, h, err := openSegment(l.engine.opts.FS, l.path(s))
	if err != nil && err != errDamagedHeader {
		return err
	}
	defer f.Close()
	if err == errDamagedHeader {
		if active { // as many numbers as there may be frames
			l.next, l.fresh = s.base+uint64(s.size/frameHeaderSize)+1, true
			l.damaged(f, s, item{frameHeader: frameHeader{number: s.base}, end: s.size, lost: l.next})
		}
		return nil
	}
	limit := uint64(unlimited)
	if !active {
		limit = l.segments[i+1].base
	}
	found, err := l.findEnd(f, h, s, limit)
	if err != nil {
		return fmt.Errorf("read %s: %w", l.path(s), err)
	}
	s.began = h.time
	l.clock = max(l.clock, h.time, found.newest)
	l.last, l.lastTime = found.last, found.lastTime
	if !active {
		return nil
	}
	l.seed, l.next = h.seed(), max(s.base, found.next)
	for _, it := range found.damaged {
		l.damaged(f, s, it)
	}
	if found.end == s.size {
		return nil
	}
	return l.cut(f, s, found.end)
}

// end is what recovery finds out about a segment.
type end struct {
	end      int64  // of the last whole frame
	last     uint64 // its number, 0 if there is none
	lastTime int64  // its time
	next     uint64 // above all numbers seen, those of torn frames too
	newest   int64  // the newest time seen
	damaged  []item // pieces before the end that are lost
}

func (e *end) keep(it item) {
	e.end, e.last, e.lastTime = it.end, it.number, it.time
}

// findEnd looks for the last whole frame. All frames of the last append have the newest time, and only those can be
// torn: the first walk reads headers alone and finds where that time begins, the second checks bodies from there.
func (l *Log) findEnd(f io.ReaderAt, h fileHeader, s *segment, limit uint64) (end, error) {
	buffer := l.engine.buffers.get()
	defer l.engine.buffers.put(buffer)
	sc := scanner{file: f, seed: h.seed(), off: framesOffset, size: s.size, expect: s.base, limit: limit, buffer: buffer}

	found, settled := end{end: framesOffset}, end{end: framesOffset}
	tail := mark{s.base, framesOffset}
	sc.from, sc.chunk = unlimited, seekSize
	var damaged []item
	walk := func(whole func(item)) error {
		for {
			switch it, err := sc.next(); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			case it.damaged:
				damaged = append(damaged, it)
			default:
				whole(it)
			}
		}
	}
	err := walk(func(it item) {
		if found.last == 0 || it.time != found.lastTime {
			settled, tail = found, mark{it.number, it.off}
		}
		s.note(it.number, it.off)
		found.keep(it)
	})
	if err != nil {
		return end{}, err
	}
	next, newest := found.last+1, found.lastTime

	found = settled
	sc.off, sc.expect, sc.from, sc.chunk = tail.off, tail.number, 0, readSize
	if err := walk(found.keep); err != nil {
		return end{}, err
	}
	found.next, found.newest = next, newest
	for _, it := range damaged {
		if it.end <= found.end {
			found.damaged = append(found.damaged, it)
		}
	}
	return found, nil
}

// cut cuts the active segment at its last whole frame. What it cuts may have been acknowledged and broken since; so the
// numbers that may have been in it are not given again, and a fresh segment remembers that.
func (l *Log) cut(f disk.File, s *segment, off int64) error {
	size := s.size - off
	c := Cut{Log: l.name, File: fileName(s.base), Offset: off, Bytes: size}
	zero, err := isZero(f, off, size)
	if err != nil {
		return err
	}
	quarantined := ""
	if !zero {
		quarantined = l.engine.quarantine(f, l.name, s, off, size)
	}
	l.engine.opts.Logger.Warn("An unfinished append was cut off.", "log", c.Log, "file", c.File, "offset", c.Offset, "bytes", c.Bytes,
		"zero", zero, "quarantine", quarantined)
	l.engine.opts.Observer.Cut(c)

	s.size = off
	l.bytes -= size
	l.engine.addBytes(-size)
	l.next += uint64(size/frameHeaderSize) + 1
	l.fresh = true
	if err := l.begin(); err != nil {
		l.engine.opts.Logger.Warn("A fresh segment could not be begun yet; the next append tries again.", "log", l.name, "error", err)
	}
	if err := l.truncate(s); err != nil {
		l.engine.opts.Logger.Warn("An unfinished append could not be cut off.", "log", c.Log, "file", c.File, "error", err)
	}
	return nil
}

func (l *Log) truncate(s *segment) error {
	f, err := l.engine.opts.FS.OpenFile(l.path(s), os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(s.size); err != nil {
		return err
	}
	return f.Sync()
}

// isZero says whether a piece of a file is zeros only.
func isZero(f io.ReaderAt, off, size int64) (bool, error) {
	b := make([]byte, 64<<10)
	zeros := make([]byte, len(b))
	r := io.NewSectionReader(f, off, size)
	for {
		n, err := r.Read(b)
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false, nil
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}
