package bench

import (
	"fmt"
	"strings"
)

// hashKeyName is the variable of the server's environment with the key of the hashes.
const hashKeyName = "BENCH_HASH_KEY"

// document declares a stream of events with one filter over two fields, tags and metadata added to each, and two masks.
//
// Every event of the load passes, since what is filtered out costs less than what is delivered. A fifteenth of them is
// too long for the record's size and has an id and a text only; a comparison with what those lack is left out. The masks
// hide something in all others, and are chosen so that objects compress as before: a hash is as random as what it hides.
func (s streamShape) document(name string) map[string]any {
	return map[string]any{
		"name":     name,
		"metadata": map[string]any{"flow_name": "Tents by post", "flow_version": 14, "account": map[string]any{"plan": "enterprise"}},
		"destinations": []any{map[string]any{
			"type":   "s3",
			"s3":     map[string]any{"bucket": benchBucket},
			"batch":  map[string]any{"size": fmt.Sprintf("%dMiB", s.bufferMiB), "wait": "5m"},
			"format": map[string]any{"type": "ndjson", "compression": s.nativeCompression()},
			"filter": map[string]any{"missing": "skip", "include": []any{map[string]any{
				"where": []string{"page.load_ms < 60000", `geo.country != "XX"`}}}},
			"enrich": map[string]any{"tags": map[string]any{"team": "west", "env": "prod"}},
			"mask": map[string]any{"key": "${" + hashKeyName + "}", "rules": []any{
				map[string]any{"path": "visitor.ip", "kind": "ip:net"},
				map[string]any{"path": "visitor.id", "kind": "hash:text"},
			}},
		}},
	}
}

// nativeCompression is the document's word for what Amazon's API writes in capitals.
func (s streamShape) nativeCompression() string {
	if s.compression == "" || s.compression == "UNCOMPRESSED" {
		return "none"
	}
	return strings.ToLower(s.compression)
}
