package test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"firehose/test/fakes3"
)

// inParts are the flags with which objects above 5 MiB are uploaded in parts.
func inParts(url string) []string {
	return s3Args(url, "--s3-multipart-threshold", "5MiB", "--s3-part-bytes", "5MiB", "--delivery-attempt-timeout", "30s")
}

// large makes batches that end by hand, of up to 128 MiB.
func large(d *to) {
	buffered(128, 900)(d)
	compressed(types.CompressionFormatUncompressed)(d)
}

func TestKilledInTheMiddleOfAMultipartUploadItLeavesNoneUnfinished(t *testing.T) {
	t.Parallel()
	s := startFake(t, bucket)
	n := startNode(t, inParts(s.URL)...)
	n.create("s", large)
	for _, at := range []string{"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"} {
		l := startLoad(n, 4, "s")
		l.grow(16_000) // some 12 MB
		l.stop()
		killed := make(chan struct{})
		kill := sync.OnceFunc(func() { n.kill(); close(killed) })
		s.SetRule(func(r fakes3.Request) fakes3.Fault {
			if r.Op == at && s.Requests(at) > 1 {
				return fakes3.Fault{Committed: kill, ResetAnswer: true}
			}
			return fakes3.Fault{}
		})
		if at != "UploadPart" { // the first of the others is the one
			s.SetRule(func(r fakes3.Request) fakes3.Fault {
				if r.Op == at {
					return fakes3.Fault{Committed: kill, ResetAnswer: true}
				}
				return fakes3.Fault{}
			})
		}
		flushUntilKilled(n, "s")
		select {
		case <-killed:
		case <-time.After(30 * time.Second):
			t.Fatalf("no %s came", at)
		}
		if at != "CompleteMultipartUpload" && s.Unfinished() == 0 {
			t.Error("the kill left nothing unfinished: it came at the wrong moment")
		}
		s.SetRule(nil)
		n.start()
		n.flush("s")
		if left := s.Unfinished(); left > 0 {
			t.Errorf("killed at %s: %d multipart uploads are unfinished after the restart", at, left)
		}
		l.account["s"].verify(t, only(s.read(t, bucket).count(t, ""), l.account["s"]))
	}
	s.unchanged(t)
}

// flushUntilKilled begins to flush a node that is about to be killed by it.
func flushUntilKilled(n *node, stream string) {
	url, _ := n.address()
	answer, err := n.client.Post(url+"/v1/streams/"+stream+":flush", "", nil)
	if err == nil {
		answer.Body.Close()
	}
}

func TestFailedPartsOfAMultipartUploadAreTriedAgainAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	s := startFake(t, bucket)
	n := startNode(t, inParts(s.URL)...)
	n.create("s", large)
	l := startLoad(n, 4, "s")
	l.grow(16_000)
	faults := []fakes3.Fault{
		{Status: http.StatusInternalServerError, Code: "InternalError"},
		{ReadBytes: 1 << 20, Reset: true},
		{Status: http.StatusForbidden, Code: "AccessDenied"},
		{ResetAnswer: true},
		{Status: http.StatusNotFound, Code: "NoSuchUpload"},
	}
	var mu sync.Mutex
	next := 0
	s.SetRule(func(r fakes3.Request) fakes3.Fault {
		mu.Lock()
		defer mu.Unlock()
		if (r.Op == "UploadPart" || r.Op == "CompleteMultipartUpload") && r.Number%2 == 0 && next < len(faults) {
			next++
			return faults[next-1]
		}
		return fakes3.Fault{}
	})
	l.finish(s, bucket)
	s.unchanged(t)
	mu.Lock()
	defer mu.Unlock()
	if next < len(faults) {
		t.Errorf("%d of %d faults came about", next, len(faults))
	}
	if left := s.Unfinished(); left > 0 {
		t.Errorf("%d multipart uploads are unfinished", left)
	}
}
