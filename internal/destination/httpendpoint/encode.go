package httpendpoint

import (
	"context"
	"io"
	"strconv"

	"github.com/segmentio/asm/base64"

	"firehose/internal/batch"
	"firehose/internal/format"
)

// Encoder begins the body of a request. Its time is that of the first record, so that the same batch has the same body.
func (e *endpoint) Encoder(_ context.Context, head batch.Head, w io.Writer) (batch.Encoder, error) {
	compression := format.Uncompressed
	if e.Gzip {
		compression = format.Gzip
	}
	body, err := format.NewWriter(compression, w, "")
	if err != nil {
		return nil, err
	}
	text := append([]byte(`{"requestId":"`), e.requestID(head)...)
	text = strconv.AppendInt(append(text, `","timestamp":`...), head.Time.UnixMilli(), 10)
	return &encoder{body: body, text: append(text, `,"records":[`...)}, nil
}

// encoder writes records as a JSON document.
type encoder struct {
	body  io.WriteCloser
	text  []byte // not written yet
	begun bool
}

// textMax is how much text is gathered before it is written.
const textMax = 64 << 10

func (e *encoder) Write(records batch.Records) error {
	start := records.Start
	for _, end := range records.Ends {
		if e.begun {
			e.text = append(e.text, ',')
		}
		e.begun = true
		e.text = append(e.text, `{"data":"`...)
		e.text = appendBase64(e.text, records.Data[start:end])
		e.text = append(e.text, `"}`...)
		start = end
		if len(e.text) >= textMax {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendBase64(dst, data []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, base64.StdEncoding.EncodedLen(len(data)))...)
	base64.StdEncoding.Encode(dst[start:], data)
	return dst
}

func (e *encoder) flush() error {
	_, err := e.body.Write(e.text)
	e.text = e.text[:0]
	return err
}

func (e *encoder) Close() error {
	e.text = append(e.text, "]}"...)
	if err := e.flush(); err != nil {
		return err
	}
	return e.body.Close()
}
