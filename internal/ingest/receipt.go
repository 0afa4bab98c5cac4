package ingest

import (
	"time"

	"firehose/internal/record"
)

// Receipt says where the records of an acknowledged put stand.
type Receipt struct {
	Stream    record.StreamID
	Partition uint32
	Time      time.Time // log time of their blocks
	Encrypted bool      // whether the log keeps them encrypted
	Accepted  int       // how many of the records were taken, the first ones; the rest was throttled by a rate limit
	spans     []span
}

// span is a run of a put's records in one block.
type span struct {
	first record.Position
	count int
}

// ID returns the id of the i-th accepted record, counted from 0.
func (r *Receipt) ID(i int) record.ID {
	for _, s := range r.spans {
		if i < s.count {
			return record.ID{Stream: r.Stream, Partition: r.Partition, Time: r.Time,
				Position: record.Position{Block: s.first.Block, Index: s.first.Index + uint32(i)}}
		}
		i -= s.count
	}
	panic("ingest: receipt asked for a record it does not hold")
}
