package control

import (
	"bytes"
	"fmt"
	"io"

	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/process"
	"firehose/internal/process/lambda"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// Trial returns the surroundings in which a delivery of a stream is tried, which need not exist. What is delivered in them has
// an identity of its own, so that no receiver takes it for a batch of the stream.
func (c *Control) Trial(key stream.Key, delivery string) (destination.Env, process.Surroundings) {
	env := destination.Env{Stream: key.Name, StreamID: record.NewStreamID(), Delivery: delivery, Objects: c.Objects, Tables: c.Tables, HTTP: c.HTTP}
	return env, c.surroundings()
}

// Function returns the function of a delivery that is tried, or nil without one. It is called once and no more, so that
// whoever waits hears of a failure soon.
func (c *Control) Function(key stream.Key, d stream.Delivery) deliver.Function {
	if d.Process.Lambda == nil {
		return nil
	}
	return c.Functions.Function(d.Process.Lambda.ARN, 0, lambda.Stream{ARN: key.ARN(), Region: key.Region})
}

// surroundings are what is done to events may use.
func (c *Control) surroundings() (around process.Surroundings) {
	around.Tables = c.Lookups
	if c.HTTP != nil {
		around.Client = c.HTTP.Client()
	}
	return around
}

// Spec returns what a stream's document means.
func (c *Control) Spec(key stream.Key) (stream.Spec, error) {
	r, err := c.get(key)
	if err != nil {
		return stream.Spec{}, err
	}
	s := r.declared.Load()
	return r.compile(s, s.Version)
}

// Latest returns the record that was put last, or nil if none is kept.
func (c *Control) Latest(key stream.Key) ([]byte, error) {
	r, err := c.get(key)
	if err != nil {
		return nil, err
	}
	if !r.started.Load() {
		return nil, stream.ErrNotActive
	}
	first, next := r.log.Ends()
	if first == next {
		return nil, nil
	}
	reader := r.log.Read(next - 1)
	defer reader.Close()
	entry, err := reader.Next()
	if err == io.EOF { // it is damaged
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the latest record: %w", err)
	}
	var b block.Block
	if err := b.Unpack(entry.Body, r.keys.get); err != nil {
		return nil, fmt.Errorf("read the latest record: %w", err)
	}
	return bytes.Clone(b.Record(b.Count() - 1)), nil
}

// CompileDocument returns what a document means that no stream has.
func (c *Control) CompileDocument(key stream.Key, language string, document []byte) (stream.Spec, error) {
	compile, ok := c.Compile[language]
	if !ok {
		return stream.Spec{}, fmt.Errorf("unknown language %q", language)
	}
	return compile(key, document)
}
