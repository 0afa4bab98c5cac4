// Package eventread reads events out of the body of a request, one after the other, without holding the body whole.
//
// An event is a JSON object. A body is one event, an array of events, or events on lines of their own (NDJSON); CloudEvents
// in the structured and the batched mode are the first two. It may be compressed with GZIP or Zstandard. What an event says
// is nobody's business here: it must only be JSON.
package eventread

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// UnsupportedError says that a body is of a kind that is not read here.
type UnsupportedError struct {
	Header string // Content-Type or Content-Encoding
	Value  string
}

func (e *UnsupportedError) Error() string {
	allowed := "application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json"
	if e.Header == "Content-Encoding" {
		allowed = "gzip, zstd or none"
	}
	return fmt.Sprintf("%s is %q; want %s", e.Header, e.Value, allowed)
}

// BodyError says that a body cannot be read on.
type BodyError struct {
	Event  int   // index of the event that cannot be read
	Offset int64 // in the body, decompressed
	Err    error
}

func (e *BodyError) Error() string {
	text := strings.TrimPrefix(strings.TrimPrefix(e.Err.Error(), "jsontext: "), "read error: ")
	return fmt.Sprintf("event %d, at byte %d: %s", e.Event, e.Offset, text)
}

func (e *BodyError) Unwrap() error { return e.Err }

// Reader gives a body's events.
type Reader struct {
	decoder *jsontext.Decoder
	plain   *bufio.Reader // the body, decompressed
	input   *bounded
	close   func()
	shape   shape
	begun   bool
	index   int
}

// shape is how events stand in a body.
type shape int

const (
	single shape = iota // one object, or an array, or objects one after the other
	lines
	array // must be one
)

// windowMax is the memory that a decompressor may take for what a client asks of it.
const windowMax = 8 << 20

// NewReader reads a body by the request's headers. A body without Content-Type is JSON, and so is one with the type that curl
// says of every text that it is given. Errors are *UnsupportedError, and
// *BodyError for a body that is not compressed as it says.
func NewReader(body io.Reader, contentType, contentEncoding string) (*Reader, error) {
	r := &Reader{close: func() {}}
	switch kind, _, _ := mime.ParseMediaType(contentType); {
	case contentType == "" || kind == "application/json" || kind == "application/cloudevents+json" || kind == "text/plain",
		kind == "application/x-www-form-urlencoded":
	case kind == "application/x-ndjson" || kind == "application/ndjson" || kind == "application/jsonl" || kind == "application/json-lines":
		r.shape = lines
	case kind == "application/cloudevents-batch+json":
		r.shape = array
	default:
		return nil, &UnsupportedError{"Content-Type", contentType}
	}
	switch strings.ToLower(strings.TrimSpace(contentEncoding)) {
	case "", "identity":
	case "gzip", "x-gzip":
		plain, err := gzip.NewReader(body)
		if err != nil {
			return nil, &BodyError{Err: undone("gzip", err)}
		}
		body, r.close = packed{plain, "gzip"}, func() { plain.Close() }
	case "zstd":
		plain, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowMax))
		if err != nil {
			return nil, &BodyError{Err: undone("zstd", err)}
		}
		body, r.close = packed{plain, "zstd"}, plain.Close
	default:
		return nil, &UnsupportedError{"Content-Encoding", contentEncoding}
	}
	r.plain = bufio.NewReaderSize(body, 512) // which reads past its own buffer where more is wanted
	r.input = &bounded{Reader: r.plain}
	r.decoder = jsontext.NewDecoder(r.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return r, nil
}

// packed says of errors that they are of decompressing.
type packed struct {
	io.Reader
	encoding string
}

func (p packed) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = undone(p.encoding, err)
	}
	return n, err
}

func undone(encoding string, err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // there is nothing at all
	}
	return fmt.Errorf("decompress the body as %s: %w", encoding, err)
}

// EventMax is the most bytes that an event may have in a body, white space included.
const EventMax = 2 << 20

// readAhead is what the decoder may read beyond an event.
const readAhead = 256 << 10

// bounded ends when too much is read for one event.
type bounded struct {
	io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("an event of more than %d bytes", EventMax)
	}
	n, err := b.Reader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Close frees what the reader holds. It does not close the body.
func (r *Reader) Close() { r.close() }

// Next returns the next event in its shortest form, valid until the next call, or io.EOF. For a value that is no event it
// returns an *EventError and the value, and passes it over: Next may be called on. Any other error is a *BodyError, and the
// last.
func (r *Reader) Next() ([]byte, error) {
	r.input.left = EventMax + readAhead
	if err := r.begin(); err != nil {
		return nil, r.failed(err)
	}
	if depth, _ := r.decoder.StackIndex(r.decoder.StackDepth()); depth == '[' && r.decoder.PeekKind() == ']' {
		if _, err := r.decoder.ReadToken(); err != nil {
			return nil, r.failed(err)
		}
	}
	value, err := r.decoder.ReadValue()
	if err != nil {
		return nil, r.failed(err)
	}
	r.index++
	switch {
	case value.Kind() != '{':
		return value, &EventError{r.index - 1, "not_an_object", "an event must be a JSON object"}
	case !utf8.Valid(value):
		return value, &EventError{r.index - 1, "not_utf8", "the event is not UTF-8"}
	}
	if err := value.Compact(jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true)); err != nil {
		return nil, r.failed(err)
	}
	return value, nil
}

// EventError says why a value of a body is no event.
type EventError struct {
	Event   int
	Code    string // not_an_object or not_utf8
	Problem string
}

func (e *EventError) Error() string { return fmt.Sprintf("event %d: %s", e.Event, e.Problem) }

// byteOrderMark is what some programs begin a text with to say that it is UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// begin enters an array at the body's beginning.
func (r *Reader) begin() error {
	if r.begun {
		return nil
	}
	r.begun = true
	if head, _ := r.plain.Peek(len(byteOrderMark)); string(head) == byteOrderMark { // an error comes again when it is read on
		_, _ = r.plain.Discard(len(byteOrderMark))
	}
	switch kind := r.decoder.PeekKind(); {
	case kind == '[' && r.shape != lines:
		_, err := r.decoder.ReadToken()
		return err
	case r.shape == array && kind != 0:
		return errors.New("want an array of events")
	}
	return nil
}

func (r *Reader) failed(err error) error {
	if err == io.EOF {
		return io.EOF
	}
	var already *BodyError
	if errors.As(err, &already) {
		return err
	}
	offset := r.decoder.InputOffset()
	var wrong *jsontext.SyntacticError
	if errors.As(err, &wrong) {
		offset, err = wrong.ByteOffset, wrong.Err
	}
	return &BodyError{Event: r.index, Offset: offset, Err: err}
}
