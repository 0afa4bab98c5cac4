package deliver_test

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/disk/disktest"
)

func TestReconfigureFromPlainToProcessedAndBack(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a1 a2 b1")
		r.set(func(w *world) {
			w.plans = append(w.plans, plan{limits: byTwo, process: partitioned}, plan{limits: byTwo, bucket: 1})
		})
		reconfigure := func(version int) {
			if err := r.p.Reconfigure(timeout(r.T), version); err != nil {
				r.Fatal(err)
			}
			synctest.Wait()
		}
		reconfigure(2)
		r.put("a3 b2 a4")
		r.want("0/v1/1:0=a1 a2", "0/v2/1:2.0/1:b=b1 b2", "0/v2/2:0.0/1:a=a3 a4")
		r.put("c1")
		reconfigure(3) // takes c1 with it, since nothing behind it is in place
		r.put("a5 b3")
		time.Sleep(time.Minute)
		r.want("0/v1/1:0=a1 a2", "0/v2/1:2.0/1:b=b1 b2", "0/v2/2:0.0/1:a=a3 a4", "1/v3/3:0=c1 a5", "1/v3/4:1=b3")
		r.crash()
		r.flush()
		r.want("0/v1/1:0=a1 a2", "0/v2/1:2.0/1:b=b1 b2", "0/v2/2:0.0/1:a=a3 a4", "1/v3/3:0=c1 a5", "1/v3/4:1=b3")
	})
}

func TestReconfigureMovesPartitionsOfABucketThatDoesNotExist(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketAbsent })
		r.put("a1 b1 a2 c1 b2")
		r.want()
		r.declare()
		r.set(func(w *world) { w.plans[1].process = partitioned })
		if err := r.p.Reconfigure(timeout(r.T), 2); err != nil {
			r.Fatal(err)
		}
		r.flush()
		r.want("1/v2/1:0.0/1:a=a1 a2", "1/v2/1:1.0/1:b=b1 b2", "1/v2/1:3.0/1:c=c1")
	})
}

// A change of version while nothing is read because of an error leaves what is delivered where it is.
func TestReconfigureAfterAReadErrorLeavesWhatIsDelivered(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.put("b1 a1 a2")
		r.want("0/v1/1:1.0/1:a=a1 a2")
		r.p.disk.Inject(disktest.Fault{Op: disktest.Any, Path: ".seg", Times: 1, Skip: 2, Err: syscall.EIO})
		r.put("c1")
		r.reconfigure()
		r.flush()
		r.want("0/v1/1:1.0/1:a=a1 a2", "0/v1/1:0.0/1:b=b1", "1/v2/2:0=c1")
	})
}

func TestReconfigureAfterAFlushHoldsForTheNextRecord(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.put("a1")
		r.flush()
		r.reconfigure()
		r.put("a2 a3")
		r.want("0/v1/1:0.0/1:a=a1", "1/v2/2:0=a2 a3")
	})
}

// Another way of processing would give records that are delivered another batch.
func TestReconfigureLeavesWhatIsHeldUpBelowBatchesOfAnotherKind(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.put("b1 a1 a2")
		r.set(func(w *world) { w.buckets[0] = bucketAbsent })
		r.put("b2")
		r.reconfigure()
		r.put("c1 d1")
		r.want("0/v1/1:1.0/1:a=a1 a2")
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		r.want("0/v1/1:1.0/1:a=a1 a2", "0/v1/1:0.0/1:b=b1 b2", "1/v2/3:0=c1 d1")
	})
}

// A bucket that was deleted holds nothing up for ever, though some batches above the floor were delivered to it.
func TestReconfigureMovesWhatIsHeldUpBelowDeliveredBatches(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.put("b1 a1 a2")
		r.want("0/v1/1:1.0/1:a=a1 a2")
		r.set(func(w *world) { w.buckets[0] = bucketAbsent })
		r.put("b2 a3 c1")
		r.declare()
		r.set(func(w *world) { w.plans[1].process = partitioned })
		if err := r.p.Reconfigure(timeout(r.T), 2); err != nil {
			r.Fatal(err)
		}
		synctest.Wait()
		r.want("0/v1/1:1.0/1:a=a1 a2", "1/v2/1:0.0/1:b=b1 b2")
		r.crash()
		r.flush()
		r.want("0/v1/1:1.0/1:a=a1 a2", "1/v2/1:0.0/1:b=b1 b2", "1/v2/2:1.0/1:a=a3", "1/v2/2:2.0/1:c=c1")
	})
}

// A version whose destination is gone does not speak for a later one, which an earlier life may have delivered to.
func TestReconfigureLeavesWhatAnEarlierLifeMayHaveSentUnderALaterVersion(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.declare()
		r.set(func(w *world) { w.plans[1].process, w.denied = partitioned, "0/v1" })
		r.put("a1 a2")
		if err := r.p.Reconfigure(timeout(r.T), 2); err != nil {
			r.Fatal(err)
		}
		r.put("b1 b2")
		r.want("1/v2/2:0.0/1:b=b1 b2")
		r.die()
		r.set(func(w *world) {
			w.saves, w.buckets[0], w.denied = w.saves[:w.effects[0].saves], bucketAbsent, ""
			w.plans = append(w.plans, plan{limits: byTwo, bucket: 1, process: partitioned})
			w.version = 2
		})
		r.settings.inFlight = 1 // so that b is not sent before
		r.start()
		synctest.Wait()
		if err := r.p.Reconfigure(timeout(r.T), 3); err != nil {
			r.Fatal(err)
		}
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		r.want("0/v1/1:0.0/1:a=a1 a2", "1/v2/2:0.0/1:b=b1 b2")
	})
}
