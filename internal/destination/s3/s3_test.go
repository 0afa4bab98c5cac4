package s3

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"firehose/internal/batch"
	"firehose/internal/columns/orc"
	"firehose/internal/columns/parquet"
	"firehose/internal/convert"
	"firehose/internal/destination"
	"firehose/internal/destination/destinationtest"
	"firehose/internal/object"
	"firehose/internal/object/folder"
	objects3 "firehose/internal/object/s3"
	"firehose/internal/record"
	"firehose/internal/verdict"
	"firehose/test/fakes3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var compressions = []string{"UNCOMPRESSED", "GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY"}

func env(objects object.Store) destination.Env {
	return destination.Env{Stream: "clicks", StreamID: record.StreamID{1, 2, 3}, Delivery: "main", Objects: objects}
}

func open(t *testing.T, c Config, e destination.Env) destination.Destination {
	t.Helper()
	d, err := c.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// decompress takes a body out of its container.
func decompress(t *testing.T, compression string, body []byte) []byte {
	t.Helper()
	plain, err := func() ([]byte, error) {
		switch compression {
		case "GZIP":
			r, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				return nil, err
			}
			return io.ReadAll(r)
		case "ZIP":
			r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
			if err != nil {
				return nil, err
			}
			if len(r.File) != 1 {
				return nil, fmt.Errorf("%d files in the archive", len(r.File))
			}
			f, err := r.File[0].Open()
			if err != nil {
				return nil, err
			}
			return io.ReadAll(f)
		case "Snappy": // snappy-java: 16 bytes of header, then chunks after their lengths
			return chunks(body[min(16, len(body)):], 1)
		case "HADOOP_SNAPPY": // chunks after two lengths, of which the second counts
			return chunks(body, 2)
		}
		return body, nil
	}()
	if err != nil {
		t.Errorf("%s: %v", compression, err)
	}
	return plain
}

// chunks decompresses raw Snappy chunks, each after so many lengths of which the last is its own.
func chunks(body []byte, lengths int) (plain []byte, err error) {
	for len(body) > 0 {
		if len(body) < 4*lengths {
			return nil, io.ErrUnexpectedEOF
		}
		size := int(binary.BigEndian.Uint32(body[4*(lengths-1):]))
		body = body[4*lengths:]
		if size > len(body) {
			return nil, io.ErrUnexpectedEOF
		}
		piece, err := s2.Decode(nil, body[:size])
		if err != nil {
			return nil, err
		}
		plain, body = append(plain, piece...), body[size:]
	}
	return plain, nil
}

func TestDestinationOnS3(t *testing.T) {
	for _, compression := range compressions {
		t.Run(compression, func(t *testing.T) {
			destinationtest.Run(t, func(t *testing.T) destinationtest.Target { return onS3(t, compression) })
		})
	}
}

func onS3(t *testing.T, compression string) destinationtest.Target {
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	server := fakes3.Start("bucket")
	store, err := objects3.Open(t.Context(), objects3.Options{Endpoint: server.URL, Region: "us-east-1", AccessKey: "AKID", SecretKey: "s",
		MultipartMin: 16 << 20, PartSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if changed := server.Changed(); len(changed) > 0 {
			t.Errorf("objects were overwritten with other bytes: %q", changed)
		}
		server.Close()
	})
	return destinationtest.Target{
		Destination: open(t, Config{Bucket: "bucket", Compression: compression}, env(store)),
		Moods:       []destinationtest.Mood{destinationtest.Failing, destinationtest.Broken, destinationtest.Hanging},
		Set: func(m destinationtest.Mood) {
			server.SetRule(func(fakes3.Request) fakes3.Fault {
				switch m {
				case destinationtest.Failing:
					return fakes3.Fault{Status: 503, Code: "SlowDown"}
				case destinationtest.Broken:
					return fakes3.Fault{Status: 403, Code: "AccessDenied"}
				case destinationtest.Hanging:
					return fakes3.Fault{Hang: true}
				}
				return fakes3.Fault{}
			})
		},
		Received: func() (bodies [][]byte) {
			for _, body := range server.Objects("bucket") {
				bodies = append(bodies, body)
			}
			return bodies
		},
		Plain: func(body []byte) []byte { return decompress(t, compression, body) },
	}
}

func TestDestinationInAFolder(t *testing.T) {
	destinationtest.Run(t, func(t *testing.T) destinationtest.Target {
		dir := t.TempDir()
		store, err := folder.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		bucket := filepath.Join(dir, "buckets", "bucket")
		return destinationtest.Target{
			Destination: open(t, Config{Bucket: "bucket", Prefix: "in/", Compression: "GZIP"}, env(store)),
			Moods:       []destinationtest.Mood{destinationtest.Broken},
			Set: func(m destinationtest.Mood) {
				place := filepath.Join(bucket, "in") // a file where a folder should be
				os.RemoveAll(place)
				if m == destinationtest.Broken {
					os.MkdirAll(bucket, 0o755)
					os.WriteFile(place, nil, 0o644)
				}
			},
			Received: func() (bodies [][]byte) {
				filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
					if err == nil && !d.IsDir() && path != filepath.Join(bucket, "in") {
						body, _ := os.ReadFile(path)
						bodies = append(bodies, body)
					}
					return nil
				})
				return bodies
			},
			Plain: func(body []byte) []byte { return decompress(t, "GZIP", body) },
		}
	})
}

