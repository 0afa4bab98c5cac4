package segment

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/disk/disktest"
	"firehose/internal/log"
)

func TestRetentionDropsOnlyReleasedHistory(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200, Retention: time.Hour})
	began := r.now
	for i := range 9 { // three in a segment, ten minutes apart
		r.append(fmt.Sprint(i + 1))
		r.now = r.now.Add(10 * time.Minute)
	}
	all := "1=1 2=2 3=3 4=4 5=5 6=6 7=7 8=8 9=9 "
	r.e.sweep()
	r.wantRead(all) // old, but not released
	r.l.Release(6)
	r.now = r.now.Add(time.Minute)
	if !r.l.KeptSince().IsZero() {
		t.Errorf("nothing is dropped, and all since %v is kept", r.l.KeptSince())
	}
	r.e.sweep()
	r.wantRead("4=4 5=5 6=6 7=7 8=8 9=9 ")
	if since, want := r.l.KeptSince(), began.Add(30*time.Minute); !since.Equal(want) {
		t.Errorf("all since %v is kept, want %v", since, want)
	}
	r.now = r.now.Add(24 * time.Hour)
	r.e.sweep()
	r.wantRead("4=4 5=5 6=6 7=7 8=8 9=9 ") // 6 is not released
	r.l.Release(9)
	r.l.Release(5) // somebody needs history again
	r.e.sweep()
	r.wantRead("4=4 5=5 6=6 7=7 8=8 9=9 ")
	r.l.Release(7)
	r.e.sweep()
	r.wantRead("7=7 8=8 9=9 ")
	if first, next := r.l.Ends(); first != 7 || next != 10 {
		t.Fatalf("ends %d, %d", first, next)
	}
	r.reopen()
	r.e.sweep()
	r.wantRead("7=7 8=8 9=9 ") // nothing is released until Release says so again
}

func TestHistoryThatIsHeldOutlastsItsRetentionButNoLimit(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200, Retention: time.Hour, LogBytesMax: 700})
	for i := range 9 { // three in a segment
		r.append(fmt.Sprint(i + 1))
	}
	r.l.Release(10)
	r.l.Hold(5)
	r.now = r.now.Add(24 * time.Hour)
	r.e.sweep()
	r.wantRead("4=4 5=5 6=6 7=7 8=8 9=9 ")
	r.append(strings.Repeat("x", 300))
	if first, _ := r.l.Ends(); first != 7 {
		t.Fatalf("begins at %d", first)
	}
	r.l.Hold(math.MaxUint64)
	r.now = r.now.Add(24 * time.Hour)
	r.e.sweep()
	if first, next := r.l.Ends(); first > next || first < 10 {
		t.Fatalf("ends %d, %d", first, next)
	}
}

func TestIdleLogsHistoryIsHeldToo(t *testing.T) {
	r := newRig(t, Options{Retention: time.Hour})
	r.append("a")
	r.l.Release(2)
	r.l.Hold(1)
	r.now = r.now.Add(2 * time.Hour)
	r.e.sweep()
	r.wantRead("1=a ")
	r.l.Hold(2)
	r.e.sweep()
	r.wantRead("")
}

func TestIdleLogsHistoryVanishesButNumberAndTimeStay(t *testing.T) {
	r := newRig(t, Options{Retention: time.Hour})
	r.append("a", "b")
	last, _, err := r.l.Tick(t.Context())
	r.must(err)
	r.l.Release(3)
	r.now = r.now.Add(2 * time.Hour)
	r.e.sweep()
	r.wantRead("")
	if first, next := r.l.Ends(); first != 3 || next != 3 {
		t.Fatalf("ends %d, %d", first, next)
	}
	if r.e.bytes.Load() != framesOffset || r.trimmed == 0 {
		t.Fatalf("%d bytes left, %d trimmed", r.e.bytes.Load(), r.trimmed)
	}
	r.e.sweep()
	if len(r.segments()) != 1 {
		t.Fatalf("segments %v", r.segments())
	}
	select {
	case <-r.l.Arrived(2):
		t.Fatal("an entry that is gone has arrived")
	default:
	}
	r.crash(disktest.Lost)
	r.now = time.Unix(0, 0) // the clock is lost
	n, at, err := r.tryAppend("c")
	r.must(err)
	if n != 3 || at.Before(last) {
		t.Fatalf("entry %d at %v, an earlier tick was %v", n, at, last)
	}
}

