package process

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"firehose/internal/enrich"
	"firehose/internal/erroroutput"
	"firehose/internal/filter"
	"firehose/internal/jsonscan"
	"firehose/internal/mask"
)

// Events is what is done to records that are events, JSON objects.
type Events struct {
	Filter *filter.Config // nil: all pass
	Enrich *enrich.Config // nil: nothing is added
	Masks  []mask.Rule    // none: nothing is hidden
	Key    mask.Key       // of masks that hash

	// MaskedFields lists in firehose_metadata.masked_fields of each event the paths of which something was masked.
	MaskedFields bool

	// Resolve returns the same with what it refers to: the key of masks, the lookups of the enrichment. An error is a
	// *verdict.SetUp: the delivery's records wait. It is nil where nothing is referred to.
	Resolve func() (Events, error)
}

// Surroundings are what the steps need of the server.
type Surroundings struct {
	Tables *enrich.Tables                 // that hold tables of lookups; nil for some of its own
	Client *http.Client                   // for tables behind a URL
	Tell   func(lookup string, err error) // that a table is out of date from now on, or with nil that it is no more; nil for nobody
}

// Prepared is Events compiled, with its tables. Any number of goroutines may use it.
type Prepared struct {
	resolved Events
	filter   *filter.Filter
	enricher *enrich.Enricher
	masks    *mask.Masks
	timed    bool
	listed   bool            // masked fields, in the event
	scan     *jsonscan.Paths // what the filter and then the enrichment look for
	wanted   int             // how many paths that are
	enriches int             // which of them is the first of the enrichment
}

