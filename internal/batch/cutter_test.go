package batch

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"firehose/internal/record"
)

// testBlock is a block as a cutter sees it.
type testBlock struct {
	number uint64
	at     time.Time
	ends   []int
}

func at(seconds float64) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// blockOf returns a block of records of the given sizes.
func blockOf(number uint64, when time.Time, sizes ...int) testBlock {
	b := testBlock{number: number, at: when}
	end := 0
	for _, size := range sizes {
		end += size
		b.ends = append(b.ends, end)
	}
	return b
}

// cutAll cuts the blocks as a delivery does, giving the cutter the records of a block in pieces of at most piece. The
// last batch is cut although it is open.
func cutAll(limits Limits, piece func() int, blocks ...testBlock) (cut []Batch) {
	c := NewCutter(limits)
	for _, b := range blocks {
		for from := 0; from < len(b.ends); {
			limit := min(len(b.ends), from+piece())
			n := c.Take(b.number, b.at, b.ends, from, limit)
			from += n
			if from < limit || c.Full() {
				cut = append(cut, c.Cut())
			}
		}
	}
	if c.Open() {
		cut = append(cut, c.Cut())
	}
	return cut
}

func whole() int { return 1 << 30 }

func TestCutterKeepsItsLimits(t *testing.T) {
	f := func(limits Limits, want []int, blocks ...testBlock) {
		t.Helper()
		var got []int
		for _, b := range cutAll(limits, whole, blocks...) {
			got = append(got, b.Records)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v cuts %v records, want %v", limits, got, want)
		}
	}
	size, count := Limits{Size: 10, Interval: time.Minute}, Limits{Size: 100, Interval: time.Minute, Count: 2}
	f(size, []int{2, 1}, blockOf(1, at(0), 5, 5, 5))    // exactly full
	f(size, []int{2, 2}, blockOf(1, at(0), 5, 4, 2, 1)) // the third would be too much
	f(size, []int{1, 1}, blockOf(1, at(0), 50, 50))     // a first record is always taken
	f(size, []int{1, 1, 1}, blockOf(1, at(0), 1, 50, 1))
	f(size, []int{5}, blockOf(1, at(0), 0, 0, 0, 0, 0)) // records of nothing fill nothing
	f(size, []int{2, 1}, blockOf(1, at(0), 0, 10, 0))   // but do not go into a full batch
	f(count, []int{2, 1}, blockOf(1, at(0), 1, 1, 1))
	f(count, []int{2, 2}, blockOf(1, at(0), 0, 0, 0, 0))
	f(Limits{Size: 1}, []int{1, 1}, blockOf(1, at(0), 1, 1))

	f(size, []int{2}, blockOf(1, at(0), 1), blockOf(2, at(59.999), 1))
	f(size, []int{1, 1}, blockOf(1, at(0), 1), blockOf(2, at(60), 1))
	f(size, []int{3}, blockOf(1, at(0), 1), blockOf(2, at(30), 1), blockOf(9, at(59), 1))
	f(size, []int{2, 1}, blockOf(1, at(0), 1), blockOf(2, at(59), 1), blockOf(3, at(61), 1)) // the oldest record counts
	f(Limits{Size: 10}, []int{2, 1}, blockOf(1, at(0), 1), blockOf(2, at(0), 1), blockOf(3, at(0.001), 1))
}

func TestCutterTellsWhereBatchesBeginAndEnd(t *testing.T) {
	got := cutAll(Limits{Size: 4, Interval: time.Minute}, whole,
		blockOf(3, at(1), 1, 2), blockOf(5, at(2), 1, 1, 2), blockOf(6, at(3), 9))
	want := []Batch{
		{Head: Head{First: record.Position{Block: 3}, Time: at(1)}, End: record.Position{Block: 5, Index: 1}, Records: 3, Bytes: 4},
		{Head: Head{First: record.Position{Block: 5, Index: 1}, Time: at(2)}, End: record.Position{Block: 6}, Records: 2, Bytes: 3},
		{Head: Head{First: record.Position{Block: 6}, Time: at(3)}, End: record.Position{Block: 7}, Records: 1, Bytes: 9},
	}
	if !slices.Equal(got, want) {
		t.Errorf("cut\n%+v, want\n%+v", got, want)
	}
}

