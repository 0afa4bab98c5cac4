// Package awsapi is the door that speaks Amazon's API: the twelve operations of Firehose_20150804 over HTTP, with the
// service's checks, defaults, canonical forms and texts, so that its clients work unchanged.
//
// A request passes, in this order: the body, read into a pooled buffer while there is memory for it; the bound on
// requests in flight; the signature; the model's constraints (package model), all violations at once; whether the stream
// exists and is in the right state; what the values mean together. The first of these that fails answers. A
// configuration that is valid for Amazon but asks for something that is not built is refused by the member's name.
// Nothing is taken and ignored.
//
// What a client declared is stored as a document: the destination as DescribeDeliveryStream shows it, all defaults
// filled in. Compile derives from it what runs. Puts have a way of their own (put.go), because all the records come that
// way.
//
// The package keeps nothing itself: streams live with whoever implements Streams. It never writes a record, a secret or a
// request's body to the log.
package awsapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"firehose/internal/convert"
	"firehose/internal/ingest"
	"firehose/internal/sigv4"
	"firehose/internal/stream"
)

// Language marks the documents of this package in stream.Stream.
const Language = "aws"

// Streams is what the door needs of whoever keeps the streams. All methods may be called by several goroutines at once.
type Streams interface {
	// Create stores a new stream of status CREATING; it turns ACTIVE by itself. Errors: stream.ErrExists,
	// stream.ErrQuota.
	Create(ctx context.Context, s stream.Stream) error

	// Get returns a copy of a stream. Error: stream.ErrNotFound.
	Get(key stream.Key) (stream.Stream, error)

	// List returns an account's streams in a region, sorted by name.
	List(account, region string) []stream.Stream

	// Update reads a stream, lets change work on a copy that shares nothing with it, and stores the copy, all in one
	// step. When change returns an error, nothing is stored and that error comes back unchanged.
	Update(ctx context.Context, key stream.Key, change func(*stream.Stream) error) (stream.Stream, error)

	// Delete starts a stream's deletion: it is DELETING, and later gone. Deleting again is no error. With force the
	// deletion does not wait for what is not delivered yet.
	Delete(ctx context.Context, key stream.Key, force bool) error

	// Put takes records; those that the receipt accepts are durable on return. The records' bytes belong to the caller
	// again then, whatever came of it. Errors: stream.ErrNotFound, stream.ErrNotActive, ingest.ErrThrottled when
	// nothing was taken; any other is the server's fault.
	Put(ctx context.Context, key stream.Key, records [][]byte) (ingest.Receipt, error)
}

// Verifier checks who signed a request. Its errors are *sigv4.Error.
type Verifier interface {
	Verify(r *http.Request, body []byte) (sigv4.Identity, error)
}

// Options are the settings of the door.
type Options struct {
	Account     string            // of requests that nobody verified, 12 digits
	Region      string            // of requests that name none
	Verifier    Verifier          // nil for no authentication
	Quota       int               // of streams, for the message only
	BytesMax    int64             // memory of the requests in flight; 0 for 128 MiB; more get "Slow down."
	RequestsMax int               // requests worked on at once, their bodies read; 0 for 256; fewer if they are large
	Patience    time.Duration     // how long a request waits for its turn before it gets "Slow down."; 0 for 75 ms
	Logger      *slog.Logger      // nil for slog.Default
	Observe     func(Observation) // called before each answer is written, by several goroutines at once; may be nil
	Now         func() time.Time  // nil for time.Now

	// Tables is asked whether the table of a format conversion is there when one is declared; nil for no asking.
	Tables convert.Tables

	// CloudWatchOnly refuses puts to streams that decompress, as Amazon does with all that do not come from CloudWatch
	// Logs. Nobody can prove here to be CloudWatch Logs, so usually everybody may put what it would send.
	CloudWatchOnly bool
}

// Observation is what metrics need to know of an answered request.
type Observation struct {
	Operation string     // PutRecordBatch; empty for none that exists
	Error     string     // type of the error; empty for success
	Stream    stream.Key // that the request named; Name is empty for none
	Duration  time.Duration
	BodyBytes int64 // of the request
	Put       Put
}

// Put is what came in by a put, refused ones included.
type Put struct {
	Records   int
	Bytes     int64 // of the records, without those that were throttled
	Throttled int   // records that were not taken
}

// Handler answers the API's requests. It is an http.Handler for POST /.
type Handler struct {
	Options
	streams    Streams
	operations map[string]operation
	flight     *flight
	buffers    sync.Pool // of *buffers
}

var _ http.Handler = (*Handler)(nil)

// New returns the door to streams.
func New(streams Streams, o Options) *Handler {
	o.BytesMax = cmp.Or(o.BytesMax, 128<<20)
	o.RequestsMax = cmp.Or(o.RequestsMax, 256)
	o.Patience = cmp.Or(o.Patience, 75*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Handler{
		Options: o, streams: streams,
		flight: newFlight(o.BytesMax, o.RequestsMax, o.Patience),
	}
	h.buffers.New = func() any { return new(buffers) }
	h.operations = operations(h)
	return h
}
