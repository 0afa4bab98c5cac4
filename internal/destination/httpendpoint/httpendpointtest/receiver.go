// Package httpendpointtest is a receiver of Amazon's HTTP endpoint protocol, version 1.0, that takes the protocol at its
// word: a request that breaks any of its rules is refused and noted.
//
// It is written from the published description alone and shares no code with what sends.
package httpendpointtest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of the protocol.
const (
	recordsMax = 10_000
	dataMax    = 1_365_336
	bodyMax    = 64 << 20
)

// Receiver is the endpoint. The fields are set before it is used.
type Receiver struct {
	URI        string // path and query of each request
	SourceARN  string
	AccessKey  string            // empty: there must be none
	Attributes map[string]string // nil: there must be none
	Gzip       bool
	BodyMax    int // before compression; 0 for the protocol's

	// Answer, if not nil, answers a request that keeps the rules in the place of the usual answer. The request counts as
	// taken if it says so.
	Answer func(w http.ResponseWriter, r *http.Request, id string) (taken bool)

	mu       sync.Mutex
	tries    map[string]int
	sums     map[string][32]byte
	taken    map[string]bool
	bodies   []Body
	problems []string
}

// Body is a request that was taken.
type Body struct {
	ID        string
	Timestamp int64
	Records   [][]byte
	Text      []byte // before compression
}

// Problems returns the rules that requests broke.
func (r *Receiver) Problems() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.problems)
}

// Bodies returns what was taken, repetitions left out.
func (r *Receiver) Bodies() []Body {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

// Tries returns how often each request id came.
func (r *Receiver) Tries() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.tries)
}

func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	raw, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender has gone
	}
	body, err := r.check(request, raw)
	r.mu.Lock()
	if err == nil {
		err = r.noteLocked(body.ID, raw)
	}
	if err != nil {
		r.problems = append(r.problems, err.Error())
	}
	r.mu.Unlock()
	if err != nil {
		reply(w, http.StatusBadRequest, body.ID, err.Error())
		return
	}
	if r.Answer != nil {
		if r.Answer(w, request, body.ID) {
			r.take(body)
		}
		return
	}
	r.take(body)
	Accept(w, body.ID)
}

// Accept writes the answer that means delivered.
func Accept(w http.ResponseWriter, id string) { reply(w, http.StatusOK, id, "") }

func reply(w http.ResponseWriter, status int, id, message string) {
	answer := map[string]any{"requestId": id, "timestamp": time.Now().UnixMilli()}
	if message != "" {
		answer["errorMessage"] = message
	}
	text, _ := json.Marshal(answer) // of texts and a number
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.WriteHeader(status)
	w.Write(text)
}

// noteLocked counts a try; every one of a request id must bring the same bytes.
func (r *Receiver) noteLocked(id string, raw []byte) error {
	if r.tries == nil {
		r.tries, r.sums, r.taken = map[string]int{}, map[string][32]byte{}, map[string]bool{}
	}
	r.tries[id]++
	sum := sha256.Sum256(raw)
	if before, ok := r.sums[id]; ok && before != sum {
		return fmt.Errorf("request %s came again with another body", id)
	}
	r.sums[id] = sum
	return nil
}

func (r *Receiver) take(b Body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.taken[b.ID] {
		r.taken[b.ID] = true
		r.bodies = append(r.bodies, b)
	}
}

