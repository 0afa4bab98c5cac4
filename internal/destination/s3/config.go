// Package s3 delivers batches as objects to buckets: it names each object from the batch alone, compresses its records
// while they arrive, and puts it. Where buckets are (S3, or folders) is the object store's business.
package s3

import (
	"cmp"

	"firehose/internal/batch"
	"firehose/internal/convert"
	"firehose/internal/destination"
)

// Config is an S3 destination.
type Config struct {
	Bucket      string          // the bucket's name
	ErrorBucket string          // that of error outputs; empty for the same
	Prefix      string          // expression text; empty for none
	ErrorPrefix string          // expression text; empty for none
	Partitioned bool            // Prefix names partition keys, which batches bring
	Delimiter   bool            // a line feed between records
	Lines       bool            // a line feed at the end of each record that has none
	Events      *Events         // in place of Prefix, Delimiter, Lines and Compression for data; nil for records of any kind
	Conversion  *convert.Config // to Parquet or ORC, with Compression UNCOMPRESSED; nil for none
	Compression string          // UNCOMPRESSED, GZIP, ZIP, Snappy or HADOOP_SNAPPY
	Extension   string          // replaces the compression's own file extension; empty to keep it
	TimeZone    string          // of times in keys; empty for UTC
	KMSKey      string          // ARN of the key for server-side encryption; empty for the bucket's default
}

var _ destination.Config = Config{}

// Kind returns "s3".
func (Config) Kind() string { return "s3" }

// Target returns the bucket's ARN.
func (c Config) Target() string { return arn(c.Bucket) }

func arn(bucket string) string { return "arn:aws:s3:::" + bucket }

// failedBucket is the bucket of error outputs.
func (c Config) failedBucket() string { return cmp.Or(c.ErrorBucket, c.Bucket) }

// bucketOf returns the bucket of a batch's object.
func (c Config) bucketOf(head batch.Head) string {
	if head.Failure != "" {
		return c.failedBucket()
	}
	return c.Bucket
}
