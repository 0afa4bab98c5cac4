package batch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Spools makes spools that share one memory budget. What does not fit in it goes to files in a folder, which lose their
// name as soon as they are made, so that nothing stays behind after a crash.
type Spools struct {
	dir     string
	left    atomic.Int64 // bytes of memory that spools may still take
	half    int64        // of the budget
	reserve int64        // of them, those that buffers leave for bodies: else batches that are full would wait for those that are not
	pool    sync.Pool    // of *[]byte of chunkMax

	scratch sync.Pool // of *scratch
}

// Chunks of a spool double from the smallest to the largest size, so that a small body costs little.
const (
	chunkMin = 4 << 10
	chunkMax = 256 << 10
)

// NewSpools returns a maker of spools that take up to budget bytes of memory together and spill to the folder dir,
// which must exist.
func NewSpools(dir string, budget int64) *Spools {
	s := &Spools{dir: dir, half: budget / 2, reserve: budget / 4}
	s.left.Store(budget)
	return s
}

// roomy says whether half of the memory is free.
func (s *Spools) roomy() bool { return s.left.Load() > s.half }

// New returns an empty spool.
func (s *Spools) New() *Spool { return &Spool{spools: s} }

// Spool keeps a body until it is delivered: first in memory, then in a file. It is written by one goroutine and then
// read by any number.
type Spool struct {
	spools *Spools
	leave  int64    // bytes of the budget that it does not take
	chunks [][]byte // all full but the last
	memory int64    // bytes in chunks
	file   *os.File // bytes after those in chunks; nil as long as memory suffices
	size   int64
}

var _ Body = (*Spool)(nil)

// Size returns how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// Write appends p. An error is the disk's, and the spool is then of no use.
func (s *Spool) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 && s.file == nil {
		chunk := s.room()
		if chunk == nil {
			break
		}
		n := copy((*chunk)[len(*chunk):cap(*chunk)], p)
		*chunk = (*chunk)[:len(*chunk)+n]
		p = p[n:]
		s.memory += int64(n)
		s.size += int64(n)
	}
	if len(p) > 0 {
		if err := s.spill(p); err != nil {
			return total - len(p), err
		}
	}
	return total, nil
}

// room returns the chunk with room for more, or nil when the budget is spent.
func (s *Spool) room() *[]byte {
	last := len(s.chunks) - 1
	if last >= 0 && len(s.chunks[last]) < cap(s.chunks[last]) {
		return &s.chunks[last]
	}
	size := int64(chunkMin)
	if last >= 0 {
		size = min(2*int64(cap(s.chunks[last])), chunkMax)
	}
	if s.spools.left.Add(-size) < s.leave {
		s.spools.left.Add(size)
		return nil
	}
	s.chunks = append(s.chunks, s.spools.chunk(int(size)))
	return &s.chunks[last+1]
}

func (s *Spools) chunk(size int) []byte {
	if size == chunkMax {
		if pooled, ok := s.pool.Get().(*[]byte); ok {
			return (*pooled)[:0]
		}
	}
	return make([]byte, 0, size)
}

func (s *Spool) spill(p []byte) error {
	if s.file == nil {
		file, err := os.CreateTemp(s.spools.dir, "batch-*")
		if err != nil {
			return fmt.Errorf("make spool file: %w", err)
		}
		s.file = file
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("unlink spool file: %w", err)
		}
	}
	n, err := s.file.WriteAt(p, s.size-s.memory)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("spill to spool file: %w", err)
	}
	return nil
}

// ReadAt reads what was written, as io.ReaderAt says.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("batch: negative offset in a spool")
	}
	read := 0
	start := int64(0)
	for _, chunk := range s.chunks {
		end := start + int64(len(chunk))
		if off < end && read < len(p) {
			n := copy(p[read:], chunk[off-start:])
			read += n
			off += int64(n)
		}
		start = end
	}
	if read < len(p) && s.file != nil && off < s.size {
		want := min(int64(len(p)-read), s.size-off)
		n, err := s.file.ReadAt(p[read:read+int(want)], off-s.memory)
		read += n
		if err != nil && !(err == io.EOF && n == int(want)) {
			return read, fmt.Errorf("read spool file: %w", err)
		}
	}
	if read < len(p) {
		return read, io.EOF
	}
	return read, nil
}

// Close gives memory and disk back.
func (s *Spool) Close() error {
	for _, chunk := range s.chunks {
		s.spools.left.Add(int64(cap(chunk)))
		if cap(chunk) == chunkMax {
			s.spools.pool.Put(&chunk)
		}
	}
	file := s.file
	*s = Spool{spools: s.spools}
	if file != nil {
		return file.Close()
	}
	return nil
}
