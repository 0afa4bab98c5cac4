package native

import (
	"fmt"

	"firehose/internal/destination"
	"firehose/internal/destination/s3"
	"firehose/internal/process"
	"firehose/internal/stream"
)

// Compile derives what runs from a stored document; it is the stream.Compile of this language.
func Compile(_ stream.Key, stored []byte) (stream.Spec, error) {
	d, err := Parse(stored, JSON)
	if err != nil {
		return stream.Spec{}, fmt.Errorf("read document: %w", err)
	}
	return d.Spec()
}

// Spec is what the document means. An error is Problems: parts of the language that nothing carries out yet, and what only
// those who carry it out can find.
func (d *Document) Spec() (stream.Spec, error) {
	problems := d.notBuilt()
	spec := stream.Spec{Idempotency: d.Idempotency.compile()}
	for i := range d.Destinations {
		to, path := &d.Destinations[i], fmt.Sprintf("destinations[%d]", i)
		config := to.open(path, &problems)
		spec.Deliveries = append(spec.Deliveries, stream.Delivery{
			ID:          to.ID,
			Process:     process.Config{Lambda: to.Function.compile()},
			Buffer:      stream.Buffer{Size: int64(to.Batch.Size), Interval: to.Batch.Wait, Count: to.Batch.Count},
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
	check(d.OrderKey != "", "order_key")
	for i := range d.Destinations {
		to, path := &d.Destinations[i], fmt.Sprintf("destinations[%d].", i)
		check(to.Paused, path+"paused")
		check(to.Filter.Given(), path+"filter")
		check(to.Enrich.Given(), path+"enrich")
		check(to.Mask.Given(), path+"mask")
		check(to.Webhook != nil, path+"webhook")
		check(to.HTTPEndpoint != nil, path+"http_endpoint")
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

// compressions are those of the S3 destination by their names here.
var compressions = map[string]string{"none": "UNCOMPRESSED", "gzip": "GZIP", "snappy": "Snappy", "zip": "ZIP"}

// open makes the configuration of a destination.
func (d *Destination) open(path string, problems *Problems) destination.Config {
	if d.S3 == nil {
		return nil // notBuilt has said so
	}
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
