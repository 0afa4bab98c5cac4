package deliver

import (
	"fmt"
	"slices"

	"firehose/internal/batch"
	"firehose/internal/record"
)

// State is what a delivery must remember to cut the same batches again. It is saved before anything that it explains is
// delivered, and its floor moves only after everything below is.
type State struct {
	Floor    record.Position   `json:"floor"`           // every record before it is delivered (invariant 2)
	Cuts     []record.Position `json:"cuts,omitempty"`  // where a batch ends though the log does not say so; rising, at or above the floor
	Versions []Version         `json:"versions"`        // of the stream's document, rising; the first is in force at the floor
	Reach    *record.Position  `json:"reach,omitempty"` // nothing at or above it was ever sent; nil when that is not known
	Gap      bool              `json:"gap,omitempty"`   // of a range: the log did not have all of it, for it was dropped or damaged
	Spans    []Span            `json:"spans,omitempty"` // batches of processed records that are delivered though the floor is below their end
}

// Version says from where on a version of the document is in force. A batch ends where a version begins. Its limits are
// kept with it, because they do not follow from the document alone: the server's configuration has a say in them.
type Version struct {
	From    record.Position `json:"from"`
	Version int             `json:"version"`
	Limits  batch.Limits    `json:"limits"`
	Active  int             `json:"active,omitempty"` // partitions that may be open at once; 0 without dynamic partitioning
}

// Sent is a batch that was delivered, for those who ask where a record went.
type Sent struct {
	batch.Head
	End     record.Position
	Records int
}

// Cursor keeps one delivery's State durably, and for as long as the log keeps their records the batches sent.
type Cursor interface {
	// Load returns the saved state, or false if none was saved.
	Load() (State, bool, error)

	// Save replaces the state, adds batches sent, and may forget those that end at or before block oldest. On error
	// nothing has changed.
	Save(s State, sent []Sent, oldest uint64) error

	// Find returns the batch that was sent with the record at p, or false.
	Find(p record.Position) (Sent, bool, error)
}

// clone returns a copy that shares nothing.
func (s State) clone() State {
	s.Cuts = slices.Clone(s.Cuts)
	s.Versions = slices.Clone(s.Versions)
	s.Spans = slices.Clone(s.Spans)
	return s
}

// version returns the version in force at p, and where the next one begins, if any does.
func (s *State) version(p record.Position) (version Version, next record.Position, more bool) {
	for i := len(s.Versions) - 1; i >= 0; i-- {
		if !p.Before(s.Versions[i].From) {
			return s.Versions[i], next, more
		}
		next, more = s.Versions[i].From, true
	}
	panic(fmt.Sprintf("deliver: no version at %v in %+v", p, s.Versions))
}

// latest returns the version that is in force at the log's end.
func (s *State) latest() Version { return s.Versions[len(s.Versions)-1] }

// change puts a version in force, in place of all that would begin where it does or later.
func (s *State) change(v Version) {
	for len(s.Versions) > 0 && !s.Versions[len(s.Versions)-1].From.Before(v.From) {
		s.Versions = s.Versions[:len(s.Versions)-1]
	}
	s.Versions = append(s.Versions, v)
}

// cut adds a cut at p. It takes the place of cuts after settled, where no batch can have ended yet: so many flushes that
// wait for a broken destination are one cut.
func (s *State) cut(p, settled record.Position) {
	s.Cuts = slices.DeleteFunc(s.Cuts, func(c record.Position) bool { return settled.Before(c) })
	s.alsoCut(p)
}

// alsoCut adds a cut at p beside all others.
func (s *State) alsoCut(p record.Position) {
	if i, found := slices.BinarySearchFunc(s.Cuts, p, record.Position.Compare); !found {
		s.Cuts = slices.Insert(s.Cuts, i, p)
	}
}

// boundary returns the first position after p at which a batch must end. A segment may have begun before the floor, and under
// a version that is over.
func (s *State) boundary(p record.Position) (at record.Position, ok bool) {
	if first := s.Versions[0].From; p.Before(first) {
		return first, true
	}
	_, at, ok = s.version(p)
	for _, c := range s.Cuts {
		if p.Before(c) {
			if !ok || c.Before(at) {
				at, ok = c, true
			}
			break
		}
	}
	return at, ok
}

// raise moves the floor up and forgets what lies below it.
func (s *State) raise(floor record.Position) {
	s.Floor = floor
	s.Cuts = slices.DeleteFunc(s.Cuts, func(c record.Position) bool { return !floor.Before(c) })
	for len(s.Versions) > 1 && !floor.Before(s.Versions[1].From) {
		s.Versions = s.Versions[1:]
	}
	s.Spans = slices.DeleteFunc(s.Spans, func(x Span) bool { return x.over(floor) })
}
