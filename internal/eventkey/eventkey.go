// Package eventkey names the objects of event streams, in a language of templates of its own beside Amazon's prefixes:
//
//	events/year={{year}}/month={{month}}/flow={{flow_id}}/state={{lead_data.state}}/
//	events-{{YYYY}}-{{MM}}-{{DD}}-{{HH}}-{{mm}}-{{ss}}-{{unique}}
//
// The first is a folder, the second a file pattern; a key is the folder, the file, and the extension of the body's form.
// In double braces stands a part of the time (year, month, day, hour, minute, second, also as YYYY, MM, DD, HH, mm, ss, and
// date for YYYY-MM-DD), unique, or the path of an event's field. A field whose name is also one of those words is written
// with a dot before it: {{.year}}.
//
// Fields divide a stream: all events of an object have the same values, so the values are the partition of its batch. They
// are made safe before that. A value can be made of nothing but letters, digits, dash, underscore and single dots in
// between, can neither leave its folder nor make another, and is never empty: what is missing, null, empty or no scalar is
// called unknown, or as Config says. What is longer than 96 bytes, or less where several fields share a name between slashes,
// is cut and told apart by its digest: no event can make a name that a file system does not hold.
//
// The time is the arrival of the batch's first event in the zone of Config. Unique is derived from the batch's identity. So
// a key depends neither on the clock nor on chance, and a batch that is written again is written over itself. Because of
// that two batches must never share a name, and a file pattern without unique is refused. Sixteen letters and digits of
// unique, 82 bits, are enough for all objects of one second in one folder, whatever their number; fewer are the user's risk.
package eventkey

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones must not depend on the machine's files

	"firehose/internal/jsonscan"
	"firehose/internal/jsonscan/splice"
	"firehose/internal/objectkey"
)

// Config says how objects are named. Empty members stand for their defaults.
type Config struct {
	Folder  string `json:"folder,omitempty"`  // template of the folder, with a slash at its end; a slash before it counts for nothing
	File    string `json:"file,omitempty"`    // pattern of the name without its extension
	Zone    string `json:"zone,omitempty"`    // IANA name of the time zone; UTC
	Missing string `json:"missing,omitempty"` // stands for a field that has no value; unknown
}

// Defaults of a Config.
const (
	FolderDefault  = "{{year}}/{{month}}/{{day}}/{{hour}}/"
	FileDefault    = "events-{{YYYY}}-{{MM}}-{{DD}}-{{HH}}-{{mm}}-{{ss}}-{{unique}}"
	MissingDefault = "unknown"
)

// Bounds in bytes. Room for the extension is kept.
const (
	keyMax       = 1024 // the longest key that S3 takes
	nameMax      = 255  // the longest name between slashes that file systems take
	extensionMax = 128
)

// Template is a compiled Config. It does not change, so any number of goroutines may use it.
type Template struct {
	segments []segment
	zone     *time.Location
	missing  string
	fields   []string // paths, each once, in the order of their first use
	limits   []int    // how long their values may be
	depths   []int    // of the paths
	paths    *jsonscan.Paths
}

// segment is a piece of a key.
type segment struct {
	kind  kind
	text  string // of literals, and the layout of times
	index int    // of fields: in Template.fields
	count int    // of unique: characters
}

type kind byte

const (
	literal kind = iota
	clock
	field
	unique
)

// Compile checks a Config. Its errors name the member, the piece that is wrong, and what is allowed.
func Compile(c Config) (*Template, error) {
	for _, d := range []struct {
		member *string
		value  string
	}{{&c.Folder, FolderDefault}, {&c.File, FileDefault}, {&c.Zone, "UTC"}, {&c.Missing, MissingDefault}} {
		if *d.member == "" {
			*d.member = d.value
		}
	}
	t := &Template{missing: c.Missing}
	if len(c.Missing) > valueMin || c.Missing != string(appendSafe(nil, []byte(c.Missing), valueMin)) {
		return nil, fmt.Errorf("missing %q is no safe part of a key; use up to %d letters, digits, dashes and underscores", c.Missing, valueMin)
	}
	var err error
	if t.zone, err = parseZone(c.Zone); err != nil {
		return nil, err
	}
	if err := t.parse("folder", strings.TrimPrefix(c.Folder, "/"), true); err != nil {
		return nil, err
	}
	if last := len(t.segments) - 1; last >= 0 && !(t.segments[last].kind == literal && strings.HasSuffix(t.segments[last].text, "/")) {
		return nil, fmt.Errorf("folder %q does not end with a slash", c.Folder)
	}
	if err := t.parse("file", c.File, false); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(t.segments, func(s segment) bool { return s.kind == unique }) {
		return nil, fmt.Errorf("file %q has no {{unique}}; without it one object could take another's place", c.File)
	}
	if longest := t.longest(); longest > keyMax {
		return nil, fmt.Errorf("keys could become %d bytes long, more than the %d that object stores take; use fewer fields", longest, keyMax)
	}
	t.compileFields()
	if err := t.limit(); err != nil {
		return nil, err
	}
	return t, nil
}

