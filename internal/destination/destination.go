// Package destination is what every kind of destination is made of. A kind is one package below this one: a Config,
// which is what users write and from which it is opened, and a Destination, which does its own work only. Retry, time-outs,
// metrics and batching are around it, never inside: its errors say what to do next.
package destination

import (
	"context"
	"io"

	"firehose/internal/batch"
	"firehose/internal/convert"
	"firehose/internal/erroroutput"
	"firehose/internal/object"
	"firehose/internal/outbound"
	"firehose/internal/record"
)

// Destination takes batches.
type Destination interface {
	// Encoder begins the body of a batch: what it writes to w is what Deliver finds in the batch's body. The same records
	// must give the same bytes. For a head with a Failure the records are lines of an error output. Errors are as those of
	// Deliver.
	Encoder(ctx context.Context, head batch.Head, w io.Writer) (batch.Encoder, error)

	// Deliver hands over a batch. It is called again with the same batch after an error, and after a crash even when
	// it had returned nil. Nil means delivered. A *verdict.SetUp error means that nothing can be delivered until somebody
	// repairs something, a *verdict.Refused one that these records will never be taken; any other error means try again.
	// Several batches may be delivered at once.
	Deliver(ctx context.Context, b *batch.Batch) error

	// Close frees what the destination holds. No call follows.
	Close() error
}

// Namer is a destination that can say where a batch goes.
type Namer interface {
	// Name returns the address of what becomes of a batch, such as an object's URL.
	Name(head batch.Head) string
}

// Rejecter is a destination whose encoders may refuse records: they are batch.Rejecters, except for heads with a Failure.
type Rejecter interface {
	Rejects() bool
}

// Failer is a destination that may never take some records: those of a *verdict.Refused error, and those of a batch that
// was tried for as long as its delivery allows.
type Failer interface {
	// Failure says of records that Deliver failed to hand over why they go to the error output: Type, Code and Message.
	Failure(err error) erroroutput.Failure
}

// Config is a destination as users declare it.
type Config interface {
	// Kind is the word for the destination's kind in metrics and logs: "s3".
	Kind() string

	// Target is where it delivers to, for people: an ARN or an address, no secrets.
	Target() string

	// Open makes the destination. It does not try to reach it.
	Open(Env) (Destination, error)
}

// Env is what a destination may use of its surroundings.
type Env struct {
	Stream   string          // the delivery stream's name
	StreamID record.StreamID // its identity
	Delivery string          // the delivery's identity within the stream
	Replay   string          // id of the replay that delivers; empty for a delivery of what comes
	Objects  object.Store    // where objects are put
	Tables   convert.Tables  // definitions of tables that records are converted to

	HTTP *outbound.Client // sends requests to addresses that users configure; nil to refuse all that are not public
}