func TestCutterTellsOfItsOpenBatch(t *testing.T) {
	c := NewCutter(Limits{Size: 3, Interval: time.Minute})
	if c.Open() || c.Full() {
		t.Error("a new cutter has a batch")
	}
	c.Take(4, at(5), []int{1, 2, 3, 4}, 1, 3)
	if !c.Open() || c.Full() || c.First() != (record.Position{Block: 4, Index: 1}) || !c.Time().Equal(at(5)) || !c.Deadline().Equal(at(65)) {
		t.Errorf("open %t, full %t, first %v, time %v, deadline %v", c.Open(), c.Full(), c.First(), c.Time(), c.Deadline())
	}
	if n := c.Take(4, at(5), []int{1, 2, 3, 4}, 3, 3); n != 0 {
		t.Errorf("took %d records of none", n)
	}
	if c.Take(4, at(5), []int{1, 2, 3, 4}, 3, 4); !c.Full() {
		t.Error("not full")
	}
	if b := c.Cut(); b.Records != 3 || c.Open() {
		t.Errorf("cut %+v", b)
	}
}

// TestCutsFollowFromTheLogAlone compares with a plain reading of the rule, record by record, and with other ways to give
// the same records.
func TestCutsFollowFromTheLogAlone(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		limits := Limits{
			Size:     1 + r.Int64N(100),
			Interval: time.Duration(r.IntN(3)*r.IntN(20)) * time.Second,
			Count:    r.IntN(2) * r.IntN(6),
		}
		var blocks []testBlock
		number, seconds := uint64(1), 0.0
		for range r.IntN(20) {
			var sizes []int
			for range 1 + r.IntN(6) {
				sizes = append(sizes, r.IntN(1+r.IntN(60)))
			}
			number += 1 + uint64(r.IntN(2)*r.IntN(3))
			seconds += float64(r.IntN(3) * r.IntN(10))
			blocks = append(blocks, blockOf(number, at(seconds), sizes...))
		}
		want := cutPlainly(limits, blocks)
		if got := cutAll(limits, whole, blocks...); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v cuts\n%+v, want\n%+v", seed, limits, got, want)
		}
		if got := cutAll(limits, func() int { return 1 + r.IntN(3) }, blocks...); !slices.Equal(got, want) {
			t.Fatalf("seed %d, in pieces: %+v cuts\n%+v, want\n%+v", seed, limits, got, want)
		}
		checkRestarts(t, limits, blocks, want)
	}
}

// cutPlainly is the rule in its simplest form.
func cutPlainly(limits Limits, blocks []testBlock) (cut []Batch) {
	for _, b := range blocks {
		start := 0
		for i, end := range b.ends {
			size := int64(end - start)
			start = end
			next := record.Position{Block: b.number, Index: uint32(i + 1)}
			if i == len(b.ends)-1 {
				next = record.Position{Block: b.number + 1}
			}
			if n := len(cut) - 1; n >= 0 {
				last := &cut[n]
				young := b.at.Equal(last.Time) || b.at.Before(last.Time.Add(limits.Interval))
				small := last.Bytes < limits.Size && last.Bytes+size <= limits.Size
				if young && small && (limits.Count == 0 || last.Records < limits.Count) {
					last.Records, last.Bytes, last.End = last.Records+1, last.Bytes+size, next
					continue
				}
			}
			cut = append(cut, Batch{Head: Head{First: record.Position{Block: b.number, Index: uint32(i)}, Time: b.at},
				End: next, Records: 1, Bytes: size})
		}
	}
	return cut
}

// checkRestarts cuts again from the end of each batch.
func checkRestarts(t *testing.T, limits Limits, blocks []testBlock, want []Batch) {
	t.Helper()
	for i, from := range want {
		c := NewCutter(limits)
		var got []Batch
		for _, b := range blocks {
			index := 0
			if b.number < from.End.Block {
				continue
			} else if b.number == from.End.Block {
				index = int(from.End.Index)
			}
			for index < len(b.ends) {
				index += c.Take(b.number, b.at, b.ends, index, len(b.ends))
				if index < len(b.ends) || c.Full() {
					got = append(got, c.Cut())
				}
			}
		}
		if c.Open() {
			got = append(got, c.Cut())
		}
		if !slices.Equal(got, want[i+1:]) {
			t.Fatalf("from %v on %+v cuts\n%+v, want\n%+v", from.End, limits, got, want[i+1:])
		}
	}
}
