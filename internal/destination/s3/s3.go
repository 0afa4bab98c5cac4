package s3

import (
	"context"
	"encoding/binary"
	"io"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/format"
	"firehose/internal/object"
	"firehose/internal/objectkey"
)

// contentType is that of every object, whatever is in it (the Amazon service does the same).
const contentType = "application/octet-stream"

// bucket is an open destination.
type bucket struct {
	Config
	env         destination.Env
	compression format.Compression
	prefix      *objectkey.Template // of data
	failed      *objectkey.Template // of error outputs
	options     objectkey.Options
	events      *events // nil for records of any kind
}

// Open makes the destination. The error of a prefix or time zone is the Amazon service's message for it.
func (c Config) Open(env destination.Env) (destination.Destination, error) {
	zone, err := objectkey.ParseZone(c.TimeZone)
	if err != nil {
		return nil, err
	}
	b := &bucket{Config: c, env: env, compression: format.Compression(c.Compression), options: objectkey.Options{Location: zone, DynamicPartitioning: c.Partitioned}}
	if b.prefix, b.failed, err = objectkey.Compile(c.Prefix, c.ErrorPrefix, b.options); err != nil {
		return nil, err
	}
	if b.events, err = c.Events.open(env); err != nil {
		return nil, err
	}
	return b, nil
}

// Rejects says whether records may be refused: those that do not fit the table or the format.
func (b *bucket) Rejects() bool { return b.Conversion != nil || b.events != nil }

// Encoder begins the body of an object: a file in the other format, or the records, one after the other, compressed.
func (b *bucket) Encoder(ctx context.Context, head batch.Head, w io.Writer) (batch.Encoder, error) {
	if b.events != nil && head.Failure == "" {
		return b.events.body.Encoder(head, w)
	}
	if b.Conversion != nil && head.Failure == "" {
		return b.Conversion.Encoder(ctx, b.env.Tables, w)
	}
	body, err := format.NewWriter(b.compression, w, b.unique(head, "entry").String())
	if err != nil {
		return nil, err
	}
	switch {
	case head.Failure != "":
	case b.Delimiter:
		return &delimited{WriteCloser: body}, nil
	case b.Lines:
		return &lines{WriteCloser: body}, nil
	}
	return encoder{body}, nil
}

// encoder puts nothing between records.
type encoder struct{ io.WriteCloser }

func (e encoder) Write(records batch.Records) error {
	_, err := e.WriteCloser.Write(records.Bytes())
	return err
}

// delimited puts a line feed between records, and none after the last, as captures of the Amazon service show.
type delimited struct {
	io.WriteCloser
	begun bool
	lines []byte // of one run
}

func (d *delimited) Write(records batch.Records) error {
	d.lines = d.lines[:0]
	start := records.Start
	for _, end := range records.Ends {
		if d.begun {
			d.lines = append(d.lines, '\n')
		}
		d.lines = append(d.lines, records.Data[start:end]...)
		d.begun, start = true, end
	}
	_, err := d.WriteCloser.Write(d.lines)
	return err
}

// lines ends each record with a line feed, so that objects may be joined.
type lines struct {
	io.WriteCloser
	text []byte // of one run
}

func (l *lines) Write(records batch.Records) error {
	l.text = l.text[:0]
	start := records.Start
	for _, end := range records.Ends {
		l.text = append(l.text, records.Data[start:end]...)
		if end == start || l.text[len(l.text)-1] != '\n' {
			l.text = append(l.text, '\n')
		}
		start = end
	}
	_, err := l.WriteCloser.Write(l.text)
	return err
}

// Deliver puts the batch's object. Putting it again replaces it with the same bytes.
func (b *bucket) Deliver(ctx context.Context, batch *batch.Batch) error {
	return b.env.Objects.Put(ctx, object.Object{
		Bucket:          b.bucketOf(batch.Head),
		Key:             b.key(batch.Head),
		Body:            batch.Body,
		Size:            batch.Body.Size(),
		ContentType:     contentType,
		ContentEncoding: b.contentEncoding(batch.Head),
		KMSKey:          b.KMSKey,
	})
}

func (b *bucket) contentEncoding(head batch.Head) string {
	if b.events != nil && head.Failure == "" {
		return b.events.body.ContentEncoding()
	}
	return b.compression.ContentEncoding()
}

// Name returns the URL of a batch's object.
func (b *bucket) Name(head batch.Head) string { return "s3://" + b.bucketOf(head) + "/" + b.key(head) }

// Close does nothing: the object store is shared.
func (b *bucket) Close() error { return nil }

// key returns the key of a batch's object. It follows from the batch alone, never from chance or the clock, so that a
// replay overwrites (invariant 3).
func (b *bucket) key(head batch.Head) string {
	if b.events != nil && head.Failure == "" {
		return b.events.key(b.env, head, b.Extension)
	}
	unique := b.unique(head, "object")
	values := objectkey.Values{Time: head.Time, Seed: unique[:], ErrorType: head.Failure}
	template := b.failed
	if head.Failure == "" {
		template = b.prefix
		values.QueryKeys, values.LambdaKeys = b.keys(head.Partition)
	}
	name := objectkey.Name{
		Stream:    b.env.Stream,
		Version:   head.Version,
		Time:      head.Time,
		Location:  b.options.Location,
		Unique:    unique,
		Extension: b.extension(head),
	}
	return template.Evaluate(values) + name.String()
}

// extension returns what the object's name ends with. Failed records of a conversion are plain lines without an extension.
func (b *bucket) extension(head batch.Head) string {
	switch {
	case b.Conversion == nil || b.Extension != "" && head.Failure == "":
		return objectkey.Extension(b.Compression, b.Extension)
	case head.Failure != "":
		return ""
	case b.Conversion.ORC != nil:
		return ".orc"
	}
	return ".parquet"
}

// keys returns the partition keys of a partition: its values are those of the query's keys and then those of the function's,
// each in the order of the prefix.
func (b *bucket) keys(partition string) (query, function map[string]string) {
	values := batch.SplitPartition(partition)
	take := func(keys []string) map[string]string {
		taken := map[string]string{}
		for _, key := range keys {
			if len(values) > 0 {
				taken[key], values = values[0], values[1:]
			}
		}
		return taken
	}
	return take(b.prefix.QueryKeys()), take(b.prefix.LambdaKeys())
}

// unique tells a batch from all others of all streams, once for each purpose.
func (b *bucket) unique(head batch.Head, purpose string) objectkey.UUID {
	position := binary.BigEndian.AppendUint64(nil, head.First.Block)
	position = binary.BigEndian.AppendUint32(position, head.First.Index)
	parts := [][]byte{b.env.StreamID[:], []byte(b.env.Delivery), position, []byte(purpose)}
	if head.Sub != 0 || head.Partition != "" || head.Failure != "" {
		parts = append(parts, binary.BigEndian.AppendUint32(nil, head.Sub), []byte(head.Partition), []byte(head.Failure))
	}
	return objectkey.Unique(parts...)
}