// fakeStore keeps the last object.
type fakeStore struct {
	mu   sync.Mutex
	last object.Object
	err  error
}

func (s *fakeStore) Put(_ context.Context, o object.Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = o
	return s.err
}

var testHead = batch.Head{First: record.Position{Block: 12, Index: 3}, Time: time.Date(2026, 2, 3, 23, 5, 6, 7, time.UTC), Version: 4}

// TestKeysStayTheSame compares with testdata/keys.txt: who replays under a newer version of this program must overwrite.
func TestKeysStayTheSame(t *testing.T) {
	var got strings.Builder
	f := func(c Config, h batch.Head) {
		t.Helper()
		c.Bucket = "bucket"
		d := open(t, c, env(&fakeStore{}))
		name := d.(destination.Namer).Name(h)
		if again := open(t, c, env(&fakeStore{})).(destination.Namer).Name(h); again != name {
			t.Errorf("the same batch is %s and %s", name, again)
		}
		c.Conversion = nil // a pointer
		fmt.Fprintf(&got, "%+v\n    %s\n", c, name)
	}
	f(Config{}, testHead)
	for _, compression := range compressions {
		f(Config{Compression: compression}, testHead)
	}
	f(Config{Compression: "GZIP", Extension: ".json.gz"}, testHead)
	f(Config{Prefix: "raw/"}, testHead)
	f(Config{Prefix: "year=!{timestamp:yyyy}/month=!{timestamp:MM}/", ErrorPrefix: "err/!{firehose:error-output-type}/"}, testHead)
	f(Config{Prefix: "!{firehose:random-string}/!{firehose:random-string}/", ErrorPrefix: "err/!{firehose:error-output-type}/"}, testHead)
	f(Config{Prefix: "d=!{timestamp:dd}/", ErrorPrefix: "err/!{firehose:error-output-type}/", TimeZone: "Asia/Tokyo"}, testHead)
	other := testHead
	other.First.Index++
	f(Config{}, other)
	other = testHead
	other.Version++
	f(Config{}, other)
	other = testHead
	other.Sub = 2
	f(Config{}, other)
	other = testHead
	other.Failure = "processing-failed"
	f(Config{Prefix: "raw/"}, other)
	f(Config{Compression: "GZIP", ErrorPrefix: "err/!{firehose:error-output-type}/!{timestamp:yyyy}/"}, other)
	f(Config{Prefix: "raw/", ErrorBucket: "failures"}, other)
	f(Config{Prefix: "raw/", ErrorBucket: "failures"}, testHead)
	other = testHead
	other.Partition = string(batch.JoinPartition(nil, []string{"42", "eu/west", "ios"}))
	f(Config{Prefix: "c=!{partitionKeyFromQuery:cid}/!{partitionKeyFromLambda:dev}/!{partitionKeyFromQuery:region}/!{timestamp:yyyy}/",
		ErrorPrefix: "err/!{firehose:error-output-type}/", Partitioned: true}, other)

	other.Partition = ""
	f(Config{Conversion: &convert.Config{Parquet: &parquet.Options{}}}, other)
	f(Config{Conversion: &convert.Config{ORC: &orc.Options{}}}, other)
	f(Config{Conversion: &convert.Config{ORC: &orc.Options{}}, Extension: ".data"}, other)
	other.Failure = "format-conversion-failed"
	f(Config{Conversion: &convert.Config{ORC: &orc.Options{}}, Extension: ".data"}, other)

	path := filepath.Join("testdata", "keys.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("keys are\n%s\nwant\n%s", got.String(), want)
	}
}

func TestKeysOfDifferentBatchesDiffer(t *testing.T) {
	seen := map[string]bool{}
	f := func(change func(e *destination.Env, h *batch.Head)) {
		t.Helper()
		e, h := env(&fakeStore{}), testHead
		change(&e, &h)
		key := open(t, Config{Bucket: "b"}, e).(destination.Namer).Name(h)
		if seen[key] {
			t.Errorf("%s is there already", key)
		}
		seen[key] = true
	}
	f(func(*destination.Env, *batch.Head) {})
	f(func(e *destination.Env, _ *batch.Head) { e.StreamID[15] = 1 }) // deleted, and made again under the same name
	f(func(e *destination.Env, _ *batch.Head) { e.Delivery = "backup" })
	f(func(_ *destination.Env, h *batch.Head) { h.First.Block++ })
	f(func(_ *destination.Env, h *batch.Head) { h.First.Index++ })
	f(func(_ *destination.Env, h *batch.Head) { h.Version++ })
}

