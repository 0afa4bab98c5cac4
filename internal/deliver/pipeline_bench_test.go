package deliver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/deliver"
	"firehose/internal/disk"
	"firehose/internal/log/segment"
	"firehose/internal/process"
)

// thirdWord gives each record the partition of its third word.
type thirdWord struct{}

func (thirdWord) Values(_ context.Context, record []byte, dst []string) ([]string, error) {
	return append(dst, string(record[16:19])), nil
}

// nowhere takes everything.
type nowhere struct{}

func (nowhere) Close() error                                { return nil }
func (nowhere) Deliver(context.Context, *batch.Batch) error { return nil }
func (nowhere) Encoder(context.Context, batch.Head, io.Writer) (batch.Encoder, error) {
	return nothing{}, nil
}

// nothing keeps nothing.
type nothing struct{}

func (nothing) Write(batch.Records) error { return nil }
func (nothing) Close() error              { return nil }

// BenchmarkPipeline routes records of a kilobyte to 500 partitions.
func BenchmarkPipeline(b *testing.B) {
	const records, blocks = 500, 20
	plan := deliver.Plan{
		Limits:      batch.Limits{Size: 64 << 20, Interval: time.Hour},
		Destination: nowhere{}, Keys: thirdWord{}, Active: 1000, Process: process.Config{Partition: &process.Partition{}},
	}
	engine, err := segment.Open(segment.Options{Dir: b.TempDir(), FS: disk.OS, FreeMin: -1, Retention: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	l, err := engine.Open(b.Context(), "stream/0")
	if err != nil {
		b.Fatal(err)
	}
	w := &world{sent: nil}
	d, err := deliver.New(b.Context(), deliver.Settings{
		Log: l, Cursor: w, Open: func(int) (deliver.Plan, error) { return plan, nil }, Version: 1, InFlight: 4, Encoders: make(deliver.Slots, 1),
		Spools: batch.NewSpools(b.TempDir(), 1<<30), Retry: deliver.Retry{First: time.Second, Max: time.Second, Timeout: time.Minute},
		Released: func(uint64) {}, Observer: w, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	var bodies [][]byte
	filler := bytes.Repeat([]byte("some words of an event "), 50)
	for n := range blocks {
		var builder block.Builder
		for i := range records {
			text := fmt.Appendf(nil, `{"id":"%08d k%03d`, n*records+i, (i*7919+n)%500)
			builder.Append(append(text, filler[:1024-len(text)]...))
		}
		bodies = append(bodies, builder.Pack(nil, nil))
	}
	for range b.N {
		if _, _, err := l.Append(b.Context(), bodies...); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(records * blocks * 1024)
	b.ReportAllocs()
	b.ResetTimer()
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, b.Context()) }()
	if err := d.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records*blocks), "ns/record")
	stop()
	<-done
}
