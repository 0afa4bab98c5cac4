package format

import (
	"encoding/binary"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
)

// xerialBlockSize is the block of snappy-java's own writer.
const xerialBlockSize = 32 << 10

// hadoopBlockSize is the most that Hadoop's own writer compresses at once. Its reader takes a block only if both its
// content and its compressed form, which may be larger, fit in the buffer of 256 KiB.
const (
	hadoopBufferSize = 256 << 10
	hadoopBlockSize  = hadoopBufferSize - (hadoopBufferSize/6 + 32)
)

// snappyBuffers hold a block on its way out: room for lengths, then raw Snappy.
var snappyBuffers = sync.Pool{New: func() any { return new([]byte) }}

// writeSnappy writes head, the compressed length in four bytes, and the block in raw Snappy, in one Write.
func writeSnappy(w io.Writer, head, block []byte) error {
	buffer := snappyBuffers.Get().(*[]byte)
	defer snappyBuffers.Put(buffer)
	start := len(head) + 4
	if need := start + s2.MaxEncodedLen(len(block)); cap(*buffer) < need {
		*buffer = make([]byte, need)
	}
	out := append((*buffer)[:0], head...)
	raw := s2.EncodeSnappy(out[start:cap(out)], block)
	out = binary.BigEndian.AppendUint32(out, uint32(len(raw)))
	_, err := w.Write(out[:start+len(raw)])
	return err
}

// xerialContainer is the stream of snappy-java.
type xerialContainer struct {
	w     io.Writer
	begun bool
}

// xerialHeader: magic, version 1, readable from version 1 on.
var xerialHeader = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}

func (c *xerialContainer) block(data []byte) error {
	var head []byte
	if !c.begun {
		head = xerialHeader
	}
	c.begun = true
	return writeSnappy(c.w, head, data)
}

func (c *xerialContainer) finish() error {
	if c.begun {
		return nil
	}
	_, err := c.w.Write(xerialHeader)
	return err
}

// hadoopContainer is the block stream of Hadoop with one chunk in each block. It has neither head nor tail: nothing is
// written for no content.
type hadoopContainer struct{ w io.Writer }

func (c *hadoopContainer) block(data []byte) error {
	return writeSnappy(c.w, binary.BigEndian.AppendUint32(nil, uint32(len(data))), data)
}

func (c *hadoopContainer) finish() error { return nil }
