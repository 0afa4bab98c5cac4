package ingest

import (
	"time"

	"golang.org/x/time/rate"
)

// Rates are what a stream takes a second, as the Amazon service's quotas do. Zero does not limit.
type Rates struct {
	Requests int64
	Records  int64
	Bytes    int64
}

// Limiter keeps one stream within its rates. Each is a bucket that holds a second's worth.
type Limiter struct{ requests, records, bytes *rate.Limiter }

// NewLimiter returns a limiter with full buckets.
func NewLimiter(r Rates) *Limiter {
	bucket := func(perSecond int64) *rate.Limiter {
		if perSecond == 0 {
			return nil
		}
		return rate.NewLimiter(rate.Limit(perSecond), int(perSecond))
	}
	return &Limiter{requests: bucket(r.Requests), records: bucket(r.Records), bytes: bucket(r.Bytes)}
}

// Allow returns how many of the records, from the first, a put may take now.
func (l *Limiter) Allow(records [][]byte) int {
	now := time.Now()
	if l.requests != nil && !l.requests.AllowN(now, 1) {
		return 0
	}
	allowed := len(records)
	if l.records != nil {
		allowed = min(allowed, int(l.records.TokensAt(now)))
	}
	size := 0
	if l.bytes != nil {
		tokens := int(l.bytes.TokensAt(now))
		for i, data := range records[:allowed] {
			if size+len(data) > tokens {
				allowed = i
				break
			}
			size += len(data)
		}
	}
	if l.records != nil && !l.records.AllowN(now, allowed) || l.bytes != nil && !l.bytes.AllowN(now, size) {
		return 0 // another put was faster
	}
	return allowed
}
