package control

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/metric"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// observer counts what a delivery does, and passes its failures on to those who asked for diagnostics.
type observer struct {
	r          *running
	d          *delivery
	records    prometheus.Counter
	bytes      prometheus.Counter
	encoded    prometheus.Counter
	batches    prometheus.Counter
	lost       prometheus.Counter
	seconds    prometheus.Observer
	batchBytes prometheus.Observer

	labels       []string
	transformed  prometheus.Counter
	dropped      prometheus.Counter
	unprocessed  prometheus.Counter
	processed    prometheus.Counter // bytes
	callSeconds  prometheus.Observer
	converted    prometheus.Counter
	convertBytes prometheus.Counter
	partitions   prometheus.Gauge
	extraction   prometheus.Counter
	filtered     prometheus.Counter
	unclear      prometheus.Counter
	unmasked     prometheus.Counter
}

func (r *running) newObserver(d *delivery) *observer {
	m := r.c.Metrics
	labels := []string{r.key.Account, r.key.Region, r.key.Name, d.id, d.kind}
	return &observer{
		r: r, d: d,
		records:    m.DeliveryRecords.WithLabelValues(labels...),
		bytes:      m.DeliveryBytes.WithLabelValues(labels...),
		encoded:    m.DeliveryObjBytes.WithLabelValues(labels...),
		batches:    m.DeliverySuccess.WithLabelValues(labels...),
		lost:       m.LostRecords.WithLabelValues(labels...),
		seconds:    m.DeliverySeconds.WithLabelValues(d.kind),
		batchBytes: m.BatchBytes.WithLabelValues(d.kind),

		labels:       labels,
		transformed:  m.ProcessingRecords.WithLabelValues(append(labels[:5:5], "ok")...),
		dropped:      m.ProcessingRecords.WithLabelValues(append(labels[:5:5], "dropped")...),
		unprocessed:  m.ProcessingRecords.WithLabelValues(append(labels[:5:5], "failed")...),
		processed:    m.ProcessingBytes.WithLabelValues(labels...),
		callSeconds:  m.ProcessingSeconds.WithLabelValues(labels...),
		converted:    m.ConvertedRecords.WithLabelValues(labels...),
		convertBytes: m.ConvertedBytes.WithLabelValues(labels...),
		partitions:   m.PartitionsOpen.WithLabelValues(labels...),
		extraction:   m.ExtractionSeconds.WithLabelValues(labels...),
		filtered:     m.FilteredRecords.WithLabelValues(append(labels[:5:5], "filtered")...),
		unclear:      m.FilteredRecords.WithLabelValues(append(labels[:5:5], "unclear")...),
		unmasked:     m.UnmaskedValues.WithLabelValues(labels...),
	}
}

// Transformed counts what became of the records of a function's call.
func (o *observer) Transformed(t deliver.Transformed, took time.Duration) {
	o.transformed.Add(float64(t.Records))
	o.dropped.Add(float64(t.Dropped))
	o.unprocessed.Add(float64(t.Failed))
	o.processed.Add(float64(t.Bytes))
	o.callSeconds.Observe(took.Seconds())
}

// Decompressed counts a record that was to be decompressed.
func (o *observer) Decompressed(ok bool, size int) {
	result := "ok"
	if !ok {
		result = "failed"
	}
	o.r.c.Metrics.DecompressedRecords.WithLabelValues(append(o.labels[:5:5], result)...).Inc()
	o.r.c.Metrics.DecompressedBytes.WithLabelValues(append(o.labels[:5:5], result)...).Add(float64(size))
}

// Filtered counts an event that the filter keeps from the destination.
func (o *observer) Filtered(unclear bool) {
	if unclear {
		o.unclear.Inc()
		return
	}
	o.filtered.Inc()
}

// Masked counts values that were hidden whole.
func (o *observer) Masked(unparsed int) { o.unmasked.Add(float64(unparsed)) }

// Converted counts records that were written in another format.
func (o *observer) Converted(records int, size int64) {
	o.converted.Add(float64(records))
	o.convertBytes.Add(float64(size))
}

// Partitions shows how many partitions are open, and adds the time that it took to find the keys of records.
func (o *observer) Partitions(open int, extracting time.Duration) {
	o.partitions.Set(float64(open))
	o.extraction.Add(extracting.Seconds())
}

// Rejected counts records that go to an error output, and passes the failure on to those who asked for diagnostics.
func (o *observer) Rejected(f erroroutput.Failure, records int, size int64) {
	labels := append(o.labels[:5:5], f.Type, f.Code)
	o.r.c.Metrics.ErrorOutputRecords.WithLabelValues(labels...).Add(float64(records))
	o.r.c.Metrics.ErrorOutputBytes.WithLabelValues(labels...).Add(float64(size))
	o.diagnose(f.Code, f.Message, f.LambdaARN)
}

