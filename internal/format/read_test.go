package format

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// decode reads a container by readers that share nothing with the writers.
func decode(c Compression, body []byte) ([]byte, error) {
	switch c {
	case Gzip:
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case Zip:
		r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return nil, err
		}
		if len(r.File) != 1 || r.File[0].Name != entryName || r.File[0].Method != zip.Deflate {
			return nil, fmt.Errorf("entries %v", r.File)
		}
		f, err := r.File[0].Open()
		if err != nil {
			return nil, err
		}
		return io.ReadAll(f)
	case Snappy:
		return readXerial(body)
	case HadoopSnappy:
		return readHadoop(body)
	}
	return body, nil
}

// readXerial reads the stream of snappy-java.
func readXerial(body []byte) ([]byte, error) {
	if len(body) < 16 || string(body[:8]) != "\x82SNAPPY\x00" {
		return nil, errors.New("bad header")
	}
	var out []byte
	for rest := body[16:]; len(rest) > 0; {
		chunk, after, err := readChunk(rest)
		if err != nil {
			return nil, err
		}
		if len(chunk) > xerialBlockSize {
			return nil, fmt.Errorf("block of %d bytes", len(chunk))
		}
		out, rest = append(out, chunk...), after
	}
	return out, nil
}

// readHadoop reads the block stream of Hadoop with any number of chunks in a block.
func readHadoop(body []byte) ([]byte, error) {
	var out []byte
	for rest := body; len(rest) > 0; {
		if len(rest) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		size := int(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		for size > 0 {
			chunk, after, err := readChunk(rest)
			if err != nil {
				return nil, err
			}
			if len(rest)-len(after) > hadoopBufferSize || len(chunk) > hadoopBufferSize {
				return nil, errors.New("chunk exceeds the reader's buffer")
			}
			out, rest, size = append(out, chunk...), after, size-len(chunk)
		}
	}
	return out, nil
}

func readChunk(body []byte) (chunk, rest []byte, err error) {
	if len(body) < 4 || uint64(len(body)-4) < uint64(binary.BigEndian.Uint32(body)) {
		return nil, nil, io.ErrUnexpectedEOF
	}
	end := 4 + int(binary.BigEndian.Uint32(body))
	chunk, err = readRawSnappy(body[4:end])
	return chunk, body[end:], err
}

// readRawSnappy follows the format's description: the length as a varint, then literals and copies.
func readRawSnappy(body []byte) ([]byte, error) {
	size, n := binary.Uvarint(body)
	if n <= 0 {
		return nil, errors.New("bad length")
	}
	var out []byte
	for body = body[n:]; len(body) > 0; {
		tag := int(body[0])
		number := func(from, to int) (v int) {
			for i := to - 1; i >= from; i-- {
				v = v<<8 | int(body[i])
			}
			return v
		}
		var length, offset, head int
		switch tag & 3 {
		case 0:
			length, head = tag>>2+1, 1
			if extra := tag>>2 - 59; extra > 0 {
				length, head = number(1, 1+extra)+1, 1+extra
			}
			out = append(out, body[head:head+length]...)
			body = body[head+length:]
			continue
		case 1:
			length, offset, head = tag>>2&7+4, tag>>5<<8|int(body[1]), 2
		case 2:
			length, offset, head = tag>>2+1, number(1, 3), 3
		case 3:
			length, offset, head = tag>>2+1, number(1, 5), 5
		}
		if offset == 0 || offset > len(out) {
			return nil, fmt.Errorf("copy from %d before the start", offset)
		}
		for range length {
			out = append(out, out[len(out)-offset])
		}
		body = body[head:]
	}
	if uint64(len(out)) != size {
		return nil, fmt.Errorf("%d bytes of %d", len(out), size)
	}
	return out, nil
}
