package batch

import (
	"time"

	"firehose/internal/record"
)

// Limits says when a batch is full.
type Limits struct {
	Size     int64         `json:"size"`            // bytes of records; at least 1
	Interval time.Duration `json:"interval_ns"`     // age of the oldest record; at least 1 ns, for which less stands, so that blocks of one time stay together
	Count    int           `json:"count,omitempty"` // records; 0 for no limit
}

// Cutter decides which records belong to the open batch. A record belongs if
//
//   - it is the batch's first, or
//   - its block's log time is before the log time of the first record's block plus the interval, and
//   - the batch is below its size, and not above it with the record, and the same for the count.
//
// Nothing else enters into it: not the wall clock, not how fast a destination is, not how the log was read. The cut by
// age when nothing arrives is made by the caller when the log's own clock passes Deadline; it falls at the same record.
type Cutter struct {
	limits Limits
	open   bool
	batch  Batch
}

// NewCutter returns a cutter without an open batch.
func NewCutter(limits Limits) Cutter {
	limits.Interval = max(limits.Interval, 1)
	return Cutter{limits: limits}
}

// Open says whether a batch is open, that is, holds at least one record.
func (c *Cutter) Open() bool { return c.open }

// First returns the position of the open batch's first record.
func (c *Cutter) First() record.Position { return c.batch.First }

// Time returns the log time of the open batch's first record.
func (c *Cutter) Time() time.Time { return c.batch.Time }

// Deadline returns the log time at which the open batch is cut though nothing more arrives: no block of that time or a
// later one belongs to it.
func (c *Cutter) Deadline() time.Time { return c.batch.Time.Add(c.limits.Interval) }

// Take adds records of one block to the open batch, or opens one with them: those from index from on, as far as they
// belong, and not the one at index limit or any later. Ends are the block's. It returns how many it took; if that is not
// all up to limit, the batch is to be cut.
func (c *Cutter) Take(number uint64, at time.Time, ends []int, from, limit int) int {
	if c.open && !at.Before(c.Deadline()) {
		return 0
	}
	start := 0
	if from > 0 {
		start = ends[from-1]
	}
	i := from
	for ; i < limit; i++ {
		size := int64(ends[i] - start)
		if c.open && !c.fits(size) {
			break
		}
		if !c.open {
			c.open = true
			c.batch = Batch{Head: Head{First: record.Position{Block: number, Index: uint32(i)}, Time: at}}
		}
		c.batch.Records++
		c.batch.Bytes += size
		start = ends[i]
	}
	if i > from {
		c.batch.End = record.Position{Block: number, Index: uint32(i)}
		if i == len(ends) {
			c.batch.End = record.Position{Block: number + 1}
		}
	}
	return i - from
}

func (c *Cutter) fits(size int64) bool {
	return c.batch.Bytes < c.limits.Size && c.batch.Bytes+size <= c.limits.Size &&
		(c.limits.Count == 0 || c.batch.Records < c.limits.Count)
}

// Full says whether no further record can belong to the open batch.
func (c *Cutter) Full() bool { return c.open && !c.fits(0) }

// Cut closes the open batch and returns it.
func (c *Cutter) Cut() Batch {
	if !c.open {
		panic("batch: cut without an open batch")
	}
	c.open = false
	return c.batch
}
