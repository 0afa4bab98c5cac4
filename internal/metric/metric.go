// Package metric names what the service counts. The names are those of the Amazon service's metrics, said the way
// Prometheus says things; docs/reference/metrics.md lists them, and a test keeps the two in step.
//
// No metric carries a byte of a record or a secret in its name or its labels (invariant 5).
package metric

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the counters and gauges that are moved where things happen. What can be asked for at any time (freshness,
// batches in flight) is collected when it is asked for, by Node.
type Metrics struct {
	IncomingRecords  *prometheus.CounterVec // account, region, stream
	IncomingBytes    *prometheus.CounterVec
	IncomingRequests *prometheus.CounterVec
	ThrottledRecords *prometheus.CounterVec
	RedrivenRecords  *prometheus.CounterVec
	CollectorRefused *prometheus.CounterVec   // stream's, and reason
	Requests         *prometheus.CounterVec   // operation, error
	RequestSeconds   *prometheus.HistogramVec // operation

	DeliveryRecords  *prometheus.CounterVec // account, region, stream, delivery, destination
	DeliveryBytes    *prometheus.CounterVec
	DeliveryObjBytes *prometheus.CounterVec
	DeliverySuccess  *prometheus.CounterVec
	DeliveryFailures *prometheus.CounterVec   // and code
	DeliverySeconds  *prometheus.HistogramVec // destination
	BatchBytes       *prometheus.HistogramVec // destination
	LostRecords      *prometheus.CounterVec
	DroppedRecords   *prometheus.CounterVec

	ProcessingRecords   *prometheus.CounterVec // delivery's, and result
	ProcessingBytes     *prometheus.CounterVec // delivery's
	ProcessingSeconds   *prometheus.HistogramVec
	DecompressedRecords *prometheus.CounterVec // delivery's, and result
	DecompressedBytes   *prometheus.CounterVec
	ConvertedRecords    *prometheus.CounterVec // delivery's
	ConvertedBytes      *prometheus.CounterVec
	PartitionsOpen      *prometheus.GaugeVec
	ExtractionSeconds   *prometheus.CounterVec
	FilteredRecords     *prometheus.CounterVec // delivery's, and result
	UnmaskedValues      *prometheus.CounterVec
	ErrorOutputRecords  *prometheus.CounterVec // delivery's, and type and code
	ErrorOutputBytes    *prometheus.CounterVec

	LogAppendedBytes prometheus.Counter
	LogTrimmedBytes  prometheus.Counter
	LogSyncSeconds   prometheus.Histogram
	LogRefusals      *prometheus.CounterVec // reason
	LogDamagedBlocks prometheus.Counter
	LogDamagedBytes  prometheus.Counter
	LogCutTails      prometheus.Counter
	LogBytes         prometheus.Gauge
}

var (
	streamLabels   = []string{"account", "region", "stream"}
	deliveryLabels = []string{"account", "region", "stream", "delivery", "destination"}
	lookupLabels   = append(deliveryLabels[:5:5], "lookup")
)

// New makes the metrics and registers them.
func New(registry prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "firehose_" + name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "firehose_" + name, Help: help})
		registry.MustRegister(c)
		return c
	}
	histograms := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "firehose_" + name, Help: help, Buckets: buckets}, labels)
		registry.MustRegister(h)
		return h
	}
	seconds := prometheus.ExponentialBuckets(0.00025, 2, 18) // 0.25 ms to 33 s
	syncs := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "firehose_log_sync_seconds",
		Help: "Time that one sync of the log took.", Buckets: seconds})
	partitions := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "firehose_partitions_open",
		Help: "Partitions with an open batch (PartitionCount)."}, deliveryLabels)
	registry.MustRegister(partitions)
	and := func(more ...string) []string { return append(deliveryLabels[:5:5], more...) }
	size := prometheus.NewGauge(prometheus.GaugeOpts{Name: "firehose_log_bytes", Help: "Size of all logs on the disk."})
	registry.MustRegister(syncs, size)

	return &Metrics{
		IncomingRecords:  counters("incoming_records_total", "Records that were acknowledged (IncomingRecords).", streamLabels...),
		IncomingBytes:    counters("incoming_bytes_total", "Bytes of records that were acknowledged (IncomingBytes).", streamLabels...),
		IncomingRequests: counters("incoming_put_requests_total", "Put requests of which records were acknowledged (IncomingPutRequests).", streamLabels...),
		ThrottledRecords: counters("throttled_records_total", "Records that were refused with Slow down (ThrottledRecords).", streamLabels...),
		RedrivenRecords:  counters("redriven_records_total", "Records of error outputs that were put into their stream again.", streamLabels...),
		CollectorRefused: counters("collector_refused_total", "Requests to a collector that were refused, by the code of the answer; stream is empty where no stream has the write key.", append(streamLabels[:3:3], "reason")...),
		Requests:         counters("api_requests_total", "Answered requests of the Amazon API; error is empty for success.", "operation", "error"),
		RequestSeconds:   histograms("api_request_seconds", "Time from the request's arrival to its answer (PutRecordBatch.Latency and others).", seconds, "operation"),

		DeliveryRecords:  counters("delivery_records_total", "Records that were delivered (DeliveryToS3.Records).", deliveryLabels...),
		DeliveryBytes:    counters("delivery_bytes_total", "Bytes of delivered records as they were put (DeliveryToS3.Bytes).", deliveryLabels...),
		DeliveryObjBytes: counters("delivery_encoded_bytes_total", "Bytes that were handed to the destination, compressed.", deliveryLabels...),
		DeliverySuccess:  counters("delivery_batches_total", "Batches that were delivered (DeliveryToS3.Success).", deliveryLabels...),
		DeliveryFailures: counters("delivery_failures_total", "Tries of a delivery that failed; code names what must be repaired, or is empty.", and("code")...),
		DeliverySeconds:  histograms("delivery_seconds", "Time from cutting a batch to its delivery, all tries together.", seconds, "destination"),
		BatchBytes:       histograms("batch_bytes", "Size of delivered batches in bytes of records.", prometheus.ExponentialBuckets(1<<10, 4, 9), "destination"),
		LostRecords:      counters("lost_records_total", "Records that could not be delivered because their block in the log is damaged.", deliveryLabels...),

		DroppedRecords: counters("dropped_records_total", "Records that were not delivered when their destination was taken out of the stream.", deliveryLabels...),

		ProcessingRecords:   counters("processing_records_total", "Records that a function was given, by result: ok (SucceedProcessing.Records), dropped, failed.", and("result")...),
		ProcessingBytes:     counters("processing_bytes_total", "Bytes, as they were put, of records that a function transformed (SucceedProcessing.Bytes).", deliveryLabels...),
		ProcessingSeconds:   histograms("processing_seconds", "Time of one call of a function with all its attempts (ExecuteProcessing.Duration).", seconds, deliveryLabels...),
		DecompressedRecords: counters("decompressed_records_total", "Records that were to be decompressed, by result: ok, failed (OutputDecompressedRecords).", and("result")...),
		DecompressedBytes:   counters("decompressed_bytes_total", "Bytes of these records as they were put (OutputDecompressedBytes).", and("result")...),
		ConvertedRecords:    counters("converted_records_total", "Records that were written in another format (SucceedConversion.Records).", deliveryLabels...),
		ConvertedBytes:      counters("converted_bytes_total", "Bytes of these records as they were put (SucceedConversion.Bytes).", deliveryLabels...),
		PartitionsOpen:      partitions,
		ExtractionSeconds:   counters("extraction_seconds_total", "Time that queries for partition keys took (JQProcessing.Duration).", deliveryLabels...),
		FilteredRecords:     counters("filtered_records_total", "Events that a filter kept from a destination, by result: filtered, unclear (they could not be judged).", and("result")...),
		UnmaskedValues:      counters("mask_unparsed_total", "Values that were hidden whole, because they were not what their mask expects.", deliveryLabels...),
		ErrorOutputRecords:  counters("error_output_records_total", "Records that went to an error output, by its type and the code of the failure.", and("type", "code")...),
		ErrorOutputBytes:    counters("error_output_bytes_total", "Bytes of these records as they were put.", and("type", "code")...),

		LogAppendedBytes: counter("log_appended_bytes_total", "Bytes that were appended to logs."),
		LogTrimmedBytes:  counter("log_trimmed_bytes_total", "Bytes of delivered history that were dropped from logs."),
		LogSyncSeconds:   syncs,
		LogRefusals:      counters("log_refusals_total", "Appends that were refused because there was no room.", "reason"),
		LogDamagedBlocks: counter("log_damaged_blocks_total", "Blocks of logs that were found damaged and copied to quarantine."),
		LogDamagedBytes:  counter("log_damaged_bytes_total", "Bytes of damaged blocks."),
		LogCutTails:      counter("log_cut_tails_total", "Unfinished appends that recovery cut off; nothing in them was acknowledged."),
		LogBytes:         size,
	}
}

