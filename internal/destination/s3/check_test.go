package s3

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firehose/internal/destination"
	"firehose/internal/destination/destinationtest"
	"firehose/internal/eventbody"
	"firehose/internal/eventkey"
	"firehose/internal/object"
	"firehose/internal/object/folder"
	objects3 "firehose/internal/object/s3"
	"firehose/test/fakes3"
)

func storeAt(t *testing.T, endpoint string) object.Store {
	t.Helper()
	store, err := objects3.Open(t.Context(), objects3.Options{Endpoint: endpoint, Region: "us-east-1", AccessKey: "AKID", SecretKey: "the-secret-key", MultipartMin: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestCheckOfABucketSaysWhichStepFailsAndWhy(t *testing.T) {
	var checks destinationtest.Checks
	c := Config{Bucket: "leads", Prefix: "events/!{timestamp:[]}", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP"}
	fake := fakes3.Start("leads")
	defer fake.Close()
	f := func(title, wantFailed string, config Config, rule fakes3.Rule) {
		t.Helper()
		fake.SetRule(rule)
		if failed := checks.Try(t, title, config, env(storeAt(t, fake.URL))); failed != wantFailed {
			t.Errorf("%s: %q failed, want %q", title, failed, wantFailed)
		}
	}
	on := func(op string, status int, code string) fakes3.Rule {
		return func(r fakes3.Request) fakes3.Fault {
			if op == "" || r.Op == op {
				return fakes3.Fault{Status: status, Code: code}
			}
			return fakes3.Fault{}
		}
	}
	f("all is well", "", c, nil)
	f("may only write", "", c, func(r fakes3.Request) fakes3.Fault {
		if r.Op != "PutObject" {
			return fakes3.Fault{Status: 403, Code: "AccessDenied"}
		}
		return fakes3.Fault{}
	})
	f("no such bucket", destination.Authenticate, Config{Bucket: "none", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP"}, nil)
	f("unknown access key", destination.Authenticate, c, on("", 403, "InvalidAccessKeyId"))
	f("wrong secret key", destination.Authenticate, c, on("", 403, "SignatureDoesNotMatch"))
	f("expired session", destination.Authenticate, c, on("", 400, "ExpiredToken"))
	f("another region", destination.Authenticate, c, on("", 301, "PermanentRedirect"))
	f("may not write", destination.Write, c, on("PutObject", 403, "AccessDenied"))
	f("no such key for encryption", destination.Write, c, on("PutObject", 400, "KMS.NotFoundException"))
	f("fails to read", destination.ReadBack, c, on("GetObject", 500, "InternalError"))
	f("fails to delete", destination.Delete, c, on("DeleteObject", 500, "InternalError"))
	apart, before := c, len(fake.Objects("leads"))
	apart.ErrorBucket = "failures"
	f("another bucket for errors does not exist", destination.Write, apart, nil)
	fake.MakeBucket("failures")
	f("another bucket for errors", "", apart, nil)
	if data, failures := fake.Objects("leads"), fake.Objects("failures"); len(data) != before || len(failures) != 0 {
		t.Errorf("left %v and %v", data, failures)
	}

	fake.SetRule(nil)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	checks.Try(t, "nobody listens", c, env(storeAt(t, "http://"+closed.Addr().String())))
	checks.Try(t, "no such name", c, env(storeAt(t, "http://s3.invalid:9000")))
	checks.Compare(t, "check.txt")

	golden, _ := os.ReadFile("testdata/check.txt")
	if bytes.Contains(golden, []byte("the-secret-key")) {
		t.Error("the steps show the secret key")
	}
}

func TestCheckOfABucketLeavesNothingBehind(t *testing.T) {
	fake := fakes3.Start("leads")
	defer fake.Close()
	var put []string
	fake.SetRule(func(r fakes3.Request) fakes3.Fault {
		if r.Op == "PutObject" {
			put = append(put, r.Key)
		}
		return fakes3.Fault{}
	})
	c := Config{Bucket: "leads", Prefix: "a/b/!{timestamp:[]}", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP"}
	destination.Try(t.Context(), c, env(storeAt(t, fake.URL)), func(destination.Step) {})
	if len(put) != 1 || !strings.HasPrefix(put[0], "a/b/firehose-verification-") || !strings.HasSuffix(put[0], ".txt") {
		t.Errorf("put %q", put)
	}
	if left := fake.Objects("leads"); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestCheckOfAFolder(t *testing.T) {
	dir := t.TempDir()
	store, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var checks destinationtest.Checks
	c := Config{Bucket: "leads", Prefix: "x/!{timestamp:[]}", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP"}
	checks.Try(t, "all is well", c, env(store))
	checks.Try(t, "a file is in the way", Config{Bucket: "leads", Prefix: "file/!{timestamp:[]}", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP"}, func() destination.Env {
		if err := os.WriteFile(filepath.Join(dir, "buckets/leads/file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return env(store)
	}())
	if os.Geteuid() != 0 {
		bucket := filepath.Join(dir, "buckets/leads/x")
		os.Chmod(bucket, 0o555)
		var read destinationtest.Checks
		if failed := read.Try(t, "read-only", c, env(store)); failed != destination.Write {
			t.Errorf("in a folder that cannot be written to %q failed", failed)
		}
		os.Chmod(bucket, 0o755)
	}
	checks.Compare(t, "checkfolder.txt")
	entries, err := os.ReadDir(filepath.Join(dir, "buckets/leads/x"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestEventsAreTriedAndSentAsTheyAreDelivered(t *testing.T) {
	fake := fakes3.Start("leads")
	defer fake.Close()
	var put []string
	fake.SetRule(func(r fakes3.Request) fakes3.Fault {
		if r.Op == "PutObject" {
			put = append(put, r.Key)
		}
		return fakes3.Fault{}
	})
	c := Config{Bucket: "leads", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "UNCOMPRESSED", Events: &Events{
		Body: eventbody.Config{Format: eventbody.JSONArray, Compression: eventbody.Gzip}, Naming: eventkey.Config{Folder: "a/{{flow_id}}/{{year}}/"}}}
	e := env(storeAt(t, fake.URL))
	if failed := destination.Try(t.Context(), c, e, func(destination.Step) {}); failed != "" {
		t.Errorf("%s failed", failed)
	}
	address, err := c.Send(t.Context(), e, []byte(`{"flow_id":"f1"}`))
	if err != nil || !strings.HasSuffix(address, ".json.gz") {
		t.Errorf("sent to %s, %v", address, err)
	}
	if len(put) != 2 || !strings.HasPrefix(put[0], "a/unknown/20") || !strings.HasPrefix(put[1], "a/f1/20") || !strings.Contains(put[1], "/firehose-ping-") {
		t.Errorf("put %q", put)
	}
	plain, err := c.Plain().Open(e)
	if err != nil {
		t.Fatal(err)
	}
	one, err := destination.SampleBatch(t.Context(), plain, time.Now(), []byte(`{"id":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(io.NewSectionReader(one.Body, 0, one.Body.Size())); err != nil || string(text) != "[\n{\"id\":1}\n]\n" {
		t.Errorf("shown as %q, %v", text, err)
	}
}

func TestSendPutsWhatADeliveryWouldUnderATestName(t *testing.T) {
	fake := fakes3.Start("leads")
	defer fake.Close()
	c := Config{Bucket: "leads", Prefix: "a/!{timestamp:[]}", ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP", Delimiter: true}
	address, err := c.Send(t.Context(), env(storeAt(t, fake.URL)), []byte(`{"id":1}`))
	if err != nil || !strings.HasPrefix(address, "s3://leads/a/firehose-ping-") || !strings.HasSuffix(address, ".gz") {
		t.Fatalf("sent to %q, %v", address, err)
	}
	body := fake.Objects("leads")[strings.TrimPrefix(address, "s3://leads/")]
	plain, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(plain); err != nil || string(text) != `{"id":1}` {
		t.Errorf("put %q, %v", text, err)
	}
}
