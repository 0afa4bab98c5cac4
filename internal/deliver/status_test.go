package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"firehose/internal/destination"
	"firehose/internal/disk/disktest"
	"firehose/internal/task"
	"firehose/internal/verdict"
)

func TestALogThatCannotBeReadIsAProblemWhileItLasts(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.put("a b")
		broken := errors.New("the disk is broken")
		repair := r.p.disk.Inject(disktest.Fault{Op: disktest.Read, Err: broken, Times: 1 << 30})
		r.put("c d e")
		time.Sleep(time.Minute) // of the bubble
		p := r.p.Status().Problem
		if p == nil || !errors.Is(p.Err, broken) || p.Tries < 10 || time.Since(p.Since) < 50*time.Second {
			t.Errorf("the problem is %+v", p)
		}
		repair()
		time.Sleep(2 * time.Minute) // of the bubble
		r.want("0/v1/1:0=a b", "0/v1/2:0=c d", "0/v1/2:2=e")
		if p := r.p.Status().Problem; p != nil {
			t.Errorf("the problem is %+v", p)
		}
	})
}

func TestADestinationThatCannotBeOpenedIsAProblemBeforeAnythingWaits(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.p.end(t, time.Minute)
		r.set(func(w *world) {
			w.held = destination.Held(&verdict.SetUp{Code: "Secret.Missing", Fix: "Set it.", Err: errors.New("no such variable")})
		})
		r.start()
		if p := r.p.Status().Problem; p == nil || verdict.AsSetUp(p.Err) == nil || p.Since.IsZero() {
			t.Errorf("the problem is %+v", p)
		}
		r.p.end(t, time.Minute)
		r.set(func(w *world) { w.held = nil })
		r.start()
		if p := r.p.Status().Problem; p != nil {
			t.Errorf("the problem is %+v", p)
		}
	})
}

func TestAnOrderedDeliveryKeepsOneBatchInFlight(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.p.end(t, time.Minute)
		r.set(func(w *world) { w.plans[0].ordered, w.denied = true, "/1:2" })
		r.start()
		r.put("a b c d e f g h")
		time.Sleep(time.Minute) // of the bubble
		r.want("0/v1/1:0=a b")
		if s := r.p.Status(); s.InFlight != 1 {
			t.Errorf("status %+v", s)
		}
		r.set(func(w *world) { w.denied = "" })
		r.flush()
		r.want("0/v1/1:0=a b", "0/v1/1:2=c d", "0/v1/1:4=e f", "0/v1/1:6=g h")
	})
}

// Whoever looks while a version comes in force finds it with all that it needs.
func TestAVersionComesInForceWithItsDestination(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.p.end(t, time.Minute)
		r.set(func(w *world) {
			w.held = destination.Held(&verdict.SetUp{Code: "Secret.Missing", Fix: "Write it.", Err: errors.New("no secret")})
		})
		r.start()
		done := make(chan struct{})
		looking := task.NewGroup(r.Context())
		for range 4 {
			looking.Go("look", func(context.Context) error {
				for {
					select {
					case <-done:
						return nil
					default:
					}
					if s := r.p.Status(); s.Problem == nil {
						return fmt.Errorf("version %d is in force without its destination", s.Version)
					}
				}
			})
		}
		for version := 2; version < 1000; version++ {
			r.declare()
			if err := r.p.Reconfigure(r.Context(), version); err != nil {
				r.Error(err)
			}
		}
		close(done)
		if err := looking.Wait(); err != nil {
			r.Error(err)
		}
	})
}
