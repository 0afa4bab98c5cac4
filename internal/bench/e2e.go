package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	if s.Events && s.Partitions != "" {
		return nil, errors.New("streams of events are not parted here: --events and --partitions exclude each other")
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
	looks  []look      // while it ran
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
	s.Partitions, s.Events = e.Partitions, e.Events
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
	first, err := e.account(ctx)
	if err != nil {
		return err
	}
	e.began = time.Now()
	watching := task.NewGroup(ctx)
	watching.Go("watch the server", e.watch)
	say(e.Progress, "sending")
	e.load.Run(watching.Context())
	stats := e.load.Stats()
	e.sent.Store(true)
	e.report.note(&stats)

	end, err := e.account(ctx)
	if err == nil {
		err = e.settle(watching.Context(), &stats, end.counters)
	}
	took := time.Since(e.began)
	watching.Stop()
	if err := errors.Join(watching.Wait(), err, context.Cause(ctx)); err != nil {
		return err
	}
	last, err := e.account(ctx)
	if err != nil {
		return err
	}
	e.report.LoadCPU = (end.loadCPU - first.loadCPU).Seconds()
	e.report.Delivered = flow(int(last.outRecords-first.outRecords), int64(last.outBytes-first.outBytes), took)
	if n := e.report.Delivered.Records; n < stats.Records {
		return fmt.Errorf("%d records were acknowledged and %d delivered", stats.Records, n)
	}
	e.report.Server = first.usageUntil(last, stats.Bytes)
	e.judge(end)
	return nil
}

// look is what was counted and used at a moment.
type look struct {
	at time.Time
	counters
	server           usage
	loadCPU, sinkCPU time.Duration
}

// account looks at everything.
func (e *e2e) account(ctx context.Context) (l look, err error) {
	l = look{at: time.Now(), server: used(e.node.server.pid), loadCPU: ownCPU()}
	if e.node.sink != nil {
		l.sinkCPU = used(e.node.sink.pid).cpu
	}
	l.counters, err = e.node.counters(ctx)
	return l, err
}

// usageUntil returns what was used for so many bytes between two looks.
func (l look) usageUntil(last look, bytes int64) *Usage {
	u := &Usage{
		CPUSeconds:      (last.server.cpu - l.server.cpu).Seconds(),
		PeakMemoryBytes: last.server.memoryMax,
		WrittenBytes:    last.server.written - l.server.written,
		LogBytes:        int64(last.logBytes - l.logBytes),
		StoreCPUSeconds: (last.sinkCPU - l.sinkCPU).Seconds(),
		Objects:         int(last.objects - l.objects),
		ObjectBytes:     int64(last.objectBytes - l.objectBytes),
	}
	u.CPUSecondsPerGB, u.WrittenPerByte = u.CPUSeconds/(float64(bytes)/1e9), float64(u.WrittenBytes)/float64(bytes)
	return u
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
// up. Before is what was counted when the load ended.
func (e *e2e) settle(ctx context.Context, stats *load.Stats, before counters) error {
	if stats.Records == 0 {
		return fmt.Errorf("no record was acknowledged: %s", stats.FirstFailure)
	}
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
