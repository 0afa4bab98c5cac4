// Package eventread reads events out of the body of a request, one after the other, without holding the body whole.
//
// An event is a JSON object. A body is one event, an array of events, or events on lines of their own (NDJSON); CloudEvents
// in the structured and the batched mode are the first two. It may be compressed with GZIP or Zstandard. What an event says
// is nobody's business here: it must only be JSON.
package eventread

import (
	"bufio"
	"bytes"
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
	return fmt.Sprintf("event %d, at byte %d: %s", e.Event, e.Offset, plainly(e.Err))
}

func (e *BodyError) Unwrap() error { return e.Err }

// Reader gives a body's events.
type Reader struct {
	decoder *jsontext.Decoder
	start   int64         // of what the decoder reads, in the body
	plain   *bufio.Reader // the body, decompressed
	input   *bounded
	close   func()
	shape   shape
	begun   bool
	cloud   bool // the type of the body says that events are CloudEvents
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
	case contentType == "" || kind == "application/json" || kind == "text/plain" || kind == "application/x-www-form-urlencoded":
	case kind == "application/cloudevents+json":
		r.cloud = true
	case kind == "application/x-ndjson" || kind == "application/ndjson" || kind == "application/jsonl" || kind == "application/json-lines":
		r.shape = lines
	case kind == "application/cloudevents-batch+json":
		r.shape, r.cloud = array, true
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
	r.decoder = newDecoder(r.input)
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

// bounded ends when too much is read for one event. What was read last can be put back.
type bounded struct {
	io.Reader
	left  int
	at    int64  // of the next byte, in the body
	front []byte // what was put back; given again from next on
	next  int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("an event of more than %d bytes", EventMax)
	}
	p = p[:min(len(p), b.left)]
	if b.next < len(b.front) {
		n := copy(p, b.front[b.next:])
		b.next, b.left, b.at = b.next+n, b.left-n, b.at+int64(n)
		return n, nil
	}
	b.front, b.next = nil, 0
	n, err := b.Reader.Read(p)
	b.left, b.at = b.left-n, b.at+int64(n)
	return n, err
}

// back puts back what was read last.
func (b *bounded) back(text []byte) {
	b.at -= int64(len(text))
	if b.next >= len(text) { // that is where it comes from
		b.next -= len(text)
		return
	}
	b.front, b.next = append(bytes.Clone(text), b.front[b.next:]...), 0
}

// line reads the next line that is not empty.
func (b *bounded) line() (line []byte, err error) {
	var buffer [512]byte
	for {
		n, err := b.Read(buffer[:])
		piece := buffer[:n]
		if len(line) == 0 {
			piece = bytes.TrimLeft(piece, " \t\r\n")
		}
		if end := bytes.IndexByte(piece, '\n'); end >= 0 {
			b.back(piece[end+1:])
			return append(line, piece[:end]...), nil
		}
		line = append(line, piece...)
		if err == io.EOF {
			return line, nil
		} else if err != nil {
			return nil, err
		}
	}
}

// Close frees what the reader holds. It does not close the body.
func (r *Reader) Close() { r.close() }

// Next returns the next event in its shortest form, valid until the next call, or io.EOF. For a value that is no event it
// returns an *EventError and the value, or the line that is not JSON, and passes it over: Next may be called on. Any other error is a *BodyError, and the
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
	var wrong *jsontext.SyntacticError
	if errors.As(err, &wrong) && r.shape == lines {
		return r.passLine(wrong)
	}
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
	if r.cloud {
		if problem := noCloudEvent(value); problem != "" {
			return value, &EventError{r.index - 1, "not_a_cloudevent", problem}
		}
	}
	if err := value.Compact(jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true)); err != nil {
		return nil, r.failed(err)
	}
	return value, nil
}

// passLine passes over a line that is no JSON. It is gone on behind it, because of events on lines of their own one that is
// broken says nothing of the others.
func (r *Reader) passLine(wrong *jsontext.SyntacticError) ([]byte, error) {
	r.input.back(r.decoder.UnreadBuffer())
	line, err := r.input.line()
	if err != nil {
		return nil, r.failed(err)
	}
	r.start = r.input.at
	r.decoder = newDecoder(r.input)
	r.index++
	return line, &EventError{r.index - 1, "not_json", "the line is not JSON: " + plainly(wrong.Err)}
}

func newDecoder(input io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// plainly is the text of an error without the names of whoever found it.
func plainly(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "jsontext: "), "read error: ")
}

// EventError says why a value of a body is no event.
type EventError struct {
	Event   int
	Code    string // not_an_object, not_utf8, not_json or not_a_cloudevent
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
	return &BodyError{Event: r.index, Offset: r.start + offset, Err: err}
}
