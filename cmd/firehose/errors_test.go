package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"firehose/internal/config"
	"firehose/internal/erroroutput"
	"firehose/internal/format"
	"firehose/internal/object"
	"firehose/internal/object/folder"
	"firehose/internal/object/s3"
	"firehose/internal/server"
	"firehose/test/fakes3"
)

// errorsWorld is a server with a stream, and a look into its buckets.
type errorsWorld struct {
	*testing.T
	url     string
	objects interface {
		object.Store
		object.Reader
	}
}

// newErrorsWorld starts a server that asks for signatures, with the stream clicks.
func newErrorsWorld(t *testing.T, store string) *errorsWorld {
	t.Helper()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_REGION", "us-east-1")
	c := config.Default()
	c.Listen, c.DataDir, c.Store = "127.0.0.1:0", t.TempDir(), store
	c.Log.MinFree = 0
	c.Auth.Mode = "sigv4"
	c.Auth.Keys = []config.AuthKey{{AccessKey: "AKIDTEST", SecretKey: "secret", Account: "123456789012"}}
	if store == "s3" {
		fake := fakes3.Start("bucket")
		t.Cleanup(fake.Close)
		c.S3.Endpoint, c.S3.Region = fake.URL, "us-east-1"
	}
	s, err := server.Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	w := &errorsWorld{T: t, url: s.URL()}
	if store == "s3" {
		w.objects, err = s3.Open(t.Context(), s3.Options{Endpoint: c.S3.Endpoint, Region: "us-east-1", MultipartMin: 1 << 30, PartSize: 1 << 30})
	} else {
		w.objects, err = folder.Open(c.DataDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	amazon := firehose.New(firehose.Options{BaseEndpoint: aws.String(s.URL()), Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", "")})
	_, err = amazon.CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{DeliveryStreamName: aws.String("clicks"),
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::bucket"), RoleARN: aws.String("arn:aws:iam::123456789012:role/r"), CompressionFormat: types.CompressionFormatGzip}})
	if err != nil {
		t.Fatal(err)
	}
	for {
		d, err := amazon.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("clicks")})
		if err != nil {
			t.Fatal(err)
		}
		if d.DeliveryStreamDescription.DeliveryStreamStatus == types.DeliveryStreamStatusActive {
			return w
		}
	}
}

// put puts a GZIP object.
func (w *errorsWorld) put(key string, lines []byte) {
	w.Helper()
	var body bytes.Buffer
	packed, err := format.NewWriter(format.Gzip, &body, "")
	if err != nil {
		w.Fatal(err)
	}
	packed.Write(lines)
	packed.Close()
	err = w.objects.Put(w.Context(), object.Object{Bucket: "bucket", Key: key, Body: bytes.NewReader(body.Bytes()), Size: int64(body.Len()), ContentEncoding: "gzip"})
	if err != nil {
		w.Fatal(err)
	}
}

// run runs firehose errors and returns what it wrote.
func (w *errorsWorld) run(args ...string) (string, error) {
	var out bytes.Buffer
	err := writeErrors(w.Context(), &out, append(args, "--url", w.url))
	return out.String(), err
}

// want runs firehose errors and looks for texts in what it writes.
func (w *errorsWorld) want(args []string, texts ...string) string {
	w.Helper()
	out, err := w.run(args...)
	if err != nil {
		w.Errorf("firehose errors %q: %v", args, err)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			w.Errorf("firehose errors %q does not say %q:\n%s", args, text, out)
		}
	}
	return out
}

// delivered flushes the stream and returns the records that were delivered.
func (w *errorsWorld) delivered() (records []string) {
	w.Helper()
	if err := runFlush(w.Context(), []string{"clicks", "--url", w.url}); err != nil {
		w.Fatal(err)
	}
	err := w.objects.List(w.Context(), "bucket", "2", "", func(o object.Info) bool {
		body, err := w.objects.Get(w.Context(), "bucket", o.Key)
		if err != nil {
			w.Fatal(err)
		}
		defer body.Close()
		plain, err := gzip.NewReader(body)
		if err != nil {
			w.Fatal(err)
		}
		text, err := io.ReadAll(plain)
		if err != nil {
			w.Fatal(err)
		}
		records = append(records, slices.Collect(strings.Lines(string(text)))...)
		return true
	})
	if err != nil {
		w.Fatal(err)
	}
	return records
}

func testErrors(t *testing.T, store string) {
	w := newErrorsWorld(t, store)
	w.want([]string{"clicks"}, "clicks has no error outputs\n")

	arrival := time.Date(2026, time.March, 5, 14, 3, 9, 0, time.UTC)
	var lines []byte
	var all []string
	for i := range 1203 {
		all = append(all, fmt.Sprintf("record %d\n", i))
		lines = erroroutput.Line{Failure: erroroutput.Failure{Type: erroroutput.Processing, Code: "Lambda.FunctionError", Message: "broken", Attempts: 4,
			LambdaARN: "arn:aws:lambda:us-east-1:123456789012:function:f"}, Arrival: arrival, Ended: arrival, Raw: []byte(all[i])}.Append(lines)
	}
	name := "clicks-1-2026-03-05-14-03-09-8f6a7c1e-0000-4000-8000-00000000000"
	first, second := "processing-failed/2026/03/05/14/"+name+"1.gz", "processing-failed/2026/03/05/14/"+name+"2.gz"
	parts := bytes.SplitAfterN(lines, []byte("\n"), 1201)
	w.put(first, bytes.Join(parts[:1200], nil))
	w.put(second, parts[1200])
	w.put("processing-failed/2026/03/05/14/other-"+name+"3.gz", lines)
	w.put("format-conversion-failed/2026/03/05/14/clicks-1-2026-03-05-14-03-09-no-name", []byte("x"))

	w.want([]string{"clicks"}, "processing-failed  2        0", "2026-03-05T14:03:09Z", first, second, "--redrive")
	w.want([]string{"clicks", "--type", "format-conversion-failed"}, "no error outputs that --type and --since choose")
	w.want([]string{"clicks", "--since", "2026-03-05T14:03:10Z"}, "no error outputs")
	if out := w.want([]string{"clicks", "--json"}); strings.Count(out, `"type":"processing-failed"`) != 2 {
		t.Errorf("in JSON: %s", out)
	}
	if out := w.want([]string{"clicks", "--lines"}); strings.Count(out, "Lambda.FunctionError: broken (attempt 4)\n    record ") != 1203 {
		t.Errorf("all lines: %s", out[:min(len(out), 500)])
	}
	var shown struct{ Text string }
	if out := w.want([]string{"clicks", "--show", second, "--json"}); json.NewDecoder(strings.NewReader(out)).Decode(&shown) != nil || shown.Text != all[1200] {
		t.Errorf("shown: %s", out)
	}

	w.want([]string{"clicks", "--redrive", "--dry-run"}, "1203 records of 2 error outputs", "would be put into clicks again")
	if got := w.delivered(); len(got) != 0 {
		t.Errorf("a dry run put %d records", len(got))
	}
	w.want([]string{"clicks", "--redrive", "--show", second}, "3 records of 1 error output ")
	w.want([]string{"clicks", "--redrive"}, "1200 records of 2 error outputs", "3 were put before")
	w.want([]string{"clicks", "--redrive"}, "0 records of 2 error outputs", "1203 were put before (--force puts them too)")
	w.want([]string{"clicks"}, "processing-failed  2        2", "all 1200", "all 3")
	got := w.delivered()
	slices.Sort(got)
	slices.Sort(all)
	if !slices.Equal(got, all) {
		t.Errorf("%d records were delivered, want %d", len(got), len(all))
	}

	if _, err := w.run("clicks", "--show", "none"); err == nil || !strings.Contains(err.Error(), "none is no error output of the stream") {
		t.Errorf("show of none: %v", err)
	}
	if _, err := w.run("clocks"); err == nil || !strings.Contains(err.Error(), "stream_not_found") {
		t.Errorf("errors of no stream: %v", err)
	}
	if _, err := w.run("clicks", "--redrive", "--show", "none"); err == nil || !strings.Contains(err.Error(), "1 of 1 error output ") {
		t.Errorf("redrive of none: %v", err)
	}
}

func TestErrorsInFolders(t *testing.T) { testErrors(t, "file") }

func TestErrorsInS3(t *testing.T) { testErrors(t, "s3") }

func TestErrorsFlagsAreChecked(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		err := writeErrors(t.Context(), io.Discard, append(args, "clicks", "--url", "nowhere"))
		if err == nil || errors.Is(err, errUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	f("add --redrive", "--dry-run")
	f("add --redrive", "--force")
	f("leave out", "--show", "k", "--type", "t")
	f("leave out", "--show", "k", "--lines")
	f("choose one", "--redrive", "--lines")
	f(`--since "yesterday"`, "--since", "yesterday")
	f(`--since "-1h"`, "--since", "-1h")
	f("--url", "--since", "1h30m")
	f("--url", "--since", "2026-02-03T04:05:06+01:00")
}

func TestWhatIsShownCannotSteerATerminal(t *testing.T) {
	if got := printable("a\x1b[2Jb\u202e é日\r\n"); got != "a·[2Jb· é日" {
		t.Errorf("printed %q", got)
	}
}
