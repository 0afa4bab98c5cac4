// Package enrich adds to events what their producers do not know: constant tags, what is said of the stream and its
// account, how long the event was on its way, and rows of tables.
//
// All of it stands in one object of the event, enrichment unless it is called otherwise:
//
//	"enrichment":{"flow_name":"Solar CA","processing":{"stored_at":"2026-02-03T04:05:06.789Z","queue_ms":812},"tags":{"team":"west"},"region":{…}}
//
// Other members of that object stay; those that are set here are replaced, so that a producer cannot forge them. The rest
// of an event is not decoded and not changed, whatever is in it.
//
// Tables are held in memory, whole, so they are bounded, each and together: one that is larger is not taken, and told of
// with the bound. Load reads them for the first time, and Run keeps them up to date: files are read again when their size
// or time changes, tables behind a URL are asked for with the tag of the version at hand. A table that cannot be read any
// more is used on as it was, and that is told once. So a lookup costs an event some nanoseconds and never waits, but what
// it gives depends on when it is asked: a replay may find another row than the first try.
//
// The package never decides whom an HTTP request may reach; the client that is given to it does. Nothing of an event
// stands in an error: enrichment comes before masks.
package enrich

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"firehose/internal/erroroutput"
	"firehose/internal/jsonscan"
	"firehose/internal/jsonscan/splice"
)

// Config says what is added to events.
type Config struct {
	Path       string            `json:"path,omitempty"`       // to the object it stands in, with dots; enrichment if empty
	Tags       map[string]string `json:"tags,omitempty"`       // under tags
	Metadata   map[string]any    `json:"metadata,omitempty"`   // members of the object itself: stream, account, flow_name
	Processing bool              `json:"processing,omitempty"` // stored_at and queue_ms, under processing
	Lookups    []Lookup          `json:"lookups,omitempty"`
}

// Options are what lookups need of their surroundings.
type Options struct {
	Tables *Tables                        // that hold them; nil for some of its own
	Client *http.Client                   // for tables behind a URL
	Tell   func(lookup string, err error) // that a table is out of date from now on, or with nil that it is no more; from Run
}

// Info says what is known of an event's way. A zero time leaves out what would be said of it. The numbers
// change an event's length: only if a replay gives the same times does it make the same events.
type Info struct {
	Stored time.Time // it was durable
	Taken  time.Time // it was read for this delivery
}

// Enricher is a compiled Config with its tables. Any number of goroutines may use it.
type Enricher struct {
	paths    [][]string      // the keys of the lookups, then the first name of the target
	scan     *jsonscan.Paths // for paths
	members  *splice.Members
	constant [][]byte // a value for each member; nil for what differs from event to event
	timed    int      // member of the times, or -1
	lookups  []*lookup
}

// DefaultPath is where what is added stands if nothing else is said.
const DefaultPath = "enrichment"

// ErrNotLoaded says that Load has not succeeded yet.
var ErrNotLoaded = errors.New("the tables of the enrichment are not loaded yet")

// Error is why an event cannot be enriched.
type Error struct{ Failure erroroutput.Failure }

func (e *Error) Error() string { return e.Failure.Message }

func reject(code, format string, args ...any) error {
	return &Error{erroroutput.Failure{Type: erroroutput.Enrichment, Code: "Enrichment." + code, Message: fmt.Sprintf(format, args...), Attempts: 1}}
}

// Compile checks a Config. Its tables are not read yet. An enricher that is not used any more is closed.
func Compile(c Config, o Options) (*Enricher, error) {
	if c.Path == "" {
		c.Path = DefaultPath
	}
	path := jsonscan.Dotted(c.Path)
	if slices.Contains(path, "") {
		return nil, fmt.Errorf("path %q has an empty name; write names with single dots between, such as %s", c.Path, DefaultPath)
	}
	e := &Enricher{timed: -1}
	names, err := e.constants(c)
	if err != nil {
		return nil, err
	}
	var keys [][]string
	for i, l := range c.Lookups {
		made, err := newLookup(l, o)
		if err != nil {
			return nil, fmt.Errorf("lookups[%d]: %w", i, err)
		}
		e.lookups = append(e.lookups, made)
		keys = append(keys, jsonscan.Dotted(l.Key))
		names = append(names, l.Name)
		e.constant = append(e.constant, nil)
	}
	sorted := slices.Sorted(slices.Values(names))
	for i, name := range sorted {
		if i > 0 && name == sorted[i-1] {
			return nil, fmt.Errorf("%s.%s is set twice; give the lookup, the metadata or the tags another name", c.Path, name)
		}
	}
	if o.Tables == nil {
		o.Tables = NewTables(tableMax.bytes)
	}
	for _, l := range e.lookups {
		l.source = o.Tables.open(l.Lookup, l.client)
	}
	e.paths = append(keys, path[:1])
	e.scan = jsonscan.Compile(e.paths...)
	e.members = splice.Compile(path, names...)
	return e, nil
}

