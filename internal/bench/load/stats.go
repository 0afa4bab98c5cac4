package load

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// Stats is what became of the requests so far.
type Stats struct {
	Elapsed  time.Duration // from the first request to the last answer
	Requests int           // of which at least one record was taken
	Records  int           // that were taken
	Bytes    int64         // of them

	RefusedRequests int // answered with the throttling error as a whole
	RefusedRecords  int // in them, and singly in others
	FailedRequests  int // without an answer, or with another error; the fate of their records is unknown
	FailedRecords   int // in them
	FirstFailure    string

	Latency        Histogram // of requests of which records were taken, from when they were due
	Service        Histogram // of the same, from when they were sent
	RefusedLatency Histogram // of requests that were refused as a whole, from when they were sent

	LateMax     time.Duration // how late the load itself sent a request, because all connections were busy
	AnswerBytes int           // of the last answer's body
}

// outcome is what became of one request.
type outcome struct {
	first   uint64
	records int
	taken   int
	answer  answer
	err     error

	latency, service, late time.Duration
}

// refused says whether the request was refused as a whole: nothing of it was taken, for certain.
func (o *outcome) refused() bool {
	return o.err == nil && o.answer.status == http.StatusServiceUnavailable
}

// note counts a request and tells the ledger.
func (l *Load) note(o *outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.stats
	s.LateMax = max(s.LateMax, o.late)
	switch {
	case o.refused():
		s.RefusedRequests++
		s.RefusedRecords += o.records
		s.RefusedLatency.Add(o.service)
		l.fate(o.first, o.records, Refused)
	case o.err != nil || o.answer.status != http.StatusOK:
		s.fail(o)
		l.fate(o.first, o.records, Unknown)
	default:
		l.noteTaken(o)
	}
}

// noteTaken counts a request that succeeded, though some of its records may have been refused.
func (l *Load) noteTaken(o *outcome) {
	s := &l.stats
	o.taken = o.records - o.answer.failed
	l.fate(o.first, o.records, Taken)
	if o.answer.failed > 0 {
		refused, err := refusedOf(o.answer.body, o.records)
		if err != nil {
			o.err, o.taken = err, 0
			s.fail(o)
			l.fate(o.first, o.records, Unknown)
			return
		}
		for i, r := range refused {
			if r {
				l.fate(o.first+uint64(i), 1, Refused)
			}
		}
	}
	s.AnswerBytes = o.answer.bytes
	s.RefusedRecords += o.answer.failed
	s.Records += o.taken
	s.Bytes += int64(o.taken) * int64(l.Size)
	if o.taken == 0 {
		s.RefusedLatency.Add(o.service)
		return
	}
	s.Requests++
	s.Latency.Add(o.latency)
	s.Service.Add(o.service)
	l.interval.Add(o.latency)
}

func (s *Stats) fail(o *outcome) {
	s.FailedRequests++
	s.FailedRecords += o.records
	switch {
	case s.FirstFailure != "":
	case o.err != nil:
		s.FirstFailure = o.err.Error()
	default:
		s.FirstFailure = fmt.Sprintf("status %d: %s", o.answer.status, bytes.TrimSpace(o.answer.body[:min(len(o.answer.body), 300)]))
	}
}

func (l *Load) fate(first uint64, n int, fate Fate) {
	if l.Ledger != nil {
		l.Ledger.note(first, n, fate)
	}
}

// Stats returns what became of the requests so far.
func (l *Load) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Elapsed = time.Duration(l.ended.Load())
	return s
}

// Taken returns how many records and bytes were taken so far.
func (l *Load) Taken() (records int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats.Records, l.stats.Bytes
}

// Interval returns the latencies since the last call.
func (l *Load) Interval() Histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.interval
	l.interval = Histogram{}
	return h
}
