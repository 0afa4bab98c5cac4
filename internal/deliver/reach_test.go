package deliver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/record"
)

// What a bucket denies is known to be nowhere, also by the process that comes after a kill.
func TestWhatWasRefusedBeforeAKillGoesWhereTheCorrectionSays(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("z z")
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a b c d e f g h i j k l m") // more than there is room for in flight
		time.Sleep(time.Hour)
		r.crash()
		synctest.Wait() // the first tries are refused
		r.reconfigure()
		r.flush()
		r.want("0/v1/1:0=z z", "1/v2/2:0=a b", "1/v2/2:2=c d", "1/v2/2:4=e f", "1/v2/2:6=g h", "1/v2/2:8=i j", "1/v2/2:10=k l", "1/v2/2:12=m")
	})
}

func TestWhatWasRefusedBeforeAKillGoesByAVersionThatCameDuringARestart(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a1 b1 a2 c1 b2")
		time.Sleep(time.Hour)
		r.crash()
		time.Sleep(time.Hour)
		r.declare()
		r.set(func(w *world) { w.plans[1].process = partitioned })
		r.crash() // what is known goes from life to life
		r.flush()
		r.want("1/v2/1:0.0/1:a=a1 a2", "1/v2/1:1.0/1:b=b1 b2", "1/v2/1:3.0/1:c=c1")
	})
}

// A try that a kill interrupted may have put its batch in place. The batches behind it were only refused.
func TestAKillInTheMidstOfATryLeavesOnlyThatBatchOpen(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.p.end(t, time.Minute)
		r.settings.inFlight = 1 // so that none is tried beside it
		r.start()
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a b c d e f g")
		time.Sleep(time.Hour)
		r.set(func(w *world) {
			w.buckets[0] = bucketThere
			w.dies = "0/v1/1:0" // once it is put
		})
		time.Sleep(time.Hour)
		r.want("0/v1/1:0=a b")
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.crash()
		r.reconfigure()
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		r.want("0/v1/1:0=a b", "1/v2/1:2=c d", "1/v2/1:4=e f", "1/v2/1:6=g")
	})
}

func TestADestinationThatTakesItsBatchesCostsNoSavesBeforeTries(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b")
		before := r.saved()
		for range 10 {
			r.put("c d")
		}
		if n := r.saved() - before; n != 10 {
			t.Errorf("%d saves for 10 batches", n)
		}
	})
}

func TestADestinationThatRefusesCostsTwoSavesForATry(t *testing.T) {
	newRig(t, batch.Limits{Size: 1 << 20, Interval: time.Minute, Count: 7}, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a b c d e f g")
		before := r.saved()
		time.Sleep(time.Hour)
		tries := r.p.Status().Problem.Tries - 1
		if n := r.saved() - before; tries < 100 || n > 2*tries {
			t.Errorf("%d saves for %d tries", n, tries)
		}
	})
}

// A try whose batch cannot be announced is not made, and that is not the destination's failure.
func TestATryThatCannotBeAnnouncedIsNotMade(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a b")
		time.Sleep(time.Hour)
		r.set(func(w *world) { w.buckets[0], w.broken = bucketThere, true })
		time.Sleep(time.Hour)
		r.want()
		r.set(func(w *world) { w.broken = false })
		r.flush()
		r.want("0/v1/1:0=a b")
	})
}

// A state of which the floor has passed the reach is as good as one that reaches to the floor.
func TestAReachBelowTheFloorIsTheFloor(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b")
		r.die()
		r.set(func(w *world) {
			state := w.saves[len(w.saves)-1]
			state.Reach = &record.Position{Block: 1}
			w.saves = []deliver.State{state}
		})
		r.declare()
		r.start()
		r.put("c d")
		r.want("0/v1/1:0=a b", "1/v2/2:0=c d")
	})
}

// saved returns how many states were saved.
func (r *rig) saved() (n int) {
	r.set(func(w *world) { n = len(w.saves) })
	return n
}
