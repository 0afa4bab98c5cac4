package deliver_test

import (
	"testing"
	"testing/synctest"
	"time"
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
