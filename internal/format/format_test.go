package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

const entryName = "01234567-89ab-4def-8123-456789abcdef"

var compressions = []Compression{Uncompressed, Gzip, Zip, Snappy, HadoopSnappy}

// encode writes data in pieces of the sizes that next gives.
func encode(t testing.TB, c Compression, data []byte, next func() int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(c, &out, entryName)
	if err != nil {
		t.Fatal(err)
	}
	for rest := data; len(rest) > 0; {
		n := min(next(), len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func whole(t testing.TB, c Compression, data []byte) []byte {
	t.Helper()
	return encode(t, c, data, func() int { return len(data) })
}

func samples() map[string][]byte {
	random := make([]byte, 700_001)
	rand.NewChaCha8([32]byte{1}).Read(random)
	events := sampleEvents(700_000)
	all := map[string][]byte{
		"empty": {}, "one byte": {'x'}, "events": events, "incompressible": random, "zeros": make([]byte, 1<<20),
		"large": bytes.Repeat(events, 3),
	}
	for _, size := range []int{xerialBlockSize, hadoopBlockSize, deflateBlockSize} {
		for _, n := range []int{size - 1, size, size + 1, 2 * size} {
			all[fmt.Sprint(n, " bytes")] = events[:n]
		}
	}
	return all
}

func TestContainersReadBackEqual(t *testing.T) {
	for name, data := range samples() {
		for _, c := range compressions {
			got, err := decode(c, whole(t, c, data))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, %s: %d bytes of %d, %v", c, name, len(got), len(data), err)
			}
		}
	}
}

func TestOutputDoesNotDependOnThePieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := map[string]func() int{
		"records": func() int { return 1 + random.IntN(1500) },
		"mixed":   func() int { return 1 + random.IntN(400_000) },
		"7 KiB":   func() int { return 7 << 10 },
	}
	for name, data := range samples() {
		for _, c := range compressions {
			want := whole(t, c, data)
			for piece, next := range pieces {
				if !bytes.Equal(encode(t, c, data, next), want) {
					t.Errorf("%s, %s: pieces of %s make another body", c, name, piece)
				}
			}
		}
	}
}

// TestOutputDoesNotDependOnEarlierUse reuses pooled compressors between unlike contents, and from many goroutines.
func TestOutputDoesNotDependOnEarlierUse(t *testing.T) {
	data := sampleEvents(600_000)
	unlike := [][]byte{make([]byte, 300_000), samples()["incompressible"], data[10:], bytes.Repeat(data[:999], 300)}
	for _, c := range compressions {
		want := sha256.Sum256(whole(t, c, data))
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				whole(t, c, unlike[i%len(unlike)])
				if sha256.Sum256(whole(t, c, data)) != want {
					t.Errorf("%s: a used compressor makes another body", c)
				}
			})
		}
		group.Wait()
	}
}

func TestSmallBodiesHaveTheContainersBytes(t *testing.T) {
	f := func(c Compression, content, want string) {
		t.Helper()
		if got := hex.EncodeToString(whole(t, c, []byte(content))); got != want {
			t.Errorf("%s of %q: got %s, want %s", c, content, got, want)
		}
	}
	f(Uncompressed, "", "")
	f(Uncompressed, "abc", "616263")
	f(Gzip, "", "1f8b08000000000000ff"+"0300"+"0000000000000000")
	f(Snappy, "", "82534e41505059000000000100000001")
	f(Snappy, "abc", "82534e41505059000000000100000001"+"00000005"+"0308616263")
	f(HadoopSnappy, "", "")
	f(HadoopSnappy, "abc", "00000003"+"00000005"+"0308616263")
}

func TestContentEncodings(t *testing.T) {
	want := []string{"", "gzip", "zip", "snappy-java", "hadoop-snappy"}
	for i, c := range compressions {
		if got := c.ContentEncoding(); got != want[i] {
			t.Errorf("%s: %q", c, got)
		}
	}
}

func TestUnknownCompressionIsRefused(t *testing.T) {
	for _, c := range []Compression{"", "gzip", "SNAPPY"} {
		if _, err := NewWriter(c, io.Discard, entryName); err == nil {
			t.Errorf("%q is accepted", c)
		}
	}
}

var errFull = errors.New("full")

// fullWriter takes a number of bytes and then fails.
type fullWriter struct{ room int }

func (w *fullWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return 0, errFull
	}
	w.room -= len(p)
	return len(p), nil
}

