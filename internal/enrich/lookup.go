package enrich

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"firehose/internal/jsonscan"
)

// Lookup gives an event the row of a table.
type Lookup struct {
	Name    string            `json:"name"`              // of the member that becomes the row
	Key     string            `json:"key"`               // path to the event's field, with dots
	File    string            `json:"file,omitempty"`    // of the table; one of File and URL
	URL     string            `json:"url,omitempty"`     // of the table
	Headers map[string]string `json:"headers,omitempty"` // of the request, such as Authorization
	Format  string            `json:"format,omitempty"`  // csv, json or ndjson; by the file's extension if empty, and json of a URL
	Column  string            `json:"column,omitempty"`  // of the rows, that is compared; the first of a csv, and id, if empty
	Refresh Duration          `json:"refresh,omitempty"` // from one look for changes to the next; 10 s of a file, 5 min of a URL if 0
	Miss    string            `json:"miss,omitempty"`    // what an event without a row gets: null, which is also meant by "", omit or reject
}

// Duration is written as in 10s or 5m.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// MarshalText writes a duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// What becomes of an event that has no row.
const (
	MissNull   = "null"
	MissOmit   = "omit"
	MissReject = "reject"
)

// refreshMin is the least time from one look to the next.
const refreshMin = time.Second

// lookup is a Lookup with its table.
type lookup struct {
	Lookup
	depth  int // of the key
	client *http.Client
	tell   func(string, error)
	opened time.Time
	source *source

	hits, misses atomic.Uint64

	failing bool // as was told; of Run
}

func newLookup(c Lookup, o Options) (*lookup, error) {
	l := &lookup{Lookup: c, depth: len(jsonscan.Dotted(c.Key)), client: o.Client, tell: o.Tell, opened: time.Now()}
	switch {
	case c.Name == "":
		return nil, errors.New("name is empty; it is the member that becomes the row")
	case c.Key == "" || slices.Contains(jsonscan.Dotted(c.Key), ""):
		return nil, fmt.Errorf("key %q is no path; write the names of the event's field with dots between, such as lead_data.state", c.Key)
	case (c.File == "") == (c.URL == ""):
		return nil, errors.New("one of file and url is needed")
	case !slices.Contains([]string{"", MissNull, MissOmit, MissReject}, c.Miss):
		return nil, fmt.Errorf("miss %q is none of null, omit, reject", c.Miss)
	case c.Refresh != 0 && time.Duration(c.Refresh) < refreshMin:
		return nil, fmt.Errorf("refresh %v is less than %v", time.Duration(c.Refresh), refreshMin)
	}
	if c.URL != "" {
		if err := l.checkURL(); err != nil {
			return nil, err
		}
	}
	if c.Refresh == 0 {
		l.Refresh = Duration(10 * time.Second)
		if c.URL != "" {
			l.Refresh = Duration(5 * time.Minute)
		}
	}
	return l, l.chooseFormat()
}

func (l *lookup) checkURL() error {
	to, err := url.Parse(l.URL)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return errors.New("url is no address; it begins with http:// or https:// and a host")
	}
	if l.client == nil {
		return errors.New("url: this server asks no other servers")
	}
	return nil
}

// chooseFormat sets the format and the column where they are not given.
func (l *lookup) chooseFormat() error {
	if l.Format == "" {
		l.Format = formatJSON
		if name := strings.ToLower(l.File); strings.HasSuffix(name, ".csv") {
			l.Format = formatCSV
		} else if strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".jsonl") {
			l.Format = formatNDJSON
		}
	}
	if !slices.Contains([]string{formatCSV, formatJSON, formatNDJSON}, l.Format) {
		return fmt.Errorf("format %q is none of csv, json, ndjson", l.Format)
	}
	return nil
}

var null = []byte("null")

// row returns the row of the value that was found for the key, or nil for none.
func (l *lookup) row(event []byte, v jsonscan.Value) ([]byte, error) {
	rows := l.source.rows.Load()
	if rows == nil {
		return nil, ErrNotLoaded
	}
	if v.Found() && v.Depth == l.depth {
		var short [64]byte
		if key, ok := appendKey(short[:0], event[v.Start:v.End]); ok {
			if row, ok := (*rows)[string(key)]; ok {
				l.hits.Add(1)
				return row, nil
			}
		}
	}
	l.misses.Add(1)
	switch l.Miss {
	case MissOmit:
		return nil, nil
	case MissReject:
		return nil, reject("LookupMiss", "the table %s has no row for the event's %s", l.Name, l.Key)
	}
	return null, nil
}

// appendKey appends the text by which a value is compared: a string as it reads, a number and true or false as spelled.
func appendKey(dst, value []byte) ([]byte, bool) {
	switch value[0] {
	case '{', '[', 'n':
		return dst, false
	case '"':
		return jsonscan.AppendText(dst, value), true
	}
	return append(dst, value...), true
}

// Load reads the tables that were not read yet. After an error, a *verdict.SetUp, it can be called again.
func (e *Enricher) Load(ctx context.Context) error {
	for _, l := range e.lookups {
		last := l.source.lastLook()
		if l.source.rows.Load() != nil {
			continue
		}
		if err := l.source.lookAgain(ctx, last.number); err != nil {
			return unreadable(l.Lookup, err)
		}
	}
	return nil
}

// Run keeps the tables up to date until the context ends. It is called once, after Load.
func (e *Enricher) Run(ctx context.Context) {
	if len(e.lookups) == 0 {
		return
	}
	for {
		next := slices.MinFunc(e.lookups, func(a, b *lookup) int { return a.due().Compare(b.due()) })
		timer := time.NewTimer(time.Until(next.due()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		last := next.source.lastLook()
		if time.Now().Before(next.dueAfter(last)) {
			next.note(last.err) // somebody else has looked meanwhile
			continue
		}
		err := next.source.lookAgain(ctx, last.number)
		if ctx.Err() != nil {
			return
		}
		next.note(err)
	}
}

// due is when the table is to be looked at again.
func (l *lookup) due() time.Time { return l.dueAfter(l.source.lastLook()) }

func (l *lookup) dueAfter(last look) time.Time { return last.at.Add(time.Duration(l.Refresh)) }

// note tells when the table begins and ceases to be out of date.
func (l *lookup) note(err error) {
	if l.failing != (err != nil) && l.tell != nil {
		l.tell(l.Name, err)
	}
	l.failing = err != nil
}

// Close gives the tables back, after Run.
func (e *Enricher) Close() {
	for _, l := range e.lookups {
		l.source.tables.close(l.source)
	}
}

// LookupStatus is where a lookup stands.
type LookupStatus struct {
	Name         string
	Hits, Misses uint64        // events with a row and without
	Age          time.Duration // since the table was last known to be up to date, or, before that, wanted
	Rows         int
	Failures     uint64 // looks at the table that failed
	Err          error  // of the last look
}

// Lookups returns where the lookups stand.
func (e *Enricher) Lookups() []LookupStatus {
	var list []LookupStatus
	for _, l := range e.lookups {
		last := l.source.lastLook()
		since := last.upToDate
		if since.IsZero() {
			since = l.opened
		}
		s := LookupStatus{Name: l.Name, Hits: l.hits.Load(), Misses: l.misses.Load(), Age: time.Since(since), Failures: last.failures, Err: last.err}
		if rows := l.source.rows.Load(); rows != nil {
			s.Rows = len(*rows)
		}
		list = append(list, s)
	}
	return list
}
