package deliver

import (
	"encoding/binary"
	"time"

	"firehose/internal/record"
)

// A note is what an error output needs to know of a record that waits for its encoder, which may refuse it: where it
// stands, when it arrived, and its bytes as they were put.

const noteSize = 8 + 4 + 4 + 8 // block, index, sub, arrival in Unix nanoseconds, big endian; then the bytes, unless they are the record's own

func appendNote(dst []byte, it item) []byte {
	dst = binary.BigEndian.AppendUint64(dst, it.place.At.Block)
	dst = binary.BigEndian.AppendUint32(dst, it.place.At.Index)
	dst = binary.BigEndian.AppendUint32(dst, it.place.Sub)
	dst = binary.BigEndian.AppendUint64(dst, uint64(it.time.UnixNano()))
	if it.unchanged() {
		return dst
	}
	return append(append(dst, 1), it.raw...)
}

// parseNote reads the note of a record. One that is too short, which none is, gives zeros.
func parseNote(note, data []byte) (place Point, arrival time.Time, raw []byte) {
	if len(note) < noteSize {
		return Point{}, time.Time{}, nil
	}
	place = Point{
		At:  record.Position{Block: binary.BigEndian.Uint64(note), Index: binary.BigEndian.Uint32(note[8:])},
		Sub: binary.BigEndian.Uint32(note[12:]),
	}
	raw = data
	if len(note) > noteSize {
		raw = note[noteSize+1:]
	}
	return place, time.Unix(0, int64(binary.BigEndian.Uint64(note[16:]))).UTC(), raw
}
