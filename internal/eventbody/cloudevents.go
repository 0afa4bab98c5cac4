package eventbody

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/jsonscan"
)

// CloudEvents says which fields of an event become the attributes of a CloudEvent. A path has dots between its names.
//
// Strings stand as they read, numbers, true and false as they are spelled; other values count as missing. A missing id
// becomes the batch's id, a dash and the sequence, which are the same in each retry. A source is escaped where it is no
// URI reference. Where CloudEvents do not allow a value, a time that is not of RFC 3339 or a control character, an optional
// attribute is left out, and for a required one the event is refused.
//
// An event that is a CloudEvent already, by the attributes that are required, stays as it is; unless it has
// firehose_metadata, since no attribute can be called so.
type CloudEvents struct {
	ID            string            `json:"id,omitempty"`             // event_id
	Source        string            `json:"source,omitempty"`         // a path; none if empty
	SourceDefault string            `json:"source_default,omitempty"` // for events without one, such as /streams/leads; required
	Type          string            `json:"type,omitempty"`           // event_type
	TypeDefault   string            `json:"type_default,omitempty"`   // for events without one: event
	Time          string            `json:"time,omitempty"`           // timestamp
	Subject       string            `json:"subject,omitempty"`        // none if empty
	Data          string            `json:"data,omitempty"`           // the whole event if empty
	Extensions    map[string]string `json:"extensions,omitempty"`     // names of attributes to paths
}

// Places of the paths; those of extensions follow.
const (
	placeID = iota
	placeSource
	placeType
	placeTime
	placeSubject
	placeData
	placeMetadata
	placeOwn        // of the attributes in required
	placeExtensions = placeOwn + len(required)
)

// required are the attributes of every CloudEvent.
var required = [...]string{"specversion", "id", "source", "type"}

// envelopes is the form of CloudEvents.
type envelopes struct {
	array
	CloudEvents
	paths      *jsonscan.Paths
	depths     []int // 0 for no path
	extensions []string
}

func (c CloudEvents) compile() (form, error) {
	for _, d := range []struct {
		member *string
		value  string
	}{{&c.ID, "event_id"}, {&c.Type, "event_type"}, {&c.TypeDefault, "event"}, {&c.Time, "timestamp"}} {
		if *d.member == "" {
			*d.member = d.value
		}
	}
	if source, ok := uriReference([]byte(c.SourceDefault)); !ok || source != c.SourceDefault {
		return nil, fmt.Errorf("source_default %q is no URI reference; write one such as /streams/leads", c.SourceDefault)
	}
	if !printable(c.TypeDefault) {
		return nil, fmt.Errorf("type_default %q holds a control character", c.TypeDefault)
	}
	f := &envelopes{CloudEvents: c, extensions: slices.Sorted(maps.Keys(c.Extensions))}
	texts := append([]string{c.ID, c.Source, c.Type, c.Time, c.Subject, c.Data, "firehose_metadata"}, required[:]...)
	for _, name := range f.extensions {
		if !extensionName(name) {
			return nil, fmt.Errorf("extensions: %q cannot be the name of one; use up to 20 small letters and digits, and no name of CloudEvents' own", name)
		}
		if c.Extensions[name] == "" {
			return nil, fmt.Errorf("extensions: %s has no path", name)
		}
		texts = append(texts, c.Extensions[name])
	}
	var paths [][]string
	for _, text := range texts {
		var path []string
		if text != "" {
			path = jsonscan.Dotted(text)
		}
		if slices.Contains(path, "") {
			return nil, fmt.Errorf("path %q has an empty name; write names with single dots between", text)
		}
		paths, f.depths = append(paths, path), append(f.depths, len(path))
	}
	f.paths = jsonscan.Compile(paths...)
	return f, nil
}

func extensionName(name string) bool {
	own := []string{"id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time", "data"}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return name != "" && len(name) <= 20 && !slices.Contains(own, name)
}

// fields are the values of an event's paths.
type fields struct {
	event  []byte
	found  []jsonscan.Value
	depths []int
}

// value returns what stands at a place's path.
func (f fields) value(place int) ([]byte, bool) {
	v := f.found[place]
	if f.depths[place] == 0 || !v.Found() || v.Depth != f.depths[place] {
		return nil, false
	}
	return f.event[v.Start:v.End], true
}

// text returns what a scalar reads as; an empty string counts as missing.
func (f fields) text(dst []byte, place int) ([]byte, bool) {
	value, ok := f.value(place)
	if !ok {
		return nil, false
	}
	switch value[0] {
	case '{', '[', 'n':
		return nil, false
	case '"':
		value = jsonscan.AppendText(dst, value)
	}
	return value, len(value) > 0
}

