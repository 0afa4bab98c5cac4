package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/disk/disktest"
	"firehose/internal/log/segment"
	"firehose/internal/record"
)

// rig is a calm world with one plan, whose process is led by hand.
type rig struct {
	*testing.T
	*world
	settings settings
	p        *life
}

// newRig calls test in a bubble where time is instant.
func newRig(t *testing.T, limits batch.Limits, test func(r *rig)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, world: &world{
			disk: disktest.New(1), chance: rand.New(rand.NewPCG(1, 1)), calm: true, objects: map[string][]byte{},
			sent: map[record.Position]deliver.Sent{}, buckets: []bucketState{bucketThere, bucketThere},
			plans: []plan{{limits: limits}},
		}}
		r.settings = settings{
			inFlight: 4, encoders: 2, spools: batch.NewSpools(dir, 1<<20), logs: segment.Options{Retention: time.Hour},
			intrude: func() {}, slow: func() time.Duration { return 0 },
		}
		r.start()
		defer func() { r.p.end(t, time.Minute) }()
		test(r)
	})
}

func (r *rig) start() {
	r.Helper()
	p, err := r.world.start(r.T, r.settings)
	if err != nil {
		r.Fatal(err)
	}
	r.p = p
}

// crash kills the process and starts another.
func (r *rig) crash() {
	r.Helper()
	r.die()
	r.start()
}

func (r *rig) die() {
	r.mu.Lock()
	if !r.dead {
		r.fuse = 1
		r.danger()
	}
	r.mu.Unlock()
	r.p.end(r.T, 0)
	r.mu.Lock()
	r.dead = false
	r.mu.Unlock()
}

// put appends a block of one-word records and waits until everything has come to rest.
func (r *rig) put(words string) {
	r.Helper()
	var b block.Builder
	for _, w := range strings.Fields(words) {
		b.Append([]byte(w + "\n"))
	}
	r.append(b.Pack(nil, nil))
}

// append appends a block and waits until everything has come to rest.
func (r *rig) append(body []byte) {
	r.Helper()
	if _, _, err := r.p.log.Append(context.Background(), body); err != nil {
		r.Fatal(err)
	}
	synctest.Wait()
}

// set changes the world.
func (r *rig) set(f func(w *world)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.world)
}

// want compares the objects: key, equals sign, words, for each in the order of keys.
func (r *rig) want(want ...string) {
	r.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	got := map[string]bool{}
	for key, body := range r.objects {
		got[key+"="+strings.Join(strings.Fields(string(body)), " ")] = true
	}
	ok := len(got) == len(want)
	for _, w := range want {
		ok = ok && got[w]
	}
	if !ok {
		r.Errorf("objects %v, want %q\n%s", got, want, strings.Join(r.story, "\n"))
	}
}

func (r *rig) flush() {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := r.p.Flush(ctx); err != nil {
		r.Fatalf("flush: %v, at %+v\n%s", err, r.p.Status(), strings.Join(r.story, "\n"))
	}
}

// declare makes version 2, for another bucket.
func (r *rig) declare() {
	r.set(func(w *world) { w.plans = append(w.plans, plan{limits: w.plans[0].limits, bucket: 1}) })
}

func (r *rig) reconfigure() {
	r.Helper()
	r.declare()
	if err := r.p.Reconfigure(context.Background(), 2); err != nil {
		r.Fatal(err)
	}
}

var byTwo = batch.Limits{Size: 1 << 20, Interval: time.Minute, Count: 2}

func TestBatchIsCutBySizeCountAndAge(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b c")
		r.want("0/v1/1:0=a b")
		time.Sleep(time.Minute - 1)
		r.want("0/v1/1:0=a b")
		time.Sleep(time.Nanosecond)
		r.want("0/v1/1:0=a b", "0/v1/1:2=c")
	})
}

func TestReadErrorLosesNothingOfTheOpenBatch(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a")
		r.p.disk.Inject(disktest.Fault{Op: disktest.Any, Path: ".seg", Times: 1, Skip: 2, Err: syscall.EIO})
		r.put("b")
		time.Sleep(time.Hour)
		r.want("0/v1/1:0=a b")
	})
}

func TestFlushWaitsForTheDestination(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			r.Errorf("flush to a broken destination: %v", err)
		}
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		r.want("0/v1/1:0=a")
	})
}

func TestFlushOfADeliveryThatEndedFails(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		p := r.p
		r.die()
		r.start()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if err := p.Flush(ctx); !errors.Is(err, deliver.ErrEnded) {
			r.Errorf("flush: %v", err)
		}
	})
}

func TestFlushIsReplayed(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a")
		r.set(func(w *world) { w.fuse = 4 }) // dies when the object is put, before the floor is saved
		r.p.Flush(timeout(r.T))
		if !r.isDead() {
			r.Fatal("the process lives")
		}
		r.die()
		r.start()
		r.put("b c")
		r.flush()
		r.want("0/v1/1:0=a", "0/v1/2:0=b c")
	})
}

func timeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestReconfigureMovesWhatWasRefused(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a b c d e")
		r.want()
		r.reconfigure()
		r.put("f")
		r.want("1/v2/1:0=a b", "1/v2/1:2=c d", "1/v2/1:4=e f")
	})
}

func TestReconfigureLeavesWhatAnEarlierLifeMayHaveSent(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b c")
		r.set(func(w *world) { w.saves = w.saves[:1] }) // the floor was not saved
		time.Sleep(time.Minute)
		r.set(func(w *world) { w.saves = w.saves[:1]; w.clock -= time.Hour })
		r.want("0/v1/1:0=a b", "0/v1/1:2=c")
		r.die()
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.start()
		synctest.Wait()
		r.reconfigure()
		r.put("d")
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		r.want("0/v1/1:0=a b", "0/v1/1:2=c", "1/v2/2:0=d")
	})
}

func TestReconfigureMovesAllOfABucketThatDoesNotExist(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketAbsent })
		r.put("a b c d e f g h i j k l m") // more than there is room for in flight
		r.crash()
		r.reconfigure() // before the first try's answer
		r.flush()
		r.want("1/v2/1:0=a b", "1/v2/1:2=c d", "1/v2/1:4=e f", "1/v2/1:6=g h", "1/v2/1:8=i j", "1/v2/1:10=k l", "1/v2/1:12=m")
	})
}

func TestVersionThatCameMeanwhileBeginsAtTheLogsEnd(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a")
		r.declare()
		r.crash()
		r.put("b")
		r.flush()
		r.want("0/v1/1:0=a", "1/v2/2:0=b")
	})
}

func TestLimitsThatCameMeanwhileBeginAtTheLogsEnd(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b c d")
		r.want("0/v1/1:0=a b", "0/v1/1:2=c d")
		r.die()
		r.set(func(w *world) { w.saves, w.plans[0].limits.Count = w.saves[:1], 3 }) // the floor was not saved
		r.start()
		r.put("e f g")
		r.want("0/v1/1:0=a b", "0/v1/1:2=c d", "0/v1/2:0=e f g")
	})
}

func TestStatusTellsTheOldestRecordAndTheProblem(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		if s := r.p.Status(); !s.Oldest.IsZero() || s.Problem != nil || s.InFlight != 0 {
			r.Errorf("idle: %+v", s)
		}
		at := time.Now()
		r.put("a")
		if s := r.p.Status(); !s.Oldest.Equal(at) {
			r.Errorf("open: %+v", s)
		}
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("b")
		time.Sleep(time.Minute)
		if s := r.p.Status(); s.InFlight != 1 || !s.Oldest.Equal(at) || s.Problem == nil || s.Problem.Tries < 3 {
			r.Errorf("broken: %+v", s)
		}
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		if s := r.p.Status(); !s.Oldest.IsZero() || s.Problem != nil || s.InFlight != 0 || s.Floor != (record.Position{Block: 3}) {
			r.Errorf("repaired: %+v", s)
		}
	})
}

func TestLocateFollowsARecord(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		place := func(block uint64, index uint32) string {
			p, err := r.p.Locate(record.Position{Block: block, Index: index})
			if err != nil {
				r.Error(err)
			}
			return p.State + " " + p.Name
		}
		want := func(block uint64, index uint32, want string) {
			r.Helper()
			if got := place(block, index); got != want {
				r.Errorf("record %d:%d is %q, want %q", block, index, got, want)
			}
		}
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("a b c")
		want(1, 1, "in flight 0/v1/1:0")
		want(1, 2, "open ")
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		time.Sleep(time.Minute)
		want(1, 1, "delivered 0/v1/1:0")
		r.flush()
		want(1, 2, "delivered 0/v1/1:2")
		r.crash()
		want(1, 1, "delivered 0/v1/1:0")
		want(1, 2, "delivered 0/v1/1:2")
		want(2, 0, "open ")
	})
}

func TestWhatIsDeliveredIsLocatedBeforeItIsSaved(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.broken = true })
		r.put("a b")
		p, err := r.p.Locate(record.Position{Block: 1})
		if err != nil || p.State != "delivered" || p.Name != "0/v1/1:0" {
			r.Errorf("%+v, %v", p, err)
		}
		r.set(func(w *world) { w.broken = false })
	})
}

func TestSavingThatFailsHoldsTheCuttingUp(t *testing.T) {
	newRig(t, batch.Limits{Size: 1, Interval: time.Minute}, func(r *rig) {
		r.set(func(w *world) { w.broken = true })
		for i := range 1500 {
			r.put(fmt.Sprint(i))
		}
		r.mu.Lock()
		held := len(r.objects)
		r.mu.Unlock()
		if held > 1100 {
			r.Errorf("%d batches were delivered of which nothing is saved", held)
		}
		r.set(func(w *world) { w.broken = false })
		r.flush()
		if len(r.objects) != 1500 {
			r.Errorf("%d objects", len(r.objects))
		}
	})
}
