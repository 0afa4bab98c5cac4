package jq

import (
	"context"
	"testing"

	"firehose/internal/sample"
)

func BenchmarkValues(b *testing.B) {
	var events [][]byte
	for _, line := range sample.New(1).Lines(1000) {
		// A time in seconds and a text of the customer's bring an event to a kilobyte.
		event := append([]byte(`{"ts":1772438400.25,"note":"`), note...)
		events = append(events, append(append(event, `",`...), line[1:]...))
	}
	var size int
	for _, event := range events {
		size += len(event)
	}
	f := func(name, query string) {
		q, err := Compile(query)
		if err != nil {
			b.Fatal(err)
		}
		e, err := q.Evaluator(q.Keys())
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size / len(events)))
			b.ReportAllocs()
			var values []string
			for i := range b.N {
				if values, err = e.Values(context.Background(), events[i%len(events)], values[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("paths", `{visitor: .visitor.id, type: .type}`)
	f("five-paths", `{visitor: .visitor.id, type, country: .geo.country, source: .page.campaign.source, class: .device.class}`)
	f("members", `{customer: .visitor.id, device: (.device.class // "none"), hour: (.ts | strftime("%H"))}`)
	f("members-text-time", `{customer: .visitor.id, device: (.device.class // "none"), hour: .time[11:13]}`)
	f("members-strptime", `{customer: .visitor.id, device: (.device.class // "none"), hour: (.time[:19] | strptime("%Y-%m-%dT%H:%M:%S") | strftime("%H"))}`)
	f("whole", `. as $r | {customer: $r.visitor.id, device: ($r.device.class // "none"), hour: ($r.ts | strftime("%H"))}`)
}

const note = "The order was brought to the neighbours, who were so kind as to keep it until Saturday; " +
	"the tent has a small tear beside the second window, and the customer asks for a patch of the same green. " +
	"She would rather not send it back before the holidays, since the children are camping."
