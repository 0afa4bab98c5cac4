package control

import (
	"fmt"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/jq"
	"firehose/internal/process/lambda"
	"firehose/internal/stream"
)

// plan opens what a delivery is declared to be. It reaches nothing yet.
func (c *Control) plan(s *stream.Stream, d stream.Delivery) (deliver.Plan, error) {
	plan := deliver.Plan{
		Limits:  batch.Limits{Size: d.Buffer.Size, Interval: max(d.Buffer.Interval, c.IntervalMin), Count: d.Buffer.Count},
		Process: d.Process,
	}
	if l := d.Process.Lambda; l != nil {
		if err := c.Functions.Reachable(l.ARN); err != nil {
			c.Logger.Warn("A function cannot be called; its records will go to the error output.", "stream", s.Name, "error", err)
		}
		plan.Function = c.Functions.Function(l.ARN, l.Retries, lambda.Stream{ARN: s.Key.ARN(), Region: s.Region})
	}
	if p := d.Process.Partition; p != nil {
		plan.Active = c.Partitions
		if p.Query != "" {
			query, err := jq.Compile(p.Query)
			if err != nil {
				return deliver.Plan{}, fmt.Errorf("compile the query for partition keys: %w", err)
			}
			if plan.Keys, err = query.Evaluator(p.QueryKeys); err != nil {
				return deliver.Plan{}, fmt.Errorf("compile the query for partition keys: %w", err)
			}
		}
	}
	to, err := d.Destination.Open(destination.Env{Stream: s.Name, StreamID: s.ID, Delivery: d.ID, Objects: c.Objects, Tables: c.Tables, HTTP: c.HTTP})
	if err != nil {
		return deliver.Plan{}, err
	}
	plan.Destination = to
	if rejecter, ok := to.(destination.Rejecter); ok {
		plan.Rejects = rejecter.Rejects()
	}
	return plan, nil
}
