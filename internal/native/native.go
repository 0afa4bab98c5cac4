// Package native is the product's own language of streams: a document in YAML or JSON says what a stream takes, and where
// its events go. The same document stands in firehose.yaml, is put to /v1/streams, and is applied by the command line.
//
//	Parse     text to Document: strict, all problems at once, each with its path, the value and what is allowed
//	Complete  fills in what the document leaves out, and checks what the types alone do not say
//	Compile   the stream.Spec that runs
//	Changes   what differs between two documents, path by path
//	Put       creates or changes a stream by a document
//	Schema    JSON Schema for editors; Reference, the page for people
//
// A key of the language is a field of Document or of a type below it; name, default, help and limits are its tags, as for the
// settings of the service. Parser, schema, reference page and the list of changes come from the types, so that a new key is
// one line:
//
//	key       name of the field
//	default   the value as a user would write it
//	help      one sentence
//	allowed   the only texts allowed, joined by "|"
//	min, max  the least and the largest value
//	required  "true" if it must be given
//	form      what a text must look like: a name of the table forms
//
// A document is kept as it was given, so that it is shown as its author knows it; what is compared is its complete form.
// Credentials are not part of a document: it refers to them by ${NAME} or file:PATH, and whoever opens the destination
// resolves that. What the package never does: resolve a reference, reach a destination, or keep anything.
package native

import (
	"time"

	"firehose/internal/config"
)

// Language is the name of this language in the catalogue.
const Language = "native"

// Document declares a stream.
type Document struct {
	Name         string         `key:"name" required:"true" form:"stream" help:"Name of the stream."`
	Description  string         `key:"description" help:"What the stream is for; shown, not used."`
	Source       Source         `key:"source" help:"What the stream takes."`
	Idempotency  *Idempotency   `key:"idempotency" help:"Which events are the same one sent twice; without it every event is stored."`
	Collector    *Collector     `key:"collector" help:"Lets web pages send events to /collect/NAME without credentials."`
	OrderKey     string         `key:"order_key" form:"path" help:"Path of the field whose equal values keep their order, such as lead_id. Webhooks and HTTP endpoints then get one batch after the other, in the order of all events, and a batch that fails holds up those behind it; without it several are sent at once. An object holds its events in order anyway, and the names of objects follow it to the second."`
	Metadata     map[string]any `key:"metadata" help:"What enrichment knows of the stream, such as the flow's name and version or the account's plan: any names and values."`
	Destinations []Destination  `key:"destinations" required:"true" id:"id" help:"Where events go. Each destination has a cursor of its own, so that a slow or broken one holds up no other."`

	given *tree // as it was written
}

// Source bounds what a stream takes.
type Source struct {
	MaxEventBytes config.Bytes `key:"max_event_bytes" default:"1000KiB" min:"1" max:"1000KiB" help:"Largest event; a larger one is refused, the others of its request are not. Amazon's API refuses a put with a larger record whole."`
}

// Idempotency says which events are the same.
type Idempotency struct {
	Field  string        `key:"field" required:"true" form:"path" help:"Path of the field that identifies an event, such as event_id."`
	Window time.Duration `key:"window" default:"24h" min:"1s" max:"168h" help:"How long an identity is remembered; a duplicate within it is answered as success and not stored."`
}

// Destination is one place where events go.
type Destination struct {
	ID           string        `key:"id" form:"id" help:"Name of the destination within the stream, part of object names and metrics; may be left out where the stream has one destination of its type, and is the type then."`
	Type         string        `key:"type" required:"true" allowed:"s3|webhook|http_endpoint" help:"Kind of destination; the section of the same name says the rest."`
	Description  string        `key:"description" help:"What the destination is for; shown, not used."`
	Paused       bool          `key:"paused" default:"false" help:"Keeps events and delivers nothing until it is false again."`
	Start        string        `key:"start" default:"now" form:"start" help:"With which events a destination begins when it is new: now is those that come, oldest the oldest that are kept, a time those that were put then or later. It has no effect on a destination that is there already."`
	Preset       string        `key:"preset" allowed:"realtime|cost" help:"Defaults for batch: realtime is 1 MiB or 1 minute, cost is 128 MiB or 15 minutes."`
	Batch        Batch         `key:"batch" help:"When a batch is full: at the size, the count or the wait that is reached first. The defaults of a webhook are 1 MiB, 100 events and 30 seconds."`
	Filter       *Filter       `key:"filter" help:"Which events are delivered; without it all are."`
	Enrich       *Enrich       `key:"enrich" help:"What is added to events."`
	Function     *Function     `key:"function" help:"A function that transforms events."`
	Mask         *Mask         `key:"mask" help:"Which fields are masked, and how."`
	Format       Format        `key:"format" help:"What the body of a batch looks like."`
	S3           *S3           `key:"s3" help:"A bucket in S3, or a folder where the store is file."`
	Webhook      *Webhook      `key:"webhook" help:"An HTTP address that takes batches."`
	HTTPEndpoint *HTTPEndpoint `key:"http_endpoint" help:"An HTTP address that speaks the protocol of Amazon's HTTP endpoint destinations."`
	RetryFor     time.Duration `key:"retry_for" min:"1s" max:"720h" help:"How long a batch is tried again that a webhook or HTTP endpoint does not take, before its events go to the error output; left out it is without end. What somebody must repair, such as a wrong URL, is waited for without end all the same."`
	Errors       *Errors       `key:"errors" help:"Where events go that could not be processed or delivered; without it below errors/ in the bucket of an S3 destination."`
}

