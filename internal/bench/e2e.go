package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"firehose/internal/bench/limit"
	"firehose/internal/bench/load"
	"firehose/internal/task"
)

// E2ESettings is what to send through a server of our own, and what to look at.
type E2ESettings struct {
	Target
	Load      load.Settings // what the node decides (URL, streams, key) is filled in
	History   int64         // bytes of delivered history in the log before it begins
	Backlog   bool          // the object store takes nothing before everything is sent
	Verify    bool          // every delivered record is counted by its number
	LimitTime time.Duration // for each step of the unavoidable work; 0 to leave it out
	Progress  io.Writer
}

// E2E sends records to a server of its own and returns when the last one is delivered.
func E2E(ctx context.Context, s E2ESettings) (r *Report, err error) {
	if s.Verify && !verifiable(s.Compression) {
		return nil, fmt.Errorf("objects of the compression %s cannot be verified; GZIP and UNCOMPRESSED can", s.Compression)
	}
	if s.Backlog && s.Store != "s3" {
		return nil, errors.New("a backlog needs an object store that can be told to wait: --store s3")
	}
	s.Keep = s.Verify
	say(s.Progress, "starting a server with %d stream(s)", max(1, s.Streams))
	n, err := startNode(ctx, s.Target)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	if s.History > 0 {
		say(s.Progress, "writing %.1f GB of history", float64(s.History)/1e9)
		if err := n.fillHistory(ctx, s.History); err != nil {
			return nil, err
		}
	}
	return (&e2e{E2ESettings: s, node: n}).run(ctx)
}

func say(w io.Writer, format string, args ...any) {
	if w != nil {
		fmt.Fprintf(w, format+"\n", args...) // progress may get lost
	}
}

// e2e is one run.
type e2e struct {
	E2ESettings
	node   *node
	load   *load.Load
	report *Report
	began  time.Time
	sent   atomic.Bool // the load has ended
	held   []float64   // undelivered bytes each second until then
}

func (e *e2e) run(ctx context.Context) (*Report, error) {
	e.Load.URL, e.Load.Streams, e.Load.Key = e.node.url(), e.node.names, e.node.key()
	if e.Verify {
		e.Load.Ledger = new(load.Ledger)
	}
	var err error
	if e.load, err = load.New(ctx, e.Load); err != nil {
		return nil, err
	}
	e.report = &Report{Mode: "e2e", Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Setup: e.setup()}
	if e.Backlog {
		if _, err := e.node.tellSink(ctx, "hold"); err != nil {
			return nil, err
		}
	}
	if err := e.measure(ctx); err != nil {
		return nil, err
	}
	if err := e.node.stopServer(); err != nil {
		return nil, err
	}
	if e.Verify {
		say(e.Progress, "counting the delivered records")
		if e.report.Verified, err = verify(e.node.objectsDir(), e.Compression, e.Load.Ledger); err != nil {
			return nil, err
		}
	}
	if e.LimitTime > 0 {
		say(e.Progress, "measuring the unavoidable work alone")
		if e.report.Limits, err = e.limits(ctx); err != nil {
			return nil, err
		}
	}
	return e.report, nil
}

func (e *e2e) setup() Setup {
	s := setupOf(e.Load)
	s.Signed, s.Store, s.Compression, s.BufferMiB = e.Signed, e.Store, e.Compression, e.BufferMiB
	s.HistoryBytes, s.Backlog, s.ServerArguments = e.History, e.Backlog, strings.Join(e.Arguments, " ")
	return s
}

func setupOf(l load.Settings) Setup {
	return Setup{Streams: len(l.Streams), Batch: l.Batch, Size: l.Size, Connections: l.Connections, RatePerSecond: l.Rate,
		PlannedSeconds: l.Duration.Seconds(), PlannedRecords: l.Records}
}

