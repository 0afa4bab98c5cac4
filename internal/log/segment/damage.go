package segment

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	quarantineMax = 16 << 20 // of a lost piece that is kept
	reportedMax   = 4096     // places remembered of each log; then forgotten, and told again
)

// place is where a damaged piece begins.
type place struct {
	base uint64
	off  int64
}

// damaged reports a lost piece of a segment, once, and keeps a copy of it.
func (l *Log) damaged(f io.ReaderAt, s *segment, it item) {
	if !l.lose(s, it) {
		return
	}
	quarantined := l.engine.quarantine(f, l.name, s, it.off, it.end-it.off)
	d := Damage{Log: l.name, File: fileName(s.base), Offset: it.off, Bytes: it.end - it.off, First: it.number, Next: it.lost}
	l.engine.opts.Logger.Error("A block of the log is damaged and is passed over.", "log", d.Log, "file", d.File, "offset", d.Offset, "bytes", d.Bytes,
		"first", d.First, "next", d.Next, "quarantine", quarantined)
	l.engine.opts.Observer.Damaged(d)
}

// lose takes note of a lost piece and says whether it is news. If it held the newest entry, the entry before is the
// newest now: nobody shall wait for what cannot be read.
func (l *Log) lose(s *segment, it item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if it.number <= l.last && l.last < it.lost {
		l.last = it.number - 1
	}
	at := place{s.base, it.off}
	if l.reported[at] {
		return false
	}
	if len(l.reported) >= reportedMax {
		clear(l.reported)
	}
	l.reported[at] = true
	return true
}

// quarantine copies a piece of a segment, or its beginning, into a folder beside the logs and returns the copy's name.
// The name follows from the place, so that the same piece is kept once. A copy that fails is not worth stopping for.
func (e *Engine) quarantine(f io.ReaderAt, name string, s *segment, off, size int64) string {
	dir := filepath.Join(e.opts.Dir, quarantineDir, filepath.FromSlash(name))
	path := filepath.Join(dir, fmt.Sprintf("%020d-%d.bad", s.base, off))
	if err := e.copyPiece(f, dir, path, off, min(size, quarantineMax)); err != nil {
		e.opts.Logger.Warn("A damaged piece could not be copied to quarantine.", "file", path, "error", err)
		return ""
	}
	return path
}

func (e *Engine) copyPiece(f io.ReaderAt, dir, path string, off, size int64) error {
	if err := e.opts.FS.MkdirAll(dir); err != nil {
		return err
	}
	out, err := e.opts.FS.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(io.NewOffsetWriter(out, 0), io.NewSectionReader(f, off, size)); err != nil {
		return err
	}
	return out.Sync()
}
