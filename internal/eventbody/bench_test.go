package eventbody

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"firehose/internal/batch"
	"firehose/internal/format"
)

// benchRecords are a megabyte of events of about 1 KB.
func benchRecords() batch.Records {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"buyer", "solar", "west", "declined", "price", "call", "evening", "form", "referrer", "campaign"}
	var list []string
	for i := range 1000 {
		event := fmt.Sprintf(`{"event_id":"evt_%016x","timestamp":"2026-05-04T08:12:%02d.%03dZ","account_id":"acc_71fKq0","flow_id":"flow_%d","lead_id":"lead_%012x","event_type":"recipient.delivered","outcome":"success","duration_ms":%d,`+
			`"metadata":{"step_name":"Deliver to Buyer %d","integration":"custom_json","http_status":200,"price":%d.%02d},"lead_data":{"state":"CA","email":"%x@example.org","comments":"`,
			random.Uint64(), i%60, random.IntN(1000), random.IntN(20), random.Uint64(), random.IntN(900), random.IntN(9), random.IntN(90), random.IntN(100), random.Uint32())
		for len(event) < 920 {
			event += words[random.IntN(len(words))] + " "
		}
		list = append(list, event+`"},"firehose_metadata":{"masked_fields":["lead_data.email"]}}`)
	}
	return run(list...)
}

// BenchmarkPlainGzip is what a delivery without formats does.
func BenchmarkPlainGzip(b *testing.B) {
	records := benchRecords()
	b.SetBytes(int64(len(records.Bytes())))
	for b.Loop() {
		w, err := format.NewWriter(format.Gzip, io.Discard, "")
		if err != nil {
			b.Fatal(err)
		}
		w.Write(records.Bytes())
		w.Close()
	}
}

func BenchmarkBody(b *testing.B) {
	records := benchRecords()
	for name, c := range configs() {
		b.Run(name, func(b *testing.B) { benchmark(b, c, records) })
	}
	for _, compression := range Compressions() {
		b.Run("metadata/"+string(compression), func(b *testing.B) { benchmark(b, Config{Metadata: true, Compression: compression}, records) })
	}
}

func benchmark(b *testing.B, c Config, records batch.Records) {
	body := compile(b, c)
	b.SetBytes(int64(len(records.Bytes())))
	for b.Loop() {
		e, err := body.Encoder(meta, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Write(records); err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
