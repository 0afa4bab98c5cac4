package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"firehose/internal/log"
)

func TestReaderGoesOnAtTheOldestKeptEntry(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200})
	for i := range 9 {
		r.append(fmt.Sprint(i + 1))
	}
	reader := r.l.Read(1)
	defer reader.Close()
	if e, err := reader.Next(); err != nil || e.Number != 1 {
		t.Fatalf("entry %d, %v", e.Number, err)
	}
	r.l.Release(7)
	for r.l.dropOldest(false) {
	}
	last := uint64(1)
	for {
		e, err := reader.Next()
		if err == io.EOF {
			break
		}
		r.must(err)
		if string(e.Body) != fmt.Sprint(e.Number) || e.Number <= last {
			t.Fatalf("entry %d after %d holds %q", e.Number, last, e.Body)
		}
		last = e.Number
	}
	if last != 9 {
		t.Fatalf("ended at %d", last)
	}
	if got := r.readFrom(2); got != "7=7 8=8 9=9 " {
		t.Fatalf("a new reader reads %s", got)
	}
}

func TestReaderSeesOnlyWhatIsDurable(t *testing.T) {
	r := newRig(t, Options{})
	r.append("a")
	r.must(r.l.prepare(1))
	_, err := r.l.w.WriteAt(appendFrame(nil, r.l.seed, 2, r.l.clock, []byte("not yet")), r.l.active.size)
	r.must(err)
	r.wantRead("1=a ")
	r.append("b")
	r.wantRead("1=a 2=b ")
}

func TestReadersOfLargeEntriesStartAnywhere(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 5 << 20})
	const entries = 100
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<10)
	for range entries {
		_, _, err := r.l.Append(t.Context(), body)
		r.must(err)
	}
	check := func() {
		t.Helper()
		for n := uint64(1); n <= entries; n += 7 {
			reader := r.l.Read(n)
			e, err := reader.Next()
			if err != nil || e.Number != n || !bytes.Equal(e.Body, body) {
				t.Fatalf("from %d: entry %d, %v", n, e.Number, err)
			}
			r.must(reader.Close())
		}
	}
	check()
	if n := len(r.l.active.marks); n == 0 {
		t.Fatal("no marks after appends")
	}
	r.reopen()
	check()
	if n := len(r.l.segments[0].marks); n == 0 {
		t.Fatal("no marks after reads")
	}
}

func TestEntryLargerThanASegment(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 1000})
	big := strings.Repeat("x", 3*readSize)
	r.append("a")
	r.append(big)
	r.append("b")
	r.wantRead("1=a 2=" + big + " 3=b ")
	r.reopen()
	r.wantRead("1=a 2=" + big + " 3=b ")
	if _, _, err := r.l.Append(t.Context(), make([]byte, bodySizeMax+1)); err == nil {
		t.Fatal("a body beyond the format's limit was taken")
	}
	if _, _, err := r.l.Append(t.Context()); err == nil {
		t.Fatal("an append of nothing succeeded")
	}
}

func TestNamesStayInTheFolder(t *testing.T) {
	r := newRig(t, Options{})
	for _, name := range []string{"", "/", "..", "a/../b", "a//b", "/a", "a/", ".", "a b", `a\b`, "quarantine", "quarantine/a", "ä"} {
		if _, err := r.e.Open(t.Context(), name); err == nil {
			t.Errorf("opened %q", name)
		}
		if err := r.e.Remove(t.Context(), name); err == nil {
			t.Errorf("removed %q", name)
		}
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	r := newRig(t, Options{})
	r.append("a")
	sibling, err := r.e.Open(t.Context(), strings.TrimSuffix(testLog, "0")+"1")
	r.must(err)
	_, _, err = sibling.Append(t.Context(), []byte("b"))
	r.must(err)
	r.must(r.e.Remove(t.Context(), testLog))
	if _, first, err := sibling.Tick(t.Context()); first != 2 || err != nil {
		t.Fatalf("the log beside it: next %d, %v", first, err)
	}
	r.must(r.e.Remove(t.Context(), strings.TrimSuffix(testLog, "0")+"1"))
	if entries, err := r.fs.ReadDir(r.opts.Dir); err != nil || len(entries) != 0 {
		t.Fatalf("left %v, %v", entries, err)
	}
	if n := r.e.bytes.Load(); n != 0 || r.fs.OpenFiles() != 0 {
		t.Fatalf("%d bytes, %d open files", n, r.fs.OpenFiles())
	}
	if _, _, err := sibling.Append(t.Context(), []byte("c")); !errors.Is(err, log.ErrClosed) {
		t.Fatalf("append: %v", err)
	}
}
