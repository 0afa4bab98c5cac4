package segment

import (
	"fmt"
	"io"
	"testing"

	"firehose/internal/log"
)

// The benchmarks use the real disk, in the folder for temporary files (TMPDIR).

func benchEngine(b *testing.B, dir string) *Engine {
	b.Helper()
	e, err := Open(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	return e
}

func benchLog(b *testing.B, e *Engine, name string) log.Log {
	b.Helper()
	l, err := e.Open(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			l := benchLog(b, benchEngine(b, b.TempDir()), testLog)
			body := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := l.Append(b.Context(), body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			l := benchLog(b, benchEngine(b, b.TempDir()), testLog)
			body := make([]byte, size)
			bodies := make([][]byte, 16<<20/size)
			for i := range bodies {
				bodies[i] = body
			}
			for range 16 {
				if _, _, err := l.Append(b.Context(), bodies...); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			r := l.Read(1)
			for b.Loop() {
				if _, err := r.Next(); err == io.EOF {
					r = l.Read(1)
				} else if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpenLogs opens 100 logs of one entry each.
func BenchmarkOpenLogs(b *testing.B) {
	dir := b.TempDir()
	e := benchEngine(b, dir)
	const logs = 100
	for i := range logs {
		if _, _, err := benchLog(b, e, fmt.Sprintf("%032x/0", i)).Append(b.Context(), make([]byte, 1000)); err != nil {
			b.Fatal(err)
		}
	}
	e.Close()
	for b.Loop() {
		e := benchEngine(b, dir)
		for i := range logs {
			benchLog(b, e, fmt.Sprintf("%032x/0", i))
		}
		e.Close()
	}
}

// BenchmarkOpenLargeLog opens a log whose active segment is full.
func BenchmarkOpenLargeLog(b *testing.B) {
	dir := b.TempDir()
	e := benchEngine(b, dir)
	l := benchLog(b, e, testLog)
	for range 3800 {
		if _, _, err := l.Append(b.Context(), make([]byte, 4<<10), make([]byte, 4<<10), make([]byte, 4<<10), make([]byte, 4<<10)); err != nil {
			b.Fatal(err)
		}
	}
	e.Close()
	for b.Loop() {
		e := benchEngine(b, dir)
		benchLog(b, e, testLog)
		e.Close()
	}
}
