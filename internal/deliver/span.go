package deliver

import (
	"cmp"
	"slices"

	"firehose/internal/record"
)

// Point is the place of a record among those that processing made: several may come of one record of the log.
type Point struct {
	At  record.Position `json:"at"`
	Sub uint32          `json:"sub,omitempty"`
}

// Compare orders points.
func (p Point) Compare(q Point) int { return cmp.Or(p.At.Compare(q.At), cmp.Compare(p.Sub, q.Sub)) }

// Before says whether p comes before q.
func (p Point) Before(q Point) bool { return p.Compare(q) < 0 }

// lane tells apart the batches that are open side by side.
type lane struct {
	Partition string `json:"partition,omitempty"` // as batch.Head has it
	Failure   string `json:"failure,omitempty"`   // as batch.Head has it
}

// Span is where the records of a batch lie among all. Batches of different partitions overlap, so the floor alone does not
// say which records are delivered. A replay passes over those of its spans, and counts a partition as open where it was.
type Span struct {
	lane
	First Point `json:"first"` // its first record
	End   Point `json:"end"`   // behind its last record
	Until Point `json:"until"` // where it was closed: at or after its end
}

// over says whether a replay from the floor needs the span no more.
func (s Span) over(floor record.Position) bool {
	p := Point{At: floor}
	return !p.Before(s.End) && !p.Before(s.Until)
}

// history is the batches that are delivered or in flight above the place where a replay began.
type history struct {
	spans  map[lane][]Span // by their first records
	begins []Point         // where data's spans begin
	ends   []Point         // and where their partitions closed
}

// newHistory sorts spans.
func newHistory(spans []Span) history {
	h := history{spans: map[lane][]Span{}}
	for _, s := range spans {
		h.spans[s.lane] = append(h.spans[s.lane], s)
		if s.Failure == "" {
			h.begins, h.ends = append(h.begins, s.First), append(h.ends, s.Until)
		}
	}
	for _, list := range h.spans {
		slices.SortFunc(list, func(a, b Span) int { return a.First.Compare(b.First) })
	}
	slices.SortFunc(h.begins, Point.Compare)
	slices.SortFunc(h.ends, Point.Compare)
	return h
}

// holds says whether the record at p is in one of the spans. Points rise from call to call of one lane.
func (h *history) holds(n lane, p Point) bool {
	list, known := h.spans[n]
	if !known {
		return false
	}
	for len(list) > 0 && !p.Before(list[0].End) {
		list = list[1:]
	}
	if len(list) == 0 {
		delete(h.spans, n)
		return false
	}
	h.spans[n] = list
	return !p.Before(list[0].First)
}

// open returns how many partitions were open at p in an earlier life, or are held by batches in flight. Points rise
// from call to call.
func (h *history) open(p Point) int {
	begun, _ := slices.BinarySearchFunc(h.begins, p, func(b, p Point) int {
		if p.Before(b) {
			return 1
		}
		return -1
	})
	ended, _ := slices.BinarySearchFunc(h.ends, p, func(e, p Point) int {
		if p.Before(e) {
			return 1
		}
		return -1
	})
	return begun - ended
}