// limit shares the bytes of each name between slashes among its fields.
func (t *Template) limit() error {
	t.limits = slices.Repeat([]int{valueMax}, len(t.fields))
	var name []segment
	for _, s := range append(slices.Clone(t.segments), segment{kind: literal, text: strings.Repeat("x", extensionMax) + "/"}) {
		for s.kind == literal && strings.Contains(s.text, "/") {
			var before string
			before, s.text, _ = strings.Cut(s.text, "/")
			if err := t.limitName(append(name, segment{kind: literal, text: before})); err != nil {
				return err
			}
			name = nil
		}
		name = append(name, s)
	}
	return nil
}

// limitName shares what literals, times and unique leave of one name.
func (t *Template) limitName(name []segment) error {
	left, values := nameMax, 0
	for _, s := range name {
		switch s.kind {
		case field:
			values++
		case unique:
			left -= s.count
		default:
			left -= len(s.text)
		}
	}
	if left < values*valueMin {
		return fmt.Errorf("a name between slashes could become longer than the %d bytes that file systems take; divide it by a slash", nameMax)
	}
	for _, s := range name {
		if s.kind == field {
			t.limits[s.index] = min(t.limits[s.index], left/values)
		}
	}
	return nil
}

func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("zone %q is not known; use an IANA name such as Europe/Berlin, or UTC", name)
	}
	return zone, nil
}

func (t *Template) compileFields() {
	var paths [][]string
	for _, f := range t.fields {
		path := jsonscan.Dotted(f)
		paths, t.depths = append(paths, path), append(t.depths, len(path))
	}
	t.paths = jsonscan.Compile(paths...)
}

// longest is the length of the longest key.
func (t *Template) longest() int {
	n := extensionMax
	for _, s := range t.segments {
		switch s.kind {
		case field:
			n += max(valueMax, len(t.missing))
		case unique:
			n += s.count
		default: // a layout is as long as what it stands for
			n += len(s.text)
		}
	}
	return n
}

// Fields returns the paths of the event's fields that decide about the key, each once.
func (t *Template) Fields() []string { return slices.Clone(t.fields) }

// errNoObject says that an event has no fields.
var errNoObject = errors.New("the event is no JSON object")

// Values appends the safe values of the fields of an event, in the order of Fields: the parts of its partition. The error
// is the event's.
func (t *Template) Values(dst []string, event []byte) ([]string, error) {
	var places [8]jsonscan.Value
	found := places[:]
	if len(t.fields) > len(places) {
		found = make([]jsonscan.Value, len(t.fields))
	}
	if err := t.paths.Scan(event, found); err != nil {
		return dst, fmt.Errorf("the event is not JSON: %w", err)
	}
	if !splice.IsObject(event) {
		return dst, errNoObject
	}
	for i, depth := range t.depths {
		value := t.missing
		if v := found[i]; v.Found() && v.Depth == depth {
			value = t.value(event[v.Start:v.End], t.limits[i])
		}
		dst = append(dst, value)
	}
	return dst, nil
}

// value is what stands in a key for a value of JSON, of so many bytes at most.
func (t *Template) value(spelled []byte, most int) string {
	var short, clean [128]byte
	switch spelled[0] {
	case '{', '[', 'n':
		return t.missing
	case '"':
		spelled = jsonscan.AppendText(short[:0], spelled)
	}
	if len(spelled) == 0 {
		return t.missing
	}
	return string(appendSafe(clean[:0], spelled, most))
}

// Key returns the key of an object: of the batch whose first event arrived at a time, whose partition has the values that
// Values gave, and whose identity is id.
func (t *Template) Key(at time.Time, values []string, id objectkey.UUID, extension string) string {
	at = at.In(t.zone)
	key := make([]byte, 0, 128)
	for _, s := range t.segments {
		switch s.kind {
		case literal:
			key = append(key, s.text...)
		case clock:
			key = at.AppendFormat(key, s.text)
		case field:
			key = append(key, values[s.index]...)
		case unique:
			key = appendUnique(key, id, s.count)
		}
	}
	return string(append(key, extension...))
}
