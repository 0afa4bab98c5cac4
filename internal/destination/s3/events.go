package s3

import (
	"fmt"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/eventbody"
	"firehose/internal/eventkey"
)

// Events makes objects of events: in a format of their own, and named by their fields.
type Events struct {
	Body   eventbody.Config
	Naming eventkey.Config // whose fields are the partition keys of batches
}

// events is Events, opened.
type events struct {
	body   destination.EventBody
	naming *eventkey.Template
}

func (e *Events) open(env destination.Env) (*events, error) {
	if e == nil {
		return nil, nil
	}
	body, err := destination.OpenEventBody(e.Body, env)
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	naming, err := eventkey.Compile(e.Naming)
	if err != nil {
		return nil, fmt.Errorf("name objects: %w", err)
	}
	return &events{body: body, naming: naming}, nil
}

// key names the object of a batch.
func (e *events) key(env destination.Env, head batch.Head, extension string) string {
	if extension == "" {
		extension = e.body.FileExtension()
	}
	values := batch.SplitPartition(head.Partition)
	for len(values) < len(e.naming.Fields()) {
		values = append(values, eventkey.MissingDefault) // a name is asked for a batch of another configuration
	}
	return e.naming.Key(head.Time, values, env.Identity(head, "object"), extension)
}