// Batch says when a batch is full.
type Batch struct {
	Size  config.Bytes  `key:"size" default:"5MiB" min:"1B" max:"128MiB" help:"Bytes of events before compression."`
	Count int           `key:"count" default:"0" min:"0" help:"Events; 0 is no limit."`
	Wait  time.Duration `key:"wait" default:"5m" min:"0s" max:"15m" help:"Age of the oldest event; 0s delivers as soon as possible."`
}

// Format says what a batch's body looks like.
type Format struct {
	Type        string   `key:"type" allowed:"ndjson|json_array|cloudevents|csv|raw" help:"Left out it is ndjson, and raw for http_endpoint. ndjson is an event a line; json_array one array; cloudevents a batch of CloudEvents; csv the chosen columns; raw the bytes of the events, one after the other."`
	Compression string   `key:"compression" allowed:"none|gzip|snappy|lz4|zstd|zip" help:"Compression of the body; left out it is gzip for s3 and none for all others."`
	Metadata    bool     `key:"metadata" default:"false" help:"Adds firehose_metadata to each event: batch_id, sequence, delivered_at, and masked_fields where there are masks."`
	Columns     []string `key:"columns" help:"Paths of the columns of csv, in their order."`
}

// Function is an AWS Lambda function, or what lambda.functions in the configuration says of its name.
type Function struct {
	ARN     string        `key:"arn" required:"true" form:"function" help:"ARN of the function, or its name in lambda.functions."`
	Size    config.Bytes  `key:"size" default:"1MiB" min:"200KiB" max:"3MiB" help:"Bytes of events in a call."`
	Wait    time.Duration `key:"wait" default:"60s" min:"0s" max:"15m" help:"Age of the oldest event in a call."`
	Retries int           `key:"retries" default:"3" min:"0" max:"300" help:"Tries after the first one that the function failed."`
}

// S3 is a bucket.
type S3 struct {
	Bucket    string `key:"bucket" required:"true" form:"bucket" help:"Name of the bucket."`
	Key       string `key:"key" default:"{{year}}/{{month}}/{{day}}/{{hour}}/" help:"Folder of an object, where a slash at the beginning counts for nothing: text, {{year}}, {{month}}, {{day}}, {{hour}}, {{minute}}, and paths of the events' fields such as {{flow_id}}, whose values then part the objects."`
	File      string `key:"file" help:"Pattern of an object's own name, such as events-{{year}}-{{month}}-{{day}}-{{unique}}; left out it is the stream's name, the version, the time and what tells it from all others, or events-, time and {{unique}} where the key has fields or the format is another than lines."`
	Extension string `key:"extension" form:"extension" help:"Replaces the file extension of the format and compression, such as .json.gz."`
	TimeZone  string `key:"time_zone" default:"UTC" help:"Time zone of the times in key and file, such as Europe/Berlin."`
	KMSKey    string `key:"kms_key" form:"kms_key" help:"ARN of the KMS key that encrypts objects; left out it is the bucket's own setting."`
}

// Webhook is an HTTP address.
type Webhook struct {
	URL     string            `key:"url" required:"true" form:"url" help:"Address that batches are sent to."`
	Method  string            `key:"method" default:"POST" allowed:"POST|PUT|PATCH" help:"Method of the requests."`
	Headers map[string]Header `key:"headers" help:"Headers of the requests; ${NAME} in a value stands for a variable of the server's environment."`
	Secrets []Secret          `key:"secrets" help:"Keys that sign requests in the Standard Webhooks form; while they are rotated, two."`
	Timeout time.Duration     `key:"timeout" default:"30s" min:"1s" max:"5m" help:"Longest time of a request."`
}

// HTTPEndpoint is an address that speaks Amazon's protocol.
type HTTPEndpoint struct {
	URL        string            `key:"url" required:"true" form:"url" help:"Address that batches are sent to."`
	AccessKey  Secret            `key:"access_key" help:"Key that requests bring in X-Amz-Firehose-Access-Key."`
	Attributes map[string]string `key:"attributes" help:"Common attributes of the requests."`
}

// Errors is where an error output goes.
type Errors struct {
	Bucket string `key:"bucket" form:"bucket" help:"Name of the bucket; left out it is that of the S3 destination. Objects in it have the S3 destination's kms_key."`
	Key    string `key:"key" default:"errors/{{error_type}}/{{year}}/{{month}}/{{day}}/{{hour}}/" help:"Folder of an error output, with {{error_type}} and the times of an S3 key."`
}

// Secret refers to a credential: ${NAME} for a variable of the server's environment, or file:PATH. It is never the
// credential itself, so a document can be shown to whoever may see the stream.
type Secret string

// Header is the value of an HTTP header. ${NAME} in it stands for a variable of the server's environment.
type Header string

// presets are the defaults of batch by the name of a preset.
func presets(name string) (b Batch, ok bool) {
	switch name {
	case "realtime":
		return Batch{Size: 1 << 20, Wait: time.Minute}, true
	case "cost":
		return Batch{Size: 128 << 20, Wait: 15 * time.Minute}, true
	}
	return Batch{}, false
}
