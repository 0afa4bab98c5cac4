package native

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"firehose/internal/destination"
	"firehose/internal/destination/httpendpoint"
	"firehose/internal/destination/s3"
	"firehose/internal/destination/webhook"
	"firehose/internal/eventbody"
	"firehose/internal/eventkey"
	"firehose/internal/mask"
	"firehose/internal/process"
	"firehose/internal/stream"
)

// Compile derives what runs from a stored document; it is the stream.Compile of this language for those who open nothing of it.
func Compile(key stream.Key, stored []byte) (stream.Spec, error) {
	return References{}.Compile(key, stored)
}

// Compile derives what runs from a stored document; it is the stream.Compile of this language. References are resolved when a
// destination is opened and its events are prepared, so that one that leads nowhere concerns that destination alone. So does
// what breaks a rule that is newer than the document.
func (r References) Compile(key stream.Key, stored []byte) (stream.Spec, error) {
	d, left, err := Stored(stored)
	if err != nil {
		return stream.Spec{}, fmt.Errorf("read document: %w", err)
	}
	spec, err := d.spec(key, r)
	for _, i := range left {
		spec.Deliveries = slices.Insert(spec.Deliveries, i.place, i.delivery())
	}
	return spec, err
}

// Check finds what only those can find who carry the document out. The error is Problems.
func (d *Document) Check() error {
	_, err := d.spec(stream.Key{}, anything)
	return err
}

// spec is what the document means.
func (d *Document) spec(key stream.Key, r References) (stream.Spec, error) {
	var problems Problems
	spec := stream.Spec{Idempotency: d.Idempotency.compile(), EventMax: int(d.Source.MaxEventBytes)}
	for i := range d.Destinations {
		to, path := &d.Destinations[i], fmt.Sprintf("destinations[%d]", i)
		config := to.open(path, key, r, &problems)
		spec.Deliveries = append(spec.Deliveries, stream.Delivery{
			ID:          to.ID,
			Paused:      to.Paused,
			Start:       to.start(),
			Process:     process.Config{Events: to.events(d.Metadata, r), Lambda: to.Function.compile(), Partition: to.partition()},
			Buffer:      to.buffer(),
			RetryFor:    to.RetryFor,
			Ordered:     d.OrderKey != "" && to.S3 == nil,
			Destination: config,
		})
	}
	if problems != nil {
		return stream.Spec{}, problems
	}
	return spec, nil
}

// compressions are those of the S3 destination by their names here.
var compressions = map[string]string{"none": "UNCOMPRESSED", "gzip": "GZIP", "snappy": "Snappy", "zip": "ZIP"}

// open makes the configuration of a destination.
func (d *Destination) open(path string, key stream.Key, r References, problems *Problems) destination.Config {
	switch {
	case d.S3 != nil:
		return d.bucket(path, problems)
	case d.Webhook != nil:
		return d.hook(r)
	case d.HTTPEndpoint != nil:
		return d.endpoint(key, r)
	}
	return nil
}

func (d *Destination) bucket(path string, problems *Problems) s3.Config {
	if d.special() {
		return s3.Config{
			Bucket:      d.S3.Bucket,
			ErrorBucket: d.Errors.Bucket,
			ErrorPrefix: prefix(d.Errors.Key, errorFields),
			Events:      &s3.Events{Body: d.body(), Naming: d.naming()},
			Compression: "UNCOMPRESSED",
			Extension:   d.S3.Extension,
			TimeZone:    d.S3.TimeZone,
			KMSKey:      d.S3.KMSKey,
		}
	}
	if err := checkPrefixes(d.S3.Key, d.Errors.Key); err != nil {
		problems.add(path+".s3.key", d.S3.Key, "is wrong: %s", err)
	}
	return s3.Config{
		Bucket:      d.S3.Bucket,
		Prefix:      prefix(d.S3.Key, keyFields),
		ErrorBucket: d.Errors.Bucket,
		ErrorPrefix: prefix(d.Errors.Key, errorFields),
		Lines:       d.Format.Type == "ndjson",
		Compression: compressions[d.Format.Compression],
		Extension:   d.S3.Extension,
		TimeZone:    d.S3.TimeZone,
		KMSKey:      d.S3.KMSKey,
	}
}

// special says whether objects are made by a format of events, and named by eventkey. Lines of JSON and raw events under a key
// of times alone need neither, and are not even read.
func (d *Destination) special() bool {
	f := d.Format
	plain := f.Type == "raw" || f.Type == "ndjson" && !f.Metadata
	return d.S3 != nil && (!plain || compressions[f.Compression] == "" || d.S3.File != "" || !timesOnly(d.S3.Key))
}

// naming is the key and the file of an S3 destination in the language of eventkey.
func (d *Destination) naming() eventkey.Config {
	return eventkey.Config{Folder: d.S3.Key, File: d.S3.File, Zone: d.S3.TimeZone}
}

