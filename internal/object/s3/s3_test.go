package s3

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"firehose/internal/object"
	"firehose/internal/object/storetest"
	"firehose/internal/verdict"
	"firehose/test/fakes3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// isolate keeps what the machine has of AWS settings out of a test.
func isolate(t *testing.T) {
	t.Helper()
	for _, word := range os.Environ() {
		if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func testOptions(url string) Options {
	return Options{Endpoint: url, Region: "eu-central-1", AccessKey: "AKIDTEST", SecretKey: "secret", MultipartMin: 1 << 20, PartSize: 1 << 20}
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	isolate(t)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func startFake(t *testing.T) *fakes3.Server {
	t.Helper()
	server := fakes3.Start(storetest.Bucket)
	t.Cleanup(server.Close)
	return server
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (object.Store, storetest.Read) {
		server := startFake(t)
		t.Cleanup(func() {
			if n := server.Unfinished(); n > 0 {
				t.Errorf("%d uploads are left behind", n)
			}
		})
		return open(t, testOptions(server.URL)), func(bucket, key string) ([]byte, bool) {
			body, there := server.Objects(bucket)[key]
			return body, there
		}
	})
}

func TestReader(t *testing.T) {
	storetest.RunReader(t, func(t *testing.T) storetest.ReadingStore { return open(t, testOptions(startFake(t).URL)) })
}

func TestStoreDeletes(t *testing.T) {
	storetest.RunDeleter(t, func(t *testing.T) storetest.DeletingStore { return open(t, testOptions(startFake(t).URL)) })
}

func TestAddressIsWhereRequestsGo(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		address, err := open(t, o).Address(t.Context(), "leads")
		if err != nil || address.Scheme+"://"+address.Host != want {
			t.Errorf("%+v: %v, %v; want %s", o, address, err, want)
		}
	}
	f(Options{Region: "eu-west-1"}, "https://leads.s3.eu-west-1.amazonaws.com")
	f(Options{Region: "us-east-1", PathStyle: true}, "https://s3.us-east-1.amazonaws.com")
	f(Options{Region: "us-east-1", Endpoint: "http://minio.test:9000"}, "http://minio.test:9000")
}

func TestErrorsOfReadingAreJudged(t *testing.T) {
	server := startFake(t)
	s := open(t, testOptions(server.URL))
	f := func(status int, code, want, fix string) {
		t.Helper()
		server.SetRule(func(fakes3.Request) fakes3.Fault { return fakes3.Fault{Status: status, Code: code} })
		_, get := s.Get(t.Context(), storetest.Bucket, "k")
		list := s.List(t.Context(), storetest.Bucket, "k", "", func(object.Info) bool { return true })
		for _, err := range []error{get, list} {
			broken := verdict.AsSetUp(err)
			switch {
			case err == nil || !strings.Contains(err.Error(), "s3://suite/k"):
				t.Errorf("%d %s: %v", status, code, err)
			case want == "" && broken != nil:
				t.Errorf("%d %s: %+v, want to try again", status, code, broken)
			case want != "" && (broken == nil || broken.Code != want || !strings.Contains(broken.Fix, fix)):
				t.Errorf("%d %s: %+v, want %s", status, code, err, want)
			}
		}
	}
	f(404, "NoSuchBucket", "S3.NoSuchBucket", "Create the bucket")
	f(403, "AccessDenied", "S3.AccessDenied", "s3:GetObject")
	f(403, "SignatureDoesNotMatch", "S3.AccessDenied", "secret key")
	f(500, "InternalError", "", "")
	f(503, "SlowDown", "", "")
}

func objectOf(size int) object.Object {
	return object.Object{Bucket: storetest.Bucket, Key: "year=2026/a key.gz", Body: strings.NewReader(strings.Repeat("x", size)), Size: int64(size),
		ContentType: "application/octet-stream"}
}

// wanted are the headers that say what an object becomes, and nothing that changes from try to try.
var wanted = []string{"Content-Type", "Content-Encoding", "X-Amz-Acl", "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
	"X-Amz-Checksum-Algorithm", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Checksum-Crc32", "X-Amz-Security-Token"}

// TestRequests compares what goes over the line with testdata/requests.txt.
func TestRequests(t *testing.T) {
	var got strings.Builder
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		size, _ := io.Copy(io.Discard, r.Body)
		query := strings.ReplaceAll(r.URL.RawQuery, "x-id="+r.URL.Query().Get("x-id"), "")
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
			size = 0 // XML
		}
		fmt.Fprintf(&got, "%s %s %s %d bytes\n", r.Method, r.URL.EscapedPath(), query, size)
		for _, name := range wanted {
			if value := r.Header.Get(name); value != "" {
				fmt.Fprintf(&got, "    %s: %s\n", name, value)
			}
		}
		switch query := r.URL.Query(); {
		case query.Has("uploads") && r.Method == http.MethodGet:
			fmt.Fprint(w, `<ListMultipartUploadsResult></ListMultipartUploadsResult>`)
		case query.Has("list-type"):
			fmt.Fprint(w, `<ListBucketResult></ListBucketResult>`)
		case query.Has("uploads"):
			fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>`)
		case query.Has("uploadId") && r.Method == http.MethodPost:
			fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>`)
		default:
			w.Header().Set("ETag", `"e"`)
		}
	}))
	defer server.Close()
	f := func(title string, o object.Object, change func(*Options)) {
		t.Helper()
		options := testOptions(server.URL)
		change(&options)
		fmt.Fprintf(&got, "# %s\n", title)
		if err := open(t, options).Put(t.Context(), o); err != nil {
			t.Errorf("%s: %v", title, err)
		}
	}
	plain := func(*Options) {}
	f("plain", objectOf(10), plain)
	dressed := objectOf(10)
	dressed.ContentEncoding, dressed.KMSKey = "gzip", "arn:aws:kms:us-east-1:111122223333:key/k"
	f("encoding and KMS key", dressed, plain)
	f("ACL", objectOf(10), func(o *Options) { o.ACL = "bucket-owner-full-control" })
	f("checksums for all", objectOf(10), func(o *Options) { o.ChecksumAll = true })
	f("session token", objectOf(10), func(o *Options) { o.SessionToken = "token" })
	f("empty", objectOf(0), plain)
	f("just below the size for parts", objectOf(1<<20), plain)
	large := objectOf(2<<20 + 5)
	large.ContentEncoding, large.KMSKey = dressed.ContentEncoding, dressed.KMSKey
	f("in parts", large, func(o *Options) { o.ACL = "bucket-owner-full-control" })
	f("in parts, checksums for all", large, func(o *Options) { o.ChecksumAll = true })

	fmt.Fprintln(&got, "# read")
	reading := open(t, testOptions(server.URL))
	if err := reading.List(t.Context(), storetest.Bucket, "errors/a b+", "errors/c", func(object.Info) bool { return true }); err != nil {
		t.Errorf("list: %v", err)
	}
	body, err := reading.Get(t.Context(), storetest.Bucket, "errors/a b+/k")
	if err != nil {
		t.Fatal(err)
	}
	body.Close()

	path := filepath.Join("testdata", "requests.txt")
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
		t.Errorf("requests are\n%s\nwant\n%s", got.String(), want)
	}
}

