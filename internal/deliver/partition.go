package deliver

import (
	"time"

	"firehose/internal/batch"
	"firehose/internal/record"
)

// item is a record on its way through the processors.
type item struct {
	place Point
	time  time.Time         // log time of the record of the log that it came of
	raw   []byte            // what an error output would show: the record as it was put, or its piece
	data  []byte            // what processing has made of it so far
	bytes int64             // of what was put
	keys  map[string]string // partition keys that the function gave
}

// unchanged says whether the record is still what was put.
func (it *item) unchanged() bool {
	return len(it.raw) == len(it.data) && (len(it.raw) == 0 || &it.raw[0] == &it.data[0])
}

// openBatch is a batch that is still filled.
type openBatch struct {
	lane
	head   batch.Head
	end    Point // behind its last record
	size   int64 // bytes that count for the limits
	raw    int64 // bytes of the records as they were put
	count  int
	listed *members // where a function is called
	buffer *batch.Buffer
}

func (b *openBatch) first() Point { return Point{At: b.head.First, Sub: b.head.Sub} }

// add counts a record that was put into the buffer.
func (b *openBatch) add(it item, size int64) {
	b.size, b.raw, b.count = b.size+size, b.raw+it.bytes, b.count+1
	b.end = Point{At: it.place.At, Sub: it.place.Sub + 1}
	if b.listed != nil && b.count > 1 {
		b.listed.add(it.place)
	}
}

// span returns where the batch lies when it is closed at a point.
func (b *openBatch) span(until Point) Span {
	s := Span{lane: b.lane, First: b.first(), End: b.end, Until: until}
	if b.listed != nil {
		s.Members = b.listed.list()
	}
	return s
}

// fits says whether another record belongs to the batch. The rule is batch.Cutter's.
func (b *openBatch) fits(limits batch.Limits, at time.Time, size int64) bool {
	return at.Before(b.deadline(limits)) && b.size < limits.Size && b.size+size <= limits.Size && (limits.Count == 0 || b.count < limits.Count)
}

func (b *openBatch) deadline(limits batch.Limits) time.Time {
	return b.head.Time.Add(max(limits.Interval, 1))
}

// cut makes the batch one that can be sent.
func (b *openBatch) cut() batch.Batch {
	after := record.Position{Block: b.end.At.Block, Index: b.end.At.Index + 1}
	return batch.Batch{Head: b.head, End: after, Records: b.count, Bytes: b.raw}
}

// table is the batches that are open, one for each partition and each kind of failure.
type table struct {
	byLane map[lane]*openBatch
	data   []*openBatch // those of data in the order in which they were opened, which is that of their deadlines; closed ones among them
	open   int          // of data
}

func newTable() table { return table{byLane: map[lane]*openBatch{}} }

func (t *table) add(b *openBatch) {
	t.byLane[b.lane] = b
	if b.Failure == "" {
		t.data = append(t.data, b)
		t.open++
	}
}

func (t *table) remove(b *openBatch) {
	delete(t.byLane, b.lane)
	if b.Failure == "" {
		t.open--
	}
	for len(t.data) > 0 && t.byLane[t.data[0].lane] != t.data[0] {
		t.data = t.data[1:]
	}
}

// due returns a batch whose deadline is at or before now, or nil.
func (t *table) due(limits batch.Limits, now time.Time) *openBatch {
	if b := t.oldest(); b != nil && !now.Before(b.deadline(limits)) {
		return b
	}
	return nil
}

// oldest returns the open batch whose deadline comes first, or nil.
func (t *table) oldest() (oldest *openBatch) {
	if len(t.data) > 0 {
		oldest = t.data[0]
	}
	if len(t.byLane) == t.open {
		return oldest // which is asked for each record; failures are rare
	}
	for _, kind := range failures {
		if b := t.byLane[lane{Failure: kind}]; b != nil && (oldest == nil || b.head.Time.Before(oldest.head.Time)) {
			oldest = b
		}
	}
	return oldest
}

// low returns the least first position of the open batches, or p if that is less.
func (t *table) low(p record.Position) record.Position {
	if len(t.data) > 0 && t.data[0].head.First.Before(p) {
		p = t.data[0].head.First
	}
	for _, kind := range failures {
		if b := t.byLane[lane{Failure: kind}]; b != nil && b.head.First.Before(p) {
			p = b.head.First
		}
	}
	return p
}