// measure sends and waits, and accounts for what the server used meanwhile.
func (e *e2e) measure(ctx context.Context) error {
	resetPeak(e.node.server.pid)
	before, own, started := used(e.node.server.pid), ownCPU(), e.sinkCPU()
	first, err := e.node.counters(ctx)
	if err != nil {
		return err
	}
	e.began = time.Now()
	watching := task.NewGroup(ctx)
	watching.Go("watch the server", e.watch)
	say(e.Progress, "sending")
	e.load.Run(watching.Context())
	stats := e.load.Stats()
	e.report.LoadCPU = (ownCPU() - own).Seconds()
	e.report.note(&stats)
	e.sent.Store(true)
	err = e.settle(watching.Context(), &stats)
	delivered := time.Since(e.began)
	watching.Stop()
	if err := errors.Join(watching.Wait(), err, context.Cause(ctx)); err != nil {
		return err
	}
	e.report.Undelivered.judge(e.held, float64(e.BufferMiB)*(1<<20)*float64(len(e.node.names)))
	last, err := e.node.counters(ctx)
	if err != nil {
		return err
	}
	e.report.Delivered = flow(int(last.outRecords-first.outRecords), int64(last.outBytes-first.outBytes), delivered)
	if n := e.report.Delivered.Records; n < stats.Records {
		return fmt.Errorf("%d records were acknowledged and %d delivered", stats.Records, n)
	}
	after := used(e.node.server.pid)
	gigabytes := float64(stats.Bytes) / 1e9
	u := &Usage{CPUSeconds: (after.cpu - before.cpu).Seconds(), PeakMemoryBytes: after.memoryMax, WrittenBytes: after.written - before.written,
		LogBytes: int64(last.logBytes - first.logBytes), StoreCPUSeconds: (e.sinkCPU() - started).Seconds(),
		Objects: int(last.objects - first.objects), ObjectBytes: int64(last.objectBytes - first.objectBytes)}
	u.CPUSecondsPerGB, u.WrittenPerByte = u.CPUSeconds/gigabytes, float64(u.WrittenBytes)/float64(stats.Bytes)
	e.report.Server = u
	return nil
}

func (e *e2e) sinkCPU() time.Duration {
	if e.node.sink == nil {
		return 0
	}
	return used(e.node.sink.pid).cpu
}

// note puts into the report what the clients saw.
func (r *Report) note(s *load.Stats) {
	r.Captured = flow(s.Records, s.Bytes, s.Elapsed)
	r.Ack, r.Service = latency(&s.Latency), latency(&s.Service)
	r.Refused = &Refused{Requests: s.RefusedRequests, Records: s.RefusedRecords, FailedRequests: s.FailedRequests,
		FirstFailure: s.FirstFailure, Latency: latency(&s.RefusedLatency), LateMax: ms(s.LateMax)}
	if all := s.Records + s.RefusedRecords + s.FailedRecords; all > 0 {
		r.Refused.Share = float64(all-s.Records) / float64(all)
		r.Refused.Offered = float64(all) / s.Elapsed.Seconds()
	}
}

// settle waits until all is delivered. With a backlog it lets the object store take uploads now, and measures the catching
// up.
func (e *e2e) settle(ctx context.Context, stats *load.Stats) error {
	if stats.Records == 0 {
		return fmt.Errorf("no record was acknowledged: %s", stats.FirstFailure)
	}
	before, err := e.node.counters(ctx)
	if err != nil {
		return err
	}
	e.report.Undelivered = &Undelivered{EndBytes: int64(before.inBytes - before.outBytes)}
	say(e.Progress, "waiting for the last delivery")
	if !e.Backlog {
		return e.node.control().flush(ctx, e.node.names)
	}
	if _, err := e.node.tellSink(ctx, "open"); err != nil {
		return err
	}
	began := time.Now()
	if err := e.node.control().flush(ctx, e.node.names); err != nil {
		return err
	}
	took := time.Since(began)
	records, bytes := before.inRecords-before.outRecords, before.inBytes-before.outBytes
	c := &CatchUp{Backlog: *flow(int(records), int64(bytes), took)}
	c.Ratio = c.Backlog.MegabytesPerSec / e.report.Captured.MegabytesPerSec
	e.report.CatchUp = c
	return nil
}

