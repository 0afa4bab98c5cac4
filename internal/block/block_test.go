package block

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func newKey(number uint32) *Key {
	c, err := aes.NewCipher(bytes.Repeat([]byte{byte(number)}, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		panic(err)
	}
	return &Key{Number: number, AEAD: aead}
}

// ring returns the Keys that finds the given ones.
func ring(keys ...*Key) Keys {
	return func(number uint32) (cipher.AEAD, error) {
		for _, k := range keys {
			if k.Number == number {
				return k.AEAD, nil
			}
		}
		return nil, fmt.Errorf("no key %d", number)
	}
}

func pack(key *Key, records ...[]byte) []byte {
	var b Builder
	for _, r := range records {
		b.Append(r)
	}
	return b.Pack(nil, key)
}

// randomRecords returns records of random bytes or of text, up to a block full.
func randomRecords(r *rand.Rand) (records [][]byte) {
	count, sizeMax := 1+r.IntN(1<<r.IntN(10)), 1<<r.IntN(21)
	text := r.IntN(2) == 0
	var b Builder
	for range count {
		data := make([]byte, r.IntN(sizeMax+1))
		for i := range data {
			data[i] = byte(r.Uint32())
			if text {
				data[i] = "abc "[data[i]%4]
			}
		}
		if !b.Fits(len(data)) {
			break
		}
		b.Append(data)
		records = append(records, data)
	}
	return records
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var got, lengths Block // used again and again
	for i := range 300 {
		records := randomRecords(r)
		var key *Key
		if i%2 == 0 {
			key = newKey(uint32(1 + i))
		}
		body := pack(key, records...)
		if err := got.Unpack(body, ring(newKey(uint32(1+i)))); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		if got.Count() != len(records) {
			t.Fatalf("block %d: %d records, want %d", i, got.Count(), len(records))
		}
		for n, want := range records {
			if !bytes.Equal(got.Record(n), want) {
				t.Fatalf("block %d: record %d differs", i, n)
			}
		}
		if got.Start(got.Count()) != len(got.Data) {
			t.Fatalf("block %d: %d bytes of data, the records end at %d", i, len(got.Data), got.Start(got.Count()))
		}
		if err := lengths.UnpackLengths(body, ring(newKey(uint32(1+i)))); err != nil || !slices.Equal(lengths.Ends, got.Ends) {
			t.Fatalf("block %d: lengths end at %v, want %v; %v", i, lengths.Ends, got.Ends, err)
		}
	}
}

func TestPackAppends(t *testing.T) {
	for _, key := range []*Key{nil, newKey(1)} {
		var b Builder
		b.Append([]byte(strings.Repeat("one", 100)))
		all := b.Pack([]byte("before"), key)
		start := len(all)
		b.Reset()
		b.Append([]byte("two"))
		if b.Count() != 1 {
			t.Errorf("%d records after Reset", b.Count())
		}
		all = b.Pack(all, key)
		var first, second Block
		err := errors.Join(first.Unpack(all[6:start], ring(newKey(1))), second.Unpack(all[start:], ring(newKey(1))))
		if err != nil || string(all[:6]) != "before" || string(first.Data) != strings.Repeat("one", 100) || string(second.Data) != "two" {
			t.Errorf("%q, %q, %v", first.Data, second.Data, err)
		}
	}
}

func TestBuilderTakesAnyFirstRecordAndThenAMebibyte(t *testing.T) {
	var b Builder
	if !b.Fits(SizeMax + 1) {
		t.Error("an empty builder refuses a record")
	}
	b.Append(make([]byte, SizeMax-1))
	if !b.Fits(1) || b.Fits(2) {
		t.Error("the bound is not exact")
	}
	b.Append([]byte{1})
	if !b.Fits(0) || b.Fits(1) {
		t.Error("a full builder takes more than empty records")
	}
}

func TestEncryptedBlocksDiffer(t *testing.T) {
	if bytes.Equal(pack(newKey(1), []byte("x")), pack(newKey(1), []byte("x"))) {
		t.Error("a nonce was used twice")
	}
}

func TestCorruptBytesAreNoBlock(t *testing.T) {
	plain := pack(nil, []byte("one"), nil, []byte(strings.Repeat("two", 50)))
	secret := pack(newKey(7), []byte("one"), nil, []byte(strings.Repeat("two", 50)))
	var b Block
	for i := range secret {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(secret)
			bad[i] ^= flip
			if err := b.Unpack(bad, ring(newKey(7))); err == nil {
				t.Errorf("a flipped bit in byte %d of an encrypted block passed", i)
			} else if !errors.Is(err, ErrCorrupt) && !strings.Contains(err.Error(), "no key") {
				t.Errorf("byte %d: %v", i, err)
			}
		}
	}
	for _, body := range [][]byte{plain, secret} {
		for n := range body {
			if err := b.Unpack(body[:n], ring(newKey(7))); !errors.Is(err, ErrCorrupt) {
				t.Errorf("cut to %d bytes: %v", n, err)
			}
			if err := b.UnpackLengths(body[:n], ring(newKey(7))); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("lengths, cut to %d bytes: %v", n, err)
			}
		}
		if err := b.Unpack(append(bytes.Clone(body), 0), ring(newKey(7))); !errors.Is(err, ErrCorrupt) {
			t.Errorf("with one byte more: %v", err)
		}
	}
	for i := range headerSize {
		bad := bytes.Clone(plain)
		bad[i] ^= 0x20
		if err := b.Unpack(bad, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d of the header: %v", i, err)
		}
	}
}

