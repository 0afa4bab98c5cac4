package deliver_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/record"
)

// newProcessingRig is newRig with a plan that processes.
func newProcessingRig(t *testing.T, limits batch.Limits, p processing, test func(r *rig)) {
	t.Helper()
	newRig(t, limits, func(r *rig) {
		r.die()
		r.set(func(w *world) { w.plans[0].process, w.saves = p, nil })
		r.start()
		synctest.Wait()
		test(r)
	})
}

var partitioned = processing{keys: letters{}}

func TestPartitionsHaveTheirOwnAge(t *testing.T) {
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Minute}, partitioned, func(r *rig) {
		r.put("a1 b1")
		time.Sleep(30 * time.Second)
		r.put("a2 c1")
		time.Sleep(30*time.Second - 1)
		r.want()
		time.Sleep(time.Nanosecond)
		r.want("0/v1/1:0.0/1:a=a1 a2", "0/v1/1:1.0/1:b=b1")
		r.put("a3") // a block of the deadline's time belongs to the next batch
		time.Sleep(30 * time.Second)
		r.want("0/v1/1:0.0/1:a=a1 a2", "0/v1/1:1.0/1:b=b1", "0/v1/2:1.0/1:c=c1")
		time.Sleep(30 * time.Second)
		r.want("0/v1/1:0.0/1:a=a1 a2", "0/v1/1:1.0/1:b=b1", "0/v1/2:1.0/1:c=c1", "0/v1/3:0.0/1:a=a3")
	})
}

func TestSizeIsThatOfWhatTheFunctionMade(t *testing.T) {
	double := processing{call: func(_ context.Context, text string) string { return text + text }}
	newProcessingRig(t, batch.Limits{Size: 8, Interval: time.Hour}, double, func(r *rig) {
		r.put("a b c d") // of 2 bytes each, 3 bytes when doubled
		r.flush()
		r.want("0/v1/1:0=aa bb", "0/v1/1:2=cc dd")
	})
}

// What one life decided of the active partitions, the next decides again, though some are delivered.
func TestActivePartitionsAreCountedAfterARestart(t *testing.T) {
	active := processing{keys: letters{}, active: 2}
	newProcessingRig(t, byTwo, active, func(r *rig) {
		r.put("a1 b1 c1 a2 c2 d1") // a is full with a2: then there is room for c, and for no other
		r.want("0/v1/1:0.0/1:a=a1 a2", "0/v1/1:2.0/activePartitionExceeded=c1 d1")
		time.Sleep(time.Second) // the span is saved
		r.crash()
		r.flush()
		r.want("0/v1/1:0.0/1:a=a1 a2", "0/v1/1:1.0/1:b=b1", "0/v1/1:2.0/activePartitionExceeded=c1 d1", "0/v1/1:4.0/1:c=c2")
	})
}

func TestPartitionsThatAFlushEndedCountAsActiveUpToThere(t *testing.T) {
	active := processing{keys: letters{}, active: 2}
	newProcessingRig(t, byTwo, active, func(r *rig) {
		r.set(func(w *world) { w.denied = ":b" })
		r.put("a1 b1 c1")
		if r.p.Flush(timeout(r.T)) == nil {
			r.Error("what is denied is delivered")
		}
		want := []string{"0/v1/1:0.0/1:a=a1", "0/v1/1:2.0/activePartitionExceeded=c1"}
		r.want(want...)
		r.crash()
		r.set(func(w *world) { w.denied = "" })
		r.flush()
		r.want(append(want, "0/v1/1:1.0/1:b=b1")...)
	})
}

func TestFiveCallsAreUnderWayAndTheirResultsInOrder(t *testing.T) {
	var under, most atomic.Int64
	slow := processing{call: func(ctx context.Context, text string) string {
		most.Store(max(most.Load(), under.Add(1)))
		defer under.Add(-1)
		select {
		case <-time.After(time.Duration('z'-text[0]) * time.Second): // the first answers last
		case <-ctx.Done():
		}
		return text
	}}
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Hour}, slow, func(r *rig) {
		r.put("aaa bbb ccc ddd eee fff ggg hhh")
		r.flush()
		r.want("0/v1/1:0=aaa bbb ccc ddd eee fff ggg hhh")
		if most.Load() != 5 {
			r.Errorf("%d calls at once", most.Load())
		}
	})
}

func TestStatusAndFlushKnowOfCallsUnderWay(t *testing.T) {
	slow := processing{call: func(ctx context.Context, text string) string {
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
		}
		return text
	}}
	newProcessingRig(t, byTwo, slow, func(r *rig) {
		at := time.Now()
		r.put("aaa")
		if s := r.p.Status(); !s.Oldest.Equal(at) {
			r.Errorf("in a call that is filled: %+v", s)
		}
		r.put("bbb")
		if s := r.p.Status(); !s.Oldest.Equal(at) || s.Floor != (record.Position{Block: 1}) {
			r.Errorf("in a call under way: %+v", s)
		}
		r.flush()
		r.want("0/v1/1:0=aaa bbb")
		if s := r.p.Status(); !s.Oldest.IsZero() || s.Floor != (record.Position{Block: 3}) {
			r.Errorf("delivered: %+v", s)
		}
	})
}

