package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose"

	"firehose/test/fakes3"
)

func TestTerminatedUnderLoadItEndsInTimeAndLosesNothing(t *testing.T) {
	t.Parallel()
	const timeout = 5 * time.Second
	n := startNode(t, "--shutdown-timeout", timeout.String())
	n.create("a", prefixed("a/"))
	n.create("b", prefixed("b/"), buffered(1, 0))
	l := startLoad(n, 6, "a", "b")
	for range kills(t) {
		l.grow(500)
		randomly(time.Second)
		began := time.Now()
		n.stop()
		if took := time.Since(began); took > timeout+time.Second {
			t.Errorf("it took %v to end; --shutdown-timeout is %v", took, timeout)
		}
		n.start()
	}
	l.grow(200)
	l.finish(folders(n.dir), bucket)
}

func TestTerminatedWhileS3HangsItEndsInTimeAndDeliversLater(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	s := startFake(t, bucket)
	n := startNode(t, append(s3Args(s.URL), "--delivery-attempt-timeout", "5m", "--shutdown-timeout", timeout.String())...)
	n.create("s")
	s.SetRule(func(fakes3.Request) fakes3.Fault { return fakes3.Fault{Hang: true} })
	l := startLoad(n, 4, "s")
	l.grow(5000)
	wait(t, 10*time.Second, "an upload that hangs", func() (bool, string) { return s.Requests("PutObject") > 0, "" })
	began := time.Now()
	n.stop()
	if took := time.Since(began); took > timeout+time.Second {
		t.Errorf("it took %v to end; --shutdown-timeout is %v", took, timeout)
	}
	s.SetRule(nil)
	n.start()
	l.grow(200)
	l.finish(s, bucket)
	s.unchanged(t)
}

func TestStartWithABacklogIsReadyAtOnceAndDeliversAll(t *testing.T) {
	slow(t, "it puts 200,000 records")
	t.Parallel()
	s := startFake(t) // no bucket: all is held
	n := startNode(t, s3Args(s.URL, "--delivery-attempt-timeout", "30s")...)
	n.create("s", buffered(16, 60))
	records := number(t, "FIREHOSE_TEST_BACKLOG", 200_000)
	a := newAccount()
	api := n.api()
	for first := 0; first < records; first += 500 {
		ids := make([]string, min(500, records-first))
		for i := range ids {
			ids[i] = fmt.Sprint(first + i)
		}
		check(t, put(t.Context(), api, "s", ids...))
		a.acknowledge(ids...)
	}
	n.kill()
	s.MakeBucket(bucket)
	began := time.Now()
	n.start()
	ready := time.Since(began)
	if ready > 5*time.Second {
		t.Errorf("ready after %v, want a few seconds at most", ready)
	}
	n.flush("s")
	t.Logf("ready after %v, %d records delivered after %v", ready, records, time.Since(began))
	n.stop()
	a.verify(t, s.read(t, bucket).count(t, ""))
	s.unchanged(t)
}

func TestFlushUnderLoadDeliversAtOnceAndOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.create("s", buffered(128, 900)) // nothing is delivered but by a flush
	l := startLoad(n, 4, "s")
	for i := range 30 {
		l.grow(20)
		n.flush("s")
		if i%10 == 9 {
			n.kill()
			n.start()
		}
		if i%10 == 4 {
			if said, status := command(t, "flush", "s", "--url", n.at()); status != 0 {
				t.Fatalf("firehose flush: status %d: %s", status, said)
			}
		}
	}
	l.stop()
	n.flush("s")
	n.kill()
	before := folders(n.dir).read(t, bucket)
	n.start()
	n.flush("s")
	n.stop()
	after := folders(n.dir).read(t, bucket)
	sameObjects(t, "after a restart", after, before)
	l.account["s"].verify(t, after.count(t, ""))
}

func TestDeletedStreamDeliversWhatItHeld(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for _, restart := range []bool{false, true} {
		name := fmt.Sprintf("s-%v", restart)
		n.create(name, buffered(128, 900), prefixed(name+"/"))
		l := startLoad(n, 2, name)
		l.grow(500)
		l.stop()
		_, err := n.api().DeleteDeliveryStream(t.Context(), &firehose.DeleteDeliveryStreamInput{DeliveryStreamName: &name})
		check(t, err)
		if restart {
			n.kill()
			n.start()
		}
		wait(t, 20*time.Second, "the stream to be gone", func() (bool, string) {
			_, err := n.api().DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
			return isCode(err, "ResourceNotFoundException"), fmt.Sprint(err)
		})
		l.account[name].verify(t, folders(n.dir).read(t, bucket).count(t, name+"/"))
	}
}
