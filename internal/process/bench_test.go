package process

import (
	"fmt"
	"testing"
	"time"

	"firehose/internal/enrich"
	"firehose/internal/filter"
	"firehose/internal/mask"
	"firehose/internal/sample"
)

// kilobytes are sample events that a text brings to 1,000 bytes.
func kilobytes() (events [][]byte) {
	source := sample.New(1)
	for len(events) < 1000 {
		event := source.Next()
		if room := 1000 - len(event) - len(`,"note":""`); room >= 0 {
			text := fmt.Appendf(nil, "%s,\"note\":\"%-*.*s\"}", event[:len(event)-1], room, room, note)
			events = append(events, text)
		}
	}
	return events
}

const note = "The order was brought to the neighbours, who were so kind as to keep it until Saturday; the tent has a small tear beside " +
	"the second window, and the customer asks for a patch of the same green. She would rather not send it back before the holidays, " +
	"since the children are camping."

// BenchmarkSteps is what processing costs an event: a filter over two fields that all pass, tags and metadata, two masks.
func BenchmarkSteps(b *testing.B) {
	f := func(name string, c Events) {
		prepared, err := Prepare(c, Surroundings{})
		if err != nil {
			b.Fatal(err)
		}
		s, events, now := prepared.Steps(), kilobytes(), time.Now()
		b.Run(name, func(b *testing.B) {
			b.SetBytes(1000)
			b.ReportAllocs()
			for i := range b.N {
				event := events[i%len(events)]
				if s.Judge(event) != Passes {
					b.Fatal("filtered out")
				}
				event, failure, err := s.Enrich(event, now, now)
				if failure != nil || err != nil {
					b.Fatal(failure, err)
				}
				if _, _, failure := s.Mask(event); failure != nil {
					b.Fatal(failure)
				}
			}
		})
	}
	all := Events{
		Filter: &filter.Config{Include: []filter.Clause{{Where: []string{"page.load_ms < 60000", `geo.country != "XX"`}}}},
		Enrich: &enrich.Config{Tags: map[string]string{"team": "west", "env": "prod"},
			Metadata: map[string]any{"flow_name": "Tents by post", "flow_version": 14, "account": map[string]any{"plan": "enterprise"}}},
		Masks: []mask.Rule{{Path: "visitor.ip", Kind: "ip:net"}, {Path: "visitor.id", Kind: "hash:text"}},
		Key:   mask.Key{Secret: []byte("a secret of no value")},
	}
	f("filter", Events{Filter: all.Filter})
	f("enrich", Events{Enrich: all.Enrich})
	f("mask", Events{Masks: all.Masks, Key: all.Key})
	f("all", all)
}
