package destination

import (
	"io"
	"time"

	"firehose/internal/batch"
	"firehose/internal/eventbody"
)

// EventBody makes the bodies of one delivery's batches of events.
type EventBody struct {
	*eventbody.Body
	env Env
}

// OpenEventBody compiles a format of events.
func OpenEventBody(c eventbody.Config, env Env) (EventBody, error) {
	if c.CloudEvents.SourceDefault == "" {
		c.CloudEvents.SourceDefault = "/streams/" + env.Stream
	}
	body, err := eventbody.Compile(c)
	return EventBody{body, env}, err
}

// Encoder begins the body of a batch.
func (b EventBody) Encoder(head batch.Head, w io.Writer) (batch.Encoder, error) {
	return b.Body.Encoder(eventbody.Metadata{BatchID: eventbody.BatchID(b.env.Identity(head, "batch")), Delivered: time.Now(), ReplayID: b.env.Replay}, w)
}

// Rejects says that events are refused that are no JSON objects.
func (EventBody) Rejects() bool { return true }