func TestABatchThatIsDueDoesNotWaitForALaterCall(t *testing.T) {
	echo := processing{call: func(_ context.Context, text string) string { return text }}
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: 70 * time.Second}, echo, func(r *rig) {
		r.put("aaaa") // a call by itself
		time.Sleep(time.Minute)
		r.want()
		time.Sleep(10*time.Second - 1)
		r.put("b") // belongs to the batch
		time.Sleep(time.Nanosecond)
		r.put("c") // does not; its call is made in a minute
		r.want()
		time.Sleep(time.Minute)
		r.want("0/v1/1:0=aaaa b")
	})
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Minute + 1}, echo, func(r *rig) {
		r.put("aaaa")
		time.Sleep(time.Minute)
		r.want()
		time.Sleep(time.Nanosecond)
		r.put("b")
		r.want("0/v1/1:0=aaaa")
	})
}

// A function may decide otherwise when it is asked again. What it decided first is delivered or not; the record is not lost.
func TestWhatAFunctionDecidesAnewIsDelivered(t *testing.T) {
	again := false
	moody := processing{call: func(_ context.Context, text string) string {
		if text[0] == 'a' && !again {
			return ""
		}
		return text
	}}
	newProcessingRig(t, byTwo, moody, func(r *rig) {
		r.put("b1 a1 b2 c1")
		time.Sleep(time.Second) // the batch of b1 and b2 is full, that of a1 open
		r.want("0/v1/1:0=b1 b2")
		r.die()
		again = true
		r.start()
		r.flush()
		r.want("0/v1/1:0=b1 b2", "0/v1/1:1=a1", "0/v1/1:3=c1")
	})
}

func TestWhatIsDeliveredAboveTheFloorIsNotSentAgain(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.put("b1 a1 a2 c1")
		r.want("0/v1/1:1.0/1:a=a1 a2")
		time.Sleep(time.Second) // the span is saved
		r.crash()
		r.set(func(w *world) { clear(w.objects) })
		r.put("a3 b2")
		r.want("0/v1/1:0.0/1:b=b1 b2")
		r.flush()
		r.want("0/v1/1:0.0/1:b=b1 b2", "0/v1/1:3.0/1:c=c1", "0/v1/2:0.0/1:a=a3")
	})
}

func TestSavingThatFailsHoldsTheProcessingUp(t *testing.T) {
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Hour, Count: 2}, partitioned, func(r *rig) {
		r.put("open")
		r.set(func(w *world) { w.broken = true })
		for range 1500 {
			r.put("a b a b")
		}
		r.mu.Lock()
		held := len(r.objects)
		r.mu.Unlock()
		if held > 1100 {
			r.Errorf("%d batches were delivered of which nothing is saved", held)
		}
		r.set(func(w *world) { w.broken = false })
		r.flush()
		if len(r.objects) != 3001 {
			r.Errorf("%d objects", len(r.objects))
		}
	})
}

func TestACallThatIsGivenUpIsMadeAgain(t *testing.T) {
	var calls atomic.Int64
	weak := processing{call: func(_ context.Context, text string) string {
		if calls.Add(1) == 2 {
			return hangUp
		}
		return text
	}}
	newProcessingRig(t, byTwo, weak, func(r *rig) {
		r.put("aaa bbb ccc ddd")
		r.flush()
		r.want("0/v1/1:0=aaa bbb", "0/v1/1:2=ccc ddd")
	})
}

func TestLocateFollowsProcessedRecords(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		want := func(index uint32, want string) {
			r.Helper()
			if p, err := r.p.Locate(record.Position{Block: 1, Index: index}); err != nil || p.State != want {
				r.Errorf("record %d is %q, %v; want %q", index, p.State, err, want)
			}
		}
		r.put("a1 b1 a2")
		want(1, "processed") // a is delivered, and what is between its records may be
		want(2, "processed")
		want(3, "open")
		r.flush()
		want(1, "unknown")
	})
}

// crowd returns the spans of so many batches of a1, the second record of the first block.
func crowd(n uint32) (spans []deliver.Span) {
	for sub := range n {
		var s deliver.Span
		s.Partition = "1:a"
		s.First = deliver.Point{At: record.Position{Block: 1, Index: 1}, Sub: sub}
		s.End = deliver.Point{At: s.First.At, Sub: sub + 1}
		s.Until = s.End
		spans = append(spans, s)
	}
	return spans
}

// A batch that could not be delivered for long has many others delivered above it. It is sent also after a restart, and
// it makes no small batches of the others.
func TestWhatIsHeldUpDoesNotStopTheRest(t *testing.T) {
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Minute}, partitioned, func(r *rig) {
		r.set(func(w *world) { w.denied = ":p" })
		r.put("p1 a1 q1")
		r.die()
		for _, n := range []uint32{9000, 5000} {
			r.set(func(w *world) {
				clear(w.objects)
				w.denied, w.saves = ":p", w.saves[:1:1]
				w.saves[0].Spans = crowd(n)
			})
			r.start()
			time.Sleep(61 * time.Second)
			if n == 5000 {
				r.put("b1")
				r.put("b2")
				time.Sleep(61 * time.Second)
				r.want("0/v1/1:2.0/1:q=q1", "0/v1/2:0.0/1:b=b1 b2")
			}
			r.set(func(w *world) { w.denied = "" })
			r.flush()
			if n == 9000 {
				r.want("0/v1/1:0.0/1:p=p1", "0/v1/1:2.0/1:q=q1")
			}
			r.die()
		}
		r.start()
	})
}

func TestTooManyBatchesAboveAnOpenOneEndIt(t *testing.T) {
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Hour, Count: 1 << 20}, partitioned, func(r *rig) {
		r.put("p1 a1")
		r.die()
		r.set(func(w *world) { w.saves[0].Spans = crowd(5000) })
		r.start()
		r.put("b1")
		r.want("0/v1/1:0.0/1:p=p1")
		r.crash()
		r.flush()
		r.want("0/v1/1:0.0/1:p=p1", "0/v1/2:0.0/1:b=b1")
	})
}
