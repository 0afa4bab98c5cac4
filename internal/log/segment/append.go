package segment

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"firehose/internal/disk"
	"firehose/internal/log"
)

// Append implements log.Log. The context ends the wait for other appends; an append that has begun is finished.
func (l *Log) Append(ctx context.Context, bodies ...[]byte) (uint64, time.Time, error) {
	first, at, err := l.append(ctx, bodies)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("append to log %s: %w", l.name, err)
	}
	return first, toTime(at), nil
}

func (l *Log) append(ctx context.Context, bodies [][]byte) (uint64, int64, error) {
	size, err := framesSize(bodies)
	if err != nil {
		return 0, 0, err
	}
	if err := l.lock(ctx); err != nil {
		return 0, 0, err
	}
	defer l.unlock()
	if err := l.engine.admit(l, size); err != nil {
		return 0, 0, err
	}
	first, at, err := l.write(bodies, size)
	if err != nil {
		l.engine.addBytes(-size)
		if isFull(err) {
			l.engine.opts.Observer.Refused("disk_full")
			err = fmt.Errorf("%w: %w", log.ErrFull, err)
		}
		return 0, 0, err
	}
	l.engine.opts.Observer.Appended(int(size))
	return first, at, nil
}

// framesSize returns the length of the bodies' frames.
func framesSize(bodies [][]byte) (int64, error) {
	if len(bodies) == 0 {
		return 0, errNothing
	}
	var size int64
	for _, b := range bodies {
		if len(b) > bodySizeMax {
			return 0, fmt.Errorf("a block of %d bytes; the most is %d", len(b), bodySizeMax)
		}
		size += frameHeaderSize + int64(len(b))
	}
	return size, nil
}

// isFull says whether an error means that the disk, or a quota on it, has no room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// write makes the bodies durable and visible. It needs the token.
func (l *Log) write(bodies [][]byte, size int64) (uint64, int64, error) {
	if err := l.prepare(size); err != nil {
		return 0, 0, err
	}
	buffer := l.engine.buffers.get()
	defer l.engine.buffers.put(buffer)
	frames := slices.Grow((*buffer)[:0], int(size))
	first, next, at := l.next, l.next, l.now()
	for _, body := range bodies {
		frames = appendFrame(frames, l.seed, next, at, body)
		next++
	}
	*buffer = frames

	if _, err := l.w.WriteAt(frames, l.active.size); err != nil {
		l.undo()
		return 0, 0, err
	}
	if err := l.sync(l.w); err != nil {
		l.abandon(err)
		return 0, 0, err
	}
	l.publish(size, first, next, at)
	return first, at, nil
}

func (l *Log) sync(f disk.File) error {
	start := time.Now()
	err := f.Sync()
	l.engine.opts.Observer.Synced(time.Since(start))
	return err
}

// prepare sees to it that the active segment is open and takes size more bytes.
func (l *Log) prepare(size int64) error {
	l.busy = true
	s := l.active
	if s == nil || l.fresh || s.size > framesOffset && s.size+size > l.engine.opts.SegmentSizeMax {
		if err := l.begin(); err != nil {
			return err
		}
	}
	if l.w != nil {
		return nil
	}
	w, err := l.engine.opts.FS.OpenFile(l.path(l.active), os.O_RDWR)
	if err != nil {
		return err
	}
	l.w = w
	return nil
}

// undo takes back a write that failed half way, durably, so that not even a crash brings back a part of it.
func (l *Log) undo() {
	err := l.w.Truncate(l.active.size)
	if err == nil {
		err = l.sync(l.w)
	}
	if err != nil {
		l.abandon(err)
	}
}

// abandon leaves the active segment as it is at its last good length. Without a fresh one after it, a crash might bring
// back what was refused, so one is begun at once; if that fails, by the next append.
func (l *Log) abandon(reason error) {
	l.engine.opts.Logger.Warn("A segment is abandoned; a fresh one goes on.", "log", l.name, "file", fileName(l.active.base), "error", reason)
	l.w.Truncate(l.active.size) // only helps if it happens to reach the disk
	l.rested()
	l.fresh = true
	if err := l.begin(); err != nil {
		l.engine.opts.Logger.Warn("A fresh segment could not be begun yet; the next append tries again.", "log", l.name, "error", err)
	}
}

// begin makes a new active segment. It is written under another name first, so that no segment has half a header. An
// active segment without entries is replaced. The new file is not open. It needs the token.
func (l *Log) begin() error {
	if err := l.makeDir(); err != nil {
		return err
	}
	fsys := l.engine.opts.FS
	s := &segment{base: l.next, size: framesOffset, began: l.now()}
	path := l.path(s)
	temp := path + newExtension
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	seed, err := l.create(temp, s)
	if err == nil {
		err = fsys.Rename(temp, path)
	}
	if err != nil {
		fsys.Remove(temp)
		return err
	}
	if err := fsys.SyncDir(l.dir); err != nil {
		l.fresh = true // after a crash there may be either file under this name, or none
		return err
	}
	l.rested()
	l.seed, l.fresh = seed, false

	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.active
	l.active = s
	if old != nil && old.base == s.base {
		l.segments[len(l.segments)-1] = s
		return nil
	}
	l.segments = append(l.segments, s)
	l.bytes += s.size
	l.engine.addBytes(s.size)
	return nil
}

// create writes a segment's header to a new file and returns its seed.
func (l *Log) create(path string, s *segment) (uint32, error) {
	w, err := l.engine.opts.FS.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	var random [4]byte
	rand.Read(random[:]) // never fails
	h := fileHeader{salt: binary.BigEndian.Uint32(random[:]), base: s.base, time: s.began}
	if _, err := w.WriteAt(h.encode(), 0); err != nil {
		return 0, err
	}
	return h.seed(), l.sync(w)
}

// makeDir makes the log's folder, and makes its name and all names in it durable.
func (l *Log) makeDir() error {
	if l.made {
		return nil
	}
	fsys, root := l.engine.opts.FS, filepath.Clean(l.engine.opts.Dir)
	if err := fsys.MkdirAll(l.dir); err != nil {
		return err
	}
	for dir := l.dir; ; dir = filepath.Dir(dir) {
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
		if dir == root {
			break
		}
	}
	l.made = true
	return nil
}
