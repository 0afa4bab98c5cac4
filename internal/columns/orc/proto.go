package orc

import (
	"encoding/binary"
	"math"
)

// message is a protocol buffer that grows field by field.
type message []byte

// The wire types of protocol buffers.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
)

func (m *message) tag(field, wire uint64) { *m = binary.AppendUvarint(*m, field<<3|wire) }

// uint appends a number without sign, a bool or an enum.
func (m *message) uint(field, n uint64) {
	m.tag(field, wireVarint)
	*m = binary.AppendUvarint(*m, n)
}

// sint appends a number with a sign (sint32 or sint64).
func (m *message) sint(field uint64, n int64) { m.uint(field, zigzag(n)) }

func (m *message) double(field uint64, f float64) {
	m.tag(field, wire64)
	*m = binary.LittleEndian.AppendUint64(*m, math.Float64bits(f))
}

// bytes appends a string, bytes or a message.
func (m *message) bytes(field uint64, p []byte) {
	m.tag(field, wireBytes)
	*m = binary.AppendUvarint(*m, uint64(len(p)))
	*m = append(*m, p...)
}

// packed appends repeated numbers as one field.
func (m *message) packed(field uint64, list []uint64) {
	var p []byte
	for _, n := range list {
		p = binary.AppendUvarint(p, n)
	}
	m.bytes(field, p)
}

// zigzag maps small numbers of either sign to small numbers: 0, -1, 1, -2 to 0, 1, 2, 3.
func zigzag(n int64) uint64 { return uint64(n<<1) ^ uint64(n>>63) }
