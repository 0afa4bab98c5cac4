// Package format makes the bodies of objects: the records' bytes in one of the containers of the Amazon service.
//
// A Writer is a stream: it takes bytes in any pieces and writes the container to the writer below as it goes. Its output
// follows from the bytes alone, not from the pieces they came in, nor from chance, the clock, or what a pooled compressor
// did before; so a replay writes equal objects. This holds by construction: bytes are gathered into blocks of a fixed
// size, and each container is a rule for what becomes of one block.
//
//	GZIP           one member; a block is a stretch of the deflate stream that refers to nothing before it
//	ZIP            an archive of one entry, deflated the same way
//	Snappy         the stream of snappy-java (xerial): a header, then for each block its length and raw Snappy
//	HADOOP_SNAPPY  the block stream of Hadoop: for each block its two lengths and raw Snappy
//	UNCOMPRESSED   the bytes
//
// A Snappy file in the official framing is none of these.
//
// An open Writer holds the bytes of its unfinished block and nothing else. The compressors, of about a megabyte each,
// are borrowed from a pool for the time that one block takes, so thousands of open objects need few of them. For deflate
// this costs about one per cent of size.
package format

import (
	"fmt"
	"io"
)

// Compression is the service's word for a container.
type Compression string

// The containers of the service.
const (
	Uncompressed Compression = "UNCOMPRESSED"
	Gzip         Compression = "GZIP"
	Zip          Compression = "ZIP"
	Snappy       Compression = "Snappy"
	HadoopSnappy Compression = "HADOOP_SNAPPY"
)

// ContentEncoding is the value of the header of this name for an object, empty for none.
func (c Compression) ContentEncoding() string {
	switch c {
	case Gzip:
		return "gzip"
	case Zip:
		return "zip"
	case Snappy:
		return "snappy-java"
	case HadoopSnappy:
		return "hadoop-snappy"
	}
	return ""
}

// NewWriter begins a container that is written to w. Close finishes it and leaves w open. After an error from w every
// call returns it. The entry is the name of the archive's only file and has a meaning for Zip alone.
func NewWriter(c Compression, w io.Writer, entry string) (io.WriteCloser, error) {
	switch c {
	case Uncompressed:
		return plain{w}, nil
	case Gzip:
		return &blockWriter{size: deflateBlockSize, container: &gzipContainer{w: w}}, nil
	case Zip:
		return &blockWriter{size: deflateBlockSize, container: newZipContainer(w, entry)}, nil
	case Snappy:
		return &blockWriter{size: xerialBlockSize, container: &xerialContainer{w: w}}, nil
	case HadoopSnappy:
		return &blockWriter{size: hadoopBlockSize, container: &hadoopContainer{w: w}}, nil
	}
	return nil, fmt.Errorf("unknown compression %q", string(c))
}

// plain writes the bytes as they are.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }
