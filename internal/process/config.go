// Package process is what is done to a record between the log and its destination, in a fixed order: decompression,
// extraction of log messages, splitting, filter and enrichment of events, the function, masks, the partition key.
//
// Config declares all of it. Expander takes records apart, and Steps does what is done to events, both for one record at a
// time: they know nothing of batches or of other records, so that a replay makes the same pieces. The function is called by package
// process/lambda; whoever delivers puts the parts together and writes what failed to the error output.
package process

import (
	"time"

	"firehose/internal/eventkey"
)

// Config is what a delivery does to its records. The zero value does nothing.
type Config struct {
	Decompress bool       // records are GZIP of CloudWatch Logs' envelopes
	Messages   bool       // of an envelope, only the messages are kept; needs Decompress
	Split      *Split     // nil: a record stays one record
	Events     *Events    // nil: records are any bytes
	Lambda     *Lambda    // nil: no function
	Partition  *Partition // nil: one open batch for all records
}

// None says whether nothing is done.
func (c Config) None() bool { return c == Config{} } // pointers to settings are never nil and empty

// Split takes a record apart into several.
type Split struct {
	JSON      bool   // the record is a run of JSON objects
	Delimiter string // otherwise: what stands between the pieces, at least a byte
}

// Lambda is a function that transforms records.
type Lambda struct {
	ARN      string
	Retries  int           // after the first attempt, for errors of the function
	Size     int64         // bytes of records in a call
	Interval time.Duration // age of the oldest record in a call
}

// Partition says which partition a record belongs to.
type Partition struct {
	Query      string           // jq text whose result's members are keys; empty for none
	QueryKeys  []string         // in the order of the prefix
	LambdaKeys []string         // that the function's answer holds, in the order of the prefix
	Naming     *eventkey.Config // whose fields are the keys, in place of all these; nil for none
	ActiveMax  int              // partitions open at once
}
