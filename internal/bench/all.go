package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"firehose/internal/bench/limit"
	"firehose/internal/bench/load"
	"firehose/internal/config"
	"firehose/internal/disk"
)

// AllSettings says on what the benchmarks of the performance page run.
type AllSettings struct {
	Program   string
	Dir       string   // on the disk to measure
	Arguments []string // more of them for serve
	Quick     bool     // short runs, to see that all works; the numbers say little
	History   int64    // bytes of the row about history
	Progress  io.Writer
}

// Performance is what the performance page shows.
type Performance struct {
	Began   time.Time          `json:"began"`
	Machine Machine            `json:"machine"`
	Quick   bool               `json:"quick"`
	Rows    []Row              `json:"rows"`
	Reports map[string]*Report `json:"reports"` // by the run's name
	Order   []string           `json:"order"`   // of the runs
}

// all is a run of everything.
type all struct {
	AllSettings
	*Performance
	failed error
}

// All runs everything that the performance page has rows for. A run that fails is an error at the end; the rows of the
// others are there all the same.
func All(ctx context.Context, s AllSettings) (*Performance, error) {
	a := &all{AllSettings: s, Performance: &Performance{Began: time.Now().UTC().Truncate(time.Second),
		Machine: thisMachine(), Quick: s.Quick, Reports: map[string]*Report{}}}
	for _, step := range []func(context.Context){a.endToEnd, a.puts, a.idle, a.streams, a.partitions, a.events, a.backlog, a.history, a.overload} {
		if ctx.Err() == nil {
			step(ctx)
		}
	}
	return a.Performance, errors.Join(a.failed, context.Cause(ctx))
}

// mainRun is the one with the limits of the machine beside it.
const mainRun = "end to end"

func (p *Performance) limits() []limit.Limit {
	if r := p.Reports[mainRun]; r != nil && r.Limits != nil {
		return r.Limits.Steps
	}
	return nil
}

// run runs one benchmark. It returns nil if that failed, and notes it.
func (a *all) run(ctx context.Context, name string, f func() (*Report, error)) *Report {
	if ctx.Err() != nil {
		return nil
	}
	say(a.Progress, "\n== %s", name)
	r, err := f()
	if err != nil {
		say(a.Progress, "failed: %v", err)
		a.failed = errors.Join(a.failed, fmt.Errorf("%s: %w", name, err))
		return nil
	}
	a.Order = append(a.Order, name)
	a.Reports[name] = r
	if a.Progress != nil {
		r.Write(a.Progress)
	}
	return r
}

// either returns the time for a full run or for a quick one.
func (a *all) either(full, quick time.Duration) time.Duration {
	if a.AllSettings.Quick {
		return quick
	}
	return full
}

func (a *all) target(streams int) Target {
	return Target{Program: a.Program, Dir: a.Dir, Store: "s3", Arguments: a.Arguments, Compression: "GZIP", BufferMiB: 5, Streams: streams}
}

// batches is the load of most rows: 500 records of 1 KB a request.
func (a *all) batches(took time.Duration) E2ESettings {
	return E2ESettings{Target: a.target(1), Load: load.Settings{Batch: 500, Size: 1000, Connections: 6, Duration: took}, Progress: a.Progress}
}

func (a *all) e2e(ctx context.Context, name string, s E2ESettings) *Report {
	return a.run(ctx, name, func() (*Report, error) { return E2E(ctx, s) })
}

