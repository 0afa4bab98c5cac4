// Package bench measures the service from outside, as its users meet it, and beside it what the same machine can do at
// best with the same bytes.
//
//	Put    drives an endpoint with puts, one that is there or one that it starts
//	E2E    starts a server and an object store, sends records, waits for the last to be delivered, and accounts for
//	       the server's time, memory and writes; package limit then measures the steps that cannot be avoided
//	Idle   compares the acknowledgement of single records with a bare sync of the disk
//	All    runs what the performance page has rows for, and compares with the numbers that stand there
//
// The server is another process of the same binary, so that its time and memory can be told apart; so is the object
// store. All of them share the machine, which is part of what is measured: nothing is subtracted.
//
// Names of numbers end in their unit. A gigabyte is 10^9 bytes of records as the client made them, without base64.
package bench

import (
	"time"

	"firehose/internal/bench/limit"
	"firehose/internal/bench/load"
)

// Report is what one run found. What a mode does not measure is left out.
type Report struct {
	Mode    string    `json:"mode"`
	Began   time.Time `json:"began"`
	Machine Machine   `json:"machine"`
	Setup   Setup     `json:"setup"`

	Captured    *Flow         `json:"captured,omitempty"`
	Ack         *Latency      `json:"ack_latency,omitempty"`     // from when a request was due
	Service     *Latency      `json:"service_latency,omitempty"` // from when it was sent
	Refused     *Refused      `json:"refused,omitempty"`
	Delivered   *Flow         `json:"delivered,omitempty"`
	Sustained   *Flow         `json:"sustained,omitempty"` // was delivered in the second half of the load
	Undelivered *Undelivered  `json:"undelivered,omitempty"`
	CatchUp     *CatchUp      `json:"catch_up,omitempty"`
	Server      *Usage        `json:"server,omitempty"`
	Limits      *Limits       `json:"limits,omitempty"`
	Idle        *IdleResult   `json:"idle,omitempty"`
	Verified    *load.Verdict `json:"verified,omitempty"`
	LoadCPU     float64       `json:"load_cpu_seconds"` // of the process that sends
	Seconds     []Second      `json:"seconds,omitempty"`
}

// Setup is what was run.
type Setup struct {
	URL             string  `json:"url,omitempty"` // of a server that was there before
	Streams         int     `json:"streams"`
	Batch           int     `json:"records_per_request"`
	Size            int     `json:"record_bytes"`
	Connections     int     `json:"connections"`
	RatePerSecond   float64 `json:"offered_records_per_second,omitempty"`
	Signed          bool    `json:"signed,omitempty"`
	Store           string  `json:"store,omitempty"`
	Compression     string  `json:"compression,omitempty"`
	BufferMiB       int     `json:"buffer_mib,omitempty"`
	Partitions      string  `json:"partitions,omitempty"`
	Events          bool    `json:"events,omitempty"` // filtered, enriched and masked
	HistoryBytes    int64   `json:"history_bytes,omitempty"`
	Backlog         bool    `json:"backlog,omitempty"`
	ServerArguments string  `json:"server_arguments,omitempty"`
	PlannedSeconds  float64 `json:"planned_seconds,omitempty"`
	PlannedRecords  int     `json:"planned_records,omitempty"`
}

// Flow is records that passed a point within a time.
type Flow struct {
	Records         int     `json:"records"`
	Bytes           int64   `json:"bytes"`
	Seconds         float64 `json:"seconds"`
	RecordsPerSec   float64 `json:"records_per_second"`
	MegabytesPerSec float64 `json:"megabytes_per_second"`
}

func flow(records int, bytes int64, took time.Duration) *Flow {
	f := &Flow{Records: records, Bytes: bytes, Seconds: took.Seconds()}
	if took > 0 {
		f.RecordsPerSec = float64(records) / took.Seconds()
		f.MegabytesPerSec = float64(bytes) / 1e6 / took.Seconds()
	}
	return f
}

