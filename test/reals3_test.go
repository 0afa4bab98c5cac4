package test

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestRealS3KilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	r := startRealS3(t, bucket)
	n := startNode(t, s3Args(r.url)...)
	n.create("a", prefixed("a/"))
	n.create("b", prefixed("b/date=!{timestamp:yyyy-MM-dd}/"), buffered(1, 0), func(d *to) { e := "errors/!{firehose:error-output-type}/"; d.ErrorOutputPrefix = &e })
	l := startLoad(n, 4, "a", "b")
	for range kills(t) {
		l.grow(1000)
		randomly(1500 * time.Millisecond)
		n.kill()
		n.start()
	}
	l.grow(1000)
	l.finish(r, bucket)
	for key := range r.read(t, bucket) {
		head, err := r.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: ptr(bucket), Key: &key})
		check(t, err)
		if head.ContentEncoding == nil || *head.ContentEncoding != "gzip" || *head.ContentType != "application/octet-stream" {
			t.Fatalf("object %s: content encoding %v, type %v", key, head.ContentEncoding, head.ContentType)
		}
	}
}

func TestRealS3MissingBucketIsToldAndMadeLater(t *testing.T) {
	t.Parallel()
	r := startRealS3(t)
	n := startNode(t, s3Args(r.url)...)
	n.create("s")
	l := startLoad(n, 2, "s")
	l.grow(500)
	wait(t, 20*time.Second, "the missing bucket to be told", func() (bool, string) {
		p := n.problems()["s"]
		return p.Code == "S3.NoSuchBucket" && p.Fix != "", p.Code
	})
	r.makeBucket(t, bucket)
	l.finish(r, bucket)
}

func TestRealS3RefusesWrongCredentialsAndTheyAreTold(t *testing.T) {
	t.Parallel()
	r := startRealS3(t, bucket)
	n := startNode(t, append(s3Args(r.url), "--s3-secret-key", "wrong")...)
	n.create("s")
	l := startLoad(n, 2, "s")
	l.grow(500)
	wait(t, 20*time.Second, "the wrong key to be told", func() (bool, string) {
		p := n.problems()["s"]
		return p.Code == "S3.AccessDenied" && p.Fix != "", p.Code
	})
	n.stop()
	n.args = s3Args(r.url)
	n.start()
	l.finish(r, bucket)
}

func TestRealS3MultipartUploadKilledInTheMiddleLeavesNoneUnfinished(t *testing.T) {
	t.Parallel()
	r := startRealS3(t, bucket)
	n := startNode(t, inParts(r.url)...)
	n.create("s", large)
	l := startLoad(n, 4, "s")
	l.grow(60_000) // some 45 MB, nine parts
	var flushing sync.WaitGroup
	flushing.Go(func() { flushUntilKilled(n, "s") })
	wait(t, 20*time.Second, "an unfinished upload", func() (bool, string) { return r.unfinished(t, bucket) > 0, "" })
	n.kill()
	flushing.Wait()
	if r.unfinished(t, bucket) == 0 {
		t.Log("the upload was finished before the kill")
	}
	n.start()
	l.finish(r, bucket)
	if left := r.unfinished(t, bucket); left > 0 {
		t.Errorf("%d multipart uploads are unfinished after the restart", left)
	}
}

func ptr[T any](v T) *T { return &v }
