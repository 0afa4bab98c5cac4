package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesAreCloseToTheExactOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var exact []time.Duration
	for range 50_000 {
		d := time.Duration(random.ExpFloat64() * float64(3*time.Millisecond))
		h.Add(d)
		exact = append(exact, d)
	}
	slices.Sort(exact)
	for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 0.999} {
		got, want := h.Quantile(q), exact[int(q*float64(len(exact)))-1]
		if got < want || float64(got) > 1.016*float64(want)+1 {
			t.Errorf("quantile %g is %v, exactly %v", q, got, want)
		}
	}
	if last := exact[len(exact)-1]; h.Max() != last || h.Quantile(1) != last || h.Count() != 50_000 {
		t.Errorf("max %v, quantile 1 %v, count %d; want %v, 50000", h.Max(), h.Quantile(1), h.Count(), last)
	}
}

func TestEveryDurationHasABucketThatEndsAtOrBehindIt(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<63; v += v/7 + 1 {
		i := bucketOf(v)
		if i < last || i >= len(Histogram{}.counts) || bucketEnd(i) < v || i > 0 && bucketEnd(i-1) >= v {
			t.Fatalf("%d is in bucket %d, which ends at %d; the one before was %d", v, i, bucketEnd(i), last)
		}
		last = i
	}
	var h Histogram
	h.Add(1<<63 - 1)
	h.Add(-1)
	if h.Quantile(0.5) != 0 || h.Quantile(1) != 1<<63-1 {
		t.Errorf("the ends come back as %d and %d", h.Quantile(0.5), h.Quantile(1))
	}
	if empty := (&Histogram{}).Quantile(0.5); empty != 0 {
		t.Errorf("the median of nothing is %v", empty)
	}
}
