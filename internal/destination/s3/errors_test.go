package s3

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/format"
	"firehose/internal/object"
	"firehose/internal/object/folder"
	"firehose/internal/record"
)

// failedOf is a batch of failed records, whose body is lines.
func failedOf(t *testing.T, d destination.Destination, failure string, first uint64, at time.Time, lines string) *batch.Batch {
	t.Helper()
	head := batch.Head{First: record.Position{Block: first}, Failure: failure, Time: at, Version: 3}
	var body bytes.Buffer
	encoder, err := d.Encoder(t.Context(), head, &body)
	if err != nil {
		t.Fatal(err)
	}
	if err := encoder.Write(batch.Records{Data: []byte(lines), Ends: []int{len(lines)}}); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	return &batch.Batch{Head: head, Body: bytes.NewReader(body.Bytes())}
}

func errorsOf(t *testing.T, c Config, e destination.Env) destination.ErrorOutputs {
	t.Helper()
	outputs, err := c.ErrorOutputs(e)
	if err != nil {
		t.Fatal(err)
	}
	return outputs
}

func TestErrorOutputsAreFoundAgain(t *testing.T) {
	at := time.Date(2026, time.March, 5, 14, 3, 9, 5000, time.UTC)
	f := func(c Config) {
		t.Helper()
		c.Bucket = "bucket"
		store, err := folder.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		ours, others := env(store), env(store)
		others.Stream = "clicks-2"
		var want []string
		for _, e := range []destination.Env{ours, others} {
			d := open(t, c, e)
			for i, failure := range []string{"", erroroutput.Processing, erroroutput.Conversion, erroroutput.Partitions, erroroutput.Processing} {
				b := failedOf(t, d, failure, uint64(i+1), at.Add(time.Duration(i)*time.Hour), "line "+failure+"\n")
				if err := d.Deliver(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				if e.Stream == ours.Stream && failure != "" {
					want = append(want, strings.TrimPrefix(d.(destination.Namer).Name(b.Head), "s3://"+c.failedBucket()+"/"))
				}
			}
		}
		slices.Sort(want)
		outputs := errorsOf(t, c, ours)
		list := func(errorType, after string, max int) (keys []string) {
			t.Helper()
			err := outputs.List(t.Context(), errorType, after, func(o destination.ErrorOutput) bool {
				keys = append(keys, o.Key)
				hours := o.Time.Sub(at.Truncate(time.Second)) / time.Hour
				if o.Size == 0 || hours < 1 || hours > 4 || o.Time.Location() != time.UTC || errorType != "" && o.Type != errorType {
					t.Errorf("%+v: listed %+v", c, o)
				}
				body, err := outputs.Open(t.Context(), o.Key)
				if err != nil {
					t.Fatal(err)
				}
				defer body.Close()
				if lines, err := io.ReadAll(body); err != nil || !strings.HasPrefix(string(lines), "line "+o.Type) {
					t.Errorf("%+v: read %q of %+v, %v", c, lines, o, err)
				}
				return len(keys) < max
			})
			if err != nil {
				t.Fatal(err)
			}
			return keys
		}
		if got := list("", "", 9); !slices.Equal(got, want) {
			t.Errorf("%+v: listed %q, want %q", c, got, want)
		}
		for i := range want {
			if got := list("", want[i], 9); !slices.Equal(got, want[i+1:]) {
				t.Errorf("%+v: after %s listed %q, want %q", c, want[i], got, want[i+1:])
			}
		}
		if got := list("", "", 2); !slices.Equal(got, want[:2]) {
			t.Errorf("%+v: listed %q of two", c, got)
		}
		ofType := 2
		if c.ErrorPrefix != "" && !strings.Contains(c.ErrorPrefix, "error-output-type") {
			ofType = 0
		}
		if got := list(erroroutput.Processing, "", 9); len(got) != ofType {
			t.Errorf("%+v: listed %q of one type", c, got)
		}
	}
	f(Config{Compression: "UNCOMPRESSED"})
	f(Config{Compression: "GZIP", Prefix: "logs"})
	f(Config{Compression: "GZIP", Extension: ".json.gz", ErrorPrefix: "e/!{firehose:error-output-type}/"})
	f(Config{Compression: "ZIP", ErrorPrefix: "e/!{timestamp:yyyy/MM}/!{firehose:error-output-type}/!{firehose:random-string}-", TimeZone: "Asia/Tokyo"})
	f(Config{Compression: "Snappy", ErrorPrefix: "errors/"})
	f(Config{Compression: "HADOOP_SNAPPY", Prefix: "x/!{timestamp:yyyy}/", ErrorPrefix: "x/!{firehose:error-output-type}/"})
	f(Config{Compression: "GZIP", Partitioned: true, Prefix: "c=!{partitionKeyFromQuery:c}/", ErrorPrefix: "!{firehose:error-output-type}/"})
	f(Config{Compression: "GZIP", ErrorBucket: "failures", ErrorPrefix: "!{firehose:error-output-type}/"})
}

func TestErrorOutputsOfEveryTypeAreFound(t *testing.T) {
	store, err := folder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := Config{Bucket: "bucket", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP"}
	d, outputs := open(t, c, env(store)), errorsOf(t, c, env(store))
	for _, failure := range []string{erroroutput.Processing, erroroutput.Conversion, erroroutput.Decompression, erroroutput.Extraction, erroroutput.Partitioning,
		erroroutput.Partitions, erroroutput.HTTPEndpoint, erroroutput.Webhook, erroroutput.Enrichment, erroroutput.Masking, erroroutput.Format} {
		if err := d.Deliver(t.Context(), failedOf(t, d, failure, 1, time.Now(), "line\n")); err != nil {
			t.Fatal(err)
		}
		found := 0
		err := outputs.List(t.Context(), failure, "", func(o destination.ErrorOutput) bool {
			found++
			return o.Type == failure
		})
		if err != nil || found != 1 {
			t.Errorf("%s: found %d, %v", failure, found, err)
		}
	}
}

func TestErrorOutputsOfAMissingObjectAndOfAStoreThatCannotBeRead(t *testing.T) {
	store, err := folder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := Config{Bucket: "bucket", Compression: "GZIP"}
	if _, err := errorsOf(t, c, env(store)).Open(t.Context(), "none"); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := c.ErrorOutputs(env(nil)); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a store without a reader: %v", err)
	}
}

func TestDecompressReadsEveryContainer(t *testing.T) {
	f := func(content string) {
		t.Helper()
		for _, compression := range compressions {
			var body bytes.Buffer
			w, err := format.NewWriter(format.Compression(compression), &body, "entry")
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, content)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := contentOf(bytes.NewReader(body.Bytes()))
			if err != nil {
				t.Fatalf("%s of %d bytes: %v", compression, len(content), err)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != content {
				t.Errorf("%s of %d bytes: %d bytes, %v", compression, len(content), len(got), err)
			}
			if compression == "UNCOMPRESSED" || len(content) == 0 {
				continue
			}
			// The last bytes of an archive come behind its entry, and are not read.
			cut := body.Len() * 2 / 3
			if r, err = contentOf(bytes.NewReader(body.Bytes()[:cut])); err == nil {
				_, err = io.ReadAll(r)
			}
			if err == nil && compression != "ZIP" {
				t.Errorf("%s of %d bytes, cut off: no error", compression, len(content))
			}
		}
	}
	f("")
	f(`{"rawData":""}` + "\n")
	f(strings.Repeat(`{"rawData":"eyJhIjoxfQ=="}`+"\n", 30_000))
	noise := []byte{'{'}
	for r := rand.New(rand.NewPCG(1, 2)); len(noise) < 700_000; {
		noise = append(noise, byte(r.Uint32()))
	}
	f(string(noise))
}

func FuzzDecompress(f *testing.F) {
	for _, compression := range compressions {
		var body bytes.Buffer
		w, err := format.NewWriter(format.Compression(compression), &body, "entry")
		if err != nil {
			f.Fatal(err)
		}
		io.WriteString(w, "{}\n{}\n")
		w.Close()
		f.Add(body.Bytes())
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := contentOf(bytes.NewReader(body))
		if err != nil {
			return
		}
		io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	})
}
