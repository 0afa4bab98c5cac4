package bench

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/bench/limit"
)

// measured returns numbers of a run.
func measured(captured, ratio, gzip float64) *Performance {
	a := &all{Performance: &Performance{Began: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Machine: Machine{CPU: "Z80", Cores: 2}}}
	a.atLeast("captured", "captured", captured, "records/s", 200_000)
	a.atMost("cpu_ratio", "CPU", ratio, "", 1.5)
	a.atMost("idle", "idle", 0.05*ratio, "ms", 0.5).Slack = 0.1
	report := &Report{Server: &Usage{CPUSecondsPerGB: 7}, Limits: &Limits{SumPerGB: 5, Ratio: ratio,
		Steps: []limit.Limit{{Name: "gzip", CPUSecondsPerGB: gzip, MegabytesPerSec: 300, Unavoidable: true}}}}
	a.Reports = map[string]*Report{mainRun: report}
	return a.Performance
}

func TestANumberThatFellIsNamed(t *testing.T) {
	last := measured(300_000, 1.2, 3.3)
	check := func(name string, p *Performance, want ...string) {
		t.Helper()
		got, why := p.Compare(last)
		if !slices.Equal(got, want) || why != "" {
			t.Errorf("%s: %q, %q; want %q", name, got, why, want)
		}
	}
	check("as before", measured(300_000, 1.2, 3.3))
	check("a little less", measured(275_000, 1.3, 3.3))
	check("better", measured(400_000, 0.9, 3.3))
	check("fewer records", measured(260_000, 1.2, 3.3), "captured: 260,000 records/s, before 300,000 records/s")
	check("more work, as the machine is slower", measured(300_000, 1.4, 3.9),
		"CPU: 1.40 x, before 1.20 x", "(the machine itself: gzip takes 3.90 CPU-s/GB, before 3.30)")
	missing := measured(300_000, 1.2, 3.3)
	missing.Rows = missing.Rows[1:]
	check("not measured", missing, "captured: not measured, before 300,000 records/s")

	other := measured(100_000, 3, 3.3)
	other.Machine.Cores = 4
	if got, why := other.Compare(last); len(got) > 0 || !strings.Contains(why, "another machine") {
		t.Errorf("another machine: %q, %q", got, why)
	}
}

func TestThePageKeepsWhatIsWrittenByHand(t *testing.T) {
	p := measured(190_000, 1.2, 3.3)
	page, err := p.UpdatePage("")
	if err != nil {
		t.Fatal(err)
	}
	page = "before\n" + page + "after\n"
	again, err := measured(250_000, 1.2, 3.3).UpdatePage(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n# Performance", "| captured | 250,000 records/s | at least 200,000 records/s | yes |", "| gzip | 3.300 | 300 | yes |", pageEnd + "\nafter\n"} {
		if !strings.Contains(again, want) {
			t.Errorf("no %q in the page:\n%s", want, again)
		}
	}
	if strings.Contains(again, "190,000") || !strings.Contains(page, "| 190,000 records/s | at least 200,000 records/s | **no** |") {
		t.Errorf("the old table stays, or was wrong:\n%s", page)
	}
	if _, err := p.UpdatePage("# A page without a place\n"); err == nil {
		t.Error("a page without the two lines is taken")
	}
}

func TestUndeliveredGrowsOrNot(t *testing.T) {
	check := func(name string, want bool, held ...float64) {
		t.Helper()
		u := Undelivered{EndBytes: 5}
		if u.judge(held, 10); u.Growing != want {
			t.Errorf("%s: growing is %t", name, u.Growing)
		}
	}
	check("too short to say", false, 0, 100, 200, 300)
	check("bounded", false, 0, 90, 100, 110, 95, 105, 100, 90)
	check("growing", true, 0, 100, 200, 300, 400, 500, 600, 700)
	check("within the open batches", false, 0, 1, 2, 3, 4, 5, 6, 7)
}

func TestChartsAreWellFormed(t *testing.T) {
	r := &Report{Mode: "e2e", Captured: flow(1000, 1e6, time.Second), Delivered: flow(1000, 1e6, time.Second),
		Ack: &Latency{Points: [][2]float64{{0, 0.1}, {0.5, 1}, {1, 20}}}}
	for i := range 5 {
		r.Seconds = append(r.Seconds, Second{At: float64(i), CapturedMBps: 100, UndeliveredMB: float64(i)})
	}
	charts := append(r.charts(), chart{title: "nothing", series: []series{{name: "empty"}}}.svg(), (&Report{Mode: "idle"}).quantiles())
	for _, c := range charts {
		if err := xml.Unmarshal([]byte(c), new(struct{})); err != nil || strings.Contains(string(c), "NaN") || strings.Contains(string(c), "Inf") {
			t.Errorf("%v: %s", err, c)
		}
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, "title", measured(1, 2, 3).Rows, []*Report{r}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(page.String(), "<svg"); n != 6 || strings.Contains(page.String(), "ZgotmplZ") {
		t.Errorf("%d charts in the page, want 6:\n%s", n, &page)
	}
}