func TestPartsAreOfTheirSize(t *testing.T) {
	f := func(size, parts int) {
		t.Helper()
		server := startFake(t)
		if err := open(t, testOptions(server.URL)).Put(t.Context(), objectOf(size)); err != nil {
			t.Fatal(err)
		}
		if n := server.Requests("UploadPart"); n != parts {
			t.Errorf("%d bytes went in %d parts, want %d", size, n, parts)
		}
		if n := len(server.Objects(storetest.Bucket)["year=2026/a key.gz"]); n != size {
			t.Errorf("%d bytes arrived of %d", n, size)
		}
	}
	f(1<<20, 0)
	f(1<<20+1, 2)
	f(3<<20, 3)
	f(3<<20+1, 4)
}

// TestUploadThatACrashLeftIsAborted: the process dies while it uploads parts, and the next life puts the same key.
func TestUploadThatACrashLeftIsAborted(t *testing.T) {
	server := startFake(t)
	s := open(t, testOptions(server.URL))
	server.SetRule(func(r fakes3.Request) fakes3.Fault {
		return fakes3.Fault{Reset: r.Op == "UploadPart" || r.Op == "AbortMultipartUpload"}
	})
	for _, key := range []string{"k", "k2"} {
		o := objectOf(3 << 20)
		o.Key = key
		if err := s.Put(t.Context(), o); err == nil {
			t.Error("no error")
		}
	}
	server.SetRule(nil)
	if n := server.Unfinished(); n != 2 {
		t.Fatalf("%d uploads are left behind, want 2", n)
	}
	o := objectOf(3 << 20)
	o.Key = "k"
	if err := s.Put(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := server.Unfinished(); n != 1 {
		t.Errorf("%d uploads are left, want the one of the other key", n)
	}
}

func TestUploadGoesOnWhereListingIsDenied(t *testing.T) {
	for _, code := range []string{"AccessDenied", "NotImplemented"} {
		server := startFake(t)
		server.SetRule(func(r fakes3.Request) fakes3.Fault {
			if r.Op == "ListMultipartUploads" {
				return fakes3.Fault{Status: http.StatusForbidden, Code: code}
			}
			return fakes3.Fault{}
		})
		if err := open(t, testOptions(server.URL)).Put(t.Context(), objectOf(3<<20)); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// TestRefusedAbortSaysNothingOfTheUpload: the upload's end is not known, so the batch may be in place.
func TestRefusedAbortSaysNothingOfTheUpload(t *testing.T) {
	server := startFake(t)
	server.SetRule(func(r fakes3.Request) fakes3.Fault {
		switch r.Op {
		case "CompleteMultipartUpload":
			return fakes3.Fault{ResetAnswer: true}
		case "AbortMultipartUpload":
			return fakes3.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return fakes3.Fault{}
	})
	err := open(t, testOptions(server.URL)).Put(t.Context(), objectOf(3<<20))
	if err == nil || verdict.AsSetUp(err) != nil {
		t.Errorf("put: %v", err)
	}
	if len(server.Objects(storetest.Bucket)) != 1 {
		t.Error("the object is not there")
	}
}

func TestErrorsAreJudged(t *testing.T) {
	server := startFake(t)
	s := open(t, testOptions(server.URL))
	f := func(status int, code, want string, absent bool) {
		t.Helper()
		for _, size := range []int{10, 3 << 20} {
			server.SetRule(func(fakes3.Request) fakes3.Fault { return fakes3.Fault{Status: status, Code: code} })
			err := s.Put(t.Context(), objectOf(size))
			broken := verdict.AsSetUp(err)
			switch {
			case err == nil:
				t.Errorf("%d %s: no error", status, code)
			case broken == nil && want != "":
				t.Errorf("%d %s, %d bytes: try again, want %s", status, code, size, want)
			case broken != nil && (broken.Code != want || broken.Absent != absent || broken.Fix == ""):
				t.Errorf("%d %s, %d bytes: %+v, want %q", status, code, size, broken, want)
			case !strings.Contains(err.Error(), "s3://suite/year=2026/a key.gz"):
				t.Errorf("%d %s: the error %q does not name the object", status, code, err)
			}
		}
	}
	f(404, "NoSuchBucket", "S3.NoSuchBucket", true)
	f(404, "NoSuchKey", "S3.NoSuchBucket", false)
	f(404, "", "S3.NoSuchBucket", false)
	f(400, "InvalidBucketName", "S3.NoSuchBucket", true)
	f(403, "AccountProblem", "S3.AccountProblem", false)
	f(403, "AllAccessDisabled", "S3.AllAccessDisabled", false)
	f(403, "InvalidAccessKeyId", "S3.AccessDenied", false)
	f(403, "SignatureDoesNotMatch", "S3.AccessDenied", false)
	f(403, "RequestTimeTooSkewed", "S3.AccessDenied", false)
	f(403, "SomethingNew", "S3.AccessDenied", false)
	f(401, "Unauthorized", "S3.AccessDenied", false)
	f(400, "ExpiredToken", "S3.AccessDenied", false)
	f(400, "InvalidToken", "S3.AccessDenied", false)
	f(400, "KMS.NotFoundException", "S3.KMS.NotFoundException", false)
	f(400, "KMS.DisabledException", "S3.KMS.NotFoundException", false)
	f(400, "AuthorizationHeaderMalformed", "S3.WrongRegion", false)
	f(301, "PermanentRedirect", "S3.WrongRegion", false)
	f(400, "InvalidArgument", "S3.BadRequest", false)
	f(405, "MethodNotAllowed", "S3.MethodNotAllowed", false)
	// these pass by themselves
	f(500, "InternalError", "", false)
	f(503, "SlowDown", "", false)
	f(503, "ServiceUnavailable", "", false)
	f(502, "", "", false)
	f(429, "TooManyRequests", "", false)
	f(409, "OperationAborted", "", false)
	f(400, "RequestTimeout", "", false)
	f(400, "BadDigest", "", false)
	f(400, "IncompleteBody", "", false)
	f(404, "NoSuchUpload", "", false)
}

func TestAccessDeniedIsJudged(t *testing.T) {
	server := startFake(t)
	server.SetRule(func(fakes3.Request) fakes3.Fault { return fakes3.Fault{Status: 403, Code: "AccessDenied"} })
	err := open(t, testOptions(server.URL)).Put(t.Context(), objectOf(10))
	if broken := verdict.AsSetUp(err); broken == nil || broken.Code != "S3.AccessDenied" || broken.Absent {
		t.Errorf("put: %v", err)
	}
}

func TestMissingCredentialsAreSetUp(t *testing.T) {
	o := testOptions(startFake(t).URL)
	o.AccessKey, o.SecretKey = "", ""
	err := open(t, o).Put(t.Context(), objectOf(10))
	if broken := verdict.AsSetUp(err); broken == nil || broken.Code != "S3.AccessDenied" || !strings.Contains(broken.Fix, "AWS_ACCESS_KEY_ID") {
		t.Errorf("put: %v", err)
	}
}

func TestServerThatCannotBeReachedIsTriedAgain(t *testing.T) {
	server := startFake(t)
	s := open(t, testOptions(server.URL))
	server.Close()
	if err := s.Put(t.Context(), objectOf(10)); err == nil || verdict.AsSetUp(err) != nil {
		t.Errorf("put: %v", err)
	}
}

func TestEachPutIsOneTry(t *testing.T) {
	server := startFake(t)
	server.SetRule(func(fakes3.Request) fakes3.Fault { return fakes3.Fault{Status: 500, Code: "InternalError"} })
	open(t, testOptions(server.URL)).Put(t.Context(), objectOf(10))
	if n := server.Requests("PutObject"); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestHangingServerIsLeftWhenTheContextEnds(t *testing.T) {
	server := startFake(t)
	s := open(t, testOptions(server.URL))
	for _, op := range []string{"PutObject", "ListMultipartUploads", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"} {
		ctx, cancel := context.WithCancel(t.Context())
		server.SetRule(func(r fakes3.Request) fakes3.Fault {
			if r.Op == op {
				cancel()
				return fakes3.Fault{Hang: true}
			}
			return fakes3.Fault{}
		})
		size := 3 << 20
		if op == "PutObject" {
			size = 10
		}
		if err := s.Put(ctx, objectOf(size)); err == nil || verdict.AsSetUp(err) != nil {
			t.Errorf("%s hangs: %v", op, err)
		}
		cancel()
	}
	if n := server.Unfinished(); n != 0 {
		t.Errorf("%d uploads are left behind", n)
	}
}

func TestEveryFaultSaysHowToMendIt(t *testing.T) {
	for code, f := range faults {
		if !strings.HasPrefix(f.code, "S3.") || !strings.HasSuffix(f.fix, ".") {
			t.Errorf("%s: %+v", code, f)
		}
	}
}