// ForgetStream drops what was counted for a stream that is deleted.
func (m *Metrics) ForgetStream(account, region, name string) {
	m.forget(prometheus.Labels{"account": account, "region": region, "stream": name})
}

// ForgetDelivery drops what was counted for a delivery that will not be heard of again.
func (m *Metrics) ForgetDelivery(account, region, stream, delivery string) {
	m.forget(prometheus.Labels{"account": account, "region": region, "stream": stream, "delivery": delivery})
}

func (m *Metrics) forget(labels prometheus.Labels) {
	for _, v := range []*prometheus.CounterVec{m.IncomingRecords, m.IncomingBytes, m.IncomingRequests, m.ThrottledRecords, m.RedrivenRecords, m.CollectorRefused,
		m.DeliveryRecords, m.DeliveryBytes, m.DeliveryObjBytes, m.DeliverySuccess, m.DeliveryFailures, m.LostRecords, m.DroppedRecords,
		m.ProcessingRecords, m.ProcessingBytes, m.DecompressedRecords, m.DecompressedBytes, m.ConvertedRecords, m.ConvertedBytes,
		m.ExtractionSeconds, m.FilteredRecords, m.UnmaskedValues, m.ErrorOutputRecords, m.ErrorOutputBytes} {
		v.DeletePartialMatch(labels)
	}
	m.ProcessingSeconds.DeletePartialMatch(labels)
	m.PartitionsOpen.DeletePartialMatch(labels)
}

