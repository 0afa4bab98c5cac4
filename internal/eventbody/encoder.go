package eventbody

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/batch"
	"firehose/internal/erroroutput"
	"firehose/internal/jsonscan"
	"firehose/internal/jsonscan/splice"
)

// Encoder begins a body.
func (b *Body) Encoder(m Metadata, w io.Writer) (*Encoder, error) {
	out, err := b.Compression.writer(w, m.BatchID+b.plainExtension())
	if err != nil {
		return nil, err
	}
	e := &Encoder{body: b, meta: m, out: out}
	if b.Metadata {
		e.stamp = [4][]byte{quote(m.BatchID), nil, m.Delivered.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil}
		if m.ReplayID != "" {
			e.stamp[3] = quote(m.ReplayID)
		}
	}
	e.text = b.form.begin(nil)
	return e, nil
}

func quote(text string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, text) // the error tells of replaced bytes
	return quoted
}

// Encoder writes one body. It is used by one goroutine.
type Encoder struct {
	body     *Body
	meta     Metadata
	out      io.WriteCloser
	stamp    [4][]byte // values of stamped
	events   int
	rejected []batch.Rejected

	text    []byte // on its way out
	plain   []byte // scratch
	stamped []byte // scratch
	number  []byte // scratch
}

var _ batch.Rejecter = (*Encoder)(nil)

// textMax is how much text is gathered before it is compressed.
const textMax = 64 << 10

// stamped are the members that Config.Metadata sets.
var stamped = splice.Compile([]string{"firehose_metadata"}, "batch_id", "sequence", "delivered_at", "replay_id")

var nothing = jsonscan.Compile()

// Write takes the next events. An error is that of the writer below, never an event's, and then the body cannot be
// completed.
func (e *Encoder) Write(records batch.Records) error {
	e.rejected = e.rejected[:0]
	for i := range records.Ends {
		if err := e.add(records.Record(i)); err != nil {
			e.reject(i, err)
		}
		if len(e.text) >= textMax {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds an event. The error is the event's.
func (e *Encoder) add(record []byte) error {
	at := position{index: e.events, sequence: e.meta.Skipped + e.events + 1, batchID: e.meta.BatchID}
	event, err := record, error(nil)
	if e.body.Format != Raw {
		event, err = e.prepare(record, at.sequence)
	}
	if err != nil {
		return err
	}
	text, err := e.body.form.event(e.text, event, at)
	if err != nil {
		return err
	}
	e.text = text
	e.events++
	return nil
}

// invalid says why an event cannot be in any format.
type invalid struct{ why error }

func (i invalid) Error() string {
	if errors.Is(i.why, splice.ErrNoObject) {
		return "the event is no JSON object"
	}
	return "the event is not JSON: " + i.why.Error()
}

// prepare checks an event, brings it to one line, and stamps it.
func (e *Encoder) prepare(event []byte, sequence int) ([]byte, error) {
	event = bytes.Trim(event, " \t\r\n")
	broken := bytes.IndexByte(event, '\n') >= 0 || bytes.IndexByte(event, '\r') >= 0 // in white space; strings cannot hold them
	if broken || !e.body.Metadata {
		if err := nothing.Scan(event, nil); err != nil {
			return nil, invalid{err}
		}
		if event[0] != '{' {
			return nil, invalid{splice.ErrNoObject}
		}
	}
	if broken {
		e.plain = splice.Compact(e.plain[:0], event)
		event = e.plain
	}
	if !utf8.Valid(event) {
		event = bytes.ToValidUTF8(event, []byte("\ufffd"))
	}
	if !e.body.Metadata {
		return event, nil
	}
	e.number = strconv.AppendInt(e.number[:0], int64(sequence), 10)
	e.stamp[1] = e.number
	var err error
	if e.stamped, err = stamped.Put(e.stamped[:0], event, e.stamp[:]); err != nil {
		return nil, invalid{err}
	}
	return e.stamped, nil
}

// reject notes a refused event.
func (e *Encoder) reject(index int, err error) {
	code := "EventFormat.InvalidAttribute"
	if errors.As(err, &invalid{}) {
		code = "EventFormat.InvalidEvent"
	}
	e.rejected = append(e.rejected, batch.Rejected{Index: index, Failure: erroroutput.Failure{Type: erroroutput.Format, Code: code, Message: err.Error(), Attempts: 1}})
}

// Rejected returns the events of the last Write that the body does not hold, with all that an error output says of them.
func (e *Encoder) Rejected() []batch.Rejected { return e.rejected }

// Events returns the number of events taken. A body without events need not be sent.
func (e *Encoder) Events() int { return e.events }

func (e *Encoder) flush() error {
	if _, err := e.out.Write(e.text); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	e.text = e.text[:0]
	return nil
}

// Close completes the body.
func (e *Encoder) Close() error {
	e.text = e.body.form.end(e.text, e.events)
	if err := e.flush(); err != nil {
		return err
	}
	if err := e.out.Close(); err != nil {
		return fmt.Errorf("complete the body: %w", err)
	}
	return nil
}

// lines is the form of NDJSON.
type lines struct{}

func (lines) begin(dst []byte) []byte      { return dst }
func (lines) end(dst []byte, _ int) []byte { return dst }

func (lines) event(dst, event []byte, _ position) ([]byte, error) {
	return append(append(dst, event...), '\n'), nil
}

// raw puts nothing between events.
type raw struct{}

func (raw) begin(dst []byte) []byte                             { return dst }
func (raw) end(dst []byte, _ int) []byte                        { return dst }
func (raw) event(dst, event []byte, _ position) ([]byte, error) { return append(dst, event...), nil }

// array is the form of a JSON array. It has an event on each line, so that it can be read by eye and by grep.
type array struct{}

func (array) begin(dst []byte) []byte { return append(dst, '[') }

func (array) end(dst []byte, events int) []byte {
	if events > 0 {
		dst = append(dst, '\n')
	}
	return append(dst, "]\n"...)
}

func (array) event(dst, event []byte, at position) ([]byte, error) {
	return append(arraySeparator(dst, at), event...), nil
}

// arraySeparator appends what stands before an element.
func arraySeparator(dst []byte, at position) []byte {
	if at.index > 0 {
		dst = append(dst, ',')
	}
	return append(dst, '\n')
}
