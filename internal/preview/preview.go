// Package preview takes one event through what a delivery does to events, and shows it after each stage: filter, enrichment,
// function, masks, format. It runs the very code of deliveries (package process, and the destination's own encoder), so that what it
// shows is what will be delivered.
//
// Invariant 5 holds for all that it returns: every event is shown as the masks leave it, those of the first stages too, and so
// is every value that the filter found. What cannot be masked is not shown. A result holds no credential; the body of a
// request is in it, its headers are not.
//
// The package changes nothing, and sends nothing unless Send is called; but a function is called, as a delivery calls it: with
// the event as it is before the masks.
package preview

import (
	"bytes"
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/filter"
	"firehose/internal/jsonscan"
	"firehose/internal/process"
	"firehose/internal/process/lambda"
	"firehose/internal/stream"
)

// The stages, in their order.
const (
	Prepare  = "prepare" // only where it fails
	Event    = "event"
	Filter   = "filter"
	Enrich   = "enrich"
	Function = "function"
	Mask     = "mask"
	Format   = "format"
	Send     = "send"
)

// Stage is what became of the event at one stage.
type Stage struct {
	Name         string              `json:"stage"`
	Result       destination.Result  `json:"result"`
	Milliseconds float64             `json:"milliseconds"`
	Detail       string              `json:"detail,omitempty"`
	Event        jsontext.Value      `json:"event,omitempty"`  // behind the stage, masked
	Body         string              `json:"body,omitempty"`   // of a request or object, uncompressed
	Masked       []string            `json:"masked,omitempty"` // paths
	Explanation  *filter.Explanation `json:"explanation,omitempty"`
	*destination.Trouble
}

// Result is the way of an event to one destination.
type Result struct {
	Destination string  `json:"destination"`
	Kind        string  `json:"kind"`
	Target      string  `json:"target"`
	Outcome     Outcome `json:"outcome"`
	Stages      []Stage `json:"stages"`

	event []byte // that goes to the destination
}

// Outcome is what became of the event as a whole.
type Outcome string

// The outcomes.
const (
	Shown    Outcome = "shown"    // it would be delivered
	Sent     Outcome = "sent"     // it was
	Filtered Outcome = "filtered" // the filter leaves it out
	Dropped  Outcome = "dropped"  // the function does
	Failed   Outcome = "failed"
)

// Surroundings are what a way needs of the server.
type Surroundings struct {
	Env      destination.Env
	Steps    process.Surroundings
	Function deliver.Function // of the delivery; nil without
}

// Run shows the way of an event through a delivery. Nothing is sent.
func Run(ctx context.Context, d stream.Delivery, around Surroundings, event []byte) Result {
	r := &run{Result: Result{Destination: d.ID, Kind: d.Destination.Kind(), Target: d.Destination.Target(), Outcome: Shown}}
	var events process.Events
	if d.Process.Events != nil {
		events = *d.Process.Events
	}
	prepared, err := process.Prepare(events, around.Steps)
	if err != nil {
		r.fail(Prepare, err)
		return r.Result
	}
	defer prepared.Close()
	if prepared.Tables() != nil {
		if err := prepared.Tables().Load(ctx); err != nil {
			r.fail(Enrich, err)
			return r.Result
		}
	}
	r.steps = prepared.Steps()
	r.stage(Event, func() (Stage, error) { return r.begin(event) })
	r.stage(Filter, func() (Stage, error) { return r.filter() })
	r.stage(Enrich, func() (Stage, error) { return r.enrich(events.Enrich != nil) })
	r.stage(Function, func() (Stage, error) { return r.function(ctx, around.Function) })
	r.stage(Mask, func() (Stage, error) { return r.mask(len(events.Masks) > 0) })
	r.stage(Format, func() (Stage, error) { return r.format(ctx, d.Destination, around.Env) })
	return r.Result
}

// Send delivers the event of a result that is Shown to its destination, marked as a test.
func (r *Result) Send(ctx context.Context, d stream.Delivery, env destination.Env) {
	if r.Outcome != Shown {
		return
	}
	began := time.Now()
	stage := Stage{Name: Send, Result: destination.OK}
	r.Outcome = Sent
	to, err := destination.AsTryable(d.Destination)
	address := ""
	if err == nil && to != nil {
		address, err = to.Send(ctx, env, r.event)
	}
	switch {
	case err != nil:
		trouble := destination.Explain(err)
		stage.Result, stage.Trouble, r.Outcome = destination.Failed, &trouble, Failed
	case to == nil:
		stage.Result, stage.Detail, r.Outcome = destination.Skipped, "destinations of this kind take no tests", Shown
	default:
		stage.Detail = address
	}
	stage.Milliseconds = destination.Milliseconds(time.Since(began))
	r.Stages = append(r.Stages, stage)
}

// run is a result in the making.
type run struct {
	Result
	steps *process.Steps
}

// stage takes a stage, unless the event has come to its end.
func (r *run) stage(name string, take func() (Stage, error)) {
	if r.Outcome != Shown {
		return
	}
	began := time.Now()
	stage, err := take()
	if err != nil {
		r.fail(name, err)
		return
	}
	stage.Name, stage.Milliseconds = name, destination.Milliseconds(time.Since(began))
	if stage.Result == "" {
		stage.Result = destination.OK
	}
	r.Stages = append(r.Stages, stage)
}

