package batch

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// files returns how many names stand in a folder.
func files(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// fill writes size random bytes in random pieces and returns them.
func fill(t *testing.T, s *Spool, r *rand.Rand, size int) []byte {
	t.Helper()
	all := make([]byte, size)
	for i := range all {
		all[i] = byte(r.Uint32())
	}
	for rest := all; len(rest) > 0; {
		piece := rest[:min(len(rest), 1+r.IntN(100_000))]
		if n, err := s.Write(piece); n != len(piece) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(piece), err)
		}
		rest = rest[len(piece):]
	}
	return all
}

func TestSpoolReadsWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	f := func(budget int64, size int, onDisk bool) {
		t.Helper()
		r := rand.New(rand.NewPCG(uint64(budget), uint64(size)))
		spools := NewSpools(dir, budget)
		s := spools.New()
		want := fill(t, s, r, size)
		if s.Size() != int64(size) || (s.file != nil) != onDisk {
			t.Errorf("size %d, on disk %t", s.Size(), s.file != nil)
		}
		if files(t, dir) != 0 {
			t.Error("a name is left behind")
		}
		reference := bytes.NewReader(want)
		for range 300 {
			off := r.Int64N(int64(size) + 10)
			got := make([]byte, r.IntN(3*chunkMin))
			if r.IntN(5) == 0 {
				got = make([]byte, r.IntN(size+100))
			}
			expected := make([]byte, len(got))
			n, err := s.ReadAt(got, off)
			wantN, wantErr := reference.ReadAt(expected, off)
			if n != wantN || len(got) > 0 && err != wantErr || !bytes.Equal(got[:n], expected[:n]) {
				t.Fatalf("read %d at %d of %d: %d, %v; want %d, %v", len(got), off, size, n, err, wantN, wantErr)
			}
		}
		if all, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size())); err != nil || !bytes.Equal(all, want) {
			t.Errorf("the whole differs: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left := spools.left.Load(); left != budget {
			t.Errorf("%d of a budget of %d came back", left, budget)
		}
	}
	f(1<<30, 1, false)
	f(1<<30, chunkMin, false)
	f(1<<30, chunkMin+1, false)
	f(1<<30, 3*chunkMax+7, false)
	f(0, 100_000, true)
	f(chunkMin-1, 10, true)
	f(chunkMin, chunkMin, false)
	f(chunkMin, chunkMin+1, true)
	f(3*chunkMin, 50*chunkMin, true)
	f(5*chunkMin, 50*chunkMin, true) // the next chunk would be larger than what is left
}

func TestSpoolsShareTheirBudget(t *testing.T) {
	spools := NewSpools(t.TempDir(), 2*chunkMin)
	r := rand.New(rand.NewPCG(1, 1))
	first, second, third := spools.New(), spools.New(), spools.New()
	fill(t, first, r, chunkMin)
	fill(t, second, r, chunkMin)
	fill(t, third, r, 10)
	if first.file != nil || second.file != nil || third.file == nil {
		t.Error("the third alone has to spill")
	}
	first.Close()
	fourth := spools.New()
	fill(t, fourth, r, 10)
	if fourth.file != nil {
		t.Error("what was given back is not taken again")
	}
	for _, s := range []*Spool{second, third, fourth} {
		s.Close()
	}
	if left := spools.left.Load(); left != 2*chunkMin {
		t.Errorf("%d bytes came back", left)
	}
}

func TestSpoolIsReadByManyAtOnce(t *testing.T) {
	spools := NewSpools(t.TempDir(), 1<<20)
	s := spools.New()
	defer s.Close()
	want := fill(t, s, rand.New(rand.NewPCG(1, 1)), 3<<20)
	var readers sync.WaitGroup
	for seed := range uint64(4) {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(seed, 2))
			for range 50 {
				off := r.Int64N(3 << 20)
				got := make([]byte, min(r.Int64N(200_000), 3<<20-off))
				if _, err := s.ReadAt(got, off); err != nil || !bytes.Equal(got, want[off:off+int64(len(got))]) {
					t.Errorf("%d bytes at %d differ: %v", len(got), off, err)
				}
			}
		})
	}
	readers.Wait()
}

func TestSpoolMemoryIsUsedAgainClean(t *testing.T) {
	spools := NewSpools(t.TempDir(), 1<<30)
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		s := spools.New()
		want := fill(t, s, r, 1<<20+r.IntN(1<<20))
		if all, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size())); err != nil || !bytes.Equal(all, want) {
			t.Fatal("an older spool's bytes show")
		}
		s.Close()
		s.Close() // again does nothing
	}
	if left := spools.left.Load(); left != 1<<30 {
		t.Errorf("%d bytes came back", left)
	}
}

func TestSpoolTellsTheDisksError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	spools := NewSpools(dir, chunkMin)
	s := spools.New()
	if n, err := s.Write(make([]byte, chunkMin+1)); n != chunkMin || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := s.Close(); err != nil || spools.left.Load() != chunkMin {
		t.Errorf("close: %v, %d bytes came back", err, spools.left.Load())
	}
}

func TestSpoolRefusesANegativeOffset(t *testing.T) {
	s := NewSpools(t.TempDir(), 1<<20).New()
	if _, err := s.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("no error")
	}
}
