package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// WriteHTML writes the reports as one page that needs nothing else.
func WriteHTML(w io.Writer, title string, rows []Row, reports []*Report) error {
	type section struct {
		Title  string
		Text   string
		Charts []template.HTML
	}
	var sections []section
	for _, r := range reports {
		var text strings.Builder
		r.Write(&text)
		sections = append(sections, section{Title: r.Mode + ": " + r.Setup.String(), Text: text.String(), Charts: r.charts()})
	}
	var machine Machine
	if len(reports) > 0 {
		machine = reports[0].Machine
	}
	return pageTemplate.Execute(w, map[string]any{"Title": title, "Machine": machine, "Rows": rows, "Sections": sections})
}

// charts draws what a report has.
func (r *Report) charts() (all []template.HTML) {
	column := func(name string, value func(Second) float64) series {
		s := series{name: name}
		for _, second := range r.Seconds {
			s.points = append(s.points, [2]float64{second.At, value(second)})
		}
		return s
	}
	if len(r.Seconds) > 1 {
		captured := column("captured", func(s Second) float64 { return s.CapturedMBps })
		p50, p99 := column("p50", func(s Second) float64 { return s.AckP50 }), column("p99", func(s Second) float64 { return s.AckP99 })
		if r.Delivered == nil {
			return append(all, chart{title: "MB/s", x: "seconds", series: []series{captured}}.svg(),
				chart{title: "ack latency, ms", x: "seconds", series: []series{p50, p99}}.svg(), r.quantiles())
		}
		all = append(all,
			chart{title: "MB/s", x: "seconds", series: []series{captured, column("delivered", func(s Second) float64 { return s.DeliveredMBps })}}.svg(),
			chart{title: "undelivered, MB", x: "seconds", series: []series{column("undelivered", func(s Second) float64 { return s.UndeliveredMB })}}.svg(),
			chart{title: "ack latency, ms", x: "seconds", series: []series{p50, p99}}.svg(),
			chart{title: "server, CPUs", x: "seconds", series: []series{column("CPUs", func(s Second) float64 { return s.ServerCPU })}}.svg(),
			chart{title: "server, MiB", x: "seconds", series: []series{column("resident", func(s Second) float64 { return s.ServerMemoryMiB })}}.svg())
	}
	return append(all, r.quantiles())
}

// quantiles draws latency over the share of requests that had at most that, with as much room for each further nine.
func (r *Report) quantiles() template.HTML {
	c := chart{title: "latency by percentile, ms", x: "nines: 1 is p90, 2 is p99, 3 is p99.9"}
	add := func(name string, l *Latency) {
		if l == nil {
			return
		}
		s := series{name: name}
		for _, p := range l.Points {
			s.points = append(s.points, [2]float64{-math.Log10(max(1-p[0], 1e-5)), p[1]})
		}
		c.series = append(c.series, s)
	}
	if r.Idle != nil {
		add("put", r.Idle.Put)
		add("sync", r.Idle.Sync)
	} else {
		add("acknowledged", r.Ack)
		if r.Setup.RatePerSecond > 0 {
			add("from sending", r.Service)
		}
	}
	return c.svg()
}

// chart is lines over a common axis, from zero.
type chart struct {
	title, x string
	series   []series
}

type series struct {
	name   string
	points [][2]float64
}

const (
	chartWidth, chartHeight          = 640.0, 220.0
	chartLeft, chartTop, chartBottom = 56.0, 28.0, 34.0
	chartRight                       = 12.0
)

// svg draws the chart. All text in it is this package's own.
func (c chart) svg() template.HTML {
	xMax, yMax := 0.0, 0.0
	for _, s := range c.series {
		for _, p := range s.points {
			xMax, yMax = max(xMax, p[0]), max(yMax, p[1])
		}
	}
	xStep, yStep := step(xMax), step(yMax)
	xMax, yMax = max(1, math.Ceil(xMax/xStep))*xStep, max(1, math.Ceil(yMax/yStep))*yStep
	x := func(v float64) float64 { return chartLeft + v/xMax*(chartWidth-chartLeft-chartRight) }
	y := func(v float64) float64 {
		return chartHeight - chartBottom - v/yMax*(chartHeight-chartBottom-chartTop)
	}

	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s"><text x="%g" y="16" class="t">%s</text>`, chartWidth, chartHeight, c.title, chartLeft, c.title)
	for v := 0.0; v <= yMax*1.0001; v += yStep {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" class="g"/><text x="%.1f" y="%.1f" class="y">%.4g</text>`, chartLeft, y(v), chartWidth-chartRight, chartLeft-6, y(v)+4, v)
	}
	for v := 0.0; v <= xMax*1.0001; v += xStep {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" class="x">%.4g</text>`, x(v), chartHeight-chartBottom+16, v)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" class="e">%s</text>`, chartWidth-chartRight, chartHeight-4, c.x)
	for i, s := range c.series {
		fmt.Fprintf(&b, `<path class="s%d" d="`, i)
		for j, p := range s.points {
			command := 'L'
			if j == 0 {
				command = 'M'
			}
			fmt.Fprintf(&b, "%c%.1f %.1f", command, x(p[0]), y(p[1]))
		}
		fmt.Fprintf(&b, `"/><text x="%g" y="16" class="n%d">%s</text>`, chartWidth-chartRight-float64(len(c.series)-1-i)*110, i, s.name)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// step returns the distance of about five marks up to most: 1, 2 or 5 times a power of ten.
func step(most float64) float64 {
	if most <= 0 {
		return 1
	}
	power := math.Pow10(int(math.Floor(math.Log10(most / 5))))
	for _, factor := range []float64{1, 2, 5} {
		if most/(factor*power) <= 6 {
			return factor * power
		}
	}
	return 10 * power
}
