package bench

import (
	"fmt"
	"io"
	"strings"
)

// Write prints the report for people.
func (r *Report) Write(w io.Writer) {
	t := text{w}
	t.line("setup", "%s", r.Setup)
	if f := r.Captured; f != nil {
		t.line("captured", "%s records/s, %.0f MB/s: %s records in %.1f s", thousands(f.RecordsPerSec), f.MegabytesPerSec, thousands(float64(f.Records)), f.Seconds)
	}
	if r.Idle == nil {
		t.latency("ack latency", r.Ack)
	}
	if r.Setup.RatePerSecond > 0 {
		t.latency("from sending", r.Service)
	}
	t.refused(r)
	if f := r.Delivered; f != nil {
		t.line("delivered", "%s records/s, %.0f MB/s: all after %.1f s", thousands(f.RecordsPerSec), f.MegabytesPerSec, f.Seconds)
	}
	if f := r.Sustained; f != nil && r.CatchUp == nil {
		t.line("sustained", "%s records/s, %.0f MB/s delivered in the second half of the load", thousands(f.RecordsPerSec), f.MegabytesPerSec)
	}
	if u := r.Undelivered; u != nil {
		t.line("undelivered", "at most %.0f MB, %.0f MB when the load ended: %s", float64(u.MaxBytes)/1e6, float64(u.EndBytes)/1e6, grows(u.Growing))
	}
	if c := r.CatchUp; c != nil {
		t.line("catching up", "%.0f MB/s, %.2f times the rate of capturing", c.Backlog.MegabytesPerSec, c.Ratio)
	}
	t.usage(r)
	if i := r.Idle; i != nil {
		t.latency("put", i.Put)
		t.latency("sync", i.Sync)
		t.line("difference", "%.3f ms at the median", i.MedianAboveSync)
	}
	if v := r.Verified; v != nil {
		t.line("verified", "%s acknowledged: %s once, %d missing, %d repeated, %d foreign", thousands(float64(v.Taken)), thousands(float64(v.Once)), v.Missing, v.Repeated, v.Foreign)
	}
	t.limits(r)
}

// String says in one line what was run.
func (s Setup) String() string {
	parts := []string{fmt.Sprintf("%d x %d bytes a request", s.Batch, s.Size), fmt.Sprintf("%d connections", s.Connections)}
	add := func(wanted bool, format string, args ...any) {
		if wanted {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.RatePerSecond > 0, "%s records/s offered", thousands(s.RatePerSecond))
	add(s.Streams > 1, "%s streams", thousands(float64(s.Streams)))
	add(s.Signed, "SigV4")
	add(s.Store != "", "to %s, %s, %d MiB", s.Store, s.Compression, s.BufferMiB)
	add(s.Partitions != "", "partitions by %s", s.Partitions)
	add(s.Events, "filtered, enriched and masked")
	add(s.HistoryBytes > 0, "%.1f GB of history", float64(s.HistoryBytes)/1e9)
	add(s.Backlog, "deliveries held back")
	add(s.ServerArguments != "", "serve %s", s.ServerArguments)
	return strings.Join(parts, ", ")
}

func grows(growing bool) string {
	if growing {
		return "growing"
	}
	return "bounded"
}

type text struct{ w io.Writer }

func (t text) line(name, format string, args ...any) {
	fmt.Fprintf(t.w, "%-13s %s\n", name, fmt.Sprintf(format, args...))
}

func (t text) latency(name string, l *Latency) {
	if l != nil {
		t.line(name, "p50 %.2f ms, p99 %.2f, p99.9 %.2f, max %.2f", l.P50, l.P99, l.P999, l.Max)
	}
}

func (t text) refused(r *Report) {
	f := r.Refused
	if f == nil || f.Requests+f.Records+f.FailedRequests == 0 {
		return
	}
	t.line("refused", "%s requests as a whole, %s records in all, %.1f %% of %s sent/s", thousands(float64(f.Requests)),
		thousands(float64(f.Records)), 100*f.Share, thousands(f.Offered))
	t.latency("refusal", f.Latency)
	if f.FailedRequests > 0 {
		t.line("failed", "%s requests; the first: %s", thousands(float64(f.FailedRequests)), f.FirstFailure)
	}
	if r.Setup.RatePerSecond > 0 && f.LateMax > 1 {
		t.line("load", "sent up to %.0f ms late, all connections being busy", f.LateMax)
	}
}

func (t text) usage(r *Report) {
	u := r.Server
	if u == nil {
		t.line("cpu", "%.1f s of the load", r.LoadCPU)
		return
	}
	t.line("objects", "%s, %.0f MB", thousands(float64(u.Objects)), float64(u.ObjectBytes)/1e6)
	t.line("cpu", "%.2f CPU-s/GB: %.1f s of the server; %.1f of the load, %.1f of the store", u.CPUSecondsPerGB, u.CPUSeconds, r.LoadCPU, u.StoreCPUSeconds)
	t.line("memory", "%.0f MiB at most", float64(u.PeakMemoryBytes)/(1<<20))
	t.line("disk", "%.3f bytes written a byte received; of the log %.0f MB of %.0f", u.WrittenPerByte, float64(u.LogBytes)/1e6, float64(u.WrittenBytes)/1e6)
}

func (t text) limits(r *Report) {
	if r.Limits == nil {
		return
	}
	fmt.Fprintf(t.w, "\n%-32s %10s %10s\n", "the machine, one thread", "CPU-s/GB", "MB/s")
	for _, l := range r.Limits.Steps {
		mark := ""
		if !l.Unavoidable {
			mark = "  not in the sum"
		}
		fmt.Fprintf(t.w, "%-32s %10.3f %10.0f%s\n", l.Name, l.CPUSecondsPerGB, l.MegabytesPerSec, mark)
	}
	fmt.Fprintf(t.w, "%-32s %10.3f\n%-32s %10.3f\n%-32s %10.2f\n", "unavoidable", r.Limits.SumPerGB,
		"server", r.Server.CPUSecondsPerGB, "server to unavoidable", r.Limits.Ratio)
}

// thousands writes a number without decimals, with commas.
func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