// Delivery is what is asked for of a delivery when metrics are collected.
type Delivery struct {
	Account, Region, Stream, ID, Kind string
	State                             string  // active, catching up, degraded or paused
	Retention                         float64 // age of that record to the log's retention
	FreshnessSeconds                  float64 // age of the oldest record that is not delivered; 0 for none
	InFlight                          int
	Broken                            bool // nothing can be delivered before somebody repairs something
	Lookups                           []Lookup
}

// Lookup is what is asked for of a lookup of a delivery.
type Lookup struct {
	Name         string
	Hits, Misses uint64  // events with a row, and without
	AgeSeconds   float64 // since the table was last known to be up to date
	Rows         int
	Failures     uint64 // looks at the table that failed
	Failing      bool   // the last did
}

// Node returns a collector of what deliveries are doing.
func Node(deliveries func() []Delivery) prometheus.Collector { return node{deliveries} }

type node struct{ deliveries func() []Delivery }

var (
	freshness = prometheus.NewDesc("firehose_delivery_data_freshness_seconds",
		"Age of the oldest record that is not delivered (DeliveryToS3.DataFreshness); 0 when there is none.", deliveryLabels, nil)
	inFlight = prometheus.NewDesc("firehose_delivery_batches_in_flight", "Batches that are being delivered.", deliveryLabels, nil)
	broken   = prometheus.NewDesc("firehose_delivery_broken", "1 when somebody must repair the destination's set-up.", deliveryLabels, nil)
	state    = prometheus.NewDesc("firehose_delivery_state", "1 for the state of the delivery: active, catching up, degraded, paused.", append(deliveryLabels[:5:5], "state"), nil)
	lookedUp = prometheus.NewDesc("firehose_lookup_events_total", "Events that were looked up in a table, by result: hit, miss.", append(lookupLabels[:6:6], "result"), nil)
	tableAge = prometheus.NewDesc("firehose_lookup_age_seconds", "Time since the table was last known to be up to date.", lookupLabels, nil)
	rows     = prometheus.NewDesc("firehose_lookup_rows", "Rows of the table.", lookupLabels, nil)
	failures = prometheus.NewDesc("firehose_lookup_refresh_failures_total", "Looks at the table that failed.", lookupLabels, nil)
	failing  = prometheus.NewDesc("firehose_lookup_failing", "1 when the last look at the table failed, and it is used on as it was.", lookupLabels, nil)
	retained = prometheus.NewDesc("firehose_delivery_retention_ratio", "Age of the oldest record that is not delivered, to the log's retention.", deliveryLabels, nil)
)