func (a *all) endToEnd(ctx context.Context) {
	s := a.batches(a.either(time.Minute, 8*time.Second))
	s.LimitTime = a.either(2*time.Second, 300*time.Millisecond)
	r := a.e2e(ctx, mainRun, s)
	if r == nil {
		return
	}
	const what = "PutRecordBatch, 500 x 1 KB, to GZIP objects"
	a.atLeast("captured", what+": captured", r.Captured.RecordsPerSec, "records/s", 200_000)
	a.atLeast("delivered", what+": delivered", r.Delivered.RecordsPerSec, "records/s", 200_000)
	if u := r.Undelivered; u != nil {
		row := a.add(Row{Key: "undelivered", Name: what + ": undelivered at most", Value: float64(u.MaxBytes) / 1e6, Unit: "MB", Slack: 50, Target: "bounded"})
		row.Met = !u.Growing
	}
	a.atMost("cpu_ratio", "server CPU, to the sum of the unavoidable work", r.Limits.Ratio, "", 1.5)
	a.atMost("memory", "memory at full speed, defaults", float64(r.Server.PeakMemoryBytes)/(1<<20), "MiB", 400)
	a.atMost("disk", "disk written, a byte received", r.Server.WrittenPerByte, "bytes", 0.4)
}

func (a *all) puts(ctx context.Context) {
	run := func(name string, signed bool) *Report {
		s := PutSettings{Target: a.target(1), Progress: a.Progress, Load: load.Settings{Batch: 1, Size: 1000, Connections: 64, Duration: a.either(15*time.Second, 3*time.Second)}}
		s.Target.Signed = signed
		return a.run(ctx, name, func() (*Report, error) { return Put(ctx, s) })
	}
	if r := run("single records", false); r != nil {
		a.atLeast("put", "PutRecord 1 KB, 64 connections, plain HTTP", r.Captured.RecordsPerSec, "records/s", 15_000)
		a.atMost("put_p99", "the same: p99", r.Ack.P99, "ms", 10).Slack = 1
	}
	if r := run("single records, signed", true); r != nil {
		a.atLeast("put_signed", "the same with SigV4", r.Captured.RecordsPerSec, "records/s", 12_000)
	}
}

func (a *all) idle(ctx context.Context) {
	records := 300
	if a.AllSettings.Quick {
		records = 50
	}
	r := a.run(ctx, "idle", func() (*Report, error) {
		return Idle(ctx, IdleSettings{Target: a.target(1), Records: records, Size: 1000, Pause: 5 * time.Millisecond, Progress: a.Progress})
	})
	if r != nil {
		a.atMost("idle", "idle PutRecord above one sync, median", r.Idle.MedianAboveSync, "ms", 0.5).Slack = 0.1
	}
}

// one is the run that others are compared with.
const one = "one stream"

// streams spreads the same load. Objects are small, so that the batches of a thousand streams fill while it runs.
func (a *all) streams(ctx context.Context) {
	s := a.batches(a.either(20*time.Second, 4*time.Second))
	s.BufferMiB = 1
	base := a.e2e(ctx, one, s)
	for _, n := range []int{100, 1000} {
		s.Streams = n
		r := a.e2e(ctx, fmt.Sprintf("%d streams", n), s)
		if r != nil && base != nil {
			a.atLeast(fmt.Sprintf("streams_%d", n), fmt.Sprintf("%s streams, delivered under load, to one stream", thousands(float64(n))),
				r.underLoad()/base.underLoad(), "", 0.75)
		}
	}
}

// partitions spreads the records of one stream over 500 open batches of 128 MiB, by a query that has to be computed.
func (a *all) partitions(ctx context.Context) {
	s := a.batches(a.either(20*time.Second, 4*time.Second))
	s.BufferMiB = 128
	base := a.e2e(ctx, "no partitions", s)
	s.Partitions = "{n: (.page.load_ms % 500)}"
	r := a.e2e(ctx, "500 partitions", s)
	if r == nil || base == nil {
		return
	}
	a.atLeast("partitions", "500 open partitions of 128 MiB, GZIP: delivered, to none", r.Delivered.RecordsPerSec/base.Delivered.RecordsPerSec, "", 0.5)
	a.atMost("partitions_memory", "the same: memory", float64(r.Server.PeakMemoryBytes)/(1<<20), "MiB", 1024)
}

