// Package eventbody makes the bodies of batches of events, each a JSON object, in the forms of the product's own streams:
//
//	ndjson       an event a line
//	json_array   one array, an event a line
//	cloudevents  one array of CloudEvents 1.0 in structured JSON, the event or a part of it as data
//	csv          chosen fields of events as columns
//	raw          the bytes of the events, one after the other
//
// and one of the containers that Compression names.
//
// An event goes in as it is. It is only brought to one line where it has several, and bytes that are not UTF-8 are replaced
// by U+FFFD, so that one event cannot spoil the others. What is no JSON object is refused and never in a body; the others
// of its batch are. Raw alone takes whatever comes, as it is.
//
// With Config.Metadata each event says how it was sent:
//
//	"firehose_metadata":{"masked_fields":["lead_data.email"],"batch_id":"batch_9N2mK5pQ3B8wR7xL","sequence":42,"delivered_at":"2024-01-15T14:31:02.123Z"}
//
// Sequence counts the events of the body from 1. A batch that is sent again keeps batch_id and sequence. Members of
// firehose_metadata that come from elsewhere stay: masks write masked_fields there, each event its own. But what stands above
// is replaced, so that a producer cannot forge it. CloudEvents and CSV see the event with its metadata: a path such as
// firehose_metadata.batch_id makes an extension or a column of it.
//
// A body follows from the events, the Config and the Metadata alone, not from the pieces they came in. The package has no
// clock and no chance.
package eventbody

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"firehose/internal/objectkey"
)

// Format is the form of a body.
type Format string

// The formats.
const (
	NDJSON     Format = "ndjson"
	JSONArray  Format = "json_array"
	CloudEvent Format = "cloudevents"
	CSVTable   Format = "csv"
	Raw        Format = "raw"
)

// Formats are all formats.
func Formats() []Format { return []Format{NDJSON, JSONArray, CloudEvent, CSVTable, Raw} }

// Config says how events become a body. Empty members stand for their defaults.
type Config struct {
	Format      Format      `json:"format,omitempty"`      // ndjson
	Compression Compression `json:"compression,omitempty"` // none
	Extension   string      `json:"extension,omitempty"`   // of files, for that of the format: .ndjson in place of .json
	Metadata    bool        `json:"metadata,omitempty"`    // every event gets firehose_metadata
	CloudEvents CloudEvents `json:"cloudevents,omitzero"`
	CSV         CSV         `json:"csv,omitzero"`
}

// Metadata is what is known of a batch when it is sent.
type Metadata struct {
	BatchID   string    // from the function BatchID
	Delivered time.Time // when it is sent; milliseconds count
	ReplayID  string    // of the replay that sends it, or empty
	Skipped   int       // events of the same batch that other bodies hold before this one
}

// BatchID makes the id of a batch from its identity.
func BatchID(id objectkey.UUID) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var text [16]byte
	for i := range text {
		var digit uint64
		high, digit = high/62, high%62
		low, digit = bits.Div64(digit, low, 62)
		text[len(text)-1-i] = alphabet[digit]
	}
	return "batch_" + string(text[:])
}

// Body is a compiled Config. It does not change, so any number of goroutines may use it.
type Body struct {
	Config
	form form
}

// form is what a format makes of events. It does not change.
type form interface {
	// begin appends what stands before the first event, and end what stands after the last.
	begin(dst []byte) []byte
	end(dst []byte, events int) []byte

	// event appends an event, with what stands between it and the one before. The error is the event's.
	event(dst, event []byte, at position) ([]byte, error)
}

// position is an event's place.
type position struct {
	index    int // in the body, from 0
	sequence int // in the batch, from 1
	batchID  string
}

// Compile checks a Config. Errors name the member, its value and what is allowed.
func Compile(c Config) (*Body, error) {
	if c.Format == "" {
		c.Format = NDJSON
	}
	if c.Compression == "" {
		c.Compression = None
	}
	if !slices.Contains(Compressions(), c.Compression) {
		return nil, fmt.Errorf("compression %q is none of %s", c.Compression, list(Compressions()))
	}
	if c.Extension != "" && (c.Extension[0] != '.' || strings.ContainsAny(c.Extension, "/\\ \t\r\n") || len(c.Extension) > 16) {
		return nil, fmt.Errorf("extension %q is no dot and a short word, such as .ndjson", c.Extension)
	}
	b := &Body{Config: c}
	var err error
	switch c.Format {
	case NDJSON:
		b.form = lines{}
	case JSONArray:
		b.form = array{}
	case CloudEvent:
		b.form, err = c.CloudEvents.compile()
	case CSVTable:
		b.form, err = c.CSV.compile()
	case Raw:
		if c.Metadata {
			err = errors.New("raw events have no metadata; leave it out")
		}
		b.form = raw{}
	default:
		return nil, fmt.Errorf("format %q is none of %s", c.Format, list(Formats()))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Format, err)
	}
	return b, nil
}

func list[T ~string](words []T) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, string(w))
	}
	return strings.Join(texts, ", ")
}

// ContentType is the value of the header of this name.
func (b *Body) ContentType() string {
	switch b.Format {
	case JSONArray:
		return "application/json"
	case CloudEvent:
		return "application/cloudevents-batch+json"
	case Raw:
		return "application/octet-stream"
	case CSVTable:
		if b.CSV.NoHeader {
			return "text/csv; charset=utf-8; header=absent"
		}
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/x-ndjson"
}

// ContentEncoding is the value of the header of this name, empty for none.
func (b *Body) ContentEncoding() string { return b.Compression.encoding() }

// FileExtension is what a file's name ends with: .json.gz. JSON of every form is .json; raw events may be anything.
func (b *Body) FileExtension() string { return b.plainExtension() + b.Compression.extension() }

// plainExtension is that of a file before it is compressed.
func (b *Body) plainExtension() string {
	switch {
	case b.Extension != "":
		return b.Extension
	case b.Format == CSVTable:
		return ".csv"
	case b.Format == Raw:
		return ""
	}
	return ".json"
}
