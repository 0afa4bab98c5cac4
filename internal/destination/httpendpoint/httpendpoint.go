package httpendpoint

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/objectkey"
	"firehose/internal/outbound"
)

// userAgent is that of the Amazon service: receivers tell its requests by it.
const userAgent = "Amazon Kinesis Data Firehose Agent/1.0"

// endpoint is an open destination.
type endpoint struct {
	Config
	env    destination.Env
	client *outbound.Client
	own    bool        // the client is nobody else's
	header http.Header // of every request
}

// Open makes the destination.
func (c Config) Open(env destination.Env) (destination.Destination, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	e := &endpoint{Config: c, env: env, client: env.HTTP, header: http.Header{}}
	if e.own = e.client == nil; e.own {
		e.client = outbound.New(outbound.Options{})
	}
	e.header.Set("Content-Type", "application/json")
	e.header.Set("User-Agent", userAgent)
	e.header.Set("X-Amz-Firehose-Protocol-Version", "1.0")
	e.header.Set("X-Amz-Firehose-Source-Arn", c.SourceARN)
	if c.Gzip {
		e.header.Set("Content-Encoding", "gzip")
	}
	if c.AccessKey != "" {
		e.header.Set("X-Amz-Firehose-Access-Key", c.AccessKey.Reveal())
	}
	if env.Replay != "" {
		c.Attributes = append(slices.Clone(c.Attributes), Attribute{"firehose-replay-id", env.Replay})
	}
	if len(c.Attributes) > 0 {
		e.header.Set("X-Amz-Firehose-Common-Attributes", string(commonAttributes(c.Attributes)))
	}
	return destination.OpenAside(e, c.Errors, env)
}

// commonAttributes writes attributes as a header carries them: JSON in ASCII.
func commonAttributes(attributes []Attribute) []byte {
	text := []byte(`{"commonAttributes":{`)
	for i, a := range attributes {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(appendASCII(text, a.Name), ':')
		text = appendASCII(text, a.Value)
	}
	return append(text, "}}"...)
}

// appendASCII appends a JSON string, all that is not ASCII escaped.
func appendASCII(dst []byte, text string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, text) // the error tells of replaced bytes
	for _, r := range string(quoted) {
		switch {
		case r < 0x7f:
			dst = append(dst, byte(r))
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		}
	}
	return dst
}

// Deliver makes one try.
func (e *endpoint) Deliver(ctx context.Context, b *batch.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	trying, cancel := context.WithTimeout(ctx, cmp.Or(e.Timeout, timeout))
	defer cancel()
	id := e.requestID(b.Head)
	request, err := e.request(trying, id, b.Body)
	if err != nil {
		return err
	}
	answer, err := e.client.Do(request)
	if err != nil {
		return judgeFailure(err)
	}
	return e.judge(answer, id)
}

func (e *endpoint) request(ctx context.Context, id string, body batch.Body) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, nil)
	if err != nil {
		return nil, err
	}
	request.Header = e.header.Clone()
	request.Header.Set("X-Amz-Firehose-Request-Id", id)
	request.Header.Set("X-Amzn-Trace-Id", "Root=1-"+strconv.FormatInt(time.Now().Unix(), 16)+"-"+traced(id))
	request.ContentLength = body.Size()
	request.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(body, 0, body.Size())), nil
	}
	request.Body, err = request.GetBody()
	return request, err
}

// traced makes 24 digits of a request id.
func traced(id string) string { return id[:8] + id[9:13] + id[24:] }

// requestID names a batch for receivers: a GUID, the same for every try.
func (e *endpoint) requestID(head batch.Head) string {
	id := e.env.Identity(head, "request")
	return objectkey.UUID(id).String()
}

// Name returns the endpoint and the request id of a batch.
func (e *endpoint) Name(head batch.Head) string { return e.Target() + "#" + e.requestID(head) }

// Close ends what is this destination's own.
func (e *endpoint) Close() error {
	if e.own {
		e.client.Close()
	}
	return nil
}
