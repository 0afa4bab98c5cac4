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

	Members []byte `json:"members,omitempty"` // which points it holds behind the first, where a function or a table decides; else all of its lane up to the end
}

// behind returns the first position at or after p.
func (p Point) behind() record.Position {
	if p.Sub > 0 {
		p.At.Index++
	}
	return p.At
}

// size is about how much room the span takes in the state.
func (s Span) size() int { return 256 + len(s.Partition) + len(s.Members) }

// over says whether a replay from the floor needs the span no more.
func (s Span) over(floor record.Position) bool {
	p := Point{At: floor}
	return !p.Before(s.End) && !p.Before(s.Until)
}

// history is the batches that are delivered or in flight above the place where a replay began.
type history struct {
	spans  map[lane][]pastSpan // by their first records
	begins []Point             // where data's spans begin
	ends   []Point             // and where their partitions closed
}

type pastSpan struct {
	Span
	members membersReader
}

// holds says whether the record at p, which lies between the ends, is in the span.
func (s *pastSpan) holds(p Point) bool { return s.Members == nil || s.members.holds(p) }

// newHistory sorts spans.
func newHistory(spans []Span) history {
	h := history{spans: map[lane][]pastSpan{}}
	for _, s := range spans {
		h.spans[s.lane] = append(h.spans[s.lane], pastSpan{s, membersReader{rest: s.Members, at: s.First}})
		if s.Failure == "" {
			h.begins, h.ends = append(h.begins, s.First), append(h.ends, s.Until)
		}
	}
	for _, list := range h.spans {
		slices.SortFunc(list, func(a, b pastSpan) int { return a.First.Compare(b.First) })
	}
	slices.SortFunc(h.begins, Point.Compare)
	slices.SortFunc(h.ends, Point.Compare)
	return h
}

// find says whether the record at p is in one of the spans, and where the last of their ends and beginnings at or before p
// is. Points rise from call to call of one lane.
func (h *history) find(n lane, p Point) (holds bool, edge Point) {
	if len(h.spans) == 0 {
		return false, edge
	}
	list, known := h.spans[n]
	if !known {
		return false, edge
	}
	for len(list) > 0 && !p.Before(list[0].End) {
		edge, list = list[0].End, list[1:]
	}
	if len(list) == 0 {
		delete(h.spans, n)
		return false, edge
	}
	h.spans[n] = list
	if p.Before(list[0].First) {
		return false, edge
	}
	return list[0].holds(p), list[0].First
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
