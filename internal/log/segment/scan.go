package segment

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"sync"

	"firehose/internal/disk"
)

const (
	readSize  = 512 << 10 // what a reader takes from the disk at once
	seekSize  = 16 << 10  // the same where only headers are read
	bufferMax = 8 << 20   // larger buffers are not kept
	unlimited = math.MaxUint64
)

// buffers lends byte slices to appends and to readers that have something to read.
type buffers struct{ pool sync.Pool }

func (p *buffers) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, readSize)
	return &b
}

func (p *buffers) put(b *[]byte) {
	if b != nil && cap(*b) <= bufferMax {
		*b = (*b)[:0]
		p.pool.Put(b)
	}
}

// scanner walks over the frames of one segment. Recovery, readers and inspection all see a segment through it, so that
// they agree on what is whole and what is damaged.
//
// A damaged body is stepped over exactly, because the header that gives its length has a checksum of its own. After a
// damaged header the scanner looks for the next header that is whole and has a number that may stand there.
type scanner struct {
	file   io.ReaderAt
	seed   uint32
	off    int64  // where the next frame begins
	size   int64  // where reading ends
	expect uint64 // lowest number the next frame may have
	limit  uint64 // numbers from here on were never acknowledged
	from   uint64 // frames below are returned without a look at their bodies

	buffer   *[]byte // holds the file's bytes from bufferAt on
	bufferAt int64
	chunk    int64 // least to read at once, where there is as much
}

// item is a whole frame, or a damaged piece of the file.
type item struct {
	frameHeader
	off, end int64
	body     []byte // valid until the next call
	damaged  bool
	lost     uint64 // number after the last one that a damaged piece may have held; the first is frameHeader.number
}

// next returns the next item, or io.EOF. After any other error the same item is tried again.
func (s *scanner) next() (item, error) {
	if s.off >= s.size {
		return item{}, io.EOF
	}
	h, ok, err := s.header(s.off)
	if err != nil {
		return item{}, err
	}
	if !ok {
		return s.skipDamaged()
	}
	if h.number >= s.limit {
		return item{}, io.EOF
	}
	it := item{frameHeader: h, off: s.off, end: s.off + h.size()}
	if h.number >= s.from {
		frame, err := s.window(s.off, h.size())
		if err != nil {
			return item{}, err
		}
		it.body = frame[frameHeaderSize:h.size()]
		if crc32.Checksum(it.body, castagnoli) != h.bodyCRC {
			it.body, it.damaged, it.lost = nil, true, h.number+1
		}
	}
	s.off, s.expect = it.end, h.number+1
	return it, nil
}

// header reads the header at off. It is none if its number cannot stand there or its frame is not wholly in the file.
func (s *scanner) header(off int64) (frameHeader, bool, error) {
	if s.size-off < frameHeaderSize {
		return frameHeader{}, false, nil
	}
	b, err := s.window(off, frameHeaderSize)
	if err != nil {
		return frameHeader{}, false, err
	}
	h, ok := decodeFrameHeader(b, s.seed)
	return h, ok && h.number >= s.expect && h.size() <= s.size-off, nil
}

// skipDamaged moves to the next frame whose header is whole, or to the end.
func (s *scanner) skipDamaged() (item, error) {
	it := item{frameHeader: frameHeader{number: s.expect}, off: s.off, end: s.size, damaged: true, lost: s.limit}
	for at := s.off + 1; s.size-at >= frameHeaderSize; {
		b, err := s.window(at, frameHeaderSize)
		if err != nil {
			return item{}, err
		}
		i := bytes.Index(b, frameMagic)
		if i < 0 {
			at += int64(len(b) - len(frameMagic) + 1)
			continue
		}
		at += int64(i)
		h, ok, err := s.header(at)
		if err != nil {
			return item{}, err
		}
		if ok {
			it.end, it.lost = at, min(h.number, s.limit)
			break
		}
		at++
	}
	s.off, s.expect = it.end, it.lost
	return it, nil
}

// window returns the file's bytes from off on, at least n of them. What the file no longer has reads as zeros, which
// the checksums then find.
func (s *scanner) window(off, n int64) ([]byte, error) {
	b := *s.buffer
	if off >= s.bufferAt && off+n <= s.bufferAt+int64(len(b)) {
		return b[off-s.bufferAt:], nil
	}
	want := min(max(n, s.chunk), s.size-off)
	have := 0
	if off >= s.bufferAt && off < s.bufferAt+int64(len(b)) {
		have = len(b) - int(off-s.bufferAt)
	}
	keep := b[len(b)-have:]
	if int64(cap(b)) < want {
		b = make([]byte, want)
	}
	b = b[:want]
	copy(b, keep)
	*s.buffer, s.bufferAt = b[:have], off
	got, err := s.file.ReadAt(b[have:], off+int64(have))
	if err != nil && err != io.EOF {
		return nil, err
	}
	clear(b[have+got:])
	*s.buffer = b
	return b, nil
}

// openSegment opens a segment for reading. If its header is damaged, the error is errDamagedHeader and the file is open
// all the same.
func openSegment(fsys disk.FS, path string) (disk.File, fileHeader, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return nil, fileHeader{}, err
	}
	var b [framesOffset]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, fileHeader{}, err
	}
	h, err := decodeFileHeader(b[:n])
	if err != nil && err != errDamagedHeader {
		f.Close()
		return nil, fileHeader{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, h, err
}