func TestErrorsOfTheWriterBelowAreReturnedAndStay(t *testing.T) {
	data := sampleEvents(900_000)
	for _, c := range compressions[1:] {
		size := len(whole(t, c, data))
		for _, room := range []int{0, 5, 20, size / 2, size - 1} {
			w, err := NewWriter(c, &fullWriter{room}, entryName)
			if err != nil {
				t.Fatal(err)
			}
			_, writeErr := w.Write(data)
			if closeErr := w.Close(); !errors.Is(closeErr, errFull) {
				t.Errorf("%s with room for %d: Write %v, Close %v", c, room, writeErr, closeErr)
			}
			if _, err := w.Write(data); !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d: a later Write gives %v", c, room, err)
			}
		}
		if got, err := decode(c, whole(t, c, data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s is broken after errors: %v", c, err)
		}
	}
}

func TestClosedWritersRefuseBytes(t *testing.T) {
	for _, c := range compressions[1:] {
		var out bytes.Buffer
		w, err := NewWriter(c, &out, entryName)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Errorf("%s: Close: %v", c, err)
		}
		if _, err := w.Write([]byte("x")); err == nil {
			t.Errorf("%s: Write after Close is accepted", c)
		}
	}
}

func TestOpenWritersHoldTheirBlockAlone(t *testing.T) {
	const writers, content = 200, 1000
	for _, c := range compressions {
		var before, after runtime.MemStats
		open := make([]io.WriteCloser, writers)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range open {
			open[i], _ = NewWriter(c, io.Discard, entryName)
			if _, err := open[i].Write(make([]byte, content)); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / writers; each > 8*content {
			t.Errorf("%s: an open writer with %d bytes holds %d", c, content, each)
		}
		runtime.KeepAlive(open)
	}
}

func FuzzContainersReadBackEqual(f *testing.F) {
	f.Add([]byte(""), uint16(1))
	f.Add([]byte(`{"a":1}{"a":2}`), uint16(3))
	f.Add(sampleEvents(70_000), uint16(40_000))
	f.Fuzz(func(t *testing.T, data []byte, piece uint16) {
		for _, c := range compressions {
			body := encode(t, c, data, func() int { return int(piece) + 1 })
			got, err := decode(c, body)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes of %d, %v", c, len(got), len(data), err)
			}
			if !bytes.Equal(body, whole(t, c, data)) {
				t.Errorf("%s: pieces of %d make another body", c, int(piece)+1)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	data := sampleEvents(5 << 20)
	for _, c := range compressions {
		b.Run(string(c), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = len(encode(b, c, data, func() int { return 64 << 10 }))
			}
			b.ReportMetric(float64(len(data))/float64(size), "ratio")
		})
	}
}

// sampleEvents makes at least size bytes of events of an online shop, about 750 bytes each, and cuts them to the size.
func sampleEvents(size int) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	agents := []string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
		"okhttp/4.12.0",
	}
	kinds := []string{"page.view", "cart.add", "cart.remove", "checkout.begin", "checkout.done"}
	var out bytes.Buffer
	for out.Len() < size {
		n := random.IntN
		fmt.Fprintf(&out, `{"id":"%016x%016x","time":"2026-07-%02dT%02d:%02d:%02d.%03dZ","type":"%s",`,
			random.Uint64(), random.Uint64(), 1+n(28), n(24), n(60), n(60), n(1000), kinds[n(len(kinds))])
		fmt.Fprintf(&out, `"user":{"id":%d,"email":"user%d@example.com","country":"%s","session":"%016x"},`,
			n(1e6), n(1e6), []string{"US", "DE", "JP", "BR"}[n(4)], random.Uint64())
		fmt.Fprintf(&out, `"page":{"url":"https://shop.example.com/products/%d?ref=%d","title":"Product %d","referrer":null},`,
			n(5000), n(100), n(5000))
		fmt.Fprintf(&out, `"device":{"agent":"%s","screen":{"width":%d,"height":%d}},"cart":[`, agents[n(3)], n(4000), n(3000))
		for i := range 3 {
			fmt.Fprintf(&out, `%s{"sku":"SKU-%06d","price":%d.%02d,"quantity":%d}`, []string{"", ","}[min(i, 1)], n(1e6), n(500), n(100), 1+n(9))
		}
		fmt.Fprintf(&out, `],"timing":{"dns":%d,"connect":%d,"first_byte":%d,"load":%d},"consent":true}`+"\n", n(90), n(90), n(900), n(4000))
	}
	return out.Bytes()[:size]
}
