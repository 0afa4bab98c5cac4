package test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"firehose/test/fakes3"
)

// anyFault is a fault of chance for half of the requests.
func anyFault(fakes3.Request) fakes3.Fault {
	switch rand.IntN(20) {
	case 0:
		return fakes3.Fault{Status: http.StatusInternalServerError, Code: "InternalError"}
	case 1:
		return fakes3.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	case 2:
		return fakes3.Fault{ReadBytes: 1 + rand.IntN(100_000), Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable"}
	case 3:
		return fakes3.Fault{Hang: true}
	case 4:
		return fakes3.Fault{Reset: true}
	case 5:
		return fakes3.Fault{ReadBytes: 1 + rand.IntN(100_000), Reset: true}
	case 6:
		return fakes3.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
	case 7:
		return fakes3.Fault{ResetAnswer: true}
	case 8:
		return fakes3.Fault{Committed: func() { randomly(1500 * time.Millisecond) }} // the answer may come too late
	case 9:
		return fakes3.Fault{Slow: rand.N(1500 * time.Millisecond)}
	}
	return fakes3.Fault{}
}

func TestFaultsOfS3AndKillsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	s := startFake(t, bucket)
	n := startNode(t, s3Args(s.URL, "--s3-multipart-threshold", "5MiB", "--s3-part-bytes", "5MiB")...)
	n.create("small", prefixed("small/"))
	n.create("quick", prefixed("quick/"), buffered(1, 0))
	n.create("large", prefixed("large/"), buffered(16, 4), compressed(types.CompressionFormatUncompressed))
	l := startLoad(n, 6, "small", "quick", "large")
	for range kills(t) {
		s.SetRule(anyFault)
		l.grow(2000)
		randomly(2 * time.Second)
		n.kill()
		s.SetRule(nil)
		n.start()
		l.grow(500)
	}
	l.finish(s, bucket)
	s.unchanged(t)
	if left := s.Unfinished(); left > 0 {
		t.Errorf("%d multipart uploads are left unfinished", left)
	}
	t.Logf("%d objects put, %d of them more than once", len(s.Objects(bucket)), s.Overwritten())
}

// killingS3 kills the node at a certain moment of the way of an object, restarts it, and checks that nothing is lost and
// that the replay used the same keys.
func killingS3(t *testing.T, rule func(kill func()) fakes3.Fault) *fakes3.Server {
	t.Parallel()
	s := startFake(t, bucket)
	n := startNode(t, s3Args(s.URL)...)
	n.create("s")
	for range kills(t) {
		l := startLoad(n, 3, "s")
		l.grow(500)
		killed := make(chan struct{})
		kill := sync.OnceFunc(func() { n.kill(); close(killed) })
		s.SetRule(func(r fakes3.Request) fakes3.Fault {
			if r.Op == "PutObject" {
				return rule(kill)
			}
			return fakes3.Fault{}
		})
		select {
		case <-killed:
		case <-time.After(20 * time.Second):
			t.Fatal("no object was put")
		}
		s.SetRule(nil)
		l.stop()
		n.start()
		n.flush("s")
		counts := objects(s.Objects(bucket)).count(t, "")
		l.account["s"].verify(t, only(counts, l.account["s"]))
	}
	s.unchanged(t)
	return s.Server
}

// only returns the counts of an account's records.
func only(counts map[string]int, a *account) map[string]int {
	some := map[string]int{}
	for id, n := range counts {
		if a.acked[id] || a.unknown[id] || a.refused[id] {
			some[id] = n
		}
	}
	return some
}

func TestKilledDuringAnUploadItPutsTheObjectAgain(t *testing.T) {
	killingS3(t, func(kill func()) fakes3.Fault {
		return fakes3.Fault{ReadBytes: 10_000, Midway: kill, Reset: true}
	})
}

func TestKilledBeforeTheAnswerOfS3ItOverwritesTheObject(t *testing.T) {
	s := killingS3(t, func(kill func()) fakes3.Fault {
		return fakes3.Fault{Committed: kill, ResetAnswer: true}
	})
	if s.Overwritten() == 0 {
		t.Error("no object was overwritten: the kills came at the wrong moment")
	}
}

func TestKilledAfterTheAnswerOfS3ItOverwritesOrGoesOn(t *testing.T) {
	s := killingS3(t, func(kill func()) fakes3.Fault { return fakes3.Fault{Answered: kill} })
	t.Logf("%d objects were overwritten", s.Overwritten())
}