// stallMax is how long nothing may be delivered while somebody waits for it.
const stallMax = time.Minute

// watch looks at the run every second, or less often where looking costs something, until ctx ends.
func (e *e2e) watch(ctx context.Context) error {
	every := time.Second
	if len(e.node.names) > 100 {
		every = 5 * time.Second // the metrics of a thousand streams are megabytes
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	w := watcher{e: e, at: e.began, usage: used(e.node.server.pid), moved: e.began}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c, err := e.node.counters(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		e.report.Seconds = append(e.report.Seconds, w.second(c))
		if time.Since(w.moved) > stallMax && c.inBytes == w.last.inBytes {
			return fmt.Errorf("nothing was delivered for %v; %.0f of %.0f records are", stallMax, c.outRecords, c.inRecords)
		}
	}
}

// watcher turns what is counted into what happens each second.
type watcher struct {
	e     *e2e
	at    time.Time
	last  counters
	usage usage
	moved time.Time // when something was last delivered
}

func (w *watcher) second(c counters) Second {
	now, u := time.Now(), used(w.e.node.server.pid)
	took := now.Sub(w.at).Seconds()
	h := w.e.load.Interval()
	held := c.inBytes - c.outBytes
	s := Second{
		At:              round(now.Sub(w.e.began).Seconds(), 2),
		CapturedMBps:    round((c.inBytes-w.last.inBytes)/1e6/took, 1),
		DeliveredMBps:   round((c.outBytes-w.last.outBytes)/1e6/took, 1),
		UndeliveredMB:   round(held/1e6, 1),
		AckP50:          ms(h.Quantile(0.5)),
		AckP99:          ms(h.Quantile(0.99)),
		ServerCPU:       round((u.cpu-w.usage.cpu).Seconds()/took, 2),
		ServerMemoryMiB: round(float64(u.memory)/(1<<20), 1),
	}
	if !w.e.sent.Load() {
		w.e.held = append(w.e.held, held)
	}
	if c.outBytes > w.last.outBytes || c.inBytes > w.last.inBytes {
		w.moved = now
	}
	w.at, w.last, w.usage = now, c, u
	return s
}

// judge says whether what waits stays bounded: whether in the last quarter of the load clearly more was waiting than in
// the second. Open is how much may wait in open batches at any time.
func (u *Undelivered) judge(held []float64, open float64) {
	u.MaxBytes = u.EndBytes
	for _, h := range held {
		u.MaxBytes = max(u.MaxBytes, int64(h))
	}
	if n := len(held); n >= 8 {
		u.Growing = mean(held[n-n/4:]) > 1.25*mean(held[n/4:n/2])+open
	}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}

// limits measures the unavoidable work with the bytes of the run, and compares.
func (e *e2e) limits(ctx context.Context) (*Limits, error) {
	stats := e.load.Stats()
	echo, err := measureEcho(ctx, e.Program, e.Load, stats.AnswerBytes, 2*e.LimitTime)
	if err != nil {
		return nil, err
	}
	requests := max(1, 8000/e.Load.Batch)
	in := limit.Input{Dir: e.node.dir, Records: load.Records(1, requests*e.Load.Batch, e.Load.Size),
		Bodies: load.Bodies(requests, e.Load.Batch, e.Load.Size), Signed: e.Signed, Packed: e.Compression == "GZIP", Time: e.LimitTime}
	steps, err := limit.Measure(ctx, in)
	if err != nil {
		return nil, err
	}
	l := &Limits{Steps: append([]limit.Limit{echo}, steps...)}
	l.SumPerGB = limit.Sum(l.Steps)
	l.Ratio = e.report.Server.CPUSecondsPerGB / l.SumPerGB
	return l, nil
}