func TestKeyThatIsNotAtHandIsNoCorruption(t *testing.T) {
	body := pack(newKey(7), []byte("x"))
	var b Block
	for _, keys := range []Keys{nil, ring()} {
		if err := b.Unpack(body, keys); err == nil || errors.Is(err, ErrCorrupt) {
			t.Errorf("without the key: %v", err)
		}
		if err := b.UnpackLengths(body, keys); err == nil || errors.Is(err, ErrCorrupt) {
			t.Errorf("lengths without the key: %v", err)
		}
	}
	if err := b.Unpack(body, func(uint32) (cipher.AEAD, error) { return newKey(8).AEAD, nil }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("with a wrong key: %v", err)
	}
}

// TestLayoutStaysTheSame reads blocks that older versions wrote, and, where no nonce and no compressor has a say, writes
// the same bytes.
func TestLayoutStaysTheSame(t *testing.T) {
	few := [][]byte{[]byte("one"), nil, bytes.Repeat([]byte{0xfe}, 3), []byte("\x00")}
	many := [][]byte{[]byte(strings.Repeat("twelve bytes", 200)), []byte("end")}
	f := func(name string, key *Key, records [][]byte, same bool) {
		t.Helper()
		path := filepath.Join("testdata", name+".hex")
		if *update {
			text := hex.Dump(pack(key, records...))
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want := readDump(t, path)
		var b Block
		if err := b.Unpack(want, ring(newKey(7))); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, r := range records {
			if b.Count() != len(records) || !bytes.Equal(b.Record(i), r) {
				t.Errorf("%s: record %d of %d is %q", name, i, b.Count(), b.Record(i))
			}
		}
		if got := pack(key, records...); same && !bytes.Equal(got, want) {
			t.Errorf("%s: packed\n%swant\n%s", name, hex.Dump(got), hex.Dump(want))
		}
	}
	f("v1-plain", nil, few, true)
	f("v1-compressed", nil, many, false)
	f("v1-encrypted", newKey(7), few, false)
	f("v1-encrypted-compressed", newKey(7), many, false)
}

// readDump reads what hex.Dump writes.
func readDump(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "|")
		for _, word := range strings.Fields(line)[1:] {
			b, err := hex.DecodeString(word)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
	}
	return all
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(nil, []byte("one"), nil, []byte("two")))
	f.Add(pack(nil, []byte(strings.Repeat("two", 50))))
	f.Add(pack(newKey(7), []byte("one")))
	f.Fuzz(func(t *testing.T, body []byte) {
		var whole, lengths Block
		err := whole.Unpack(body, ring(newKey(7)))
		lengthsErr := lengths.UnpackLengths(body, ring(newKey(7)))
		if err != nil {
			return
		}
		if lengthsErr != nil || !slices.Equal(whole.Ends, lengths.Ends) || whole.Ends[len(whole.Ends)-1] != len(whole.Data) {
			t.Errorf("ends %v, lengths %v, %v", whole.Ends, lengths.Ends, lengthsErr)
		}
	})
}

// events returns records like those that producers send: JSON of about a kilobyte.
func events(count int) (records [][]byte) {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range count {
		records = append(records, fmt.Appendf(nil, `{"id":"%016x%016x","time":"2026-02-03T04:05:%02d.%03dZ","type":"page_view","user":{"id":%d,`+
			`"country":"%s","plan":"%s"},"page":{"url":"https://shop.example.com/products/%d?ref=%x","title":"Product %d","ms":%d},`+
			`"agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",`+
			`"session":"%016x%016x","trace":"%016x","tags":["web","checkout","experiment-%d"],"padding":"%s"}`+"\n",
			r.Uint64(), r.Uint64(), i%60, r.IntN(1000), r.IntN(1e6), []string{"DE", "US", "FR", "JP"}[r.IntN(4)],
			[]string{"free", "team", "enterprise"}[r.IntN(3)], r.IntN(5000), r.Uint32(), r.IntN(5000), r.IntN(3000), 100+r.IntN(30),
			r.Uint64(), r.Uint64(), r.Uint64(), r.IntN(20), hex.EncodeToString(fmt.Append(nil, r.Uint64(), r.Uint64(), r.Uint64()))))
	}
	return records
}

func builderOf(records [][]byte) *Builder {
	b := new(Builder)
	for _, r := range records {
		if b.Fits(len(r)) {
			b.Append(r)
		}
	}
	return b
}

func BenchmarkPack(b *testing.B) {
	for _, key := range []*Key{nil, newKey(7)} {
		b.Run(fmt.Sprintf("encrypted=%t", key != nil), func(b *testing.B) {
			full := builderOf(events(2000))
			var body []byte
			b.SetBytes(int64(len(full.data)))
			b.ReportAllocs()
			for b.Loop() {
				body = full.Pack(body[:0], key)
			}
			b.ReportMetric(float64(len(full.data))/float64(len(body)), "ratio")
		})
	}
}

func benchmarkUnpack(b *testing.B, unpack func(into *Block, body []byte) error) {
	for _, key := range []*Key{nil, newKey(7)} {
		b.Run(fmt.Sprintf("encrypted=%t", key != nil), func(b *testing.B) {
			full := builderOf(events(2000))
			body := full.Pack(nil, key)
			var into Block
			b.SetBytes(int64(len(full.data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := unpack(&into, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	benchmarkUnpack(b, func(into *Block, body []byte) error { return into.Unpack(body, ring(newKey(7))) })
}

func BenchmarkUnpackLengths(b *testing.B) {
	benchmarkUnpack(b, func(into *Block, body []byte) error { return into.UnpackLengths(body, ring(newKey(7))) })
}
