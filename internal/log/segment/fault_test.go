package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"firehose/internal/disk/disktest"
	"firehose/internal/log"
)

func TestTornTailIsCut(t *testing.T) {
	frame := func(r *rig) []byte { return appendFrame(nil, r.l.seed, 4, r.l.clock, []byte("never acknowledged")) }
	check := func(name string, quarantined bool, tail func(r *rig) []byte) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.append("a")
			r.append("b", "c")
			torn := tail(r)
			r.must(r.e.Close())
			r.edit(1, func(b []byte) []byte { return append(b, torn...) })

			r.open()
			r.wantRead("1=a 2=b 3=c ")
			if len(r.cuts) != 1 || r.cuts[0].Bytes != int64(len(torn)) || len(r.damaged) != 0 {
				t.Fatalf("cuts %v, damage %v", r.cuts, r.damaged)
			}
			if got := r.quarantined(); (got == string(torn)) != quarantined {
				t.Fatalf("quarantine holds %q of %q", got, torn)
			}
			n := r.append("d")
			if n <= 4 {
				t.Fatalf("number %d may have been acknowledged before", n)
			}
			r.reopen()
			r.wantRead(fmt.Sprintf("1=a 2=b 3=c %d=d ", n))
			if len(r.cuts) != 1 || len(r.damaged) != 0 {
				t.Fatalf("the second start found cuts %v, damage %v", r.cuts, r.damaged)
			}
		})
	}
	check("torn header", true, func(r *rig) []byte { return frame(r)[:frameHeaderSize-1] })
	check("header alone", true, func(r *rig) []byte { return frame(r)[:frameHeaderSize] })
	check("torn body", true, func(r *rig) []byte { return frame(r)[:frameHeaderSize+5] })
	check("zeroed body", true, func(r *rig) []byte {
		b := frame(r)
		clear(b[frameHeaderSize:])
		return b
	})
	check("zeros", false, func(r *rig) []byte { return make([]byte, 10_000) })
	check("one zero", false, func(r *rig) []byte { return make([]byte, 1) })
	check("garbage", true, func(r *rig) []byte { return bytes.Repeat([]byte("garbage"), 3000) })
	check("frame of another segment", true, func(r *rig) []byte {
		return appendFrame(nil, r.l.seed+1, 4, r.l.clock, []byte("deleted long ago"))
	})
	check("old frame again", true, func(r *rig) []byte {
		return appendFrame(nil, r.l.seed, 2, r.l.clock, []byte("b"))
	})
}

