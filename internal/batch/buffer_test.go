package batch

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

func TestBufferGivesBackWhatItTook(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		spools := NewSpools(t.TempDir(), []int64{0, 8 << 10, 1 << 30}[seed%3])
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
		if left := spools.left.Load(); left != []int64{0, 8 << 10, 1 << 30}[seed%3] {
			t.Errorf("%d bytes of memory are not given back", left)
		}
	}
}
