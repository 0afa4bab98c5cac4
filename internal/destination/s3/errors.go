package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/object"
	"firehose/internal/objectkey"
)

var _ destination.ErrorKeeper = Config{}

// errorTypes are the types of failure that a delivery writes, sorted.
func errorTypes() []string {
	types := []string{erroroutput.Processing, erroroutput.Conversion, erroroutput.Decompression, erroroutput.Extraction,
		erroroutput.Partitioning, erroroutput.Partitions, erroroutput.HTTPEndpoint, erroroutput.Webhook,
		erroroutput.Enrichment, erroroutput.Masking, erroroutput.Format}
	slices.Sort(types)
	return types
}

// errorOutputs finds the error outputs of a delivery by their keys: those that the ErrorOutputPrefix in force evaluates to,
// for objects named after the stream. So they are found without an index, those of a lost node too.
type errorOutputs struct {
	bucket  string
	stream  string
	objects object.Reader
	failed  *objectkey.Template
}

// ErrorOutputs opens the error outputs.
func (c Config) ErrorOutputs(env destination.Env) (destination.ErrorOutputs, error) {
	objects, ok := env.Objects.(object.Reader)
	if !ok {
		return nil, errors.New("the object store of this server cannot be read")
	}
	zone, err := objectkey.ParseZone(c.TimeZone)
	if err != nil {
		return nil, err
	}
	_, failed, err := objectkey.Compile(c.Prefix, c.ErrorPrefix, objectkey.Options{Location: zone, DynamicPartitioning: c.Partitioned})
	if err != nil {
		return nil, err
	}
	return &errorOutputs{bucket: c.failedBucket(), stream: env.Stream, objects: objects, failed: failed}, nil
}

// Place is the bucket's ARN.
func (e *errorOutputs) Place() string { return arn(e.bucket) }

// Find reads what a key tells.
func (e *errorOutputs) Find(key string) (destination.ErrorOutput, bool) {
	name, errorType, ok := e.failed.MatchFailed(key, e.stream, errorTypes()...)
	return destination.ErrorOutput{Key: key, Type: errorType, Time: name.Time.In(time.UTC)}, ok
}

// List lists one stem after the other: where the type begins the key, as it does by default, nothing else is listed. Stems
// that differ do so in their types, of which none begins another, so their order is that of the keys.
func (e *errorOutputs) List(ctx context.Context, errorType, after string, yield func(destination.ErrorOutput) bool) error {
	more := true
	for _, stem := range e.stems(errorType) {
		err := e.objects.List(ctx, e.bucket, stem, after, func(o object.Info) bool {
			if found, ok := e.Find(o.Key); ok && (errorType == "" || errorType == found.Type) {
				found.Size = o.Size
				more = yield(found)
			}
			return more
		})
		if err != nil {
			return fmt.Errorf("look for error outputs: %w", err)
		}
		if !more {
			break
		}
	}
	return nil
}

// stems returns what the keys of a type begin with, or those of all types, sorted.
func (e *errorOutputs) stems(errorType string) []string {
	types := errorTypes()
	if errorType != "" {
		types = []string{errorType}
	}
	var stems []string
	for _, of := range types {
		stem, whole := e.failed.Stem(of)
		if whole {
			stem += e.stream + "-"
		}
		stems = append(stems, stem)
	}
	slices.Sort(stems)
	return slices.Compact(stems)
}

// Open opens the lines of an output.
func (e *errorOutputs) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	body, err := e.objects.Get(ctx, e.bucket, key)
	if err != nil {
		return nil, err
	}
	plain, err := contentOf(body)
	if err != nil {
		body.Close()
		return nil, fmt.Errorf("decompress s3://%s/%s: %w", e.bucket, key, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, body}, nil
}