// isCloudEvent says whether an event is one that can be among others as it is.
func (f fields) isCloudEvent() bool {
	for i := range required {
		var short [128]byte
		value, ok := f.value(placeOwn + i)
		if !ok || value[0] != '"' {
			return false
		}
		text := jsonscan.AppendText(short[:0], value)
		if len(text) == 0 || i == 0 && string(text) != "1.0" || !printable(string(text)) {
			return false
		}
	}
	_, stamped := f.value(placeMetadata)
	return !stamped
}

func (e *envelopes) event(dst, event []byte, at position) ([]byte, error) {
	var places [16]jsonscan.Value
	found := places[:]
	if len(e.depths) > len(places) {
		found = make([]jsonscan.Value, len(e.depths))
	}
	if err := e.paths.Scan(event, found); err != nil {
		return dst, invalid{err}
	}
	f := fields{event, found, e.depths}
	if f.isCloudEvent() {
		return append(arraySeparator(dst, at), event...), nil
	}
	w := writer{dst: append(arraySeparator(dst, at), `{"specversion":"1.0"`...)}
	e.attributes(&w, f, at)
	if w.err != nil {
		return dst, w.err
	}
	return append(w.dst, '}'), nil
}

// attributes writes what follows the version.
func (e *envelopes) attributes(w *writer, f fields, at position) {
	var short [128]byte
	if id, ok := f.text(short[:0], placeID); ok {
		w.text("id", string(id))
	} else {
		w.text("id", at.batchID+"-"+strconv.Itoa(at.sequence))
	}
	source := e.SourceDefault
	if given, ok := f.text(short[:0], placeSource); ok {
		if source, ok = uriReference(given); !ok {
			w.fail(errors.New("the event's source cannot be made a URI reference"))
		}
	}
	w.text("source", source)
	if kind, ok := f.text(short[:0], placeType); ok {
		w.text("type", string(kind))
	} else {
		w.text("type", e.TypeDefault)
	}
	if subject, ok := f.text(short[:0], placeSubject); ok {
		w.optional("subject", string(subject))
	}
	if text, ok := f.text(short[:0], placeTime); ok {
		if t, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
			w.text("time", t.Format(time.RFC3339Nano))
		}
	}
	for i, name := range e.extensions {
		w.extension(name, f, placeExtensions+i)
	}
	w.text("datacontenttype", "application/json")
	if data, ok := f.value(placeData); ok {
		w.raw("data", data)
	} else if e.Data == "" {
		w.raw("data", f.event)
	}
}

// writer writes the members of a CloudEvent.
type writer struct {
	dst []byte
	err error // the first
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) raw(name string, value []byte) {
	w.dst = append(append(append(w.dst, `,"`...), name...), `":`...)
	w.dst = append(w.dst, value...)
}

// optional writes an attribute that may be missing.
func (w *writer) optional(name, text string) {
	if printable(text) {
		w.text(name, text)
	}
}

// text writes an attribute. Their strings must not hold control characters.
func (w *writer) text(name, text string) {
	if !printable(text) {
		w.fail(fmt.Errorf("the event's %s holds a control character", name))
		return
	}
	w.raw(name, nil)
	w.dst, _ = jsontext.AppendQuote(w.dst, text) // the error tells of replaced bytes
}

// extension writes an attribute that keeps its type where CloudEvents have it: whole numbers of 32 bits, true and false.
func (w *writer) extension(name string, f fields, place int) {
	value, ok := f.value(place)
	if !ok {
		return
	}
	if _, err := strconv.ParseInt(string(value), 10, 32); err == nil || value[0] == 't' || value[0] == 'f' {
		w.raw(name, value)
		return
	}
	var short [128]byte
	if text, ok := f.text(short[:0], place); ok {
		w.optional(name, string(text))
	}
}

func printable(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
			return false
		}
	}
	return true
}

// uriReference escapes what may not stand in a URI reference, and says whether it is one then.
func uriReference(text []byte) (string, bool) {
	var escaped []byte
	for i, c := range text {
		if c == '%' && !isEscape(text[i:]) || c != '%' && !inURI(c) {
			escaped = fmt.Appendf(escaped, "%%%02X", c)
			continue
		}
		escaped = append(escaped, c)
	}
	_, err := url.Parse(string(escaped))
	return string(escaped), err == nil && len(escaped) > 0
}

func inURI(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:/?#[]@!$&'()*+,;=", c) >= 0
}

// isEscape says whether a text begins with a percent sign and two hexadecimal digits.
func isEscape(text []byte) bool {
	if len(text) < 3 {
		return false
	}
	_, err := strconv.ParseUint(string(text[1:3]), 16, 8)
	return err == nil
}
