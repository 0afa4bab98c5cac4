package format

import (
	"archive/zip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
)

// deflateLevel is the fastest on JSON events and better than those below it; level 5 saves seven per cent of size for
// sixty per cent more time.
const deflateLevel = 2

// deflateBlockSize is how much is compressed by itself. Smaller blocks compress worse, larger ones hold more memory in
// every open object.
const deflateBlockSize = 256 << 10

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, deflateLevel)
	if err != nil {
		panic(err) // the level is wrong
	}
	return w
}}

// deflate appends a block to the deflate stream in w. The block ends at a byte, with an empty stored block, and refers
// to nothing before it.
func deflate(w io.Writer, block []byte) error {
	d := deflaters.Get().(*flate.Writer)
	defer func() {
		d.Reset(nil) // lets go of w
		deflaters.Put(d)
	}()
	d.Reset(w)
	if _, err := d.Write(block); err != nil {
		return err
	}
	return d.Flush()
}

// deflateEnd ends a deflate stream: a last block of fixed codes that holds its end mark alone.
var deflateEnd = []byte{0x03, 0x00}

// gzipContainer is one gzip member without a name or a time.
type gzipContainer struct {
	w     io.Writer
	begun bool
	sum   uint32 // CRC-32 of the content
	size  uint32 // of the content, modulo 2^32
}

// gzipHeader: magic, deflate, no flags, no time, no hint of the level, an unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

func (c *gzipContainer) block(data []byte) error {
	if err := c.begin(); err != nil {
		return err
	}
	c.sum = crc32.Update(c.sum, crc32.IEEETable, data)
	c.size += uint32(len(data))
	return deflate(c.w, data)
}

func (c *gzipContainer) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	_, err := c.w.Write(gzipHeader)
	return err
}

func (c *gzipContainer) finish() error {
	if err := c.begin(); err != nil {
		return err
	}
	end := slices.Clone(deflateEnd)
	end = binary.LittleEndian.AppendUint32(end, c.sum)
	end = binary.LittleEndian.AppendUint32(end, c.size)
	_, err := c.w.Write(end)
	return err
}

// zipContainer is an archive of one entry without a time. Its sizes stand after the entry, since nobody knows them
// before.
type zipContainer struct {
	archive *zip.Writer
	name    string
	entry   io.Writer // nil until it is begun
}

func newZipContainer(w io.Writer, name string) *zipContainer {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return deflateStream{w}, nil })
	return &zipContainer{archive: archive, name: name}
}

func (c *zipContainer) block(data []byte) error {
	if err := c.begin(); err != nil {
		return err
	}
	_, err := c.entry.Write(data)
	return err
}

func (c *zipContainer) begin() (err error) {
	if c.entry == nil {
		c.entry, err = c.archive.CreateHeader(&zip.FileHeader{Name: c.name, Method: zip.Deflate})
	}
	return err
}

func (c *zipContainer) finish() error {
	if err := c.begin(); err != nil {
		return err
	}
	return c.archive.Close()
}

// deflateStream is a deflate stream, each Write a block of it.
type deflateStream struct{ w io.Writer }

func (s deflateStream) Write(block []byte) (int, error) {
	if err := deflate(s.w, block); err != nil {
		return 0, err
	}
	return len(block), nil
}

func (s deflateStream) Close() error {
	_, err := s.w.Write(deflateEnd)
	return err
}
