// Package batch holds what a destination gets: a batch, cut from the log and never changed afterwards.
//
// A batch is cut by the log and not by the clock: which records it holds follows from their sizes, their order and their
// log times alone. So whoever replays the log cuts the same batches, gives them the same names, and overwrites instead
// of duplicating. Cutter is that rule; Spool keeps the encoded bytes until they are delivered.
package batch

import (
	"io"
	"time"

	"firehose/internal/record"
)

// Head is what is known of a batch when its first record arrives. With the stream's and the delivery's identity First,
// Sub, Part, Partition and Failure name the batch.
type Head struct {
	First     record.Position // of its first record
	Sub       uint32          // where processing made several records of one: which of them is the first
	Part      uint32          // of a batch that was divided because some of its records are refused; 0 for a whole one. Part n is divided into 2n+1 and 2n+2
	Partition string          // values of the partition keys, by JoinPartition; empty without dynamic partitioning
	Failure   string          // kind of error, such as processing-failed, of an error output; empty for data
	Time      time.Time       // log time of its first record, the oldest
	Version   int             // of the stream's document under which it was cut
}

// Batch is a cut batch. It belongs to the delivery until it is delivered; Body may be read any number of times.
type Batch struct {
	Head
	End     record.Position // where the next batch may begin: after the last record
	Records int             // number of records
	Bytes   int64           // of the records, as they were put
	Body    Body            // what the destination's encoder made of them
}

// Body is a batch's encoded bytes.
type Body interface {
	io.ReaderAt
	Size() int64
}

// Records is a run of records that stand next to each other.
type Records struct {
	Data  []byte // holds them, and may hold others before and after
	Start int    // offset in Data of the first
	Ends  []int  // for each the offset in Data at which it ends
}

// Bytes returns the records' bytes, one after the other, with nothing between them.
func (r Records) Bytes() []byte { return r.Data[r.Start:r.Ends[len(r.Ends)-1]] }

// Record returns the bytes of one record.
func (r Records) Record(index int) []byte {
	start := r.Start
	if index > 0 {
		start = r.Ends[index-1]
	}
	return r.Data[start:r.Ends[index]]
}

// Encoder turns records into a body as they arrive.
type Encoder interface {
	// Write takes the next records, at least one. It keeps nothing of them.
	Write(Records) error

	// Close completes the body.
	Close() error
}
