package orc

import (
	"fmt"
	"testing"

	"firehose/internal/columns"
)

// event is a table of twelve columns, and eventRows makes rows of it, each as JSON about 1 KB long.
const event = "struct<id:string,seq:bigint,at:timestamp,type:string,user:string,ip:string,agent:string,path:string,status:int," +
	"took:double,tags:array<string>,body:string>"

// eventBytes returns how long rows are as JSON objects.
func eventBytes(t *columns.Type, rows [][]any) (n int) {
	for _, row := range rows {
		n += len(render(t, row))
		for _, f := range t.Fields {
			n += len(f.Name) + len(`"":`)
		}
	}
	return n
}

func eventRows(n int) [][]any {
	r := newChance(1)
	words := []string{"lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do", "eiusmod", "tempor"}
	agents := make([]string, 40)
	for i := range agents {
		agents[i] = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0", 80+i, 80+i)
	}
	rows := make([][]any, n)
	for i := range rows {
		body := ""
		for len(body) < 600 {
			body += words[r.IntN(len(words))] + " "
			if r.oneIn(4) {
				body += fmt.Sprintf("%d ", r.IntN(100_000))
			}
		}
		rows[i] = []any{
			fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64()), int64(i), instant{1_790_000_000 + int64(i/50), r.Int64N(1000) * 1e6},
			[]string{"click", "view", "buy"}[r.IntN(3)], fmt.Sprintf("user-%d", r.IntN(50_000)),
			fmt.Sprintf("10.%d.%d.%d", r.IntN(4), r.IntN(256), r.IntN(256)), agents[r.IntN(len(agents))],
			fmt.Sprintf("/shop/%s/%s/%d", words[r.IntN(12)], words[r.IntN(12)], r.IntN(1000)), []any{int64(200), int64(404), nil}[r.IntN(3)],
			r.ExpFloat64() * 20, []any{words[r.IntN(12)], words[r.IntN(12)]}, body,
		}
	}
	return rows
}

func BenchmarkWrite(b *testing.B) {
	typ := parsed(b, event)
	rows := eventRows(20_000)
	v, size := vector(typ, rows), eventBytes(typ, rows)
	f := func(name string, o Options) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var written counter
			x, err := NewWriter(&written, typ, o)
			for b.Loop() && err == nil {
				err = x.Write(v)
			}
			if err == nil {
				err = x.Close()
			}
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(written)/float64(b.N*v.Len()), "B/row")
			b.ReportMetric(float64(size)/float64(v.Len()), "JSON-B/row")
		})
	}
	f("snappy", Options{})
	f("snappy-dictionary", Options{DictionaryKeyThreshold: 0.3})
	f("snappy-bloom", Options{BloomFilterColumns: []string{"id", "user"}})
	f("snappy-0.11", Options{Version: "V0_11"})
	f("none", Options{Compression: "NONE"})
	f("zlib", Options{Compression: "ZLIB"})
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