func (n node) Describe(out chan<- *prometheus.Desc) {
	out <- freshness
	out <- inFlight
	out <- broken
	out <- state
	out <- retained
	out <- lookedUp
	out <- tableAge
	out <- rows
	out <- failures
	out <- failing
}

func (n node) Collect(out chan<- prometheus.Metric) {
	for _, d := range n.deliveries() {
		gauge := func(desc *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, d.Account, d.Region, d.Stream, d.ID, d.Kind)
		}
		gauge(freshness, d.FreshnessSeconds)
		gauge(inFlight, float64(d.InFlight))
		gauge(retained, d.Retention)
		out <- prometheus.MustNewConstMetric(state, prometheus.GaugeValue, 1, d.Account, d.Region, d.Stream, d.ID, d.Kind, d.State)
		if d.Broken {
			gauge(broken, 1)
		} else {
			gauge(broken, 0)
		}
		for _, l := range d.Lookups {
			l.collect(out, d)
		}
	}
}

func (l Lookup) collect(out chan<- prometheus.Metric, d Delivery) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, more ...string) {
		labels := append([]string{d.Account, d.Region, d.Stream, d.ID, d.Kind, l.Name}, more...)
		out <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
	}
	send(lookedUp, prometheus.CounterValue, float64(l.Hits), "hit")
	send(lookedUp, prometheus.CounterValue, float64(l.Misses), "miss")
	send(tableAge, prometheus.GaugeValue, l.AgeSeconds)
	send(rows, prometheus.GaugeValue, float64(l.Rows))
	send(failures, prometheus.CounterValue, float64(l.Failures))
	last := 0.0
	if l.Failing {
		last = 1
	}
	send(failing, prometheus.GaugeValue, last)
}

// LookupBytes returns a collector of the memory that the tables of all lookups take.
func LookupBytes(held func() int64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "firehose_lookup_bytes", Help: "Memory of the tables of all lookups, about; memory.lookup_bytes is its bound."},
		func() float64 { return float64(held()) })
}

// Diagnostics returns a collector of what became of events for CloudWatch Logs, by result: sent, left_out (by sampling),
// dropped (because too many waited) and rejected.
func Diagnostics(results func() map[string]uint64) prometheus.Collector { return diagnostics{results} }

type diagnostics struct{ results func() map[string]uint64 }

var diagnosticsTotal = prometheus.NewDesc("firehose_diagnostics_total",
	"Events for CloudWatch Logs by what became of them: sent, left_out by sampling, dropped because too many waited, rejected.", []string{"result"}, nil)

func (d diagnostics) Describe(out chan<- *prometheus.Desc) { out <- diagnosticsTotal }

func (d diagnostics) Collect(out chan<- prometheus.Metric) {
	for result, count := range d.results() {
		out <- prometheus.MustNewConstMetric(diagnosticsTotal, prometheus.CounterValue, float64(count), result)
	}
}
