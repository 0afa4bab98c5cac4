package native

import (
	"fmt"
	"maps"
	"slices"

	"firehose/internal/destination"
	"firehose/internal/destination/httpendpoint"
	"firehose/internal/destination/s3"
	"firehose/internal/process"
	"firehose/internal/stream"
)

// Compile derives what runs from a stored document; it is the stream.Compile of this language for those who open nothing of it.
func Compile(key stream.Key, stored []byte) (stream.Spec, error) {
	return References{}.Compile(key, stored)
}

// Compile derives what runs from a stored document; it is the stream.Compile of this language. Destinations resolve their
// references when they are opened.
func (r References) Compile(key stream.Key, stored []byte) (stream.Spec, error) {
	d, err := Parse(stored, JSON)
	if err != nil {
		return stream.Spec{}, fmt.Errorf("read document: %w", err)
	}
	return d.spec(key, r)
}

// Check finds what only those can find who carry the document out, and the parts of the language that nothing carries out yet.
// The error is Problems.
func (d *Document) Check() error {
	_, err := d.spec(stream.Key{}, References{})
	return err
}

// spec is what the document means.
func (d *Document) spec(key stream.Key, r References) (stream.Spec, error) {
	problems := d.notBuilt()
	spec := stream.Spec{Idempotency: d.Idempotency.compile()}
	for i := range d.Destinations {
		to, path := &d.Destinations[i], fmt.Sprintf("destinations[%d]", i)
		config := to.open(path, key, r, &problems)
		spec.Deliveries = append(spec.Deliveries, stream.Delivery{
			ID:          to.ID,
			Process:     process.Config{Lambda: to.Function.compile()},
			Buffer:      to.buffer(),
			Destination: config,
		})
	}
	if problems != nil {
		return stream.Spec{}, problems
	}
	return spec, nil
}

// notBuilt lists the given parts of the language that nothing carries out yet.
func (d *Document) notBuilt() (problems Problems) {
	check := func(given bool, path string) {
		if given {
			problems.add(path, "", "is not built into this server yet; leave it out")
		}
	}
	check(d.Source.MaxEventBytes != maxEventBytes, "source.max_event_bytes")
	check(d.OrderKey != "", "order_key")
	for i := range d.Destinations {
		to, path := &d.Destinations[i], fmt.Sprintf("destinations[%d].", i)
		check(to.Paused, path+"paused")
		check(to.Filter != nil, path+"filter")
		check(to.Enrich != nil, path+"enrich")
		check(to.Mask != nil, path+"mask")
		check(to.Webhook != nil, path+"webhook")
		check(to.Format.Metadata, path+"format.metadata")
		check(to.S3 != nil && to.S3.File != "", path+"s3.file")
		check(to.S3 != nil && to.Errors != nil && to.Errors.Bucket != to.S3.Bucket, path+"errors.bucket")
		if f := to.Format; to.S3 != nil {
			check(f.Type != "ndjson" && f.Type != "raw", path+"format.type")
			check(compressions[f.Compression] == "", path+"format.compression")
		}
	}
	return problems
}

// maxEventBytes is what every stream takes.
const maxEventBytes = 1000 << 10

// compressions are those of the S3 destination by their names here.
var compressions = map[string]string{"none": "UNCOMPRESSED", "gzip": "GZIP", "snappy": "Snappy", "zip": "ZIP"}

// open makes the configuration of a destination, or returns nil where notBuilt has said why not.
func (d *Destination) open(path string, key stream.Key, r References, problems *Problems) destination.Config {
	switch {
	case d.S3 != nil:
		return d.bucket(path, problems)
	case d.HTTPEndpoint != nil:
		return d.endpoint(key, r)
	}
	return nil
}

func (d *Destination) bucket(path string, problems *Problems) s3.Config {
	if err := checkPrefixes(d.S3.Key, d.Errors.Key); err != nil {
		problems.add(path+".s3.key", d.S3.Key, "is wrong: %s", err)
	}
	return s3.Config{
		Bucket:      d.S3.Bucket,
		Prefix:      prefix(d.S3.Key, keyFields),
		ErrorPrefix: prefix(d.Errors.Key, errorFields),
		Delimiter:   d.Format.Type == "ndjson",
		Compression: compressions[d.Format.Compression],
		Extension:   d.S3.Extension,
		TimeZone:    d.S3.TimeZone,
		KMSKey:      d.S3.KMSKey,
	}
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
		var err error
		if e.AccessKey != "" {
			c.AccessKey, err = r.secret(e.AccessKey)
		}
		return c, err
	}}
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
