package eventbody

import (
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"firehose/internal/format"
)

// Compression is the container of a body.
type Compression string

// The containers. Snappy is the framing that the authors of Snappy describe, which tools call .sz; Hadoop and what is built
// on it read another, and call that .snappy.
const (
	None         Compression = "none"
	Gzip         Compression = "gzip"
	Snappy       Compression = "snappy"
	HadoopSnappy Compression = "hadoop_snappy"
	LZ4          Compression = "lz4" // frames
	Zstd         Compression = "zstd"
	Zip          Compression = "zip" // an archive of one file, named after the batch
)

// Compressions are all containers.
func Compressions() []Compression {
	return []Compression{None, Gzip, Snappy, HadoopSnappy, LZ4, Zstd, Zip}
}

func (c Compression) encoding() string {
	switch c {
	case Gzip:
		return "gzip"
	case Snappy:
		return "x-snappy-framed"
	case HadoopSnappy:
		return "hadoop-snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	case Zip:
		return "zip"
	}
	return ""
}

func (c Compression) extension() string {
	switch c {
	case Gzip:
		return ".gz"
	case Snappy:
		return ".sz"
	case HadoopSnappy:
		return ".snappy"
	case LZ4:
		return ".lz4"
	case Zstd:
		return ".zst"
	case Zip:
		return ".zip"
	}
	return ""
}

// writer begins a container. Its Close leaves w open. The name is that of an archive's file.
func (c Compression) writer(w io.Writer, name string) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return format.NewWriter(format.Gzip, w, "")
	case HadoopSnappy:
		return format.NewWriter(format.HadoopSnappy, w, "")
	case Snappy:
		return &even{to: s2.NewWriter(w, s2.WriterSnappyCompat(), s2.WriterConcurrency(1), s2.WriterBlockSize(evenSize))}, nil
	case LZ4:
		to := lz4.NewWriter(w)
		if err := to.Apply(lz4.BlockSizeOption(lz4.Block256Kb), lz4.ChecksumOption(true), lz4.ConcurrencyOption(1)); err != nil {
			return nil, err
		}
		return &even{to: to}, nil
	case Zstd:
		return newZstd(w), nil
	case Zip:
		return format.NewWriter(format.Zip, w, name)
	}
	return format.NewWriter(format.Uncompressed, w, "")
}

// even hands bytes on in pieces of one size, so that a container cannot depend on how they came.
type even struct {
	to   io.WriteCloser
	open []byte
}

const evenSize = 64 << 10

func (e *even) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), evenSize-len(e.open))
		e.open = append(e.open, rest[:n]...)
		rest = rest[n:]
		if len(e.open) < evenSize {
			continue
		}
		if _, err := e.to.Write(e.open); err != nil {
			return 0, err
		}
		e.open = e.open[:0]
	}
	return len(p), nil
}

func (e *even) Close() error {
	if len(e.open) > 0 {
		if _, err := e.to.Write(e.open); err != nil {
			return err
		}
	}
	return e.to.Close()
}

// zstdWindow is how far back a body refers. A larger one gains little on events, and its memory is held by every open body
// and every reader.
const zstdWindow = 1 << 20

// zstds keeps encoders, which are of some megabytes each.
var zstds = sync.Pool{New: func() any {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow), zstd.WithZeroFrames(true))
	if err != nil {
		panic(err) // an option is wrong
	}
	return w
}}

// pooled is an encoder on loan.
type pooled struct{ *zstd.Encoder }

func newZstd(w io.Writer) io.WriteCloser {
	z := zstds.Get().(*zstd.Encoder)
	z.Reset(w)
	return &even{to: pooled{z}}
}

// Close completes the frame and gives the encoder back. One that was never closed is left to the collector.
func (p pooled) Close() error {
	err := p.Encoder.Close()
	p.Reset(nil) // lets go of the writer
	zstds.Put(p.Encoder)
	return err
}
