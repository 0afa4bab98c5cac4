package filter

import (
	"testing"

	"firehose/internal/jsonscan"
	"firehose/internal/sample"
)

func BenchmarkMatch(b *testing.B) {
	var events [][]byte
	size := 0
	for _, line := range sample.New(1).Lines(1000) {
		// A text of the customer's brings an event to a kilobyte.
		event := append([]byte(`{"note":"`), note...)
		event = append(append(event, `",`...), line[1:]...)
		events = append(events, event)
		size += len(event)
	}
	f := func(name string, config Config, native bool) {
		compiled, err := compile(config, native)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size / len(events)))
			b.ReportAllocs()
			passed := 0
			for i := range b.N {
				pass, err := compiled.Match(events[i%len(events)])
				if err != nil {
					b.Fatal(err)
				}
				if pass {
					passed++
				}
			}
			b.ReportMetric(float64(passed)/float64(b.N), "passed/op")
		})
	}
	b.Run("scan", func(b *testing.B) { // what a filter over two fields cannot do without
		b.SetBytes(int64(size / len(events)))
		paths := jsonscan.Compile([]string{"page", "load_ms"}, []string{"geo", "country"})
		found := make([]jsonscan.Value, 2)
		for i := range b.N {
			if err := paths.Scan(events[i%len(events)], found); err != nil {
				b.Fatal(err)
			}
		}
	})
	const expression = `event.page.load_ms > 500 && event.geo.country == "DE"`
	f("list", Config{Include: []Clause{{Where: []string{"page.load_ms > 500", `geo.country = "DE"`}}}}, true)
	f("types", Config{Include: []Clause{{Types: []string{"order", "page*"}, Where: []string{`geo.country IN ("DE", "FR")`}}}}, true)
	f("expression", Config{Expression: expression}, true)
	f("expression-cel", Config{Expression: expression}, false)
	f("rules", Config{Rules: &RuleSet{"and", []Rule{{LHV: "page.load_ms", Op: "is greater than", RHV: 500}, {LHV: "geo.country", Op: "is equal to", RHV: "de"}}}}, true)
	f("any-element", Config{Include: []Clause{{Where: []string{"order.items[*].price > 20"}}}}, true)
	f("macro", Config{Expression: `event.order.items.exists(i, i.price > 20)`}, true)
	f("arithmetic", Config{Expression: `event.page.load_ms * 2 > 1000`}, true)
}

const note = "The order was brought to the neighbours, who were so kind as to keep it until Saturday; " +
	"the tent has a small tear beside the second window, and the customer asks for a patch of the same green. " +
	"She would rather not send it back before the holidays, since the children are camping."
