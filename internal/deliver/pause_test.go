package deliver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
)

func TestAPausedDeliverySendsNothingUntilItGoesOn(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b")
		r.want("0/v1/1:0=a b")
		r.p.Pause()
		r.put("c d e f g h i j k l m n")
		time.Sleep(time.Hour)
		r.want("0/v1/1:0=a b")
		if s := r.p.Status(); !s.Paused || s.Oldest.IsZero() {
			t.Errorf("status %+v", s)
		}
		r.p.Resume()
		r.flush()
		r.want("0/v1/1:0=a b", "0/v1/2:0=c d", "0/v1/2:2=e f", "0/v1/2:4=g h", "0/v1/2:6=i j", "0/v1/2:8=k l", "0/v1/2:10=m n")
	})
}

func TestWhatAPauseKeepsGoesWhereTheDeliveryIsDeclaredToThen(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.p.Pause()
		r.put("a b c d e f g h i j k l")
		r.reconfigure()
		r.p.Resume()
		r.flush()
		r.want("1/v2/1:0=a b", "1/v2/1:2=c d", "1/v2/1:4=e f", "1/v2/1:6=g h", "1/v2/1:8=i j", "1/v2/1:10=k l")
	})
}

func TestWhatWasNeverSentGoesByAVersionThatCameDuringARestart(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.p.Pause()
		r.put("a b c d e f g h i j k l")
		r.p.end(t, time.Minute)
		r.declare()
		r.settings.paused = true
		r.start()
		synctest.Wait()
		r.p.Resume()
		r.flush()
		r.want("1/v2/1:0=a b", "1/v2/1:2=c d", "1/v2/1:4=e f", "1/v2/1:6=g h", "1/v2/1:8=i j", "1/v2/1:10=k l")
	})
}

func TestWhatAPauseKeptGoesByTheLatestVersionAlsoAfterACrash(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("z z")
		time.Sleep(2 * time.Minute)
		r.p.Pause()
		r.put("a b c d")
		time.Sleep(2 * time.Minute)
		r.settings.paused = true
		r.crash()
		synctest.Wait()
		r.reconfigure()
		r.put("e f")
		time.Sleep(2 * time.Minute)
		r.p.Resume()
		r.flush()
		r.want("0/v1/1:0=z z", "1/v2/2:0=a b", "1/v2/2:2=c d", "1/v2/3:0=e f")
	})
}

// What was sent before a pause keeps its version, whatever comes after it.
func TestWhatMayHaveBeenSentBeforeAPauseKeepsItsVersion(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.denied = "/1:0" }) // which leaves open whether it was put
		r.put("a b c d")
		time.Sleep(time.Minute)
		r.p.Pause()
		time.Sleep(time.Minute)
		r.settings.paused = true
		r.crash()
		r.reconfigure()
		r.set(func(w *world) { w.denied = "" })
		r.p.Resume()
		r.flush()
		r.want("0/v1/1:0=a b", "0/v1/1:2=c d")
	})
}

func TestNothingIsSentAfterAPauseHasBegun(t *testing.T) {
	newRig(t, batch.Limits{Size: 1 << 20, Interval: time.Minute, Count: 1}, func(r *rig) {
		r.p.end(t, time.Minute)
		r.settings.slots = make(deliver.Slots, 1)
		r.start()
		r.settings.slots <- struct{}{} // somebody else encodes
		r.put("a b c")
		r.p.Pause()
		<-r.settings.slots
		time.Sleep(time.Minute)
		r.want()
		r.p.Resume()
		r.flush()
		r.want("0/v1/1:0=a", "0/v1/1:1=b", "0/v1/1:2=c")
		r.settings.slots = nil
	})
}

func TestAPauseEndsAFlushButNotADrain(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a b")
		flushed, drained := make(chan error, 1), make(chan error, 1)
		go func() { flushed <- r.p.Flush(context.Background()) }()
		go func() { drained <- r.p.Drain(context.Background()) }()
		time.Sleep(time.Minute)
		r.p.Pause()
		if err := <-flushed; !errors.Is(err, deliver.ErrPaused) {
			t.Errorf("flush: %v", err)
		}
		if err := r.p.Flush(context.Background()); !errors.Is(err, deliver.ErrPaused) {
			t.Errorf("flush of what is paused: %v", err)
		}
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.p.Resume()
		if err := <-drained; err != nil {
			t.Errorf("drain: %v", err)
		}
		r.want("0/v1/1:0=a b")
	})
}

func TestWhatAPauseHoldsHasAnAge(t *testing.T) {
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Minute, Count: 1}, partitioned, func(r *rig) {
		r.p.Pause()
		r.put("a1 b1 c1")
		time.Sleep(time.Hour)
		if s := r.p.Status(); s.Oldest.IsZero() || time.Since(s.Oldest) < 59*time.Minute {
			t.Errorf("status %+v", s)
		}
		r.p.Resume()
		r.flush()
		if s := r.p.Status(); !s.Oldest.IsZero() {
			t.Errorf("status %+v", s)
		}
	})
}

// A bucket of error outputs that does not exist says nothing of the destination, which has taken the rest of the batch.
func TestAMissingBucketOfErrorOutputsFreesNothingThatWasSent(t *testing.T) {
	for _, restart := range []bool{false, true} {
		newProcessingRig(t, byFour, processing{refuses: true}, func(r *rig) {
			r.set(func(w *world) { w.errors = bucketAbsent })
			r.put("000001 000002 000029 000004")
			time.Sleep(time.Minute)
			sent := len(r.objects)
			if sent == 0 {
				t.Fatal("nothing was sent")
			}
			if restart {
				r.p.end(t, time.Minute)
			}
			r.set(func(w *world) { w.errors = bucketThere })
			r.correct(processing{refuses: true}, restart)
			if restart {
				r.p.end(t, time.Minute)
				r.start()
			}
		})
	}
}

// correct declares a version that processes so, in time or for the start after an end, and wants every line to be sent once.
func (r *rig) correct(to processing, ended bool) {
	r.Helper()
	r.declare()
	r.set(func(w *world) { w.plans[1].process = to })
	if ended {
		r.start()
	} else if err := r.p.Reconfigure(context.Background(), 2); err != nil {
		r.Fatal(err)
	}
	r.flush()
	for line, n := range count(r.objects) {
		if n != 1 {
			r.Errorf("%q was sent %d times: %q", line, n, r.objects)
		}
	}
}
