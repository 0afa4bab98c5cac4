package process

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"firehose/internal/enrich"
	"firehose/internal/erroroutput"
	"firehose/internal/filter"
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
}

// Surroundings are what the steps need of the server.
type Surroundings struct {
	Client *http.Client // for tables behind a URL
}

// Prepared is Events compiled, with its tables. Any number of goroutines may use it.
type Prepared struct {
	filter   *filter.Filter
	enricher *enrich.Enricher
	masks    *mask.Masks
	timed    bool
	listed   bool // masked fields, in the event
}

// Prepare compiles Events. Its tables are loaded by whoever runs Tables.
func Prepare(e Events, s Surroundings) (*Prepared, error) {
	p := &Prepared{}
	var err error
	if e.Filter != nil {
		if p.filter, err = filter.Compile(*e.Filter); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	if e.Enrich != nil {
		p.timed = e.Enrich.Processing || len(e.Enrich.Lookups) > 0
		if p.enricher, err = enrich.Compile(*e.Enrich, enrich.Options{Client: s.Client}); err != nil {
			return nil, fmt.Errorf("enrich: %w", err)
		}
	}
	if len(e.Masks) > 0 {
		if p.masks, err = mask.Compile(e.Masks, e.Key); err != nil {
			return nil, fmt.Errorf("mask: %w", err)
		}
		p.listed = e.MaskedFields
	}
	return p, nil
}

// Tables returns the enrichment whose tables are to be loaded and kept fresh, or nil.
func (p *Prepared) Tables() *enrich.Enricher { return p.enricher }

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
}

// Steps returns the steps for one goroutine.
func (p *Prepared) Steps() *Steps {
	s := &Steps{Prepared: p}
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

// Judge filters an event.
func (s *Steps) Judge(event []byte) Passed {
	if s.filter == nil {
		return Passes
	}
	switch pass, err := s.filter.Match(event); {
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
	s.enriched, err = s.enricher.Apply(s.enriched[:0], event, enrich.Info{Stored: stored, Taken: taken})
	var refused *enrich.Error
	switch {
	case errors.As(err, &refused):
		return nil, &refused.Failure, nil
	case err != nil:
		return nil, nil, err
	}
	return s.enriched, nil, nil
}

// Mask hides what is to be hidden. The result is valid until the next call. An event that cannot be read does not pass:
// nobody knows what it would show.
func (s *Steps) Mask(event []byte) ([]byte, mask.Done, *erroroutput.Failure) {
	if s.masker == nil {
		return event, mask.Done{}, nil
	}
	masked, done, err := s.masker.Apply(s.masked[:0], event)
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
