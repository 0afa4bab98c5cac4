package batch

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

func TestBufferIsCompressedWhenMemoryIsScarce(t *testing.T) {
	size := func(budget int64) int64 {
		b := NewSpools(t.TempDir(), budget).NewBuffer()
		defer b.Close()
		for range 1000 {
			if err := b.Append(make([]byte, 1000), nil); err != nil {
				t.Fatal(err)
			}
		}
		return b.spool.Size()
	}
	if plain, some, dense := size(1<<30), size(1<<20), size(0); plain < 9e5 || some > 8e5 || some < 4e5 || dense > 1e5 {
		t.Errorf("with much memory %d bytes, with little %d, with none %d", plain, some, dense)
	}
}

func TestBufferGivesBackWhatItTook(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		budget := []int64{0, 8 << 10, 128 << 10, 1 << 30}[seed%4] // of which the third has room for some frames as they are
		spools := NewSpools(t.TempDir(), budget)
		b := spools.NewBuffer()
		var records, notes [][]byte
		bytesOf := func(most int) []byte {
			text := make([]byte, r.IntN(most+1))
			for i := range text {
				text[i] = byte(r.IntN(4))
			}
			return text
		}
		for range r.IntN(300) {
			records, notes = append(records, bytesOf(2000)), append(notes, bytesOf(20))
			if err := b.Append(records[len(records)-1], notes[len(notes)-1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Complete(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			reader, i := b.Reader(), 0
			for {
				run, err := reader.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				start := run.Start
				for j, end := range run.Ends {
					if !bytes.Equal(run.Data[start:end], records[i]) || !bytes.Equal(reader.Note(j), notes[i]) {
						t.Fatalf("seed %d: record %d is %q with %q, was %q with %q", seed, i, run.Data[start:end], reader.Note(j), records[i], notes[i])
					}
					start, i = end, i+1
				}
			}
			if i != len(records) {
				t.Fatalf("seed %d: %d records of %d", seed, i, len(records))
			}
		}
		b.Close()
		if left := spools.left.Load(); left != budget {
			t.Errorf("%d bytes of memory are not given back", left)
		}
	}
}
