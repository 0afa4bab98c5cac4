package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"firehose/internal/record"
	"firehose/internal/stream"
)

// Errors of Put.
var (
	ErrOtherLanguage = errors.New("the stream was made through Amazon's API and is changed there")
	ErrVersion       = errors.New("the stream has another version than the request expects")
)

// Streams is what Put needs of whoever keeps the streams.
type Streams interface {
	Get(key stream.Key) (stream.Stream, error)
	Create(ctx context.Context, s stream.Stream) error
	Update(ctx context.Context, key stream.Key, change func(*stream.Stream) error) (stream.Stream, error)
}

// Options says under which conditions a document is put.
type Options struct {
	Versions []int  // the stream must have one of these; nil for any
	Exists   bool   // the stream must exist
	New      bool   // the stream must not exist
	DryRun   bool   // only say what would change
	Applied  string // digest to note with the stream, when the document comes from the configuration file
	Now      time.Time
}

// Outcome is what became of a document.
type Outcome struct {
	Stream  stream.Stream
	Created bool
	Changes []Change // empty if the stream is as the document says already

	// Warnings tell of what the document says and nobody does.
	Warnings []Warning
}

// Warning is something that a document says and that has no effect on the stream.
type Warning struct {
	Path    string `json:"path"` // as in a Change
	Message string `json:"message"`
}

// errUnchanged ends an update that would change nothing; it is no failure.
var errUnchanged = errors.New("nothing to change")

// Put creates or changes a stream so that it is as the document says. A document that says what the stream is already makes
// no new version. Errors: Problems, ErrOtherLanguage, ErrVersion, and those of streams.
func Put(ctx context.Context, streams Streams, key stream.Key, d *Document, o Options) (Outcome, error) {
	if err := d.Check(); err != nil {
		return Outcome{}, err
	}
	if err := d.begins(o.Now); err != nil {
		return Outcome{}, err
	}
	current, err := streams.Get(key)
	if errors.Is(err, stream.ErrNotFound) {
		return create(ctx, streams, key, d, o)
	}
	if err != nil {
		return Outcome{}, err
	}
	var done Outcome
	change := func(s *stream.Stream) (err error) {
		done, err = o.change(s, d)
		return err
	}
	if o.DryRun {
		would := current.Clone()
		err = change(&would)
	} else if changed, failed := streams.Update(ctx, key, change); failed == nil {
		current = changed
	} else {
		err = failed
	}
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	done.Stream = current
	return done, err
}

// begins checks that no destination begins later than now: it would wait for nothing, and begin at once.
func (d *Document) begins(now time.Time) error {
	var problems Problems
	for i := range d.Destinations {
		if to := &d.Destinations[i]; to.start().Time.After(now) {
			problems.add(fmt.Sprintf("destinations[%d].start", i), to.Start, "is still to come; left out, it begins now")
		}
	}
	return problems.err()
}

func create(ctx context.Context, streams Streams, key stream.Key, d *Document, o Options) (Outcome, error) {
	if o.Versions != nil || o.Exists {
		return Outcome{}, fmt.Errorf("%w: there is no such stream", ErrVersion)
	}
	s := stream.Stream{
		Key: key, ID: record.NewStreamID(), Type: "DirectPut", Status: stream.Creating,
		Version: 1, Language: Language, Documents: map[int]json.RawMessage{1: d.Stored()},
		Created: o.Now.UTC(), Encryption: stream.Encryption{Status: stream.EncryptionDisabled}, Applied: o.Applied,
	}
	if !o.DryRun {
		if err := streams.Create(ctx, s); err != nil {
			return Outcome{}, err
		}
	}
	return Outcome{Stream: s, Created: true, Changes: d.Changes(nil)}, nil
}

// change puts the document into a declaration and says what becomes different. It returns errUnchanged if nothing does.
func (o Options) change(s *stream.Stream, d *Document) (done Outcome, err error) {
	switch {
	case s.Language != Language:
		return done, ErrOtherLanguage
	case s.Status != stream.Active:
		return done, stream.ErrNotActive
	case o.New:
		return done, fmt.Errorf("%w: there is one already, of version %d", ErrVersion, s.Version)
	case o.Versions != nil && !slices.Contains(o.Versions, s.Version):
		return done, fmt.Errorf("%w: it is %d", ErrVersion, s.Version)
	}
	before, _, err := Stored(s.Document())
	if err != nil {
		return done, fmt.Errorf("read the stored document: %w", err)
	}
	if err := d.succeeds(before); err != nil {
		return done, err
	}
	noted := o.Applied == "" || o.Applied == s.Applied
	if o.Applied != "" {
		s.Applied = o.Applied
	}
	done.Changes, done.Warnings = d.Changes(before), d.begun(before)
	if len(done.Changes) == 0 {
		if noted || o.DryRun {
			err = errUnchanged
		}
		return done, err
	}
	s.Version++
	s.Documents[s.Version] = d.Stored()
	s.Updated = o.Now.UTC()
	return done, nil
}

// startNow is the start of a destination that says none.
const startNow = "now"

// begun warns where a destination that there is already gets another start: it has begun. It may lose the one it had, which
// is how a document is tidied up.
func (d *Document) begun(before *Document) (warnings []Warning) {
	for i := range d.Destinations {
		to := &d.Destinations[i]
		for j := range before.Destinations {
			old := &before.Destinations[j]
			now, then := to.start(), old.start()
			if same := now.Oldest == then.Oldest && now.Time.Equal(then.Time); old.ID != to.ID || same || to.Start == startNow {
				continue
			}
			warnings = append(warnings, Warning{Path: "destinations[" + to.ID + "].start", Message: fmt.Sprintf("%s has no effect: it says where a new destination begins, and %s is "+
				"there already. To deliver what was put before, use firehose replay", to.Start, to.ID)})
		}
	}
	return warnings
}

// succeeds checks that the document can take the place of another. A destination keeps its type, because its cursor, its
// metrics and what it has in flight are of that type.
func (d *Document) succeeds(before *Document) error {
	var problems Problems
	for i, to := range d.Destinations {
		for _, old := range before.Destinations {
			if old.ID == to.ID && old.Type != to.Type {
				problems.add(fmt.Sprintf("destinations[%d].type", i), to.Type, "is another than before, %s; give the destination another id", old.Type)
			}
		}
	}
	return problems.err()
}