var (
	guid  = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	trace = regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`)
)

// check holds a request against the rules.
func (r *Receiver) check(request *http.Request, raw []byte) (Body, error) {
	if err := r.checkHead(request, len(raw)); err != nil {
		return Body{}, err
	}
	text := raw
	if r.Gzip {
		unpacked, err := gzip.NewReader(bytes.NewReader(raw))
		if err == nil {
			text, err = io.ReadAll(unpacked)
		}
		if err != nil {
			return Body{}, fmt.Errorf("body is no gzip: %w", err)
		}
	}
	most := bodyMax
	if r.BodyMax > 0 {
		most = r.BodyMax
	}
	if len(text) > most {
		return Body{}, fmt.Errorf("body has %d bytes, more than %d", len(text), most)
	}
	return checkBody(text, request.Header.Get("X-Amz-Firehose-Request-Id"))
}

func (r *Receiver) checkHead(request *http.Request, size int) error {
	switch {
	case request.Method != http.MethodPost:
		return fmt.Errorf("method %s", request.Method)
	case request.RequestURI != r.URI:
		return fmt.Errorf("request of %s, not %s", request.RequestURI, r.URI)
	case len(request.TransferEncoding) > 0 || request.ContentLength != int64(size):
		return fmt.Errorf("Content-Length %d of %d bytes, Transfer-Encoding %v", request.ContentLength, size, request.TransferEncoding)
	}
	want := map[string]string{
		"Content-Type":                    "application/json",
		"User-Agent":                      "Amazon Kinesis Data Firehose Agent/1.0",
		"X-Amz-Firehose-Protocol-Version": "1.0",
		"X-Amz-Firehose-Source-Arn":       r.SourceARN,
	}
	if r.Gzip {
		want["Content-Encoding"] = "gzip"
	}
	if r.AccessKey != "" {
		want["X-Amz-Firehose-Access-Key"] = r.AccessKey
	}
	forms := map[string]*regexp.Regexp{"X-Amz-Firehose-Request-Id": guid, "X-Amzn-Trace-Id": trace, "Content-Length": regexp.MustCompile(`^\d+$`)}
	for name, values := range request.Header {
		value := values[0]
		wanted, fixed := want[name]
		switch form := forms[name]; {
		case len(values) != 1:
			return fmt.Errorf("%s %d times", name, len(values))
		case fixed && value != wanted:
			return fmt.Errorf("%s is %q, not %q", name, value, wanted)
		case form != nil && !form.MatchString(value):
			return fmt.Errorf("%s is %q", name, value)
		case !fixed && form == nil && name != "X-Amz-Firehose-Common-Attributes":
			return fmt.Errorf("%s, which is no header of the protocol", name)
		}
	}
	for name := range want {
		if _, ok := request.Header[name]; !ok {
			return fmt.Errorf("no %s", name)
		}
	}
	for _, name := range []string{"X-Amz-Firehose-Request-Id", "X-Amzn-Trace-Id"} {
		if request.Header.Get(name) == "" {
			return fmt.Errorf("no %s", name)
		}
	}
	return r.checkAttributes(request.Header["X-Amz-Firehose-Common-Attributes"])
}

func (r *Receiver) checkAttributes(header []string) error {
	if len(header) == 0 {
		if len(r.Attributes) > 0 {
			return errors.New("no common attributes")
		}
		return nil
	}
	for _, b := range []byte(header[0]) {
		if b < ' ' || b > '~' {
			return fmt.Errorf("common attributes have the byte %#x", b)
		}
	}
	var said struct {
		CommonAttributes map[string]string `json:"commonAttributes"`
	}
	if err := strictly([]byte(header[0]), &said); err != nil || !reflect.DeepEqual(said.CommonAttributes, r.Attributes) {
		return fmt.Errorf("common attributes are %s: %w", header[0], err)
	}
	return nil
}

func checkBody(text []byte, id string) (Body, error) {
	var said struct {
		RequestID *string      `json:"requestId"`
		Timestamp *json.Number `json:"timestamp"`
		Records   []struct {
			Data *string `json:"data"`
		} `json:"records"`
	}
	if err := strictly(text, &said); err != nil {
		return Body{}, fmt.Errorf("body: %w", err)
	}
	b := Body{ID: id, Text: text}
	switch {
	case said.RequestID == nil || *said.RequestID != id:
		return b, errors.New("requestId of header and body differ")
	case said.Timestamp == nil || bytes.Contains(text, []byte(`"timestamp":"`)):
		return b, errors.New("timestamp is no number")
	case len(said.Records) < 1 || len(said.Records) > recordsMax:
		return b, fmt.Errorf("%d records", len(said.Records))
	}
	var err error
	if b.Timestamp, err = said.Timestamp.Int64(); err != nil || b.Timestamp < 1e12 {
		return b, fmt.Errorf("timestamp %s is not in milliseconds", *said.Timestamp)
	}
	for i, r := range said.Records {
		if r.Data == nil {
			return b, fmt.Errorf("record %d has no data", i)
		}
		if len(*r.Data) > dataMax || strings.ContainsAny(*r.Data, "\r\n") {
			return b, fmt.Errorf("record %d has %d characters of data", i, len(*r.Data))
		}
		data, err := base64.StdEncoding.Strict().DecodeString(*r.Data)
		if err != nil {
			return b, fmt.Errorf("record %d: %w", i, err)
		}
		b.Records = append(b.Records, data)
	}
	return b, nil
}

// strictly reads one JSON value and nothing else, without members that nobody asked for.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something stands behind the document")
	}
	return nil
}
