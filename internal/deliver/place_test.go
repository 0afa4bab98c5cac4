package deliver_test

import (
	"fmt"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/erroroutput"
	"firehose/internal/record"
)

// place is an object that was put, and what the delivery knows of it.
type place struct {
	key     string
	first   deliver.Point
	end     record.Position
	lane    string // partition and failure of the batch that it is of
	failure string
	heard   int // life in which the delivery was told; 0 for none
	damages int // of the log, before it was put
}

// place notes where lines were put. A line that is elsewhere already is rightly there only when the delivery cannot know of
// that: it was not told in this life, and no state that was saved says so. And either one of the two is the error output of what
// was tried for too long, or the log was damaged between the two, so that batches are cut elsewhere. It needs the mutex.
func (w *world) place(key string, given *batch.Batch, body []byte) {
	if w.fickle {
		return
	}
	if w.places == nil {
		w.places, w.holders, w.twice = map[string]*place{}, map[string][]*place{}, map[string]bool{}
	}
	p := w.places[key]
	if p == nil {
		p = &place{key: key, first: deliver.Point{At: given.First, Sub: given.Sub}, lane: lane(given.Head), failure: given.Failure}
		w.places[key] = p
	}
	p.end, p.damages = given.End, w.damages
	for _, line := range lines(body) {
		known := false
		for _, other := range w.holders[line] {
			switch {
			case other == p:
				known = true
			case (other.failure == gaveUp) == (p.failure == gaveUp) && other.damages == p.damages || w.knows(other):
				w.broke = append(w.broke, fmt.Sprintf("%.6s is put at %s and was at %s", line, key, other.key))
			default:
				w.twice[line] = true
			}
		}
		if !known {
			w.holders[line] = append(w.holders[line], p)
		}
	}
}

// lane tells apart the batches that lie side by side. Error outputs of a destination belong to the batch that it refused.
func lane(head batch.Head) string {
	switch head.Failure {
	case gaveUp, erroroutput.Webhook, erroroutput.Conversion:
		return head.Partition + "/"
	}
	return head.Partition + "/" + head.Failure
}

// heard notes that the delivery was told of an object.
func (b *bucket) heard(given *batch.Batch) {
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	if p := b.world.places[b.Name(given.Head)]; p != nil && !b.world.dead {
		p.heard = b.world.life
	}
}

// knows says whether the delivery knows that an object is in place.
func (w *world) knows(p *place) bool {
	state := w.saves[len(w.saves)-1]
	if p.heard == w.life || !state.Floor.Before(p.end) {
		return true
	}
	for _, s := range state.Spans {
		if s.Partition+"/"+s.Failure == p.lane && !p.first.Before(s.First) && p.first.Before(s.End) {
			return true
		}
	}
	return false
}
