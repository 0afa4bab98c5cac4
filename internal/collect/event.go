package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// field is a field of an event, and where it comes from.
type field struct {
	name     string
	from     []source // the first of them that is given counts
	kind     string   // text, number, bool, object, list or any
	required bool
}

// source is a place in a request.
type source struct {
	kind string // query, body, header, client or server
	key  string
}

func (s source) String() string { return s.kind + "." + s.key }

// sources says in words where a field comes from.
func (f field) sources() string {
	var words []string
	for _, s := range f.from {
		words = append(words, s.String())
	}
	return strings.Join(words, " or ")
}

// refused says that a request cannot become an event.
func refused(code, format string, args ...any) *failure {
	return &failure{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// queryMax is the most parameters that are looked at.
const queryMax = 200

// parseQuery returns the parameters of a request's address, each of which may come once.
func parseQuery(r *http.Request) (map[string]string, error) {
	if strings.Count(r.URL.RawQuery, "&") >= queryMax {
		return nil, refused("bad_query", "the query has too many parameters")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refused("bad_query", "the query is not one of a URL")
	}
	query := make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, refused("bad_query", "a parameter of the query is given twice")
		}
		query[name] = all[0]
	}
	return query, nil
}

// request is what an event is made of.
type request struct {
	*collector
	*http.Request
	query   map[string]string
	members map[string]jsontext.Value // of the body
	client  netip.Addr
	now     time.Time
}

// event makes the event of a request.
func (c *collector) event(w http.ResponseWriter, r *http.Request, query map[string]string, client netip.Addr, now time.Time) ([]byte, error) {
	for name := range query {
		if !c.query[name] && !c.declared.IgnoreUnknown {
			return nil, refused("unknown_parameter", "the query has a parameter that is not collected; allowed are %s", c.queryNames)
		}
	}
	q := &request{c, r, query, nil, client, now}
	if r.Method == http.MethodPost {
		body, err := c.readBody(w, r)
		if err != nil {
			return nil, err
		}
		if q.members, err = c.readMembers(body); err != nil {
			return nil, err
		}
	}
	event := []byte{'{'}
	for _, f := range c.fields {
		value, err := q.value(f)
		if err != nil {
			return nil, err
		}
		if value == nil {
			if f.required {
				return nil, refused("missing_field", "field %s is missing; it comes from %s", f.name, f.sources())
			}
			continue
		}
		if len(event) > 1 {
			event = append(event, ',')
		}
		event, _ = jsontext.AppendQuote(event, f.name) // a plain name has no error
		event = append(append(event, ':'), value...)
	}
	if len(event) == 1 {
		return nil, refused("empty_event", "the request has none of the fields")
	}
	return append(event, '}'), nil
}

// readBody reads a body as far as it may go.
func (c *collector) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	switch kind, _, _ := mime.ParseMediaType(strings.Join(r.Header["Content-Type"], ",")); {
	case kind != "application/json" && kind != "text/plain" && r.Header.Get("Content-Type") != "":
		return nil, &failure{http.StatusUnsupportedMediaType, "unsupported_body", "want a body of the type application/json or text/plain"}
	case r.Header.Get("Content-Encoding") != "":
		return nil, &failure{http.StatusUnsupportedMediaType, "unsupported_body", "want a body that is not compressed"}
	}
	most := int64(c.declared.BodySize)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &failure{http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the body has more than %d bytes", most)}
	case err != nil:
		return nil, refused("bad_body", "the body cannot be read to its end")
	}
	return body, nil
}

// readMembers returns the members of a body by name. An empty body has none.
func (c *collector) readMembers(body []byte) (map[string]jsontext.Value, error) {
	notObject := refused("bad_body", "want a body that is one JSON object, in UTF-8 and with each name once")
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, notObject
	}
	members := map[string]jsontext.Value{}
	for decoder.PeekKind() == '"' {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, notObject
		}
		name := token.String()
		value, err := decoder.ReadValue()
		switch {
		case err != nil:
			return nil, notObject
		case c.body[name]:
			members[name] = value.Clone()
		case !c.declared.IgnoreUnknown:
			return nil, refused("unknown_member", "the body has a member that is not collected; allowed are %s", c.bodyNames)
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, notObject
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return nil, notObject
	}
	return members, nil
}

// value returns a field as JSON, or nil if the request does not have it.
func (q *request) value(f field) (value []byte, err error) {
	for _, s := range f.from {
		if value, err = q.from(f, s); value != nil || err != nil {
			break
		}
	}
	return value, err
}

func (q *request) from(f field, s source) ([]byte, error) {
	switch s.kind {
	case "body":
		return q.fromBody(f, q.members[s.key])
	case "query":
		text, given := q.query[s.key]
		if len(text) > int(q.declared.TextSize) {
			return nil, q.tooLong(f)
		}
		return fromText(f, text, given)
	case "header":
		return q.fromHeader(f, q.Header.Get(s.key))
	case "client":
		return fromText(f, q.client.String(), q.client.IsValid())
	}
	return fromText(f, q.now.UTC().Format("2006-01-02T15:04:05.000Z07:00"), true)
}

// fromHeader is for what the page does not choose: a text that is too long is cut.
func (q *request) fromHeader(f field, text string) ([]byte, error) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if most := int(q.declared.TextSize); len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") // without the part of a character
	}
	return fromText(f, text, text != "")
}

// fromText makes JSON of what is no JSON.
func fromText(f field, text string, given bool) ([]byte, error) {
	if !given {
		return nil, nil
	}
	switch f.kind {
	case "number":
		value := jsontext.Value(text)
		if value.Kind() != '0' || !value.IsValid() {
			return nil, wrong(f)
		}
		return bytes.TrimSpace(value), nil
	case "bool":
		if text != "true" && text != "false" {
			return nil, wrong(f)
		}
		return []byte(text), nil
	}
	if !utf8.ValidString(text) {
		return nil, refused("wrong_field", "field %s is not UTF-8", f.name)
	}
	return jsontext.AppendQuote(nil, text)
}

// kinds are the types of fields by how JSON begins.
var kinds = map[jsontext.Kind]string{'"': "text", '0': "number", 't': "bool", 'f': "bool", '{': "object", '[': "list"}

// fromBody checks the type of a member. null counts as not given.
func (q *request) fromBody(f field, value jsontext.Value) ([]byte, error) {
	kind := kinds[value.Kind()]
	switch {
	case value == nil || value.Kind() == 'n':
		return nil, nil
	case f.kind != "any" && f.kind != kind:
		return nil, wrong(f)
	case kind == "text" && len(value)-2 > int(q.declared.TextSize): // an escape counts as it is written
		return nil, q.tooLong(f)
	}
	if err := value.Compact(); err != nil {
		return nil, wrong(f)
	}
	return value, nil
}

func wrong(f field) error {
	return refused("wrong_field", "field %s, from %s, is not of its type; want %s", f.name, f.sources(), f.kind)
}

func (c *collector) tooLong(f field) error {
	return refused("wrong_field", "field %s, from %s, is longer than %d bytes", f.name, f.sources(), int64(c.declared.TextSize))
}