// TestCutNumbersAreNotGivenAgain even when the process ends before it appends anything.
func TestCutNumbersAreNotGivenAgain(t *testing.T) {
	r := newRig(t, Options{})
	r.append("a")
	r.append("acknowledged, delivered, then broken")
	r.must(r.e.Close())
	r.edit(1, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	r.open()
	r.reopen()
	r.wantRead("1=a ")
	if n := r.append("b"); n < 3 {
		t.Fatalf("number %d was given twice", n)
	}
}

func TestWholeFrameAfterDamageIsNotCut(t *testing.T) {
	r := newRig(t, Options{})
	r.append("a")
	r.append("b")
	r.append("c")
	r.must(r.e.Close())
	r.edit(1, func(b []byte) []byte {
		clear(b[framesOffset+frameHeaderSize : framesOffset+2*frameHeaderSize+1]) // a's body and b's header
		return b
	})
	r.open()
	r.wantRead("3=c ")
	if len(r.cuts) != 0 || len(r.damaged) == 0 {
		t.Fatalf("cuts %v, damage %v", r.cuts, r.damaged)
	}
}

// TestFlippedBitLosesOneBlock flips one bit of each byte of a segment in turn.
func TestFlippedBitLosesOneBlock(t *testing.T) {
	bodies := []string{"one", "", "three, which is longer", "4", "five"}
	build := func(t *testing.T) (r *rig, frames []int) {
		r = newRig(t, Options{})
		frames = []int{framesOffset}
		for _, b := range bodies {
			r.append(b)
			frames = append(frames, frames[len(frames)-1]+frameHeaderSize+len(b))
		}
		return r, frames
	}
	want := func(lost int) (s string) {
		for i, b := range bodies {
			if i != lost {
				s += fmt.Sprintf("%d=%s ", i+1, b)
			}
		}
		return s
	}
	_, frames := build(t)
	for off := range frames[len(bodies)] {
		lost := slices.IndexFunc(frames, func(start int) bool { return start > off }) - 1
		flip := func(r *rig) {
			r.edit(1, func(b []byte) []byte { b[off] ^= 1 << (off % 8); return b })
		}

		r, _ := build(t)
		flip(r)
		r.wantRead(want(lost))
		r.wantRead(want(lost))
		if told := len(r.damaged) == 1; told != (lost >= 0) {
			t.Fatalf("byte %d: damage told of: %v", off, r.damaged)
		}
		if lost < 0 {
			continue
		}
		d := r.damaged[0]
		if d.Offset != int64(frames[lost]) || d.First != uint64(lost+1) || d.Next != d.First+1 || d.Log != testLog {
			t.Fatalf("byte %d: told of %+v", off, d)
		}
		if got := r.quarantined(); len(got) != frames[lost+1]-frames[lost] {
			t.Fatalf("byte %d: quarantine holds %q", off, got)
		}
		n := r.append("six")
		r.wantRead(want(lost) + fmt.Sprintf("%d=six ", n))

		r, _ = build(t)
		r.must(r.e.Close())
		flip(r)
		r.open()
		r.wantRead(want(lost))
		if last := lost == len(bodies)-1; last != (len(r.cuts) == 1) || last == (len(r.damaged) == 1) {
			t.Fatalf("byte %d: cuts %v, damage %v after a start", off, r.cuts, r.damaged)
		}
		n = r.append("six")
		r.wantRead(want(lost) + fmt.Sprintf("%d=six ", n))
	}
}

func TestNobodyWaitsForALostEntry(t *testing.T) {
	r := newRig(t, Options{})
	r.append("a")
	r.append("b")
	r.edit(1, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	r.wantRead("1=a ")
	select {
	case <-r.l.Arrived(2):
		t.Fatal("the lost entry has arrived")
	default:
	}
	ready := r.l.Arrived(2)
	r.append("c")
	<-ready
}

func TestBothHeadersDamagedLoseTheSegmentAlone(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200})
	for i := range 9 {
		r.append(fmt.Sprint(i))
	}
	names := r.segments()
	if len(names) != 3 {
		t.Fatalf("segments %v", names)
	}
	r.must(r.e.Close())
	last, _ := parseFileName(names[2])
	for _, base := range []uint64{1, last} {
		r.edit(base, func(b []byte) []byte { b[3] ^= 1; b[fileHeaderSize+3] ^= 1; return b })
	}
	r.open()
	r.wantRead("4=3 5=4 6=5 ")
	n := r.append("9")
	if n < 10 {
		t.Fatalf("number %d was given twice", n)
	}
	r.wantRead(fmt.Sprintf("4=3 5=4 6=5 %d=9 ", n))
	if len(r.damaged) != 2 {
		t.Fatalf("damage %v", r.damaged)
	}
}

func TestShortenedFileIsDamage(t *testing.T) {
	r := newRig(t, Options{})
	r.append("a")
	r.append("b")
	r.edit(1, func(b []byte) []byte { return b[:len(b)-frameHeaderSize-1] })
	r.wantRead("1=a ")
	if len(r.damaged) != 1 || r.damaged[0].First != 2 || r.damaged[0].Next != 3 {
		t.Fatalf("damage %v", r.damaged)
	}
}

// TestFullDiskAtEveryByte leaves room for k bytes only, for all k, before the first and before a later append.
func TestFullDiskAtEveryByte(t *testing.T) {
	for _, before := range []string{"", "1=a 2=b "} {
		for k := range int64(framesOffset + 2*frameHeaderSize + 9) {
			for _, tail := range []disktest.Tail{disktest.Lost, disktest.Mixed} {
				r := newRig(t, Options{})
				if before != "" {
					r.append("a", "b")
				}
				r.fs.SetFree(k)
				if _, _, err := r.tryAppend("refused", "too"); !errors.Is(err, log.ErrFull) || !errors.Is(err, syscall.ENOSPC) {
					if before == "" || k < 2*frameHeaderSize+10 {
						t.Fatalf("room for %d bytes: %v", k, err)
					}
					break
				}
				r.wantRead(before)
				if tail == disktest.Mixed {
					r.crash(tail)
					r.wantRead(before)
				}
				r.fs.SetFree(1 << 40)
				n := r.append("c")
				want := before + fmt.Sprintf("%d=c ", n)
				r.wantRead(want)
				r.crash(tail)
				r.wantRead(want)
				if len(r.damaged) > 0 || len(r.refused) != 1 {
					t.Fatalf("room for %d bytes: damage %v, refused %v", k, r.damaged, r.refused)
				}
			}
		}
	}
}

func TestFailedSyncIsNeverBelieved(t *testing.T) {
	for seed := range uint64(50) {
		r := newRig(t, Options{})
		r.fs = disktest.New(seed)
		r.reopen()
		r.append("a")
		r.fs.Inject(disktest.Fault{Op: disktest.Sync, Path: ".seg", Times: 1, Err: syscall.EIO})
		if _, _, err := r.tryAppend("b"); !errors.Is(err, syscall.EIO) || errors.Is(err, log.ErrFull) {
			t.Fatalf("append: %v", err)
		}
		r.wantRead("1=a ")
		if len(r.segments()) != 2 {
			t.Fatalf("segments %v", r.segments())
		}
		if seed%2 == 0 {
			r.append("c")
			r.wantRead("1=a 2=c ")
			r.crash(disktest.Mixed)
			r.wantRead("1=a 2=c ")
		} else {
			r.crash(disktest.Mixed)
			r.wantRead("1=a ")
		}
		if len(r.damaged) > 0 {
			t.Fatalf("damage %v", r.damaged)
		}
	}
}