// Delivered counts a delivered batch.
func (o *observer) Delivered(b *batch.Batch, encoded int64, took time.Duration) {
	o.records.Add(float64(b.Records))
	o.bytes.Add(float64(b.Bytes))
	o.encoded.Add(float64(encoded))
	o.batches.Inc()
	o.seconds.Observe(took.Seconds())
	o.batchBytes.Observe(float64(b.Bytes))
}

// Lost counts records that cannot be delivered any more.
func (o *observer) Lost(records int) { o.lost.Add(float64(records)) }

// Failed counts a failed try and passes it on.
func (o *observer) Failed(err error) {
	code := ""
	if broken := verdict.AsSetUp(err); broken != nil {
		code = broken.Code
	}
	key := o.r.key
	o.r.c.Metrics.DeliveryFailures.WithLabelValues(key.Account, key.Region, key.Name, o.d.id, o.d.kind, code).Inc()
	if code == "" {
		code = "InternalError"
	}
	o.diagnose(code, err.Error(), "")
}

func (o *observer) diagnose(code, message, processor string) {
	logging := o.d.declared.Load().Logging
	if !logging.Enabled || o.r.c.Diagnose == nil {
		return
	}
	o.r.c.Diagnose(Diagnostic{Stream: o.r.key, Version: o.r.declared.Load().Version, Target: o.d.target(), Code: code,
		Message: message, Processor: processor, Logging: logging, Occurred: time.Now()})
}

// Deliveries returns what metrics ask for.
func (c *Control) Deliveries() []metric.Delivery {
	var all []metric.Delivery
	now := time.Now()
	for _, r := range c.all() {
		r.mu.Lock()
		for _, d := range r.deliveries {
			s := r.standing(d, now)
			m := metric.Delivery{Account: r.key.Account, Region: r.key.Region, Stream: r.key.Name, ID: d.id, Kind: d.kind,
				State: string(s.State), InFlight: s.InFlight, Retention: s.Retention}
			for _, l := range d.opening.lookups() {
				m.Lookups = append(m.Lookups, metric.Lookup{Name: l.Name, Hits: l.Hits, Misses: l.Misses, AgeSeconds: l.Age.Seconds(), Rows: l.Rows,
					Failures: l.Failures, Failing: l.Err != nil})
			}
			if !s.Oldest.IsZero() {
				m.FreshnessSeconds = max(0, now.Sub(s.Oldest).Seconds())
			}
			m.Broken = s.Problem != nil && verdict.AsSetUp(s.Problem.Err) != nil
			all = append(all, m)
		}
		r.mu.Unlock()
	}
	return all
}

// Problem is something that somebody should know of a stream.
type Problem struct {
	Stream   string    `json:"stream"`
	Account  string    `json:"account"`
	Region   string    `json:"region"`
	Delivery string    `json:"delivery,omitempty"`
	Target   string    `json:"target,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Tries    int       `json:"tries,omitempty"`
	Code     string    `json:"code,omitempty"`
	Cause    string    `json:"cause"`
	Fix      string    `json:"fix,omitempty"`
}

// Problems returns why records wait, stream by stream.
func (c *Control) Problems() []Problem {
	problems := []Problem{}
	for _, r := range c.all() {
		p := Problem{Stream: r.key.Name, Account: r.key.Account, Region: r.key.Region}
		r.mu.Lock()
		if r.problem != nil {
			p.Cause = r.problem.Error()
			problems = append(problems, p)
		}
		for id, err := range r.waiting {
			p := p
			p.Delivery, p.Cause = id, err.Error()
			problems = append(problems, p)
		}
		if status := r.declared.Load().Status; status == stream.Deleting {
			for _, d := range r.deliveries {
				if d.Status().Paused {
					p := p
					p.Delivery, p.Target = d.id, d.target()
					p.Cause, p.Fix = "the deletion of the stream waits for a destination that is paused", "Resume the destination, or delete the stream with force."
					problems = append(problems, p)
				}
			}
		}
		for _, d := range slices.Concat(slices.Collect(maps.Values(r.deliveries)), slices.Collect(maps.Values(r.replays))) {
			status := d.Status()
			found := status.Problem
			if found == nil || status.Paused {
				continue
			}
			p := p
			p.Delivery, p.Target, p.Since, p.Tries, p.Cause = d.id, d.target(), found.Since, found.Tries, found.Err.Error()
			p.Code, p.Fix = destination.Remedy(found.Err)
			problems = append(problems, p)
		}
		r.mu.Unlock()
	}
	return problems
}
