package awsapi

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"firehose/internal/sigv4"
	"firehose/internal/stream"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	targetPrefix = "Firehose_20150804."
	contentType  = "application/x-amz-json-1.1"

	putBodyMax     = 8 << 20 // the largest legal one is 4 MiB of data in base64, and its JSON
	controlBodyMax = 1 << 20
	discardMax     = 64 << 20 // of the body of a request that is refused
	readStep       = 8 << 10  // of a body at first; then as much as has come
)

// call is one request on its way.
type call struct {
	ctx     context.Context
	http    *http.Request
	account string
	region  string
	buffers *buffers
	body    []byte // valid until the answer is written
	memory  int64  // that is taken for it
	seen    Observation
}

// key is the address of the stream that the request names.
func (c *call) key(name string) stream.Key {
	c.seen.Stream = stream.Key{Account: c.account, Region: c.region, Name: name}
	return c.seen.Stream
}

// operation is one of the API's. Its run may keep nothing of the call.
type operation struct {
	bodyMax int64
	run     func(*call) (answer []byte, err error)
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.Now()
	c := &call{ctx: r.Context(), http: r, account: h.Account, region: h.Region}
	c.buffers = h.buffers.Get().(*buffers)
	defer func() { h.buffers.Put(c.buffers) }()

	id := requestID()
	answer, err := h.guard(c, id)
	header := w.Header()
	header.Set("x-amzn-RequestId", id)
	header.Set("x-amz-id-2", extendedID())
	header.Set("Content-Type", contentType)
	status := http.StatusOK
	if err != nil {
		// Many clients read no answer before they have written their whole request. To them a refusal in the middle of
		// the body would be a broken connection, and a reason to send it again.
		io.CopyN(io.Discard, r.Body, discardMax)
		failure, known := asError(c.seen.Stream, err)
		if !known && !errors.Is(err, context.Canceled) { // which means that the client went away
			h.Logger.Error("A request failed.", "request_id", id,
				"operation", c.seen.Operation, "stream", c.seen.Stream.Name, "error", err)
		}
		header.Set("x-amzn-ErrorType", failure.Type)
		c.seen.Error, status, answer = failure.Type, failure.status(), failure.body()
	}
	header.Set("Content-Length", strconv.Itoa(len(answer)))
	c.seen.Duration = h.Now().Sub(start)
	h.Observe(c.seen)
	w.WriteHeader(status)
	w.Write(answer) // an error here is the client's going away, and the records are durable all the same
}

// guard keeps a panic from ending the process: it is logged with its stack, and answered.
func (h *Handler) guard(c *call, id string) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			h.Logger.Error("A request panicked.", "request_id", id, "operation", c.seen.Operation,
				"panic", fmt.Sprint(p), slog.String("stack", string(debug.Stack())))
			c.buffers = new(buffers) // the old ones may be in use still
			answer, err = nil, errInternal
		}
	}()
	return h.serve(c)
}

func (h *Handler) serve(c *call) ([]byte, error) {
	name, ok := strings.CutPrefix(c.http.Header.Get("X-Amz-Target"), targetPrefix)
	op, known := h.operations[name]
	if !ok || !known || c.http.Method != http.MethodPost || c.http.URL.Path != "/" {
		return nil, errUnknown
	}
	c.seen.Operation = name
	if encoding := c.http.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &Error{"UnsupportedMediaTypeException", "Content-Encoding is not supported; send the request body as it is."}
	}
	defer func() { h.flight.give(c.memory) }()
	if err := h.read(c, op.bodyMax); err != nil {
		return nil, err
	}
	leave, ok := h.flight.enter(c.ctx, int64(len(c.body)))
	if !ok {
		return nil, errSlowDown
	}
	defer leave()
	if err := h.identify(c); err != nil {
		return nil, err
	}
	return op.run(c)
}

// read reads the body into the pooled buffer. Memory is taken for what has come, not for what was announced, and the
// number of requests is bounded only afterwards: clients that begin requests and do not go on keep nobody out.
func (h *Handler) read(c *call, bodyMax int64) error {
	length := c.http.ContentLength // negative if nobody knows
	if length > bodyMax {
		return tooLarge(bodyMax)
	}
	body, room := c.buffers.body[:0], int64(0)
	defer func() { c.buffers.body = body }()
	for int64(len(body)) != length {
		if int64(len(body)) == room {
			more := max(room, readStep)
			if length >= 0 {
				more = min(more, length-room)
			}
			if !h.flight.take(2 * more) { // the body and what is decoded from it
				return errSlowDown
			}
			c.memory += 2 * more
			room += more
			body = slices.Grow(body, int(more))
		}
		n, err := c.http.Body.Read(body[len(body):room])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > bodyMax:
			return tooLarge(bodyMax)
		case err == io.EOF && length < 0:
			length = int64(len(body))
		case err != nil && int64(len(body)) != length:
			return &Error{"SerializationException", "The request body could not be read whole."}
		}
	}
	c.body = body
	c.seen.BodyBytes = length
	return nil
}

func tooLarge(bodyMax int64) *Error {
	return &Error{"RequestEntityTooLargeException", fmt.Sprintf("The request body must not be larger than %d bytes.", bodyMax)}
}

// identify finds out for which account and region the request speaks.
func (h *Handler) identify(c *call) error {
	if h.Verifier == nil {
		if region, ok := sigv4.Scope(c.http); ok {
			c.region = region
		}
		return nil
	}
	identity, err := h.Verifier.Verify(c.http, c.body)
	if err != nil {
		return err
	}
	c.account, c.region = identity.Account, identity.Region
	return nil
}

// body writes an error as JSON. One without a message has none.
func (e *Error) body() []byte {
	b := []byte(`{"__type":`)
	b, _ = jsontext.AppendQuote(b, e.Type) // its error is of invalid UTF-8, which it replaces
	if e.Message != "" {
		b = append(b, `,"message":`...)
		b, _ = jsontext.AppendQuote(b, e.Message)
	}
	return append(b, '}')
}

// requestID makes a random UUID.
func requestID() string {
	var raw [16]byte
	fill(raw[:])
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	digits := hex.EncodeToString(raw[:])
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

// extendedID makes the second identity of a request, which says nothing here.
func extendedID() string {
	var raw [48]byte
	fill(raw[:])
	return base64.StdEncoding.EncodeToString(raw[:])
}

// fill fills a multiple of eight bytes.
func fill(raw []byte) {
	for ; len(raw) > 0; raw = raw[8:] {
		binary.LittleEndian.PutUint64(raw, rand.Uint64()) // an identity for logs, not a secret
	}
}
