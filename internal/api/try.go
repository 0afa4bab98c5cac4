package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"firehose/internal/apikey"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/native"
	"firehose/internal/preview"
	"firehose/internal/process"
	"firehose/internal/sample"
	"firehose/internal/stream"
)

// Trials is what the door needs to try destinations.
type Trials interface {
	// Trial returns the surroundings in which a delivery is tried, of a stream that need not exist.
	Trial(key stream.Key, delivery string) (destination.Env, process.Surroundings)

	// Function returns the function of a delivery, to be called once and no more, or nil without one.
	Function(key stream.Key, d stream.Delivery) deliver.Function

	// Spec returns what a stream's document means, and CompileDocument what one means that no stream has.
	Spec(key stream.Key) (stream.Spec, error)
	CompileDocument(key stream.Key, language string, document []byte) (stream.Spec, error)

	// Latest returns the record that was put last, or nil.
	Latest(key stream.Key) ([]byte, error)
}

func (d *Door) registerTrials(mux *http.ServeMux) {
	d.handle(mux, "POST /v1/destinations:test", d.testDestination, "stream", "destination")
	d.handle(mux, "POST /v1/preview", d.preview, "stream", "destination")
}

// tryTime is the most that a try may take, all its steps together.
const tryTime = time.Minute

// TestResult is the last line of the answer to a test.
type TestResult struct {
	Destination  string             `json:"destination"`
	Kind         string             `json:"kind"`
	Target       string             `json:"target"`
	Result       destination.Result `json:"result"`
	Failed       string             `json:"failed,omitempty"` // the step
	Milliseconds float64            `json:"milliseconds"`
}

// testDestination tries a destination that is not saved. It answers a line for each step as soon as it is taken, and one for
// the whole.
func (d *Door) testDestination(w http.ResponseWriter, r *http.Request) {
	key, err := d.trialKey(r)
	var body []byte
	if err == nil {
		body, err = readBody(r, tryMax)
	}
	var form native.Form
	if err == nil {
		form, err = formOf(r, body)
	}
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	document, one, err := native.ParseDestination(body, form, key.Name, r.URL.Query().Get("destination"))
	if err != nil {
		d.refuse(w, err)
		return
	}
	to, err := d.delivery(key, document, one.ID)
	if err != nil {
		d.refuse(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), tryTime)
	defer cancel()
	connection := http.NewResponseController(w)
	d.stream(w, func(yield func(any, error) bool) {
		began := time.Now()
		env, _ := d.Trials.Trial(key, to.ID)
		failed := destination.Try(ctx, to.Destination, env, func(s destination.Step) {
			yield(s, nil)
			_ = connection.Flush() // its error is the client's going away
		})
		result := destination.OK
		if failed != "" {
			result = destination.Failed
		}
		yield(TestResult{Destination: to.ID, Kind: to.Destination.Kind(), Target: to.Destination.Target(), Result: result, Failed: failed,
			Milliseconds: destination.Milliseconds(time.Since(began))}, nil)
	})
}

// trialKey returns the key of the stream that a try is for; it need not exist.
func (d *Door) trialKey(r *http.Request) (stream.Key, error) {
	name := cmp.Or(r.URL.Query().Get("stream"), "test")
	who, err := d.identify(r, apikey.Admin, r.URL.Query().Get("stream"))
	return stream.Key{Account: cmp.Or(who.Account, d.Account), Region: cmp.Or(who.Region, d.Region), Name: name}, err
}

// delivery compiles a document for one of its destinations.
func (d *Door) delivery(key stream.Key, document *native.Document, id string) (stream.Delivery, error) {
	spec, err := d.Trials.CompileDocument(key, native.Language, document.Stored())
	if err != nil {
		return stream.Delivery{}, err
	}
	for _, one := range spec.Deliveries {
		if one.ID == id {
			return one, nil
		}
	}
	return stream.Delivery{}, noDestination(id)
}

func noDestination(id string) error {
	return &failure{http.StatusNotFound, "destination_not_found", fmt.Sprintf("the stream has no destination %q", id)}
}