// constants notes the values that are the same in all events, and the place of the times.
func (e *Enricher) constants(c Config) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.Metadata)) {
		value, err := json.Marshal(c.Metadata[name])
		if err != nil {
			return nil, fmt.Errorf("metadata.%s: %w", name, err)
		}
		names, e.constant = append(names, name), append(e.constant, value)
	}
	if len(c.Tags) > 0 {
		value, err := json.Marshal(c.Tags)
		if err != nil {
			return nil, fmt.Errorf("tags: %w", err)
		}
		names, e.constant = append(names, "tags"), append(e.constant, value)
	}
	if c.Processing {
		e.timed = len(names)
		names, e.constant = append(names, "processing"), append(e.constant, nil)
	}
	return names, nil
}

// Apply appends an enriched event to dst. The error is an *Error for an event that is no JSON object or has no row where
// it must have one, and ErrNotLoaded.
func (e *Enricher) Apply(dst, event []byte, info Info) ([]byte, error) {
	var places [8]jsonscan.Value
	found := places[:]
	if len(e.lookups) >= len(places) {
		found = make([]jsonscan.Value, len(e.lookups)+1)
	}
	if err := e.scan.Scan(event, found); err != nil {
		return dst, Invalid(err)
	}
	dst, _, err := e.ApplyFound(dst, event, found, info)
	return dst, err
}

// Invalid is the error of Apply for an event that is not JSON. It says where, and not which character stands there.
func Invalid(why error) error {
	var at *jsonscan.SyntaxError
	if !errors.As(why, &at) {
		return reject("InvalidEvent", "the event is not JSON")
	}
	return reject("InvalidEvent", "the event is not JSON at offset %d", at.Offset)
}

// Paths returns the members that Apply looks at, for those who scan an event for more than one purpose. Nobody may change
// them.
func (e *Enricher) Paths() [][]string { return e.paths }

// ApplyFound is Apply for an event in which Paths were found by a scan. It says whether the event's own members stand in
// the result where they stood, with what is added behind them.
func (e *Enricher) ApplyFound(dst, event []byte, found []jsonscan.Value, info Info) (enriched []byte, behind bool, err error) {
	if !splice.IsObject(event) {
		return dst, false, reject("InvalidEvent", "the event is no JSON object")
	}
	if len(e.constant) == 0 {
		return append(dst, event...), true, nil // there is nothing to add
	}
	values := e.constant
	var list [16][]byte
	if e.timed >= 0 || len(e.lookups) > 0 {
		values = append(list[:0], e.constant...)
	}
	if e.timed >= 0 {
		values[e.timed] = info.appendTo(make([]byte, 0, 80))
	}
	for i, l := range e.lookups {
		row, err := l.row(event, found[i])
		if err != nil {
			return dst, false, err
		}
		values[len(values)-len(e.lookups)+i] = row
	}
	if found[len(e.lookups)].Found() {
		enriched, err = e.members.Put(dst, event, values)
		return enriched, false, err
	}
	return e.members.Append(dst, event, values), true, nil
}

// appendTo appends the times as an object.
func (i Info) appendTo(dst []byte) []byte {
	dst = append(dst, '{')
	if i.Stored.IsZero() {
		return append(dst, '}')
	}
	dst = append(i.Stored.UTC().AppendFormat(append(dst, `"stored_at":"`...), "2006-01-02T15:04:05.000Z"), '"')
	if !i.Taken.IsZero() {
		dst = strconv.AppendInt(append(dst, `,"queue_ms":`...), max(i.Taken.Sub(i.Stored).Milliseconds(), 0), 10)
	}
	return append(dst, '}')
}
