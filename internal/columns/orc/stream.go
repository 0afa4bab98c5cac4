package orc

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
)

// The kinds of streams.
const (
	streamPresent        = 0
	streamData           = 1
	streamLength         = 2
	streamDictionaryData = 3
	streamSecondary      = 5
	streamRowIndex       = 6
	streamBloomFilter    = 8 // of text in UTF-8; the older kind 7 took text in the JVM's own character set
)

// codec compresses chunks, one after the other.
type codec struct {
	kind     uint64 // as the tail of the file names it
	chunkMax int    // bytes before compression
	deflate  *flate.Writer
	deflated bytes.Buffer
	work     []byte
}

// The kinds of compression.
const (
	compressionNone   = 0
	compressionZlib   = 1
	compressionSnappy = 2
)

const (
	chunkMax     = 256 << 10
	chunkMin     = 4 << 10
	deflateLevel = 5
)

// newCodec sizes the chunks so that what waits in all columns for its compression is little beside a stripe.
func newCodec(name string, stripeSize int64, columns int) (*codec, error) {
	c := &codec{chunkMax: chunkMax}
	for c.chunkMax > chunkMin && int64(c.chunkMax)*int64(columns)*20 > stripeSize {
		c.chunkMax /= 2
	}
	switch name {
	case "NONE":
		c.kind = compressionNone
	case "ZLIB":
		c.kind = compressionZlib
		c.deflate, _ = flate.NewWriter(&c.deflated, deflateLevel) // its only error is of the level
	case "SNAPPY":
		c.kind = compressionSnappy
	default:
		return nil, fmt.Errorf("compression %q: SNAPPY, ZLIB or NONE expected", name)
	}
	return c, nil
}

// chunk returns p compressed, or as it is if compression does not make it shorter, below its header of three bytes.
func (c *codec) chunk(p []byte) []byte {
	body := p
	switch c.kind {
	case compressionZlib:
		c.deflated.Reset()
		c.deflate.Reset(&c.deflated)
		c.deflate.Write(p) // a bytes.Buffer takes everything
		c.deflate.Close()
		body = c.deflated.Bytes()
	case compressionSnappy:
		c.work = s2.EncodeSnappy(c.work[:cap(c.work)], p)
		body = c.work
	}
	header := len(body) << 1
	if len(body) >= len(p) {
		body, header = p, len(p)<<1|1
	}
	out := make([]byte, 0, 3+len(body))
	out = append(out, byte(header), byte(header>>8), byte(header>>16))
	return append(out, body...)
}

// stream gathers the bytes of one stream of a stripe.
type stream struct {
	codec   *codec
	pending []byte   // not compressed yet, at most a chunk
	done    [][]byte // as they go into the file
	size    int      // of done
}

func (s *stream) write(p []byte) { writeTo(s, p) }

func (s *stream) writeString(p string) { writeTo(s, p) }

func writeTo[T []byte | string](s *stream, p T) {
	for len(p) > 0 {
		if len(s.pending) == s.codec.chunkMax {
			s.spill()
		}
		n := min(len(p), s.codec.chunkMax-len(s.pending))
		s.pending = append(s.pending, p[:n]...)
		p = p[n:]
	}
}

// spill moves what is pending to what is done. It is called as late as can be: a position must not lie behind the last
// chunk of a stream, where some readers refuse to go.
func (s *stream) spill() {
	if len(s.pending) == 0 {
		return
	}
	block := s.pending
	if s.codec.kind == compressionNone {
		s.pending = nil
	} else {
		block = s.codec.chunk(block)
		s.pending = s.pending[:0]
	}
	s.done = append(s.done, block)
	s.size += len(block)
}

// position appends where the next byte will be: the chunk and the place in it, or the place if nothing is compressed.
func (s *stream) position(to []uint64) []uint64 {
	if s.codec.kind == compressionNone {
		return append(to, uint64(s.size+len(s.pending)))
	}
	return append(to, uint64(s.size), uint64(len(s.pending)))
}

// length returns the bytes of the stream in the file, once it has spilled; before that it is an upper bound, but for headers.
func (s *stream) length() int { return s.size + len(s.pending) }

func (s *stream) copyTo(w io.Writer) error {
	for _, block := range s.done {
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) reset() {
	clear(s.done)
	s.pending, s.done, s.size = s.pending[:0], s.done[:0], 0
}