func TestObjectIsPutAsDeclared(t *testing.T) {
	f := func(c Config, encoding string) {
		t.Helper()
		store := &fakeStore{}
		d := open(t, c, env(store))
		b := &batch.Batch{Head: testHead, Body: bytes.NewReader([]byte("body"))}
		if err := d.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		o := store.last
		if "s3://"+o.Bucket+"/"+o.Key != d.(destination.Namer).Name(testHead) || o.Size != 4 || o.Body != b.Body ||
			o.ContentType != "application/octet-stream" || o.ContentEncoding != encoding || o.KMSKey != c.KMSKey {
			t.Errorf("%+v puts %+v", c, o)
		}
	}
	f(Config{Bucket: "b", Compression: "UNCOMPRESSED"}, "")
	f(Config{Bucket: "b", Compression: "GZIP", KMSKey: "arn:aws:kms:us-east-1:111122223333:key/k"}, "gzip")
	f(Config{Bucket: "b", Compression: "Snappy"}, "snappy-java")
	f(Config{Bucket: "b", Compression: "HADOOP_SNAPPY"}, "hadoop-snappy")
	f(Config{Bucket: "b", Compression: "ZIP"}, "zip")
}

func TestVerdictOfTheStoreGoesUp(t *testing.T) {
	store := &fakeStore{err: fmt.Errorf("put: %w", &verdict.SetUp{Code: "S3.NoSuchBucket", Absent: true})}
	d := open(t, Config{Bucket: "b"}, env(store))
	err := d.Deliver(t.Context(), &batch.Batch{Head: testHead, Body: bytes.NewReader(nil)})
	if broken := verdict.AsSetUp(err); broken == nil || !broken.Absent {
		t.Errorf("deliver: %v", err)
	}
}

// TestBodiesDoNotFollowFromBlocks: a log that was packed into other blocks gives the same bytes.
func TestBodiesDoNotFollowFromBlocks(t *testing.T) {
	for _, compression := range compressions {
		r := rand.New(rand.NewPCG(1, 1))
		var all batch.Records
		for range 3000 {
			for range r.IntN(300) {
				all.Data = append(all.Data, "abcdefgh"[r.IntN(8)])
			}
			all.Ends = append(all.Ends, len(all.Data))
		}
		d := open(t, Config{Bucket: "b", Compression: compression}, env(&fakeStore{}))
		encode := func(piece func() int) []byte {
			var body bytes.Buffer
			e, err := d.Encoder(t.Context(), testHead, &body)
			if err != nil {
				t.Fatal(err)
			}
			for from := 0; from < len(all.Ends); {
				to := min(len(all.Ends), from+piece())
				run := batch.Records{Data: all.Data, Ends: all.Ends[from:to]}
				if from > 0 {
					run.Start = all.Ends[from-1]
				}
				if err := e.Write(run); err != nil {
					t.Fatal(err)
				}
				from = to
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			return body.Bytes()
		}
		whole := encode(func() int { return 3000 })
		if plain := decompress(t, compression, whole); !bytes.Equal(plain, all.Data) {
			t.Errorf("%s: %d bytes instead of %d", compression, len(plain), len(all.Data))
		}
		for range 3 {
			if !bytes.Equal(encode(func() int { return 1 + r.IntN(500) }), whole) {
				t.Errorf("%s: other blocks give other bytes", compression)
			}
		}
	}
}

func TestRecordsAreDividedAsDeclared(t *testing.T) {
	f := func(c Config, failure, want string) {
		t.Helper()
		c.Bucket, c.ErrorPrefix, c.Compression = "b", "errors/", "UNCOMPRESSED"
		d := open(t, c, env(&fakeStore{}))
		var body bytes.Buffer
		head := testHead
		head.Failure = failure
		e, err := d.Encoder(t.Context(), head, &body)
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range []batch.Records{{Data: []byte("-abc\n"), Start: 1, Ends: []int{2, 2, 5}}, {Data: []byte("de"), Ends: []int{1, 2}}} {
			if err := e.Write(run); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if got := body.String(); got != want {
			t.Errorf("%+v writes %q, want %q", c, got, want)
		}
	}
	f(Config{}, "", "abc\nde")
	f(Config{Delimiter: true}, "", "a\n\nbc\n\nd\ne")
	f(Config{Lines: true}, "", "a\n\nbc\nd\ne\n")
	f(Config{Delimiter: true}, "processing-failed", "abc\nde")
	f(Config{Lines: true}, "processing-failed", "abc\nde")
}

func TestOpenRefusesWhatItCannotName(t *testing.T) {
	f := func(c Config) {
		t.Helper()
		if _, err := c.Open(env(&fakeStore{})); err == nil {
			t.Errorf("%+v was opened", c)
		}
	}
	f(Config{Bucket: "b", Prefix: "!{timestamp:", ErrorPrefix: "e"})
	f(Config{Bucket: "b", Prefix: "!{nothing:yyyy}"})
	f(Config{Bucket: "b", TimeZone: "Mars/Phobos"})
}
