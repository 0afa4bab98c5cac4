package s3

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
)

// contentOf reads the content of an object of JSON lines out of whichever container it is in. The first bytes tell it, so
// that an object can be read whatever the settings are by now: those of GZIP, ZIP and Snappy are magic, HADOOP_SNAPPY
// begins with a length below 16 MiB, whose first byte is zero, and JSON with neither.
func contentOf(r io.Reader) (io.Reader, error) {
	body := bufio.NewReader(r)
	first, err := body.Peek(8)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		return gzip.NewReader(body)
	case bytes.HasPrefix(first, []byte("PK\x03\x04")):
		return unzip(body)
	case bytes.HasPrefix(first, []byte("\x82SNAPPY\x00")):
		if _, err := body.Discard(16); err != nil { // with two versions
			return nil, unexpected(err)
		}
		return &snappyChunks{body: body}, nil
	case len(first) > 4 && first[0] == 0:
		return &snappyChunks{body: body, blocks: true}, nil
	}
	return body, nil
}

// unzip reads the first entry of an archive, which is deflated, from its front: the object is not at hand as a whole.
func unzip(body *bufio.Reader) (io.Reader, error) {
	var head [30]byte
	if _, err := io.ReadFull(body, head[:]); err != nil {
		return nil, unexpected(err)
	}
	if method := binary.LittleEndian.Uint16(head[8:]); method != 8 {
		return nil, fmt.Errorf("the archive's entry is compressed by method %d, not deflated", method)
	}
	name, extra := binary.LittleEndian.Uint16(head[26:]), binary.LittleEndian.Uint16(head[28:])
	if _, err := body.Discard(int(name) + int(extra)); err != nil {
		return nil, unexpected(err)
	}
	return flate.NewReader(body), nil
}

// chunkMax bounds a chunk of Snappy; no writer makes larger ones than 256 KiB.
const chunkMax = 16 << 20

// snappyChunks reads raw Snappy in chunks, each after its compressed length. In blocks, several chunks stand after the length of
// their content.
type snappyChunks struct {
	body   *bufio.Reader
	blocks bool
	left   int    // bytes of the open block that are still to come
	raw    []byte // of one chunk
	plain  []byte // decompressed, not read yet
	err    error
}

func (c *snappyChunks) Read(p []byte) (int, error) {
	for len(c.plain) == 0 && c.err == nil {
		c.plain, c.err = c.next()
	}
	if len(c.plain) == 0 {
		return 0, c.err
	}
	n := copy(p, c.plain)
	c.plain = c.plain[n:]
	return n, nil
}

// next decompresses a chunk. The error at the end is io.EOF.
func (c *snappyChunks) next() ([]byte, error) {
	if c.blocks && c.left == 0 {
		size, err := c.length()
		if err != nil {
			return nil, err
		}
		if c.left = size; size == 0 {
			return nil, nil
		}
	}
	size, err := c.length()
	if err != nil {
		if c.blocks {
			err = unexpected(err)
		}
		return nil, err
	}
	if cap(c.raw) < size {
		c.raw = make([]byte, size)
	}
	c.raw = c.raw[:size]
	if _, err := io.ReadFull(c.body, c.raw); err != nil {
		return nil, unexpected(err)
	}
	if size, err := s2.DecodedLen(c.raw); err != nil || size > chunkMax {
		return nil, errors.New("a chunk of Snappy is damaged")
	}
	plain, err := s2.Decode(nil, c.raw)
	if err != nil {
		return nil, err
	}
	if c.blocks {
		if c.left -= len(plain); c.left < 0 || len(plain) == 0 {
			return nil, errors.New("a block of Snappy has more in it than it says, or less")
		}
	}
	return plain, nil
}

// length reads a length. The error where nothing follows is io.EOF.
func (c *snappyChunks) length() (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(c.body, b[:]); err != nil {
		return 0, err
	}
	size := binary.BigEndian.Uint32(b[:])
	if size > chunkMax {
		return 0, fmt.Errorf("a chunk of Snappy of %d bytes", size)
	}
	return int(size), nil
}

// unexpected says that an end is too early.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
