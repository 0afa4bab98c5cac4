package deliver_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/block"
	"firehose/internal/disk"
)

// damage flips a byte of the log while no process runs, and notes which records that costs.
func (h *history) damage() {
	if !h.damaging || h.rand.IntN(2) == 0 {
		return
	}
	before := h.readable()
	if len(before) == 0 || !flip(h.T, h.world, h.rand.IntN) {
		return
	}
	after := h.readable()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.damages, h.savesThen = h.damages+1, len(h.saves)
	for number, text := range before {
		if _, still := after[number]; !still {
			h.note("block %d is damaged: %.6q", number, text)
			h.forgive(text)
			delete(h.spoiled, number) // the log counts it
		}
	}
}

// forgive notes that lines need not arrive.
func (h *history) forgive(lines []string) {
	h.fates.Lock()
	defer h.fates.Unlock()
	for _, line := range lines {
		h.dropped[line] = true
	}
}

// readable returns the lines of the blocks that the log can give, by the blocks' numbers. It begins a life of the log alone.
func (h *history) readable() map[uint64][]string {
	engine, l, err := h.openLog(h.T, h.options.logs)
	if err != nil {
		h.Fatal(err)
	}
	defer engine.Close()
	reader := l.Read(1)
	defer reader.Close()
	blocks := map[uint64][]string{}
	var b block.Block
	for {
		entry, err := reader.Next()
		if err == io.EOF {
			return blocks
		}
		if err != nil {
			h.Fatal(err)
		}
		blocks[entry.Number] = nil // also one that cannot be unpacked
		if b.Unpack(entry.Body, nil) == nil {
			for i := range b.Count() {
				blocks[entry.Number] = append(blocks[entry.Number], lines(unpacked(b.Record(i)))...)
			}
		}
	}
}

// flip flips a byte of the log's segments, and says whether there was one.
func flip(t *testing.T, w *world, choose func(n int) int) bool {
	const dir = "/log/stream/0"
	entries, err := w.disk.ReadDir(dir)
	if err != nil {
		return false
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".seg") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	if len(names) == 0 {
		return false
	}
	f, err := w.disk.OpenFile(names[choose(len(names))], os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return flipByte(t, f, choose)
}

func flipByte(t *testing.T, f disk.File, choose func(n int) int) bool {
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	const header = 80
	if size <= header {
		return false
	}
	at, one := header+int64(choose(int(size)-header)), make([]byte, 1)
	if _, err := f.ReadAt(one, at); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	one[0] ^= 1 << choose(8)
	_, err = f.WriteAt(one, at)
	if err = errors.Join(err, f.Sync()); err != nil {
		t.Fatal(err)
	}
	return true
}

// spoil returns the body of a block that was broken before the log got it: no header, a part of its payload, or data that
// cannot be unpacked where the lengths can.
func spoil(body []byte, choose func(n int) int) []byte {
	var b block.Block
	broken := bytes.Clone(body)
	switch choose(3) {
	case 0:
		broken[0] = 99
	case 1:
		for i := len(broken) - 4; i < len(broken); i++ {
			broken[i] = 0xFF
		}
	}
	if errors.Is(b.Unpack(broken, nil), block.ErrCorrupt) {
		return broken
	}
	return body[:len(body)-1]
}

// hollow is a block of two records whose data cannot be unpacked, though their lengths can.
func hollow(t *testing.T) []byte {
	var b block.Builder
	for range 2 {
		b.Append(bytes.Repeat([]byte("o"), 2000))
	}
	body := b.Pack(nil, nil)
	for i := len(body) - 8; i < len(body); i++ {
		body[i] = 0xFF
	}
	var unpacked block.Block
	if err := unpacked.UnpackLengths(body, nil); err != nil {
		t.Fatal(err)
	}
	if err := unpacked.Unpack(body, nil); !errors.Is(err, block.ErrCorrupt) {
		t.Fatalf("the block is whole: %v", err)
	}
	return body
}

// What a damaged block held is counted once, however often its batch is tried.
func TestWhatADamagedBlockCostsIsCountedOnce(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		r.set(func(w *world) { w.buckets[0] = bucketDenied })
		r.put("z")
		r.append(hollow(t))
		r.put("a b c")
		time.Sleep(time.Hour)
		r.set(func(w *world) { w.buckets[0] = bucketThere })
		r.flush()
		r.want("0/v1/1:0=z", "0/v1/2:1=a", "0/v1/3:1=b c")
		r.set(func(w *world) {
			if w.lost != 2 {
				t.Errorf("%d records are counted as lost", w.lost)
			}
		})
	})
}

// A damaged block that a replay has to cut anew costs its own records. What else was sent and not saved may come again,
// in another batch.
func TestDamageAfterAKillCostsItsOwnRecords(t *testing.T) {
	newRig(t, byTwo, func(r *rig) {
		for _, words := range []string{"a", "b", "c", "d"} {
			r.put(words)
		}
		r.want("0/v1/1:0=a b", "0/v1/3:0=c d")
		r.die()
		r.set(func(w *world) { w.saves = w.saves[:1] })        // the floor was not saved
		flip(t, r.world, func(n int) int { return n * 3 / 8 }) // in the second block
		r.start()
		synctest.Wait()
		r.put("e f g")
		r.flush()
		r.want("0/v1/1:0=a c", "0/v1/3:0=c d", "0/v1/4:0=d e", "0/v1/5:1=f g")
	})
}
