package test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"firehose/test/fakes3"
)

// s3Args are the flags with which a node uses an S3 server.
func s3Args(url string, more ...string) []string {
	return append([]string{"--store", "s3", "--s3-endpoint", url, "--s3-region", "us-east-1", "--s3-access-key", "key",
		"--s3-secret-key", "secret", "--delivery-attempt-timeout", "1s"}, more...)
}

// fake is the fake S3 as a store.
type fake struct{ *fakes3.Server }

func startFake(t testing.TB, buckets ...string) fake {
	s := fakes3.Start(buckets...)
	t.Cleanup(s.Close)
	return fake{s}
}

func (f fake) read(_ testing.TB, bucket string) objects { return f.Objects(bucket) }

// unchanged checks that no object was put again with other bytes.
func (f fake) unchanged(t testing.TB) {
	t.Helper()
	if changed := f.Changed(); len(changed) > 0 {
		t.Errorf("%d objects were put again with other bytes, the first %s", len(changed), changed[0])
	}
}

// versity builds versitygw unless that was done before, and returns its path.
var versity = sync.OnceValues(func() (string, error) {
	return buildTool("tools", "github.com/versity/versitygw/cmd/versitygw")
})

// realS3 is a running versitygw.
type realS3 struct {
	url    string
	client *s3.Client
}

// startRealS3 starts versitygw with the buckets given.
func startRealS3(t testing.TB, buckets ...string) *realS3 {
	t.Helper()
	slow(t, "it starts versitygw, which is built first if that was not done before")
	path, err := versity()
	check(t, err)
	dir, out := t.TempDir(), &output{}
	for _, sub := range []string{"buckets", "meta"} {
		check(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	address := freeAddress(t)
	cmd := exec.Command(path, "--quiet", "--access", "key", "--secret", "secret", "--port", address,
		"posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "buckets"))
	cmd.Env = environment()
	p := spawn(t, "versitygw", cmd, out)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("versitygw:\n%s", out.tail(4<<10))
		}
	})
	r := &realS3{url: "http://" + address}
	r.client = s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &r.url, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
	wait(t, 20*time.Second, "versitygw", func() (bool, string) {
		select {
		case <-p.ended:
			t.Fatalf("versitygw ended: %v\n%s", p.err, out.tail(4<<10))
		default:
		}
		answer, err := http.Get(r.url)
		if err != nil {
			return false, err.Error()
		}
		answer.Body.Close()
		return true, ""
	})
	for _, b := range buckets {
		r.makeBucket(t, b)
	}
	return r
}

func (r *realS3) makeBucket(t testing.TB, name string) {
	t.Helper()
	_, err := r.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	check(t, err)
}

// read lists the bucket and gets every object.
func (r *realS3) read(t testing.TB, bucket string) objects {
	t.Helper()
	all := objects{}
	pages := s3.NewListObjectsV2Paginator(r.client, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		check(t, err)
		for _, o := range page.Contents {
			all[*o.Key] = r.get(t, bucket, *o.Key)
		}
	}
	return all
}

func (r *realS3) get(t testing.TB, bucket, key string) []byte {
	t.Helper()
	out, err := r.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	check(t, err)
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	check(t, err)
	return body
}

// unfinished returns the number of unfinished multipart uploads.
func (r *realS3) unfinished(t testing.TB, bucket string) int {
	t.Helper()
	out, err := r.client.ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	check(t, err)
	return len(out.Uploads)
}

// freeAddress returns an address of this machine that nobody listens on now, for a program that cannot choose one itself.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}
