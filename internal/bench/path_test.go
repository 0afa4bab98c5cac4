package bench

import (
	"log/slog"
	"testing"

	"firehose/internal/bench/load"
	"firehose/internal/config"
	"firehose/internal/server"
)

// benchmarkPut measures the way of a put in one process, from the client's write to the synced log, with the client in
// the numbers. For profiles: go test -bench Put -cpuprofile.
func benchmarkPut(b *testing.B, batch, connections int) {
	c := config.Default()
	c.Listen, c.DataDir, c.Store = "127.0.0.1:0", b.TempDir(), "file"
	s, err := server.Start(b.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Stop(b.Context())
	name := load.StreamName(benchPrefix, 0)
	if err := (control{url: s.URL()}).createStreams(b.Context(), []string{name}, streamShape{compression: "GZIP", bufferMiB: 5}); err != nil {
		b.Fatal(err)
	}
	const size = 1000
	l, err := load.New(b.Context(), load.Settings{URL: s.URL(), Streams: []string{name}, Batch: batch, Size: size, Connections: connections, Records: b.N * batch})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(batch * size))
	b.ReportAllocs()
	b.ResetTimer()
	l.Run(b.Context())
	b.StopTimer()
	if stats := l.Stats(); stats.Records != b.N*batch {
		b.Fatalf("%d of %d records were taken: %s", stats.Records, b.N*batch, stats.FirstFailure)
	}
}

func BenchmarkPutRecord(b *testing.B)      { benchmarkPut(b, 1, 64) }
func BenchmarkPutRecordBatch(b *testing.B) { benchmarkPut(b, 500, 4) }