// keyFields are the fields of events that name objects.
func (d *Destination) keyFields() []string {
	if d.S3 == nil {
		return nil
	}
	template, err := eventkey.Compile(d.naming())
	if err != nil {
		return nil // which validate has said
	}
	return template.Fields()
}

// partition has batches cut by the fields that name objects.
func (d *Destination) partition() *process.Partition {
	if !d.special() || len(d.keyFields()) == 0 {
		return nil
	}
	naming := d.naming()
	return &process.Partition{Naming: &naming}
}

// body is the format of batches of events.
func (d *Destination) body() eventbody.Config {
	c := eventbody.Config{Format: eventbody.Format(d.Format.Type), Compression: eventbody.Compression(d.Format.Compression), Metadata: d.Format.Metadata}
	for _, path := range d.Format.Columns {
		c.CSV.Columns = append(c.CSV.Columns, eventbody.Column{Path: path})
	}
	return c
}

// events is what is done to a destination's events; nil for nothing. What it refers to is resolved when it is prepared.
func (d *Destination) events(metadata map[string]any, r References) *process.Events {
	if d.Filter == nil && d.Enrich == nil && d.Mask == nil {
		return nil
	}
	declared := process.Events{Filter: d.Filter.compile(), Enrich: d.Enrich.compile(metadata), Masks: d.Mask.compile(), MaskedFields: d.Format.Metadata}
	e := declared
	e.Resolve = func() (resolved process.Events, err error) {
		resolved = declared
		if resolved.Enrich, err = d.Enrich.resolve(declared.Enrich, r); err != nil {
			return resolved, unresolved(err)
		}
		if resolved.Key, err = d.Mask.key(r); err != nil {
			return resolved, unresolved(err)
		}
		if _, err := mask.Compile(resolved.Masks, resolved.Key); err != nil { // the document was checked, so it is the key
			return resolved, invalid(err)
		}
		return resolved, nil
	}
	return &e
}

func (d *Destination) hook(r References) destination.Config {
	w := d.Webhook
	body := d.body()
	c := webhook.Config{URL: w.URL, Method: w.Method, Format: &body, AllowHTTP: true, Timeout: w.Timeout, Errors: d.errorOutput()}
	return referring{c, func() (destination.Config, error) {
		c := c
		for _, name := range slices.Sorted(maps.Keys(w.Headers)) {
			value, err := r.expand(string(w.Headers[name]))
			if err != nil {
				return nil, fmt.Errorf("header %s: %w", name, err)
			}
			c.Headers = append(c.Headers, webhook.Header{Name: name, Value: value})
		}
		for _, secret := range w.Secrets {
			value, err := r.secret(secret)
			if err != nil {
				return nil, fmt.Errorf("secret: %w", err)
			}
			c.Secrets = append(c.Secrets, value)
		}
		return c, nil
	}, r.inFiles(w.Secrets...)}
}

// errorOutput is where the error outputs of a destination go that keeps none itself.
func (d *Destination) errorOutput() destination.Config {
	if d.Errors == nil {
		return nil
	}
	return s3.Config{Bucket: d.Errors.Bucket, ErrorPrefix: prefix(d.Errors.Key, errorFields), Compression: "UNCOMPRESSED"}
}

func (d *Destination) endpoint(key stream.Key, r References) destination.Config {
	e := d.HTTPEndpoint
	c := httpendpoint.Config{URL: e.URL, Gzip: d.Format.Compression == "gzip", SourceARN: key.ARN(), AllowHTTP: true, Errors: d.errorOutput()}
	for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
		c.Attributes = append(c.Attributes, httpendpoint.Attribute{Name: name, Value: e.Attributes[name]})
	}
	return referring{c, func() (destination.Config, error) {
		c := c
		var err error
		if e.AccessKey != "" {
			c.AccessKey, err = r.secret(e.AccessKey)
		}
		return c, err
	}, r.inFiles(e.AccessKey)}
}

// buffer bounds batches by what the document and the destination's protocol allow.
func (d *Destination) buffer() stream.Buffer {
	b := stream.Buffer{Size: int64(d.Batch.Size), Interval: d.Batch.Wait, Count: d.Batch.Count}
	if d.HTTPEndpoint != nil {
		b.Size = min(b.Size, httpendpoint.SizeMax(httpendpoint.BodySizeMax))
		if b.Count == 0 || b.Count > httpendpoint.RecordsMax {
			b.Count = httpendpoint.RecordsMax
		}
	}
	return b
}

// start is where the destination begins; validate has seen that it is a time if it is no word.
func (d *Destination) start() stream.Start {
	at, _ := time.Parse(time.RFC3339Nano, d.Start)
	return stream.Start{Oldest: d.Start == "oldest", Time: at}
}

func (i *Idempotency) compile() *stream.Idempotency {
	if i == nil {
		return nil
	}
	return &stream.Idempotency{Field: i.Field, Window: i.Window}
}

func (f *Function) compile() *process.Lambda {
	if f == nil {
		return nil
	}
	return &process.Lambda{ARN: f.ARN, Retries: f.Retries, Size: int64(f.Size), Interval: f.Wait}
}
