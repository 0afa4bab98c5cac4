package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// The layout is described byte by byte in docs/reference/log-format.md; golden files under testdata hold it still. All
// integers are big endian.
//
// A segment file begins with its header, twice, so that a flipped bit in it costs nothing. Frames follow without
// padding, each a header and a body.
//
// The salt is a random number of the segment. The checksum of a frame's header begins with it, so that neither a
// producer's bytes nor those of a deleted file that a crash brings back are ever taken for a frame.
const (
	version          = 1
	fileHeaderSize   = 40
	framesOffset     = 2 * fileHeaderSize
	frameHeaderSize  = 32
	bodySizeMax      = 64 << 20
	segmentExtension = ".seg"
	newExtension     = ".new" // of a segment whose header is being written
)

var (
	fileMagic  = []byte("FHLOGSEG")
	frameMagic = []byte{0xF1, 'F', 'H', version}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errDamagedHeader = errors.New("both copies of the segment's header are damaged")
	errNewerVersion  = errors.New("the segment was written by a newer version")
)

// fileHeader is what a segment says of itself. It is written once, before the file gets its name.
//
//	0 magic 8 | 8 version 4 | 12 salt 4 | 16 base number 8 | 24 base time 8 | 32 zero 4 | 36 CRC32C of 0 to 35
type fileHeader struct {
	salt uint32
	base uint64 // number of the first entry
	time int64  // the log's clock when the segment was begun; no entry in it is older, no earlier entry newer
}

// encode returns the header's two copies.
func (h fileHeader) encode() []byte {
	b := append(make([]byte, 0, framesOffset), fileMagic...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint32(b, h.salt)
	b = binary.BigEndian.AppendUint64(b, h.base)
	b = binary.BigEndian.AppendUint64(b, uint64(h.time))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, b...)
}

// seed returns the checksum of the salt, with which those of the segment's frame headers begin.
func (h fileHeader) seed() uint32 {
	return crc32.Checksum(binary.BigEndian.AppendUint32(nil, h.salt), castagnoli)
}

// decodeFileHeader reads the first copy of the two that is whole. A missing copy counts as damaged.
func decodeFileHeader(b []byte) (fileHeader, error) {
	for len(b) >= fileHeaderSize {
		c := b[:fileHeaderSize]
		b = b[fileHeaderSize:]
		if string(c[:8]) != string(fileMagic) || binary.BigEndian.Uint32(c[36:]) != crc32.Checksum(c[:36], castagnoli) {
			continue
		}
		if v := binary.BigEndian.Uint32(c[8:]); v != version {
			return fileHeader{}, fmt.Errorf("%w: %d", errNewerVersion, v)
		}
		return fileHeader{
			salt: binary.BigEndian.Uint32(c[12:]),
			base: binary.BigEndian.Uint64(c[16:]),
			time: int64(binary.BigEndian.Uint64(c[24:])),
		}, nil
	}
	return fileHeader{}, errDamagedHeader
}

// frameHeader stands before a body.
//
//	0 magic and version 4 | 4 body length 4 | 8 number 8 | 16 time 8 | 24 CRC32C of the body | 28 CRC32C of salt and 0 to 27
type frameHeader struct {
	length  uint32
	number  uint64
	time    int64 // Unix nanoseconds
	bodyCRC uint32
}

// appendFrame appends a frame, header and body, to dst.
func appendFrame(dst []byte, seed uint32, number uint64, time int64, body []byte) []byte {
	start := len(dst)
	dst = append(dst, frameMagic...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	dst = binary.BigEndian.AppendUint64(dst, number)
	dst = binary.BigEndian.AppendUint64(dst, uint64(time))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(body, castagnoli))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Update(seed, castagnoli, dst[start:]))
	return append(dst, body...)
}

// decodeFrameHeader reads a frame's header and says whether it is one.
func decodeFrameHeader(b []byte, seed uint32) (frameHeader, bool) {
	if len(b) < frameHeaderSize || string(b[:4]) != string(frameMagic) ||
		binary.BigEndian.Uint32(b[28:]) != crc32.Update(seed, castagnoli, b[:28]) {
		return frameHeader{}, false
	}
	h := frameHeader{
		length:  binary.BigEndian.Uint32(b[4:]),
		number:  binary.BigEndian.Uint64(b[8:]),
		time:    int64(binary.BigEndian.Uint64(b[16:])),
		bodyCRC: binary.BigEndian.Uint32(b[24:]),
	}
	return h, h.length <= bodySizeMax
}

// size returns the length of the whole frame.
func (h frameHeader) size() int64 { return frameHeaderSize + int64(h.length) }

// fileName returns the name of the segment whose first entry has the number base.
func fileName(base uint64) string { return fmt.Sprintf("%020d%s", base, segmentExtension) }

// parseFileName is the reverse of fileName.
func parseFileName(name string) (base uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentExtension)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseUint(digits, 10, 64)
	return base, err == nil
}