// events has each event filtered, enriched and masked on its way: at the load of a plain stream that ran right before, and
// catching up on a backlog as that does, when nothing but deliveries takes the processor.
func (a *all) events(ctx context.Context) {
	s := a.batches(a.either(20*time.Second, 4*time.Second))
	base := a.e2e(ctx, "plain records", s)
	s.Events = true
	r := a.e2e(ctx, "events", s)
	if r == nil || base == nil {
		return
	}
	const what = "filter over two fields, two masks, tags and metadata"
	a.atLeast("events", what+": delivered, to none", r.Delivered.RecordsPerSec/base.Delivered.RecordsPerSec, "", 0.5)
	s = a.batches(a.either(10*time.Second, 3*time.Second))
	s.Backlog, s.Load.Rate = true, base.Captured.RecordsPerSec
	base = a.e2e(ctx, "backlog of plain records", s)
	s.Events = true
	if r := a.e2e(ctx, "backlog of events", s); r != nil && base != nil {
		a.atLeast("events_catch_up", "the same: catching up, to none", r.CatchUp.Backlog.RecordsPerSec/base.CatchUp.Backlog.RecordsPerSec, "", 0.5)
	}
}

// underLoad is the rate of delivery without the emptying of open batches at the end.
func (r *Report) underLoad() float64 {
	if r.Sustained != nil {
		return r.Sustained.RecordsPerSec
	}
	return r.Delivered.RecordsPerSec
}

func (a *all) backlog(ctx context.Context) {
	s := a.batches(a.either(20*time.Second, 4*time.Second))
	s.Backlog = true
	if r := a.Reports[mainRun]; r != nil {
		s.Load.Rate = r.Captured.RecordsPerSec // what the server captures and delivers at the same time
	}
	if r := a.e2e(ctx, "backlog", s); r != nil {
		a.atLeast("catch_up", "catching up on a backlog, to the rate at which it was captured", r.CatchUp.Ratio, "", 2)
	}
}

func (a *all) history(ctx context.Context) {
	const leave = 15 << 30 // for the run itself
	size := a.History
	if free, err := disk.OS.Free(a.Dir); err == nil && size > free-leave {
		size = max(0, free-leave)
		say(a.Progress, "the disk has room for %.0f GB of history only", float64(size)/1e9)
	}
	if size == 0 {
		return
	}
	s := a.batches(a.either(20*time.Second, 4*time.Second))
	s.BufferMiB = 1
	base := a.e2e(ctx, "no history", s) // right before, since a machine's speed changes within minutes
	s.History = size
	if r := a.e2e(ctx, "history", s); r != nil && base != nil {
		a.atLeast("history", fmt.Sprintf("%.3g GB of delivered history, to none", float64(size)/1e9), r.underLoad()/base.underLoad(), "", 0.95)
	}
}

// overload offers twice of what the server takes in requests of 50 records, so many that all its room for requests is
// taken, and compares latency with that at the capacity.
func (a *all) overload(ctx context.Context) {
	defaults := config.Default()
	took := a.either(20*time.Second, 4*time.Second)
	s := a.batches(took / 2)
	s.Load.Batch, s.Load.Connections = 50, 64
	most := a.e2e(ctx, "requests of 50 records", s)
	if most == nil {
		return
	}
	capacity := most.Captured.RecordsPerSec
	s.Load.Rate, s.Load.Connections, s.Load.Duration, s.Verify = 2*capacity, 1500, took, true
	r := a.e2e(ctx, "twice the capacity", s)
	if r == nil {
		return
	}
	refused := a.add(Row{Key: "overload_refused", Name: "twice the capacity: refused early", Value: 100 * r.Refused.Share, Unit: "%", Target: "some", Slack: 100})
	refused.Met = r.Refused.Share > 0 && r.Refused.FailedRequests == 0
	a.atMost("overload_latency", "the same: p99 of what is accepted, to that at the capacity", r.Service.P99/most.Ack.P99, "", 3)
	a.atMost("overload_lost", "the same: accepted and not delivered exactly once", float64(r.Verified.Missing+r.Verified.Repeated+r.Verified.Foreign), "records", 0)
	a.atMost("overload_memory", "the same: memory", float64(r.Server.PeakMemoryBytes)/(1<<20), "MiB", float64(defaults.MemoryLimit()-int64(defaults.Memory.LookupBytes))/(1<<20))
}