// tryMax is the most that the body of a try may have: a document and an event.
const tryMax = documentMax + eventMax

// previewRequest is the body of a preview.
type previewRequest struct {
	Document json.RawMessage `json:"document"` // an object, or a string of YAML
	Event    json.RawMessage `json:"event"`    // left out for a sample
}

// Ping is the answer to a ping and a preview.
type Ping struct {
	Stream       string           `json:"stream"`
	Event        string           `json:"event"` // where it comes from: request, stream or sample
	DryRun       bool             `json:"dry_run,omitempty"`
	Destinations []preview.Result `json:"destinations"`
}

// preview shows the way of an event through a document that is not saved. Nothing is sent.
func (d *Door) preview(w http.ResponseWriter, r *http.Request) {
	key, err := d.trialKey(r)
	var asked previewRequest
	if err == nil {
		asked, err = parsePreview(r)
	}
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	source := []byte(asked.Document)
	var text string
	if json.Unmarshal(source, &text) == nil {
		source = []byte(text)
	}
	id := r.URL.Query().Get("destination")
	document, one, err := native.ParseDestination(source, native.Guess(source), key.Name, id)
	if err != nil {
		d.refuse(w, err)
		return
	}
	to, err := d.delivery(key, document, one.ID)
	if err != nil {
		d.refuse(w, err)
		return
	}
	key.Name = document.Name
	event, from := []byte(asked.Event), "request"
	if isNone(event) {
		event, from = sampleEvent(), "sample"
	}
	answer := d.run(r.Context(), key, []stream.Delivery{to}, event, true)
	answer.Event = from
	d.answer(w, answer, nil)
}

func parsePreview(r *http.Request) (asked previewRequest, err error) {
	const wanted = `{"document": DOCUMENT, "event": EVENT}: the document an object or a string of YAML, the event optional`
	_, err = readJSON(r, tryMax, &asked, wanted)
	if err == nil && asked.Document == nil {
		err = badBody(wanted, "document is missing")
	}
	return asked, err
}

// ping takes an event through a stream's deliveries, and sends it to the destinations unless it is only to be shown.
func (d *Door) ping(w http.ResponseWriter, r *http.Request, name string) {
	key, err := d.find(r, name, apikey.Admin)
	var dryRun bool
	if err == nil {
		dryRun, err = flag(r, "dry_run")
	}
	var event []byte
	if err == nil {
		event, err = readBody(r, tryMax)
	}
	var spec stream.Spec
	if err == nil {
		spec, err = d.Trials.Spec(key)
	}
	deliveries := spec.Deliveries
	if id := r.URL.Query().Get("destination"); err == nil && id != "" {
		deliveries = nil
		for _, one := range spec.Deliveries {
			if one.ID == id {
				deliveries = append(deliveries, one)
			}
		}
		if deliveries == nil {
			err = noDestination(id)
		}
	}
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	from := "request"
	if isNone(event) {
		from = "stream"
		if event, _ = d.Trials.Latest(key); event == nil { // for what cannot be read a sample stands as well
			event, from = sampleEvent(), "sample"
		}
	}
	answer := d.run(r.Context(), key, deliveries, event, dryRun)
	answer.Event = from
	d.answer(w, answer, nil)
}

func isNone(event []byte) bool {
	event = bytes.TrimSpace(event)
	return len(event) == 0 || string(event) == "null"
}

func sampleEvent() []byte { return sample.New(uint64(time.Now().Unix())).Next() }

// run takes an event through deliveries, one after the other.
func (d *Door) run(ctx context.Context, key stream.Key, deliveries []stream.Delivery, event []byte, dryRun bool) Ping {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	answer := Ping{Stream: key.Name, DryRun: dryRun, Destinations: []preview.Result{}}
	for _, to := range deliveries {
		env, steps := d.Trials.Trial(key, to.ID)
		result := preview.Run(ctx, to, preview.Surroundings{Env: env, Steps: steps, Function: d.Trials.Function(key, to)}, event)
		if !dryRun {
			result.Send(ctx, to, env)
		}
		answer.Destinations = append(answer.Destinations, result)
	}
	return answer
}
