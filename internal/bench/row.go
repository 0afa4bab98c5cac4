package bench

import (
	"fmt"
	"strings"
)

// Row is a number of the performance page with its target.
type Row struct {
	Key      string  `json:"key"` // the same from run to run
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit,omitempty"`
	Target   string  `json:"target"`
	Met      bool    `json:"met"`
	HighGood bool    `json:"higher_is_better"`
	Slack    float64 `json:"slack,omitempty"` // a difference that says nothing, in the unit
}

func (a *all) add(r Row) *Row {
	a.Rows = append(a.Rows, r)
	return &a.Rows[len(a.Rows)-1]
}

// atLeast adds a row whose value must reach a bound.
func (a *all) atLeast(key, name string, value float64, unit string, bound float64) *Row {
	return a.add(Row{Key: key, Name: name, Value: value, Unit: unit, Target: "at least " + quantity(bound, unit), Met: value >= bound, HighGood: true})
}

// atMost adds a row whose value must not pass a bound.
func (a *all) atMost(key, name string, value float64, unit string, bound float64) *Row {
	return a.add(Row{Key: key, Name: name, Value: value, Unit: unit, Target: "at most " + quantity(bound, unit), Met: value <= bound})
}

// Text is the value with its unit.
func (r Row) Text() string { return quantity(r.Value, r.Unit) }

func quantity(v float64, unit string) string {
	var number string
	switch {
	case v >= 100 || v == float64(int64(v)):
		number = thousands(v)
	case v >= 10:
		number = fmt.Sprintf("%.1f", v)
	default:
		number = fmt.Sprintf("%.2f", v)
	}
	if unit == "" {
		return number + " x"
	}
	return number + " " + unit
}

// fallMax is how much worse a number may get without being reported.
const fallMax = 0.10

// Compare tells which numbers fell against an earlier run, and what of the machine did too. It says why if the two cannot
// be compared.
func (p *Performance) Compare(last *Performance) (fallen []string, incomparable string) {
	switch {
	case p.Quick || last.Quick:
		return nil, "a quick run is not compared"
	case p.Machine.CPU != last.Machine.CPU || p.Machine.Cores != last.Machine.Cores:
		return nil, fmt.Sprintf("the last numbers are of another machine (%s, %d cores)", last.Machine.CPU, last.Machine.Cores)
	}
	before := map[string]Row{}
	for _, r := range last.Rows {
		before[r.Key] = r
	}
	for _, r := range p.Rows {
		if b, ok := before[r.Key]; ok && r.fell(b) {
			fallen = append(fallen, fmt.Sprintf("%s: %s, before %s", r.Name, r.Text(), b.Text()))
		}
	}
	for key, b := range before {
		if !p.has(key) {
			fallen = append(fallen, fmt.Sprintf("%s: not measured, before %s", b.Name, b.Text()))
		}
	}
	if len(fallen) > 0 {
		fallen = append(fallen, p.slower(last)...)
	}
	return fallen, ""
}

func (p *Performance) has(key string) bool {
	for _, r := range p.Rows {
		if r.Key == key {
			return true
		}
	}
	return false
}

func (r Row) fell(before Row) bool {
	worse := before.Value - r.Value
	if !r.HighGood {
		worse = -worse
	}
	return worse > r.Slack && worse > fallMax*max(before.Value, -before.Value)
}

// slower tells which of the machine's own limits fell between two runs.
func (p *Performance) slower(last *Performance) (list []string) {
	before := map[string]float64{}
	for _, l := range last.limits() {
		before[l.Name] = l.CPUSecondsPerGB
	}
	for _, l := range p.limits() {
		if b := before[l.Name]; b > 0 && l.CPUSecondsPerGB > (1+fallMax)*b {
			list = append(list, fmt.Sprintf("(the machine itself: %s takes %.2f CPU-s/GB, before %.2f)", l.Name, l.CPUSecondsPerGB, b))
		}
	}
	return list
}

// The table stands between these two lines of the page; what is around it is written by hand.
const (
	pageBegin = "<!-- bench: begin; written by make bench -->"
	pageEnd   = "<!-- bench: end -->"
)

// newPage is what is written where there is no page yet.
const newPage = "# Performance\n\n" + pageBegin + "\n" + pageEnd + "\n"

// UpdatePage puts the tables into a page; an empty page gets a title.
func (p *Performance) UpdatePage(page string) (string, error) {
	if page == "" {
		page = newPage
	}
	before, rest, began := strings.Cut(page, pageBegin)
	_, after, ended := strings.Cut(rest, pageEnd)
	if !began || !ended {
		return "", fmt.Errorf("want the lines %q and %q in the page, and the tables go between them", pageBegin, pageEnd)
	}
	return before + pageBegin + "\n\n" + p.Markdown() + "\n" + pageEnd + after, nil
}

// Markdown returns the tables.
func (p *Performance) Markdown() string {
	var b strings.Builder
	m := p.Machine
	fmt.Fprintf(&b, "Measured %s on %s, %d cores, %.0f GiB, %s, %s.\n\n", p.Began.Format("2006-01-02"), orUnknown(m.CPU), m.Cores, float64(m.MemoryBytes)/(1<<30), m.System, m.Go)
	b.WriteString("| what | measured | target | met |\n| --- | ---: | ---: | --- |\n")
	for _, r := range p.Rows {
		met := "yes"
		if !r.Met {
			met = "**no**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Name, r.Text(), r.Target, met)
	}
	limits := p.limits()
	if len(limits) == 0 {
		return b.String()
	}
	b.WriteString("\nThe limits of the machine in the same run: each step alone, in one thread, on the same bytes.\n\n")
	b.WriteString("| step | CPU-s/GB | MB/s | unavoidable |\n| --- | ---: | ---: | --- |\n")
	for _, l := range limits {
		unavoidable := "yes"
		if !l.Unavoidable {
			unavoidable = "no"
		}
		fmt.Fprintf(&b, "| %s | %.3f | %s | %s |\n", l.Name, l.CPUSecondsPerGB, thousands(l.MegabytesPerSec), unavoidable)
	}
	r := p.Reports[mainRun]
	fmt.Fprintf(&b, "| **sum of the unavoidable** | %.2f | | |\n| **server** | %.2f | | |\n", r.Limits.SumPerGB, r.Server.CPUSecondsPerGB)
	return b.String()
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown processor"
	}
	return s
}