func (r *run) fail(name string, err error) {
	trouble := destination.Explain(err)
	r.Outcome = Failed
	r.Stages = append(r.Stages, Stage{Name: name, Result: destination.Failed, Trouble: &trouble})
}

// refused ends the way as a delivery would, with an error output.
func (r *run) refused(f *erroroutput.Failure) (Stage, error) {
	r.Outcome = Failed
	return Stage{Result: destination.Failed, Trouble: &destination.Trouble{Code: f.Code, Cause: f.Message,
		Fix: "Correct the event, or the stage in the document: such an event goes to the error output."}}, nil
}

func (r *run) begin(event []byte) (Stage, error) {
	r.event = bytes.TrimSpace(event)
	if len(r.event) == 0 || r.event[0] != '{' || !jsonscan.Valid(r.event) {
		return r.refused(&erroroutput.Failure{Code: "Event.Invalid", Message: "the event is no JSON object"})
	}
	return Stage{Event: r.shown()}, nil
}

// shown is the event as it may be shown: masked, and in UTF-8.
func (r *run) shown() jsontext.Value { return readable(r.steps.Shown(r.event)) }

func readable(event []byte) jsontext.Value {
	return bytes.ToValidUTF8(bytes.Clone(event), []byte("\ufffd"))
}

func (r *run) filter() (Stage, error) {
	if r.steps.Filter() == nil {
		return Stage{Result: destination.Skipped, Detail: "there is none; every event passes"}, nil
	}
	explained := r.steps.Filter().Explain(r.event)
	for p := range explained.Parts {
		for c := range explained.Parts[p].Clauses {
			for _, finding := range explained.Parts[p].Clauses[c].Failed {
				for f := range finding.Found {
					finding.Found[f].Value = r.shownValue(finding.Found[f].Names, finding.Found[f].Value)
				}
			}
		}
	}
	stage := Stage{Explanation: &explained, Detail: "the event passes"}
	if r.steps.Judge(r.event) != process.Passes {
		r.Outcome = Filtered
		stage.Detail = "the event does not pass, and is not delivered here"
	}
	return stage, nil
}

func (r *run) enrich(given bool) (Stage, error) {
	if !given {
		return Stage{Result: destination.Skipped, Detail: "there is none"}, nil
	}
	now := time.Now()
	enriched, failure, err := r.steps.Enrich(r.event, now, now)
	switch {
	case err != nil:
		return Stage{}, err
	case failure != nil:
		return r.refused(failure)
	}
	r.event = bytes.Clone(enriched)
	return Stage{Event: r.shown()}, nil
}

// function calls the function for the event. What it says of its own is not shown: it knows the event without masks.
func (r *run) function(ctx context.Context, call deliver.Function) (Stage, error) {
	if call == nil {
		return Stage{Result: destination.Skipped, Detail: "there is none"}, nil
	}
	results, err := call.Call(ctx, []lambda.Record{{ID: "firehose-test", Arrival: time.Now(), Data: r.event}})
	if err != nil {
		return Stage{}, fmt.Errorf("call the function: %w", err)
	}
	switch one := results[0]; {
	case one.Failure != nil:
		stage, err := r.refused(one.Failure)
		stage.Fix = "Look into the function's log, and correct it or its settings: such an event goes to the error output."
		return stage, err
	case one.Dropped:
		r.Outcome = Dropped
		return Stage{Detail: "the function drops the event, and it is not delivered here"}, nil
	default:
		r.event = bytes.Clone(one.Data)
	}
	if !jsonscan.Valid(r.event) {
		return Stage{Detail: fmt.Sprintf("the function made %d bytes that are not JSON", len(r.event))}, nil
	}
	return Stage{Event: r.shown()}, nil
}

func (r *run) mask(given bool) (Stage, error) {
	if !given {
		return Stage{Result: destination.Skipped, Detail: "there are none"}, nil
	}
	masked, done, failure := r.steps.Mask(r.event)
	if failure != nil {
		return r.refused(failure)
	}
	r.event = bytes.Clone(masked)
	stage := Stage{Event: readable(r.event), Masked: append([]string(nil), done.Fields...)}
	if done.Unparsed > 0 {
		stage.Detail = fmt.Sprintf("%d hidden whole, being not what their masks expect", done.Unparsed)
	}
	return stage, nil
}

// format makes the body of a batch of the one event.
func (r *run) format(ctx context.Context, c destination.Config, env destination.Env) (_ Stage, err error) {
	tryable, err := destination.AsTryable(c)
	if err != nil {
		return Stage{}, err
	}
	if tryable != nil {
		c = tryable.Plain()
	}
	to, err := c.Open(env)
	if err != nil {
		return Stage{}, err
	}
	defer to.Close()
	one, err := destination.SampleBatch(ctx, to, time.Now().UTC(), r.event)
	if err != nil {
		return Stage{}, err
	}
	body := make([]byte, one.Body.Size())
	if _, err := one.Body.ReadAt(body, 0); err != nil && int64(len(body)) != one.Body.Size() {
		return Stage{}, err
	}
	if !utf8.Valid(body) {
		return Stage{Detail: fmt.Sprintf("%d bytes that are no text", len(body))}, nil
	}
	return Stage{Body: string(body)}, nil
}
