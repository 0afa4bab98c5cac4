package control

import (
	"context"
	"fmt"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/enrich"
	"firehose/internal/eventkey"
	"firehose/internal/jq"
	"firehose/internal/process"
	"firehose/internal/process/lambda"
	"firehose/internal/stream"
	"firehose/internal/task"
	"firehose/internal/verdict"
)

// openMax is how long the tables of a destination may take to be there before it is held, when somebody waits for it.
const openMax = 500 * time.Millisecond

// plan opens what a delivery is declared to be, for a replay or not. Of what it refers to only tables are read.
func (c *Control) plan(s *stream.Stream, d stream.Delivery, replay string) deliver.Plan {
	plan := c.open(s, d, replay, openMax)
	if why := destination.AsHeld(plan.Destination); why != nil {
		c.Logger.Error("A destination cannot be opened; its records are kept until it is repaired.",
			"stream", s.Name, "delivery", d.ID, "error", why, "fix", why.Fix)
	}
	return plan
}

// open is plan without a word about what cannot be opened, and with so much time for tables; 0 is as long as they take.
func (c *Control) open(s *stream.Stream, d stream.Delivery, replay string, patience time.Duration) deliver.Plan {
	plan := deliver.Plan{
		Limits:   batch.Limits{Size: d.Buffer.Size, Interval: max(d.Buffer.Interval, c.IntervalMin), Count: d.Buffer.Count},
		Process:  d.Process,
		RetryFor: d.RetryFor,
		Ordered:  d.Ordered,
	}
	if d.Process.Partition != nil {
		plan.Active = c.Partitions
	}
	opened, err := c.assemble(plan, s, d, replay, patience)
	if err == nil {
		return opened
	}
	broken := verdict.AsSetUp(err)
	if broken == nil {
		broken = &verdict.SetUp{Code: "Destination.Unusable", Err: err, Fix: "Correct the stream's document."}
	}
	return held(plan, broken)
}

// assemble opens what a plan needs. What it cannot open holds this delivery alone.
func (c *Control) assemble(plan deliver.Plan, s *stream.Stream, d stream.Delivery, replay string, patience time.Duration) (deliver.Plan, error) {
	if l := d.Process.Lambda; l != nil {
		if err := c.Functions.Reachable(l.ARN); err != nil {
			return plan, &verdict.SetUp{Code: "Lambda.NotConfigured", Err: err,
				Fix: "Give the function's URL in lambda.functions, or set lambda.endpoint, and start the server again; or correct the document."}
		}
		plan.Function = c.Functions.Function(l.ARN, l.Retries, lambda.Stream{ARN: s.Key.ARN(), Region: s.Region})
	}
	if p := d.Process.Partition; p != nil {
		var err error
		if plan.Keys, err = planKeys(p); err != nil {
			return plan, err
		}
	}
	to, err := d.Destination.Open(destination.Env{Stream: s.Name, StreamID: s.ID, Delivery: d.ID, Replay: replay, Objects: c.Objects, Tables: c.Tables, HTTP: c.HTTP})
	if err != nil {
		return plan, err
	}
	plan.Destination = to
	if rejecter, ok := to.(destination.Rejecter); ok {
		plan.Rejects = rejecter.Rejects()
	}
	if _, ok := to.(destination.Failer); ok {
		plan.Rejects = true // what it will never take goes to the error output as it was put
	}
	if err := c.planEvents(&plan, s, d, patience); err != nil {
		to.Close()
		return plan, err
	}
	return plan, nil
}

// held returns a plan in place of one that cannot be opened. Its records are cut as the log has them, and wait there; the
// stream's other deliveries go on.
func held(plan deliver.Plan, broken *verdict.SetUp) deliver.Plan {
	return deliver.Plan{Limits: plan.Limits, Active: plan.Active, RetryFor: plan.RetryFor, Destination: destination.Held(broken)}
}

// planKeys compiles what finds partition keys; it is nil where only the function gives some.
func planKeys(p *process.Partition) (deliver.Keys, error) {
	switch {
	case p.Naming != nil:
		template, err := eventkey.Compile(*p.Naming)
		if err != nil {
			return nil, fmt.Errorf("compile the names of objects: %w", err)
		}
		return fields{template}, nil
	case p.Query != "":
		query, err := jq.Compile(p.Query)
		if err != nil {
			return nil, fmt.Errorf("compile the query for partition keys: %w", err)
		}
		keys, err := query.Evaluator(p.QueryKeys)
		if err != nil {
			return nil, fmt.Errorf("compile the query for partition keys: %w", err)
		}
		return keys, nil
	}
	return nil, nil
}

// fields are the fields of an event that name its object.
type fields struct{ *eventkey.Template }

func (f fields) Values(_ context.Context, event []byte, dst []string) ([]string, error) {
	return f.Template.Values(dst, event)
}

// planEvents prepares what is done to events. Tables of the enrichment are loaded, within the time that is given for it, and
// kept fresh until the plan is not used any more.
func (c *Control) planEvents(plan *deliver.Plan, s *stream.Stream, d stream.Delivery, patience time.Duration) (err error) {
	if d.Process.Events == nil {
		return nil
	}
	around := c.surroundings()
	around.Tell = func(lookup string, err error) { c.tellTable(s.Name, d.ID, lookup, err) }
	if plan.Events, err = process.Prepare(*d.Process.Events, around); err != nil {
		return err
	}
	resolved := plan.Events.Resolved() // functions never compare equal, and versions that cut alike must
	plan.Process.Events = &resolved
	tables := plan.Events.Tables()
	if tables == nil {
		return nil
	}
	loaded := make(chan error, 1)
	keeping := task.NewGroup(c.runs.Context())
	keeping.Go("keep tables", func(ctx context.Context) error {
		err := tables.Load(ctx)
		loaded <- err
		if err == nil {
			tables.Run(ctx)
		}
		return nil
	})
	plan.Stop = func() {
		keeping.Stop()
		keeping.Wait()
		tables.Close()
	}
	if err := await(loaded, patience); err != nil {
		plan.Stop()
		return err
	}
	return nil
}

// await returns what becomes of loading tables, or that it lasts.
func await(loaded <-chan error, patience time.Duration) error {
	if patience == 0 {
		return <-loaded
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-loaded:
		return err
	case <-timer.C:
		return &verdict.SetUp{Code: enrich.Unreadable, Err: fmt.Errorf("the tables of its lookups are not there after %v; they are loaded on", patience),
			Fix: "Wait; if it lasts, look after where the tables come from."}
	}
}

// tellTable reports that a table is out of date from now on, or that it is no more.
func (c *Control) tellTable(stream, delivery, lookup string, err error) {
	where := []any{"stream", stream, "delivery", delivery, "lookup", lookup}
	if err == nil {
		c.Logger.Info("A table of the enrichment is up to date again.", where...)
		return
	}
	c.Logger.Warn("A table of the enrichment cannot be read; it is used on as it was.", append(where, "error", err)...)
}
