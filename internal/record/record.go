// Package record names a producer's piece of data: where it stands in a stream's log, and the opaque id that a client
// gets for it.
//
// A record itself is bytes and nothing else. It gets its place when the block that carries it becomes durable: the
// block's number and the record's index in the block, within one partition of one stream. Its time is the block's.
package record

import (
	"cmp"
	"fmt"
)

// SizeMax is the largest record in bytes, before base64: 1,000 KiB, the Amazon service's quota.
const SizeMax = 1_024_000

// Position is a record's place in one partition. Positions rise in the order of acknowledgement and may have gaps.
// The zero Position stands before every record.
type Position struct {
	Block uint64 `json:"block"` // number of the block in the partition, from 1
	Index uint32 `json:"index"` // index of the record in the block, from 0
}

// Compare returns -1, 0 or 1 as p stands before, at or after q.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Block, q.Block); c != 0 {
		return c
	}
	return cmp.Compare(p.Index, q.Index)
}

// Before says whether p stands before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// String writes a position as block:index.
func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Block, p.Index) }
