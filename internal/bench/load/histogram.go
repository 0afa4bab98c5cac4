package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width grows with them: each power of two of nanoseconds has 64 of them, so
// a quantile is at most 1.6 % too high. The zero Histogram is empty. It belongs to one goroutine.
type Histogram struct {
	counts [(64 - subBits) << subBits]uint64
	count  uint64
	sum    time.Duration
	max    time.Duration
}

const subBits = 6

// Add counts a duration; one below zero counts as zero.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.count++
	h.sum += d
	h.max = max(h.max, d)
}

// bucketOf returns the bucket of a value: the value itself below 64, then the exponent and the six bits behind the first.
func bucketOf(v uint64) int {
	shift := bits.Len64(v) - subBits - 1
	if shift <= 0 {
		return int(v)
	}
	return shift<<subBits + int(v>>shift)
}

// bucketEnd returns the largest value of a bucket.
func bucketEnd(i int) uint64 {
	if i < 2<<subBits {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return (uint64(i-shift<<subBits)+1)<<shift - 1
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.count }

// Max returns the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the mean, exactly.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return h.sum / time.Duration(h.count)
}

// Quantile returns the duration that the share q of all does not exceed; 0 if there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q*float64(h.count) + 0.5)
	rank = min(max(rank, 1), h.count)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank && n > 0 {
			return min(time.Duration(bucketEnd(i)), h.max)
		}
	}
	return 0
}