func TestLogLimitDropsHistoryThenRefuses(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200, LogBytesMax: 600})
	n := uint64(0)
	for {
		m, _, err := r.tryAppend("body")
		if err != nil {
			if !errors.Is(err, log.ErrFull) {
				t.Fatal(err)
			}
			break
		}
		n = m
	}
	if n != 7 || r.refused[0] != "log_bytes_max" || !strings.HasPrefix(r.read(), "1=body ") {
		t.Fatalf("refused after %d for %v: %s", n, r.refused, r.read())
	}
	r.l.Release(4)
	if m := r.append("more"); m != n+1 {
		t.Fatalf("entry %d after %d", m, n)
	}
	if !strings.HasPrefix(r.read(), "4=body ") {
		t.Fatalf("read %s", r.read())
	}
	for range 50 { // whoever keeps releasing is never refused
		r.l.Release(r.append("body") + 1)
	}
	if _, _, err := r.tryAppend(strings.Repeat("x", 700)); !errors.Is(err, log.ErrFull) {
		t.Fatalf("a body beyond the limit: %v", err)
	}
}

func TestTotalLimitDropsTheOldestHistoryOfAllLogs(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200, BytesMax: 1000})
	other, err := r.e.Open(t.Context(), "other/0")
	r.must(err)
	for range 6 {
		r.now = r.now.Add(time.Minute)
		_, _, err := other.Append(t.Context(), []byte("body"))
		r.must(err)
	}
	other.Release(100)
	for range 9 {
		r.now = r.now.Add(time.Minute)
		r.append("body")
	}
	if first, _ := other.Ends(); first != 4 {
		t.Fatalf("the other log begins at %d, its oldest segment alone should be gone", first)
	}
	if !strings.HasPrefix(r.read(), "1=body ") {
		t.Fatalf("unreleased entries are gone: %s", r.read())
	}
	for err == nil {
		_, _, err = r.tryAppend("body")
	}
	if !errors.Is(err, log.ErrFull) || r.refused[0] != "bytes_max" {
		t.Fatalf("refused %v: %v", r.refused, err)
	}
	if first, next := other.Ends(); first != next {
		t.Fatalf("history is kept while appends are refused: %d, %d", first, next)
	}
	if total := r.e.bytes.Load(); total > 1000 {
		t.Fatalf("%d bytes", total)
	}
}

func TestReserveRefusesBeforeTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{FreeMin: 1000, SegmentSizeMax: 200})
		for range 4 {
			r.append("body")
		}
		if !r.e.HasRoom() {
			t.Error("no room on an empty disk")
		}
		r.fs.SetFree(990)
		time.Sleep(freeAge)
		if r.e.HasRoom() {
			t.Error("room below the reserve")
		}
		if _, _, err := r.tryAppend("refused"); !errors.Is(err, log.ErrFull) || r.refused[0] != "free_min" {
			t.Fatalf("append at the reserve: %v, %v", err, r.refused)
		}
		r.l.Release(4)
		if !r.e.HasRoom() {
			t.Error("no room though history may be deleted")
		}
		r.append("history made room")
		r.wantRead("4=body 5=history made room ")
		r.fs.SetFree(5000)
		time.Sleep(freeAge)
		r.append("more")
	})
}

func TestIdleLogsKeepNoFileOpen(t *testing.T) {
	r := newRig(t, Options{})
	const logs = 100
	var list []log.Log
	for i := range logs {
		l, err := r.e.Open(t.Context(), fmt.Sprintf("%032x/0", i))
		r.must(err)
		_, _, err = l.Append(t.Context(), []byte("a"))
		r.must(err)
		list = append(list, l)
	}
	reader := list[0].Read(1)
	_, err := reader.Next()
	r.must(err)
	if _, err := reader.Next(); err == nil {
		t.Fatal("read more than was appended")
	}
	r.e.sweep()
	r.e.sweep()
	if n := r.fs.OpenFiles(); n != 0 {
		t.Fatalf("%d files are open", n)
	}
	_, _, err = list[7].Append(t.Context(), []byte("b"))
	r.must(err)
	if n := r.fs.OpenFiles(); n != 1 {
		t.Fatalf("%d files are open after an append", n)
	}
	r.must(r.e.Close())
	if n := r.fs.OpenFiles(); n != 0 {
		t.Fatalf("%d files are open after close", n)
	}
	if entries, err := r.fs.ReadDir(r.opts.Dir); err != nil || len(entries) != logs {
		t.Fatalf("%d folders, %v; a log without entries has none", len(entries), err)
	}
}

func TestSizeIsCounted(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200})
	for range 7 {
		r.append("body")
	}
	onDisk := func() (n int64) {
		for _, name := range r.segments() {
			base, _ := parseFileName(name)
			n += int64(len(readFile(t, r.fs, r.file(base))))
		}
		return n
	}
	if got := r.e.bytes.Load(); got != onDisk() {
		t.Fatalf("counted %d, on disk are %d", got, onDisk())
	}
	r.reopen()
	r.l.Release(4)
	if !r.l.dropOldest(false) || r.e.bytes.Load() != onDisk() {
		t.Fatalf("counted %d, on disk are %d", r.e.bytes.Load(), onDisk())
	}
	r.must(r.l.Close())
	if got := r.e.bytes.Load(); got != 0 {
		t.Fatalf("%d bytes of closed logs", got)
	}
}
