package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"firehose/internal/bench/load"
	"firehose/internal/native"
	"firehose/internal/process"
	"firehose/internal/stream"
)

// declared returns the steps of the stream of events.
func declared(t *testing.T) *process.Steps {
	t.Helper()
	text, err := json.Marshal(streamShape{compression: "GZIP", bufferMiB: 5, events: true}.document("bench-00000"))
	if err != nil {
		t.Fatal(err)
	}
	key := func(string) (string, bool) { return "bench-key-of-no-value", true }
	spec, err := native.References{Variable: key}.Compile(stream.Key{}, text)
	if err != nil {
		t.Fatal(err)
	}
	d := spec.Deliveries[0]
	prepared, err := process.Prepare(*d.Process.Events, process.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	return prepared.Steps()
}

func TestEventsOfTheLoadPassAndAreMasked(t *testing.T) {
	steps := declared(t)
	const events, whole = 2000, 1800
	masked := 0
	for _, event := range load.Records(1, events, 1000) {
		if steps.Judge(event) != process.Passes {
			t.Fatalf("filtered out: %s", event)
		}
		enriched, failure, err := steps.Enrich(event, time.Time{}, time.Time{})
		if failure != nil || err != nil {
			t.Fatal(failure, err)
		}
		out, _, failure := steps.Mask(enriched)
		if failure != nil {
			t.Fatal(failure)
		}
		var seen struct {
			Visitor    struct{ ID, IP string }
			Enrichment struct {
				Tags map[string]string
				Flow string `json:"flow_name"`
			}
		}
		if err := json.Unmarshal(out, &seen); err != nil || len(seen.Enrichment.Tags) != 2 || seen.Enrichment.Flow == "" {
			t.Fatalf("%s: %v", out, err)
		}
		if strings.HasPrefix(seen.Visitor.ID, "hmac:") && strings.HasSuffix(seen.Visitor.IP, ".0") {
			masked++
		}
	}
	if masked < whole {
		t.Errorf("of %d events %d are masked, want %d at least", events, masked, whole)
	}
}