func TestBrokenSetUpHoldsItsStreamOnlyAndIsTold(t *testing.T) {
	t.Parallel()
	broken := map[string]struct {
		fault fakes3.Fault
		code  string
	}{
		"denied":    {fakes3.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}, "S3.AccessDenied"},
		"expired":   {fakes3.Fault{Status: http.StatusBadRequest, Code: "ExpiredToken"}, "S3.AccessDenied"},
		"unknown":   {fakes3.Fault{Status: http.StatusForbidden, Code: "InvalidAccessKeyId"}, "S3.AccessDenied"},
		"elsewhere": {fakes3.Fault{Status: http.StatusMovedPermanently, Code: "PermanentRedirect", Header: map[string]string{"X-Amz-Bucket-Region": "eu-west-1"}}, "S3.WrongRegion"},
		"malformed": {fakes3.Fault{Status: http.StatusBadRequest, Code: "AuthorizationHeaderMalformed"}, "S3.WrongRegion"},
		"missing":   {code: "S3.NoSuchBucket"},
	}
	s := startFake(t, "fine")
	n := startNode(t, s3Args(s.URL, "--delivery-retry-max", "1s")...)
	s.SetRule(func(r fakes3.Request) fakes3.Fault { return broken[r.Bucket].fault })
	n.create("fine", intoBucket("fine"))
	accounts := map[string]*account{"fine": newAccount()}
	for name := range broken {
		n.create(name, intoBucket(name))
		accounts[name] = newAccount()
		if name != "missing" {
			s.MakeBucket(name)
		}
	}
	puts := func(round int) {
		for name, a := range accounts {
			for i := range 50 {
				id := fmt.Sprintf("%s-%d-%d", name, round, i)
				check(t, put(t.Context(), n.api(), name, id))
				a.acknowledge(id)
			}
		}
	}
	told := func() {
		t.Helper()
		wait(t, 20*time.Second, "all broken set-ups to be told", func() (bool, string) {
			problems := n.problems()
			for name, b := range broken {
				if p := problems[name]; p.Code != b.code {
					return false, fmt.Sprintf("%s: %+v", name, p)
				}
				if value := n.metric("firehose_delivery_broken", `stream="`+name+`"`); value != 1 {
					return false, fmt.Sprintf("firehose_delivery_broken of %s is %v", name, value)
				}
			}
			return true, ""
		})
		for name, p := range n.problems() {
			if p.Cause == "" || p.Fix == "" || p.Target != "arn:aws:s3:::"+name {
				t.Errorf("healthz tells too little: %+v", p)
			}
		}
		if n.metric("firehose_delivery_broken", `stream="fine"`) != 0 {
			t.Error("the stream that is fine is said to be broken")
		}
		if status, body := n.ask(http.MethodGet, "/readyz"); status != http.StatusOK {
			t.Errorf("readyz: %d %s; other streams are fine", status, body)
		}
	}

	puts(1)
	told()
	n.flush("fine") // is not held up
	accounts["fine"].verify(t, s.read(t, "fine").count(t, ""))
	n.kill()
	n.start()
	puts(2)
	told()
	n.flush("fine")
	for name := range broken {
		if held := len(s.Objects(name)); held > 0 {
			t.Errorf("bucket %s, which takes nothing, has %d objects", name, held)
		}
	}

	s.SetRule(nil)
	s.MakeBucket("missing")
	for name, a := range accounts {
		n.flush(name)
		a.verify(t, s.read(t, name).count(t, ""))
	}
	if p := n.problems(); len(p) > 0 {
		t.Errorf("healthz still tells problems after the repair: %+v", p)
	}
	if n.metric("firehose_delivery_broken") != 0 {
		t.Error("firehose_delivery_broken is still set after the repair")
	}
	n.stop()
	s.unchanged(t)
}

func TestUpdateOfAWrongBucketMovesWhatIsHeld(t *testing.T) {
	t.Parallel()
	s := startFake(t, "denied", "right")
	s.SetRule(func(r fakes3.Request) fakes3.Fault {
		if r.Bucket == "denied" {
			return fakes3.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return fakes3.Fault{}
	})
	n := startNode(t, s3Args(s.URL, "--delivery-attempt-timeout", "30s")...) // a try without an answer may have been taken, and moves nowhere
	n.create("a", intoBucket("missing"), prefixed("a/"))
	n.create("b", intoBucket("denied"), prefixed("b/"))
	l := startLoad(n, 4, "a", "b")
	held := func() {
		l.grow(2000) // several batches in flight, one open
		wait(t, 20*time.Second, "both streams to be held", func() (bool, string) {
			return len(n.problems()) == 2, fmt.Sprint(n.problems())
		})
	}
	held()
	for _, stream := range []string{"a", "b"} {
		n.redirect(stream, "right")
	}
	l.grow(500)
	for stream := range l.account {
		n.flush(stream)
	}
	// And once more with a restart between, for what is proven not to be there.
	n.redirect("a", "missing")
	l.grow(3000)
	n.kill()
	n.start()
	wait(t, 20*time.Second, "the stream to be held", func() (bool, string) { return len(n.problems()) == 1, fmt.Sprint(n.problems()) })
	n.redirect("a", "right")
	l.finish(s, "right")
	s.unchanged(t)
	if n := len(s.Objects("denied")); n > 0 {
		t.Errorf("the bucket that denies has %d objects", n)
	}
}
