package process

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"firehose/internal/erroroutput"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
)

// DecompressedMax is the largest record that decompression makes. A megabyte of GZIP can hold a gigabyte.
const DecompressedMax = 64 << 20

// decompressor unpacks GZIP, again and again into the same memory.
type decompressor struct {
	gzip    gzip.Reader
	source  bytes.Reader
	text    []byte
	sizeMax int
}

// decompress returns the JSON text that a record is the GZIP of, valid until the next call.
func (d *decompressor) decompress(record []byte) ([]byte, *erroroutput.Failure) {
	d.text = reused(d.text)
	d.source.Reset(record)
	if d.gzip.Reset(&d.source) != nil {
		return nil, notEnvelope()
	}
	for {
		d.text = slices.Grow(d.text, 4<<10)
		n, err := d.gzip.Read(d.text[len(d.text):cap(d.text)])
		d.text = d.text[:len(d.text)+n]
		switch {
		case len(d.text) > d.sizeMax:
			return nil, decompressionFailed(fmt.Sprintf("Decompression failed because the decompressed data is larger than %d bytes.", d.sizeMax))
		case err == io.EOF:
			if !jsontext.Value(d.text).IsValid(lenient) {
				return nil, notEnvelope()
			}
			return d.text, nil
		case err != nil:
			return nil, notEnvelope()
		}
	}
}

// lenient takes what most producers' libraries write.
var lenient = jsontext.AllowDuplicateNames(true)

// notEnvelope is the service's failure of whatever is not an envelope of CloudWatch Logs, GZIP included.
func notEnvelope() *erroroutput.Failure {
	return decompressionFailed("Decompression failed because input data does not conform to cloudwatch log.")
}

func decompressionFailed(message string) *erroroutput.Failure {
	return &erroroutput.Failure{Type: erroroutput.Decompression, Code: erroroutput.CodeDecompression, Message: message, Attempts: 1}
}

// appendMessages appends the messages of an envelope, a line feed behind each; a control message has none. It is false
// for what is no envelope. The text is one valid JSON value.
func appendMessages(dst, text []byte) ([]byte, bool) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text), lenient)
	if d.PeekKind() != '{' {
		return dst, false
	}
	_, _ = d.ReadToken() // no read can fail: the text is valid
	kind, events := "", false
	for d.PeekKind() != '}' {
		switch name, _ := d.ReadToken(); name.String() {
		case "messageType":
			value, _ := d.ReadToken()
			kind = value.String()
			if value.Kind() == '{' || value.Kind() == '[' {
				return dst, false
			}
		case "logEvents":
			if dst, events = appendEvents(dst, d); !events {
				return dst, false
			}
		default:
			_ = d.SkipValue()
		}
	}
	switch {
	case kind == "CONTROL_MESSAGE":
		return dst[:0], true
	case kind != "DATA_MESSAGE":
		return dst, false
	}
	return dst, events
}

// appendEvents appends the messages of an envelope's events. Every event must have one.
func appendEvents(dst []byte, d *jsontext.Decoder) ([]byte, bool) {
	if d.PeekKind() != '[' {
		return dst, false
	}
	_, _ = d.ReadToken()
	for d.PeekKind() != ']' {
		if d.PeekKind() != '{' {
			return dst, false
		}
		_, _ = d.ReadToken()
		found := false
		for d.PeekKind() != '}' {
			if name, _ := d.ReadToken(); name.String() != "message" || found || d.PeekKind() != '"' {
				_ = d.SkipValue()
				continue
			}
			message, _ := d.ReadValue()
			dst, _ = jsontext.AppendUnquote(dst, message)
			dst = append(dst, '\n')
			found = true
		}
		_, _ = d.ReadToken()
		if !found {
			return dst, false
		}
	}
	_, _ = d.ReadToken()
	return dst, true
}