// Latency is a distribution of times.
type Latency struct {
	Count  uint64       `json:"count"`
	P50    float64      `json:"p50_ms"`
	P99    float64      `json:"p99_ms"`
	P999   float64      `json:"p99_9_ms"`
	Max    float64      `json:"max_ms"`
	Points [][2]float64 `json:"-"` // share and milliseconds, for a chart
}

func latency(h *load.Histogram) *Latency {
	if h.Count() == 0 {
		return nil
	}
	l := &Latency{Count: h.Count(), P50: ms(h.Quantile(0.5)), P99: ms(h.Quantile(0.99)), P999: ms(h.Quantile(0.999)), Max: ms(h.Max())}
	for _, q := range []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 1} {
		l.Points = append(l.Points, [2]float64{q, ms(h.Quantile(q))})
	}
	return l
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Refused is what was not taken.
type Refused struct {
	Requests       int      `json:"requests"`        // refused as a whole
	Records        int      `json:"records"`         // in them, and singly in others
	FailedRequests int      `json:"failed_requests"` // without an answer, or with another error
	FirstFailure   string   `json:"first_failure,omitempty"`
	Latency        *Latency `json:"latency,omitempty"`       // of requests refused as a whole
	LateMax        float64  `json:"load_late_max_ms"`        // how late the load sent, because all connections were busy
	Share          float64  `json:"share_of_all_records"`    // that were refused or failed
	Offered        float64  `json:"sent_records_per_second"` // whatever became of them
}

// Undelivered is what is captured and not yet delivered, while the load runs.
type Undelivered struct {
	MaxBytes int64 `json:"max_bytes"`
	EndBytes int64 `json:"end_bytes"` // when the load ended
	Growing  bool  `json:"growing"`   // from quarter to quarter of the run
}

// CatchUp is the delivery of what was held back.
type CatchUp struct {
	Backlog Flow    `json:"backlog"` // what was delivered after the destination came back
	Ratio   float64 `json:"ratio"`   // of this rate to that of capturing
}

// Usage is what the server used for the load, from its first record to its last delivery.
type Usage struct {
	CPUSeconds      float64 `json:"cpu_seconds"`
	CPUSecondsPerGB float64 `json:"cpu_seconds_per_gb"`
	PeakMemoryBytes int64   `json:"peak_memory_bytes"`
	WrittenBytes    int64   `json:"written_bytes"`      // to the disk, by the kernel's account
	WrittenPerByte  float64 `json:"written_per_byte"`   // received
	LogBytes        int64   `json:"log_appended_bytes"` // of the written ones
	StoreCPUSeconds float64 `json:"store_cpu_seconds"`
	Objects         int     `json:"objects"`
	ObjectBytes     int64   `json:"object_bytes"`
}

// Limits is the work that cannot be avoided, measured alone.
type Limits struct {
	Steps    []limit.Limit `json:"steps"`
	SumPerGB float64       `json:"unavoidable_cpu_seconds_per_gb"`
	Ratio    float64       `json:"server_to_unavoidable"` // the headline
}

// IdleResult compares a lone put with a lone sync.
type IdleResult struct {
	Put              *Latency `json:"put"`
	Sync             *Latency `json:"sync"` // of an append of the same bytes
	MedianAboveSync  float64  `json:"median_above_sync_ms"`
	SyncedBytesEach  int      `json:"synced_bytes"`
	PauseMillisecond float64  `json:"pause_ms"`
}

// Second is a moment of the run.
type Second struct {
	At              float64 `json:"at_seconds"`
	CapturedMBps    float64 `json:"captured_megabytes_per_second"`
	DeliveredMBps   float64 `json:"delivered_megabytes_per_second"`
	UndeliveredMB   float64 `json:"undelivered_megabytes"`
	AckP50          float64 `json:"ack_p50_ms"`
	AckP99          float64 `json:"ack_p99_ms"`
	ServerCPU       float64 `json:"server_cpus"` // CPU-seconds a second
	ServerMemoryMiB float64 `json:"server_memory_mib"`
}
