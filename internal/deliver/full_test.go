package deliver_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/batch"
)

// A disk that is full in the midst of a flush does not make it forget where it cuts.
func TestFlushOutlivesADiskThatIsFull(t *testing.T) {
	newProcessingRig(t, batch.Limits{Size: 1 << 20, Interval: time.Hour}, partitioned, func(r *rig) {
		r.die()
		folder := filepath.Join(r.TempDir(), "spools")
		r.settings.spools = batch.NewSpools(folder, 6<<10) // there is memory for one of them
		r.start()
		r.put("a1 b1 c1")
		flushed := make(chan error, 1)
		go func() { flushed <- r.p.Flush(timeout(r.T)) }() // is received below
		time.Sleep(10 * time.Second)
		r.put("a2 b2")
		r.want()
		if err := os.Mkdir(folder, 0o700); err != nil {
			r.Fatal(err)
		}
		if err := <-flushed; err != nil {
			r.Error(err)
		}
		r.want("0/v1/1:0.0/1:a=a1", "0/v1/1:1.0/1:b=b1", "0/v1/1:2.0/1:c=c1")
		r.crash()
		r.flush()
		r.want("0/v1/1:0.0/1:a=a1", "0/v1/1:1.0/1:b=b1", "0/v1/1:2.0/1:c=c1", "0/v1/2:0.0/1:a=a2", "0/v1/2:1.0/1:b=b2")
	})
}

// A flush may come when a block is processed that was not in the log when it was ordered. Then it cuts behind that block.
func TestFlushInTheMidstOfABlockIsReplayed(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		r.die()
		var armed atomic.Bool
		r.settings.inFlight = 1
		r.settings.intrude = func() {
			if armed.CompareAndSwap(true, false) {
				r.put("b1 c1 c2 b2 d1")
			}
		}
		r.start()
		r.set(func(w *world) { w.denied = "/v1/" })
		r.put("a1 a2")
		flushed := make(chan error, 1)
		armed.Store(true)
		go func() { flushed <- r.p.Flush(timeout(r.T)) }() // is received below
		time.Sleep(time.Second)
		saved := 0
		r.set(func(w *world) { w.denied, saved = "", len(w.saves) })
		if err := <-flushed; err != nil {
			r.Error(err)
		}
		want := []string{"0/v1/1:0.0/1:a=a1 a2", "0/v1/2:1.0/1:c=c1 c2", "0/v1/2:0.0/1:b=b1 b2", "0/v1/2:4.0/1:d=d1"}
		r.want(want...)
		r.die()
		r.set(func(w *world) { w.saves = w.saves[:saved] })
		r.start()
		r.flush()
		r.want(want...)
	})
}

// What is open has an end where the disk has no room for more of it.
func TestADiskThatIsFullEndsTheOpenBatches(t *testing.T) {
	newProcessingRig(t, batch.Limits{Size: 1 << 30, Interval: time.Hour}, partitioned, func(r *rig) {
		r.die()
		r.settings.spools = batch.NewSpools(filepath.Join(r.TempDir(), "none"), 512<<10)
		r.settings.inFlight = 1
		r.start()
		r.set(func(w *world) { w.denied = ":0" })
		random := rand.NewChaCha8([32]byte{})
		for i := range 64 { // a megabyte that does not become smaller
			text := make([]byte, 8<<10)
			random.Read(text)
			r.put(fmt.Sprint(i%8, hex.EncodeToString(text)))
		}
		flushed := make(chan error, 1)
		go func() { flushed <- r.p.Flush(timeout(r.T)) }() // is received below
		synctest.Wait()
		r.set(func(w *world) { w.denied = "" })
		if err := <-flushed; err != nil {
			r.Error(err)
		}
		if len(r.objects) <= 8 {
			r.Errorf("%d objects", len(r.objects))
		}
	})
}

// An earlier life may have sent what crosses the record that finds no room: then nothing may end there.
func TestADiskThatIsFullDoesNotCutWhatWasSent(t *testing.T) {
	newProcessingRig(t, byTwo, partitioned, func(r *rig) {
		text := make([]byte, 20<<10)
		rand.NewChaCha8([32]byte{}).Read(text)
		large := "a" + hex.EncodeToString(text)
		saved := len(r.saves)
		r.put("b1 " + large + " b2 b3 b4")
		time.Sleep(time.Minute)
		want := []string{"0/v1/1:0.0/1:b=b1 b2", "0/v1/1:3.0/1:b=b3 b4", "0/v1/1:1.0/1:a=" + large}
		r.want(want...)
		r.die()
		r.set(func(w *world) { w.saves = w.saves[:saved] })
		folder := filepath.Join(r.TempDir(), "spools")
		r.settings.spools = batch.NewSpools(folder, 48<<10)
		r.start()
		time.Sleep(10 * time.Second)
		if err := os.Mkdir(folder, 0o700); err != nil {
			r.Fatal(err)
		}
		r.flush()
		r.want(want...)
	})
}
