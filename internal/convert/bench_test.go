package convert

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"firehose/internal/batch"
)

const benchTable = "struct<id:bigint,at:timestamp,user:string,country:varchar(2),price:decimal(10,2),quantity:int,paid:boolean," +
	"ratio:double,tags:array<string>,place:struct<lat:double,lon:double>,path:string,agent:string>"

// benchRecords are some megabytes of records of twelve columns, without repetition that a file could use.
func benchRecords() batch.Records {
	random := rand.New(rand.NewPCG(1, 2))
	var records []string
	for i := range 12_000 {
		records = append(records, fmt.Sprintf(`{"id":%d,"at":"2026-%02d-%02dT10:20:30.%03dZ","user":"%016x%016x","country":"%c%c","price":%d.%02d,`+
			`"quantity":%d,"paid":%t,"ratio":%.6f,"tags":["%x","%x"],"place":{"lat":%.5f,"lon":%.5f},"path":"/shop/%x/%x/index.html","agent":"Mozilla/5.0 (X11; Linux x86_64; rv:%d.0)"}`+"\n",
			i, 1+random.IntN(12), 1+random.IntN(28), random.IntN(1000), random.Uint64(), random.Uint64(), 'a'+random.IntN(26), 'a'+random.IntN(26),
			random.IntN(1000), random.IntN(100), random.IntN(20), random.IntN(2) == 0, random.Float64(), random.Uint32(), random.Uint32(),
			180*random.Float64()-90, 360*random.Float64()-180, random.Uint64(), random.Uint32(), random.IntN(200)))
	}
	return run(records...)
}

func BenchmarkParquet(b *testing.B) { benchmark(b, toParquet) }
func BenchmarkORC(b *testing.B)     { benchmark(b, toORC) }

// benchmark makes a file of 128 MB of JSON, and reports the most that the heap held meanwhile.
func benchmark(b *testing.B, c Config) {
	records := benchRecords()
	size := len(records.Bytes())
	times := 128<<20/size + 1
	b.SetBytes(int64(times * size))
	peak := uint64(0)
	for b.Loop() {
		runtime.GC()
		e, err := c.Encoder(b.Context(), tables{text: benchTable}, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		for range times {
			if err := e.Write(records); err != nil {
				b.Fatal(err)
			}
			if len(e.Rejected()) > 0 {
				b.Fatalf("%+v", e.Rejected()[0])
			}
			peak = max(peak, heap())
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
		peak = max(peak, heap())
	}
	b.ReportMetric(float64(peak)/1e6, "peak-heap-MB")
}

// heap returns the bytes of objects, dead ones that are not swept yet too.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestHeldRowsAreBounded holds the encoder to its promise: what it keeps itself does not grow with the file.
func TestHeldRowsAreBounded(t *testing.T) {
	e, err := toParquet.Encoder(t.Context(), tables{text: "struct<id:bigint,name:string>"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := e.Write(run(`{"id":1,"name":"` + strings.Repeat("x", 1<<20) + `"}`)); err != nil {
			t.Fatal(err)
		}
		if len(e.rows.Children[1].Data) > heldBytesMax {
			t.Fatalf("%d bytes are held", len(e.rows.Children[1].Data))
		}
	}
	for range 3 * heldRowsMax {
		if err := e.Write(run(`{"id":1}`)); err != nil {
			t.Fatal(err)
		}
		if e.rows.Len() >= heldRowsMax {
			t.Fatalf("%d rows are held", e.rows.Len())
		}
	}
}
