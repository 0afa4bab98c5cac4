package stream

import (
	"time"

	"firehose/internal/destination"
	"firehose/internal/process"
)

// Spec is what a document means: the deliveries that read the stream's log, each with a cursor of its own, so that a
// slow or broken one holds up nobody else.
type Spec struct {
	Deliveries  []Delivery
	Idempotency *Idempotency // nil: every event is stored
	EventMax    int          // bytes of an event; 0 for as many as a record may have
}

// Idempotency says how an event that is sent again is known.
type Idempotency struct {
	Field  string        // path of the event's id, its parts joined by dots
	Window time.Duration // how long ids are remembered
}

// Delivery is one destination of a stream.
type Delivery struct {
	ID          string             // names the delivery within its stream and is part of object names; never reused for another
	Process     process.Config     // what is done to records first
	Paused      bool               // it keeps what comes, and delivers nothing
	Start       Start              // where it begins when it is new
	Buffer      Buffer             // when a batch is full, of what processing made
	Ordered     bool               // a batch is sent only after all before it are delivered
	Destination destination.Config // where batches go
	Logging     Logging            // where diagnostics go besides the server's log

	// RetryFor is how long a batch that failed is tried again before its records go to the error output: the time since its
	// first try failed, without that in which the destination was waited for. 0 is without end; for a single try give the
	// least duration. Broken set-ups and what the error output itself is owed are tried without end whatever it is.
	RetryFor time.Duration
}

// Start says where in the log a new delivery begins. The zero value is its end: with what comes.
type Start struct {
	Oldest bool      // with the oldest record that is kept
	Time   time.Time // with what was put at this time or later, as far as it is kept; zero for neither
}

// Buffer holds the buffering hints: a batch is cut at the size, the count or the age that is reached first.
type Buffer struct {
	Size     int64         // bytes of records before compression
	Interval time.Duration // age of the oldest record; 0 means as soon as possible
	Count    int           // records; 0 for no limit
}

// Logging is the CloudWatch Logs group and stream for a delivery's diagnostics.
type Logging struct {
	Enabled bool
	Group   string
	Stream  string
}

// Compile derives the Spec of a document in one language. Errors say what in the document is wrong.
type Compile func(Key, []byte) (Spec, error)
