package deliver

import (
	"encoding/binary"

	"firehose/internal/record"
)

// members lists the points of a batch behind its first one. A function, or a table that enriches events, need not decide
// the same of a record when it is asked again, so where there is one, it does not follow from a span's ends which records between them it holds. To take
// for delivered what is not would lose it.
//
// The list is a sequence of steps from point to point. A step's lowest two bits say its kind, the others its length.
type members struct {
	text []byte
	last Point
	run  uint64 // steps by one record that are not in text yet
}

const (
	stepRecords = iota // that many records and one more further, in the same block
	stepPieces         // that many pieces and one more further, of the same record
	stepBlocks         // that many blocks further; index and sub follow
	stepRun            // that many times one record further
	stepBits    = 2
)

// start begins the list behind the first point.
func (m *members) start(first Point) { *m = members{text: m.text[:0], last: first} }

// add adds a point behind all before.
func (m *members) add(p Point) {
	last := m.last
	m.last = p
	if p == (Point{At: record.Position{Block: last.At.Block, Index: last.At.Index + 1}}) {
		m.run++
		return
	}
	m.endRun()
	switch {
	case p.At == last.At:
		m.step(stepPieces, uint64(p.Sub-last.Sub-1))
	case p.At.Block == last.At.Block && p.Sub == 0:
		m.step(stepRecords, uint64(p.At.Index-last.At.Index-1))
	default:
		m.step(stepBlocks, p.At.Block-last.At.Block)
		m.text = binary.AppendUvarint(m.text, uint64(p.At.Index))
		m.text = binary.AppendUvarint(m.text, uint64(p.Sub))
	}
}

func (m *members) step(kind int, long uint64) {
	m.text = binary.AppendUvarint(m.text, long<<stepBits|uint64(kind))
}

func (m *members) endRun() {
	if m.run > 0 {
		m.step(stepRun, m.run)
		m.run = 0
	}
}

// list returns the finished list.
func (m *members) list() []byte {
	m.endRun()
	return m.text
}

// membersReader goes through a list from point to point.
type membersReader struct {
	rest []byte
	at   Point // the present member
	run  uint64
	over bool // there is none
}

func (r *membersReader) next() {
	if r.run == 0 && len(r.rest) == 0 {
		r.over = true
		return
	}
	if r.run == 0 {
		n := r.number()
		switch long := n >> stepBits; n & (1<<stepBits - 1) {
		case stepPieces:
			r.at.Sub += uint32(long) + 1
			return
		case stepRecords:
			r.at = Point{At: record.Position{Block: r.at.At.Block, Index: r.at.At.Index + uint32(long) + 1}}
			return
		case stepBlocks:
			r.at.At.Block += long
			r.at.At.Index = uint32(r.number())
			r.at.Sub = uint32(r.number())
			return
		default:
			r.run = long
		}
	}
	if r.run > 0 {
		r.run--
	}
	r.at = Point{At: record.Position{Block: r.at.At.Block, Index: r.at.At.Index + 1}}
}

func (r *membersReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.rest = nil // cut off: nothing that follows is taken for delivered
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// holds says whether p is a member. Points rise from call to call.
func (r *membersReader) holds(p Point) bool {
	for !r.over && r.at.Before(p) {
		r.next()
	}
	return !r.over && r.at == p
}
