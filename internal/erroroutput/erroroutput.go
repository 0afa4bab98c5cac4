// Package erroroutput is the form of error outputs: one JSON line for each record that a stream could not process.
//
// The members of a line and their order are those of the Amazon service, by type of failure. A line holds the original
// bytes, so that whoever has repaired the cause can put the record again.
//
// Line.Append writes a line, Parse and Lines read them back, those of Amazon's own outputs too. The package makes lines
// only: where they are gathered and under which key they lie is the delivery's business. It holds no clock; the caller
// says when an attempt ended.
package erroroutput

import "time"

// The types of failure: the folder in which an error output lies, and what !{firehose:error-output-type} stands for.
const (
	Processing    = "processing-failed"          // Lambda
	Conversion    = "format-conversion-failed"   // JSON to Parquet or ORC
	Decompression = "decompression-failed"       // of CloudWatch Logs' envelopes
	Extraction    = "metadata-extraction-failed" // of partition keys
	Partitioning  = "partitioning-failed"        // a partition key that the function did not give
	Partitions    = "activePartitionExceeded"    // more partitions than may be open
	HTTPEndpoint  = "http-endpoint-failed"       // refused by an endpoint of Amazon's HTTP protocol, or not taken in time
	Webhook       = "webhook-failed"             // refused by a webhook, or not taken in time
	Enrichment    = "enrichment-failed"          // of an event: it is no JSON object, or a table has no row for it
	Masking       = "masking-failed"             // of an event that cannot be read, so that nothing of it may be shown
	Format        = "event-format-failed"        // of an event that the batch's format cannot hold
)

// Codes that tell the type of a line.
const (
	CodeDecompression = "Decompression failed."
	CodeExtraction    = "DynamicPartitioning.MetadataExtractionFailed"
)

// Failure is why a record could not be processed.
type Failure struct {
	Type      string // one of the above
	Code      string // such as Lambda.FunctionError
	Message   string
	Attempts  int    // at least 1
	LambdaARN string // of Processing
	Table     *Table // of Conversion
}

// Table is the table to which a record could not be converted.
type Table struct {
	CatalogID, DatabaseName, TableName, Region, VersionID, RoleARN string
}

// Line is one record in an error output.
type Line struct {
	Failure
	Arrival  time.Time // of the record; milliseconds count
	Ended    time.Time // of the last attempt; milliseconds count
	Raw      []byte    // the record as it was put, or the piece of it that failed
	Sequence string    // of Conversion and HTTPEndpoint: what tells the record from others of the stream
}