// TestFailedSyncOfTheFirstAppend abandons a segment without entries: the fresh one has its name.
func TestFailedSyncOfTheFirstAppend(t *testing.T) {
	r := newRig(t, Options{})
	r.fs.Inject(disktest.Fault{Op: disktest.Sync, Path: ".seg", Skip: 1, Times: 1, Err: syscall.EIO})
	if _, _, err := r.tryAppend("a"); err == nil {
		t.Fatal("append succeeded")
	}
	r.append("b")
	r.wantRead("1=b ")
	r.crash(disktest.Mixed)
	r.wantRead("1=b ")
	if len(r.segments()) != 1 {
		t.Fatalf("segments %v", r.segments())
	}
}

func TestFailedUndoBeginsAFreshSegment(t *testing.T) {
	for _, op := range []disktest.Op{disktest.Truncate, disktest.Sync} {
		r := newRig(t, Options{})
		r.append("a")
		stop := r.fs.Inject(disktest.Fault{Op: disktest.Write, Path: ".seg", Times: 1, Short: frameHeaderSize + 9, Err: syscall.ENOSPC})
		r.fs.Inject(disktest.Fault{Op: op, Path: fileName(1), Err: syscall.EIO})
		if _, _, err := r.tryAppend("b is whole", "c is not"); !errors.Is(err, log.ErrFull) {
			t.Fatalf("append: %v", err)
		}
		stop()
		r.wantRead("1=a ")
		r.append("d")
		r.wantRead("1=a 2=d ")
		r.crash(disktest.Mixed)
		r.wantRead("1=a 2=d ")
		if len(r.damaged) > 0 {
			t.Fatalf("damage %v", r.damaged)
		}
	}
}

func TestAppendsWorkAgainAfterEveryFault(t *testing.T) {
	for _, op := range []disktest.Op{
		disktest.Open, disktest.Create, disktest.Write, disktest.Sync, disktest.Truncate, disktest.Rename,
		disktest.Remove, disktest.SyncDir, disktest.Any,
	} {
		for skip := range 8 {
			r := newRig(t, Options{SegmentSizeMax: 200})
			r.append("a")
			r.append("b")
			stop := r.fs.Inject(disktest.Fault{Op: op, Skip: skip, Err: syscall.EIO})
			want := "1=a 2=b "
			for range 5 {
				if n, _, err := r.tryAppend("c", "d"); err == nil {
					want += fmt.Sprintf("%d=c %d=d ", n, n+1)
				}
			}
			stop()
			r.wantRead(want)
			n := r.append("e")
			want += fmt.Sprintf("%d=e ", n)
			r.wantRead(want)
			r.crash(disktest.Lost)
			r.wantRead(want)
			if len(r.damaged) > 0 {
				t.Fatalf("damage %v", r.damaged)
			}
		}
	}
}

func TestReadErrorIsReturnedAndTriedAgain(t *testing.T) {
	for skip := range 3 {
		r := newRig(t, Options{SegmentSizeMax: 200})
		want := ""
		for i := range 9 {
			want += fmt.Sprintf("%d=%d ", r.append(fmt.Sprint(i)), i)
		}
		r.fs.Inject(disktest.Fault{Op: disktest.Read, Skip: skip, Times: 2, Err: syscall.EIO})
		reader := r.l.Read(1)
		got, failed := "", 0
		for {
			e, err := reader.Next()
			if errors.Is(err, syscall.EIO) {
				failed++
				continue
			}
			if err == io.EOF {
				break
			}
			r.must(err)
			got += fmt.Sprintf("%d=%s ", e.Number, e.Body)
		}
		if got != want || failed != 2 || len(r.damaged) > 0 {
			t.Fatalf("read %s, failed %d times, damage %v", got, failed, r.damaged)
		}
		r.must(reader.Close())
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	r := newRig(t, Options{})
	r.append("a")
	r.must(r.e.Close())
	r.edit(1, func(b []byte) []byte {
		h := fileHeader{salt: 1, base: 1, time: 1}.encode()
		h = h[:fileHeaderSize]
		h[11] = version + 1
		reseal(h)
		return append(append(h, h...), b[framesOffset:]...)
	})
	e, err := Open(r.opts)
	r.must(err)
	defer e.Close()
	if _, err := e.Open(t.Context(), testLog); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Fatalf("open: %v", err)
	}
}
