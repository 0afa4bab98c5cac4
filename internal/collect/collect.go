// Package collect is the door for web pages: /collect/NAME takes one event a request, without credentials, for streams whose
// document declares a collector (native.Collector).
//
//	GET     answers a transparent GIF of one pixel, for <img>; of what is refused only a header tells, unless the collector
//	        is strict, because a page must not show a broken image for a lost event
//	POST    answers 204; fetch and navigator.sendBeacon send a JSON object as text/plain or application/json
//	OPTIONS answers what browsers ask before they send application/json from elsewhere (CORS)
//
// Whoever reads a page can send what it sends: the write key is public, and an origin is what a browser says it is. So an
// event is built from nothing but the declared sources, each checked, and addresses as well as the whole are limited. The
// steps of a request, the cheap ones first:
//
//	key      which stream, by name and write key; an unknown name and a wrong key are answered alike
//	origin   whether pages from there may send
//	limit    per client address and in all
//	event    the mapping: what is not declared is refused
//	put      as every other event, with the stream's window of ids
//
// What the door never does: repeat in an answer what a request said (but an origin that is allowed), redirect, take or set
// cookies, or let a browser send credentials along.
package collect

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"firehose/internal/control"
	"firehose/internal/ingest"
	"firehose/internal/native"
	"firehose/internal/stream"
)

// Streams is what the door needs of whoever keeps the streams.
type Streams interface {
	Find(name string) []stream.Key
	Get(key stream.Key) (stream.Stream, error)
	PutEvents(ctx context.Context, key stream.Key, events [][]byte) (control.Events, error)
}

// Options are the door's surroundings.
type Options struct {
	Proxies []netip.Prefix                      // those whose X-Forwarded-For is believed
	Now     func() time.Time                    // nil for time.Now
	Refused func(key stream.Key, reason string) // counts a request that is refused; the key is zero if no stream has the write key. nil for nobody
	Logger  *slog.Logger
}

// Path is where the door's paths begin; the rest is the name of a stream.
const Path = "/collect/"

// Door answers the paths below /collect/.
type Door struct {
	Options
	streams    Streams
	collectors collectors
}

// New returns the door to streams.
func New(streams Streams, o Options) *Door {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Door{Options: o, streams: streams, collectors: collectors{known: map[stream.Key]*collector{}}}
}

// failure is why an event is refused. The message is the server's own text, with nothing of the request in it.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.message }

// Failures that are always the same.
var (
	errUnknown  = &failure{http.StatusForbidden, "unknown_key", "no stream of this name has this write key; want one in ?k= or X-Write-Key"}
	errOrigin   = &failure{http.StatusForbidden, "origin_not_allowed", "pages from this origin may not send to the stream"}
	errSlowDown = &failure{http.StatusTooManyRequests, "slow_down", "too many events; try again later"}
)

// pixel is a transparent GIF of one pixel.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

// errorHeader says why a GET that is answered with the pixel was refused.
const errorHeader = "X-Firehose-Error"

// ServeHTTP takes an event, or says whether one may be sent.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // pages that isolate themselves load the pixel too
	h.Set("Vary", "Origin")
	switch r.Method {
	case http.MethodOptions:
		d.preflight(w, r)
	case http.MethodGet, http.MethodPost:
		c, err := d.collect(w, r)
		d.answer(w, r.Method, c, d.judge(c, err))
	default:
		h.Set("Allow", "GET, POST, OPTIONS")
		refuse(w, &failure{http.StatusMethodNotAllowed, "method_not_allowed", "want GET, POST or OPTIONS"})
	}
}

// collect takes the event of a request. The collector is nil if there is none for the request.
func (d *Door) collect(w http.ResponseWriter, r *http.Request) (*collector, error) {
	query, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	c := d.find(r.URL.Path, writeKeyOf(r, query))
	if c == nil {
		return nil, errUnknown
	}
	if !c.admits(r) {
		return c, errOrigin
	}
	allowOrigin(w, c, r)
	client := clientAddress(r, d.Proxies)
	if !c.limits.allow(client, d.Now()) {
		return c, errSlowDown
	}
	event, err := c.event(w, r, query, client, d.Now())
	if err != nil {
		return c, err
	}
	return c, d.put(r.Context(), c.key, event)
}

func (d *Door) put(ctx context.Context, key stream.Key, event []byte) error {
	done, err := d.streams.PutEvents(ctx, key, [][]byte{event})
	switch {
	case errors.Is(err, ingest.ErrThrottled), err == nil && done.Taken == 0:
		return errSlowDown
	case done.Refused[0] != nil:
		return &failure{http.StatusRequestEntityTooLarge, "event_too_large", done.Refused[0].Error()}
	case errors.Is(err, stream.ErrNotFound), errors.Is(err, stream.ErrNotActive):
		return errUnknown
	}
	return err
}

// judge makes an answer of an error, and counts it.
func (d *Door) judge(c *collector, err error) *failure {
	var f *failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
	case errors.Is(err, context.Canceled): // by the client
		f = &failure{http.StatusInternalServerError, "gone_away", "the client did not wait"}
	default:
		f = &failure{http.StatusInternalServerError, "internal", "the server's log says what went wrong"}
		d.Logger.Error("An event of a web page was not stored.", "error", err)
	}
	if d.Refused != nil {
		var key stream.Key
		if c != nil {
			key = c.key
		}
		d.Refused(key, f.code)
	}
	return f
}

// answer says what became of an event; f is nil if it was stored.
func (d *Door) answer(w http.ResponseWriter, method string, c *collector, f *failure) {
	if f == errSlowDown {
		w.Header().Set("Retry-After", "1")
	}
	switch {
	case f != nil && (method == http.MethodPost || c != nil && c.declared.Strict):
		refuse(w, f)
		return
	case method == http.MethodPost:
		w.WriteHeader(http.StatusNoContent)
		return
	case f != nil:
		w.Header().Set(errorHeader, f.code+": "+f.message)
	}
	w.Header().Set("Content-Type", "image/gif")
	io.WriteString(w, pixel) // an error here is the client's going away
}

func refuse(w http.ResponseWriter, f *failure) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": f.code, "message": f.message}})
}

// writeKeyOf returns the write key that a request brings.
func writeKeyOf(r *http.Request, query map[string]string) string {
	if key, ok := query[native.WriteKeyParameter]; ok {
		return key
	}
	return r.Header.Get("X-Write-Key")
}

// nameIn returns the name of the stream in a path.
func nameIn(path string) string { return strings.TrimPrefix(path, Path) }
