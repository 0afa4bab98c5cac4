package record

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// StreamID is a stream's identity. It is made when the stream is created and never used again: a stream that is
// deleted and created under the same name has a new one, so that the log and the objects of the two never mix.
type StreamID [16]byte

// NewStreamID makes an identity from chance.
func NewStreamID() StreamID {
	var id StreamID
	rand.Read(id[:]) // never fails (crypto/rand)
	return id
}

// ParseStreamID reads the 32 hexadecimal digits that String writes.
func ParseStreamID(s string) (StreamID, error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(StreamID{}) {
		return StreamID{}, fmt.Errorf("stream identity %q: want 32 hexadecimal digits", s)
	}
	return StreamID(raw), nil
}

// String writes the identity as 32 hexadecimal digits.
func (id StreamID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText and UnmarshalText write and read the form of String.
func (id StreamID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the form of String.
func (id *StreamID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseStreamID(string(text))
	return err
}

// ID is what the RecordId of a put's answer carries. For clients its text is opaque.
type ID struct {
	Stream    StreamID
	Partition uint32
	Position  Position
	Time      time.Time // log time of the block
}

// Layout of an encoded ID, big endian: version 1, stream 16, partition 4, block 8, index 4, time 8 (Unix nanoseconds),
// CRC32C of all before 4. 45 bytes make 60 characters of base64 without padding.
const (
	idVersion = 1
	idLength  = 45
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBadID is returned for a text that is not a record id.
var ErrBadID = errors.New("not a record id of this service")

// AppendText appends the id's text, 60 characters of base64, to dst. It never fails.
func (id ID) AppendText(dst []byte) ([]byte, error) {
	var raw [idLength]byte
	raw[0] = idVersion
	copy(raw[1:17], id.Stream[:])
	binary.BigEndian.PutUint32(raw[17:], id.Partition)
	binary.BigEndian.PutUint64(raw[21:], id.Position.Block)
	binary.BigEndian.PutUint32(raw[29:], id.Position.Index)
	binary.BigEndian.PutUint64(raw[33:], uint64(id.Time.UnixNano()))
	binary.BigEndian.PutUint32(raw[41:], crc32.Checksum(raw[:41], castagnoli))
	return base64.StdEncoding.AppendEncode(dst, raw[:]), nil
}

// String returns the id's text.
func (id ID) String() string {
	text, _ := id.AppendText(nil)
	return string(text)
}

// ParseID reads the text of an id. Any other text is ErrBadID.
func ParseID(text string) (ID, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != idLength || len(text) != base64.StdEncoding.EncodedLen(idLength) || // it passes over line ends
		raw[0] != idVersion || binary.BigEndian.Uint32(raw[41:]) != crc32.Checksum(raw[:41], castagnoli) {
		return ID{}, fmt.Errorf("record id %q: %w", text, ErrBadID)
	}
	return ID{
		Stream:    StreamID(raw[1:17]),
		Partition: binary.BigEndian.Uint32(raw[17:]),
		Position:  Position{Block: binary.BigEndian.Uint64(raw[21:]), Index: binary.BigEndian.Uint32(raw[29:])},
		Time:      time.Unix(0, int64(binary.BigEndian.Uint64(raw[33:]))).UTC(),
	}, nil
}