// Prepare resolves and compiles Events. Its tables are loaded by whoever runs Tables. What is not used any more is closed.
func Prepare(e Events, s Surroundings) (*Prepared, error) {
	p := &Prepared{}
	var err error
	if e.Resolve != nil {
		if e, err = e.Resolve(); err != nil {
			return nil, err
		}
	}
	p.resolved, p.resolved.Resolve = e, nil
	if e.Filter != nil {
		if p.filter, err = filter.Compile(*e.Filter); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	if e.Enrich != nil {
		p.timed = e.Enrich.Processing || len(e.Enrich.Lookups) > 0
		if p.enricher, err = enrich.Compile(*e.Enrich, enrich.Options{Tables: s.Tables, Client: s.Client, Tell: s.Tell}); err != nil {
			return nil, fmt.Errorf("enrich: %w", err)
		}
	}
	if len(e.Masks) > 0 {
		if p.masks, err = mask.Compile(e.Masks, e.Key); err != nil {
			p.Close()
			return nil, fmt.Errorf("mask: %w", err)
		}
		p.listed = e.MaskedFields
	}
	p.prepareScan()
	return p, nil
}

// prepareScan has an event scanned once for all steps: a scan costs more than most of them.
func (p *Prepared) prepareScan() {
	var paths [][]string
	if p.filter != nil {
		paths = append(paths, p.filter.Paths()...)
	}
	p.enriches = len(paths)
	if p.enricher != nil {
		paths = append(paths, p.enricher.Paths()...)
	}
	p.scan, p.wanted = jsonscan.Compile(paths...), len(paths)
}

// Tables returns the enrichment whose tables are to be loaded and kept fresh, or nil.
func (p *Prepared) Tables() *enrich.Enricher { return p.enricher }

// Close gives back the tables.
func (p *Prepared) Close() {
	if p.enricher != nil {
		p.enricher.Close()
	}
}

// Resolved returns what was prepared, with nothing left to resolve: of equal ones the same becomes of an event.
func (p *Prepared) Resolved() Events { return p.resolved }

// Timed says whether events may get another length when they are processed again, so that their own is what counts.
func (p *Prepared) Timed() bool { return p.timed }

// Filter returns the compiled filter, or nil.
func (p *Prepared) Filter() *filter.Filter { return p.filter }

// Steps does it for one goroutine.
type Steps struct {
	*Prepared
	masker           *mask.Masker
	lister           lister // of masked fields
	enriched, masked []byte

	seen    []byte             // the event that was scanned, or what Enrich made of it; nil for none
	wrong   error              // why seen is not JSON
	found   []jsonscan.Value   // of scan, in the event that was scanned
	members [64]jsonscan.Value // the values of its first members, which stand in seen, too
	noted   int                // of members
}

// Steps returns the steps for one goroutine.
func (p *Prepared) Steps() *Steps {
	s := &Steps{Prepared: p, found: make([]jsonscan.Value, p.wanted)}
	if p.masks != nil {
		s.masker = p.masks.Masker()
	}
	return s
}

// ErrNotLoaded says that a table of the enrichment is not there yet; it passes.
var ErrNotLoaded = enrich.ErrNotLoaded

// Passed says what the filter made of an event.
type Passed int

// What the filter says.
const (
	Passes   Passed = iota
	Filtered        // it is not to be delivered
	Unclear         // it cannot be judged, and is not delivered either
)

// look scans an event, unless it is the one that was scanned last.
func (s *Steps) look(event []byte) error {
	if !s.saw(event) {
		s.noted, s.wrong = s.scan.ScanMembers(event, s.found, s.members[:])
		s.seen = event
	}
	return s.wrong
}

// saw says whether an event is the one that was scanned last, or enriched after that.
func (s *Steps) saw(event []byte) bool {
	return len(event) > 0 && len(s.seen) == len(event) && &s.seen[0] == &event[0]
}

// Judge filters an event. It is the first step of each: what is found in the event serves Enrich and Mask too, if they are
// given the same memory, which nobody may change meanwhile. What stands elsewhere they look at themselves.
func (s *Steps) Judge(event []byte) Passed {
	s.seen = nil
	if s.filter == nil || s.filter.None() {
		return Passes
	}
	err := s.look(event)
	pass := false
	if err == nil {
		pass, err = s.filter.MatchFound(event, s.found)
	}
	switch {
	case err != nil:
		return Unclear
	case pass:
		return Passes
	}
	return Filtered
}

// Enrich adds to an event. The result is valid until the next call. The error is ErrNotLoaded, or what an error output
// says of the event.
func (s *Steps) Enrich(event []byte, stored, taken time.Time) ([]byte, *erroroutput.Failure, error) {
	if s.enricher == nil {
		return event, nil, nil
	}
	var err error
	if wrong := s.look(event); wrong != nil {
		err = enrich.Invalid(wrong)
	} else {
		var behind bool
		s.enriched, behind, err = s.enricher.ApplyFound(s.enriched[:0], event, s.found[s.enriches:], enrich.Info{Stored: stored, Taken: taken})
		if s.seen = nil; behind {
			s.seen = s.enriched
		}
	}
	if err != nil {
		return refusal(err)
	}
	return s.enriched, nil, nil
}

// refusal tells an event's error from that of a table which is not there.
func refusal(err error) ([]byte, *erroroutput.Failure, error) {
	var refused *enrich.Error
	if errors.As(err, &refused) {
		return nil, &refused.Failure, nil
	}
	return nil, nil, err
}

// Mask hides what is to be hidden. The result is valid until the next call. An event that cannot be read does not pass:
// nobody knows what it would show.
func (s *Steps) Mask(event []byte) ([]byte, mask.Done, *erroroutput.Failure) {
	if s.masker == nil {
		return event, mask.Done{}, nil
	}
	var members []jsonscan.Value
	if s.saw(event) && s.wrong == nil {
		members = s.members[:s.noted]
	}
	s.seen = nil
	masked, done, err := s.masker.ApplyKnown(s.masked[:0], event, members)
	if err != nil {
		return nil, mask.Done{}, &erroroutput.Failure{Type: erroroutput.Masking, Code: "Mask.InvalidEvent", Attempts: 1,
			Message: "The event is not a JSON object, so what it holds cannot be masked, and it is not shown here."}
	}
	s.masked = masked
	if s.listed {
		masked = s.lister.put(masked, done.Fields)
	}
	return masked, done, nil
}

// Shown returns what an error output may show of an event: masked, and nothing of one that cannot be masked. The result is
// the caller's.
func (s *Steps) Shown(event []byte) []byte {
	if s.masker == nil {
		return event
	}
	masked, _, err := s.masker.Apply(nil, event)
	if err != nil {
		return nil
	}
	return masked
}
