package parquet

import (
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"firehose/internal/columns"
)

// An event of twelve columns of mixed kinds. Written as JSON it takes about eventJSONSize bytes.
const (
	eventType = "struct<id:string,user:bigint,session:string,kind:string,at:timestamp,day:date,price:decimal(12,2),amount:int," +
		"score:double,active:boolean,tags:array<string>,place:struct<country:string,city:string>>"
	eventJSONSize = 300
)

// events returns rows as a stream of clicks has them: ids that never repeat, names that often do, a few nulls.
func events(t testing.TB, count int) *columns.Vector {
	t.Helper()
	v := columns.NewVector(mustType(t, eventType))
	r := rand.New(rand.NewPCG(1, 2))
	text := func(v *columns.Vector, text string) {
		v.Present, v.Data = append(v.Present, true), append(v.Data, text...)
		v.Ends = append(v.Ends, len(v.Data))
	}
	number := func(v *columns.Vector, n int64) { v.Present, v.Ints = append(v.Present, true), append(v.Ints, n) }
	for i := range count {
		v.Present = append(v.Present, true)
		c := v.Children
		text(c[0], strconv.FormatUint(r.Uint64(), 16)+"-"+strconv.FormatUint(r.Uint64(), 16))
		number(c[1], r.Int64N(1<<40))
		text(c[2], strconv.FormatUint(r.Uint64N(1<<20), 36)+"-session-of-a-user")
		text(c[3], []string{"view", "click", "purchase", "return"}[r.IntN(4)])
		number(c[4], 1_700_000_000+int64(i)/100)
		c[4].Nanos = append(c[4].Nanos, r.Int32N(1000)*1e6)
		number(c[5], 19_675+int64(i)/100_000)
		c[6].Present = append(c[6].Present, true)
		c[6].Decimals = append(c[6].Decimals, columns.Int128{Low: r.Uint64N(1e6)})
		if i%10 == 0 {
			c[7].AppendNull()
		} else {
			number(c[7], r.Int64N(100))
		}
		c[8].Present, c[8].Floats = append(c[8].Present, true), append(c[8].Floats, r.Float64())
		number(c[9], r.Int64N(2))
		c[10].Present = append(c[10].Present, true)
		for range r.IntN(4) {
			text(c[10].Children[0], "tag-"+strconv.Itoa(r.IntN(50)))
		}
		c[10].Ends = append(c[10].Ends, c[10].Children[0].Len())
		c[11].Present = append(c[11].Present, true)
		text(c[11].Children[0], []string{"DE", "FR", "US", "JP"}[r.IntN(4)])
		text(c[11].Children[1], []string{"Springfield", "Kyoto", "Lyon", "Ulm"}[r.IntN(4)])
	}
	return v
}

func BenchmarkWrite(b *testing.B) {
	v := events(b, 10_000)
	for _, o := range []Options{
		{}, {Version: "V2"}, {Dictionary: true}, {Compression: "GZIP"}, {Compression: "UNCOMPRESSED"},
	} {
		b.Run(o.Compression+o.Version+strconv.FormatBool(o.Dictionary), func(b *testing.B) {
			b.SetBytes(int64(v.Len() * eventJSONSize))
			x, err := NewWriter(io.Discard, v.Type, o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				if err := x.Write(v); err != nil {
					b.Fatal(err)
				}
				rows += v.Len()
			}
			if err := x.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(x.file.TotalBytesWritten())/float64(rows), "bytes/row")
		})
	}
}

// TestABatchStaysInMemory holds what a batch of 128 MB of JSON costs at its end: compressed pages, and open ones.
func TestABatchStaysInMemory(t *testing.T) {
	const batchSize, heapMax = 128 << 20, 150 << 20
	v := events(t, 10_000)
	f := func(o Options) {
		t.Helper()
		x, err := NewWriter(io.Discard, v.Type, o)
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		for range batchSize / eventJSONSize / v.Len() {
			if err := x.Write(v); err != nil {
				t.Fatal(err)
			}
		}
		if held := heap() - before; held > heapMax {
			t.Errorf("%+v: the writer holds %d MiB", o, held>>20)
		} else {
			t.Logf("%+v: the writer holds %d MiB", o, held>>20)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f(Options{})
	f(Options{Dictionary: true})
	f(Options{Compression: "GZIP"})
	f(Options{Compression: "UNCOMPRESSED", Version: "V2"})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
