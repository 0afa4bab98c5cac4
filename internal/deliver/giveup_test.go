package deliver_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/verdict"
)

// within is a destination that is not waited for longer than a minute.
var within = processing{tries: time.Minute}

func TestWhatIsTriedForTooLongGoesToTheErrorOutput(t *testing.T) {
	newProcessingRig(t, byTwo, within, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketAway })
		r.put("a b")
		time.Sleep(50 * time.Second)
		r.set(func(w *world) { w.buckets[0], w.denied = bucketThere, "0/v1/1:0" })
		r.put("c d")
		time.Sleep(time.Minute)
		r.want("0/v1/1:0.0/http-endpoint-failed=a b", "0/v1/2:0=c d")
		r.set(func(w *world) {
			if n := w.refused[gaveUp]; n != 2 {
				t.Errorf("%d records are counted", n)
			}
		})
		r.crash()
		r.flush()
		r.want("0/v1/1:0.0/http-endpoint-failed=a b", "0/v1/2:0=c d")
	})
}

func TestAPauseDoesNotCountAsTrying(t *testing.T) {
	newProcessingRig(t, byTwo, within, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketAway })
		r.put("a b")
		time.Sleep(30 * time.Second)
		r.p.Pause()
		time.Sleep(time.Hour)
		r.p.Resume()
		synctest.Wait()
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		r.want("0/v1/1:0=a b")
	})
}

// The time in which somebody has to repair the destination does not count either, unless the destination says so.
func TestWaitingForARepairDoesNotCountAsTrying(t *testing.T) {
	run := func(bounded bool, want ...string) {
		t.Helper()
		newProcessingRig(t, byTwo, processing{tries: time.Minute, bounded: bounded}, func(r *rig) {
			r.set(func(w *world) { w.buckets[0] = bucketDenied })
			r.put("a b")
			time.Sleep(time.Hour)
			r.set(func(w *world) { w.buckets[0], w.denied = bucketThere, "0/v1/1:0" }) // it is repaired, and starts
			time.Sleep(15 * time.Second)
			r.set(func(w *world) { w.denied = "" })
			r.flush()
			r.want(want...)
		})
	}
	run(false, "0/v1/1:0=a b")
	run(true, "0/v1/1:0.0/http-endpoint-failed=a b")
}

// What goes to the error output waits for that without end.
func TestAnErrorOutputIsWaitedForWithoutEnd(t *testing.T) {
	newProcessingRig(t, byTwo, within, func(r *rig) {
		r.set(func(w *world) { w.denied, w.errors = "0/v1/1:0", bucketAway })
		r.put("a b")
		time.Sleep(time.Hour)
		r.want()
		r.set(func(w *world) { w.errors = bucketThere })
		r.flush()
		r.want("0/v1/1:0.0/http-endpoint-failed=a b")
	})
}

var byFour = batch.Limits{Size: 1 << 20, Interval: 30 * time.Second, Count: 4}

// A batch of which a part is in place keeps its version. If that has nowhere for error outputs, a later one may.
func TestALaterVersionGivesErrorOutputsThePlaceThatWasMissing(t *testing.T) {
	bare := processing{refuses: true, bare: func(b *bucket) destination.Sender { return b }}
	for _, restart := range []bool{false, true} {
		newProcessingRig(t, byFour, bare, func(r *rig) {
			r.put("000001 000002 000029 000004")
			time.Sleep(time.Minute)
			r.want("0/v1/1:0p1=000001 000002")
			if restart {
				r.p.end(t, time.Minute)
			}
			r.correct(processing{refuses: true}, restart)
			if n := len(count(r.objects)); n != 4 {
				t.Errorf("%d records are there, want 4: %q", n, r.objects)
			}
		})
	}
}

// What could not be processed was refused nowhere, but it stays with its version while others of that are in place.
func TestALaterVersionGivesWhatCannotBeProcessedAPlace(t *testing.T) {
	bare := processing{parts: 2, bare: func(b *bucket) destination.Sender { return b }}
	newProcessingRig(t, byTwo, bare, func(r *rig) {
		r.put("000013 000001 000003 000026")
		time.Sleep(time.Minute)
		if problem := verdict.AsSetUp(r.p.Status().Problem.Err); problem == nil || problem.Code != "ErrorOutput.Missing" || len(count(r.objects)) != 2 {
			t.Fatalf("the problem is %v, objects %q", r.p.Status().Problem.Err, r.objects)
		}
		r.declare()
		r.set(func(w *world) { w.plans[1].process, w.plans[1].limits = processing{parts: 2}, byFour })
		if err := r.p.Reconfigure(context.Background(), 2); err != nil {
			t.Fatal(err)
		}
		r.flush()
		for line, n := range count(r.objects) {
			if n != 1 {
				t.Errorf("%q was sent %d times: %q", line, n, r.objects)
			}
		}
		if n := len(count(r.objects)); n != 4 {
			t.Errorf("%d records are there, want 4: %q", n, r.objects)
		}
	})
}

// choosy refuses everything until it is repaired.
type choosy struct {
	*bucket
	repaired *atomic.Bool
}

func (c choosy) Deliver(ctx context.Context, b *batch.Batch) error {
	if !c.repaired.Load() {
		return &verdict.Refused{Code: "Refused", Err: errors.New("not today")}
	}
	return c.bucket.Deliver(ctx, b)
}

// Where nothing takes error outputs, it may as well be the receiver that is repaired.
func TestAReceiverIsAskedAgainWhileNothingTakesWhatItRefuses(t *testing.T) {
	var repaired atomic.Bool
	bare := processing{refuses: true, bare: func(b *bucket) destination.Sender { return choosy{b, &repaired} }}
	newProcessingRig(t, byFour, bare, func(r *rig) {
		r.put("000001 000002 000003 000004")
		time.Sleep(time.Hour)
		r.want()
		if problem := verdict.AsSetUp(r.p.Status().Problem.Err); problem == nil || problem.Code != "ErrorOutput.Missing" {
			t.Errorf("the problem is %v", r.p.Status().Problem.Err)
		}
		repaired.Store(true)
		r.flush()
		if n := len(count(r.objects)); n != 4 {
			t.Errorf("%d records are there, want 4: %q", n, r.objects)
		}
	})
}
