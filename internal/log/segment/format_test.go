package segment

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// reseal puts the right checksum under a changed file header.
func reseal(h []byte) {
	binary.BigEndian.PutUint32(h[36:], crc32.Checksum(h[:36], castagnoli))
}

func TestLayoutIsGolden(t *testing.T) {
	h := fileHeader{salt: 0x01020304, base: 7, time: 1_800_000_000_000_000_001}
	b := h.encode()
	b = appendFrame(b, h.seed(), 7, 1_800_000_000_000_000_002, []byte("first body"))
	b = appendFrame(b, h.seed(), 8, 1_800_000_000_000_000_002, nil)
	b = appendFrame(b, h.seed(), 10, 1_800_000_000_000_000_003, []byte{0xF1, 'F', 'H', 1})

	golden := filepath.Join("testdata", "segment-v1.hex")
	if *update {
		if err := os.WriteFile(golden, []byte(hex.Dump(b)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.Dump(b); got != string(want) {
		t.Fatalf("layout changed; old data could not be read:\n%s", got)
	}
}

func TestHeadersReadBack(t *testing.T) {
	h := fileHeader{salt: math.MaxUint32, base: math.MaxUint64, time: -1}
	if got, err := decodeFileHeader(h.encode()); err != nil || got != h {
		t.Fatalf("read %+v, %v", got, err)
	}
	b := appendFrame(nil, 9, math.MaxUint64, -1, []byte("body"))
	if got, ok := decodeFrameHeader(b, 9); !ok || got.number != math.MaxUint64 || got.time != -1 || got.size() != int64(len(b)) {
		t.Fatalf("read %+v, %v", got, ok)
	}
	if _, ok := decodeFrameHeader(b, 8); ok {
		t.Fatal("a frame of another segment is taken for one of this")
	}
	for _, name := range []string{"1.seg", "00000000000000000001", "0000000000000000000a.seg", "+0000000000000000001.seg", "99999999999999999999.seg"} {
		if base, ok := parseFileName(name); ok {
			t.Errorf("%s names the segment %d", name, base)
		}
	}
	if base, ok := parseFileName(fileName(math.MaxUint64)); !ok || base != math.MaxUint64 {
		t.Error("the largest number does not read back")
	}
}

// scanAll walks over a segment's bytes and checks what must hold whatever they are.
func scanAll(t *testing.T, b []byte, seed uint32, chunk int64) (entries []item) {
	buffer := make([]byte, 0, 64)
	s := scanner{
		file: bytes.NewReader(b), seed: seed, off: framesOffset, size: int64(len(b)), expect: 1, limit: unlimited,
		buffer: &buffer, chunk: chunk,
	}
	for at, number := s.off, uint64(0); ; {
		it, err := s.next()
		if err == io.EOF {
			if s.off < s.size {
				t.Fatalf("stopped at %d of %d", s.off, s.size)
			}
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		if it.off != at || it.end <= it.off || it.end > s.size {
			t.Fatalf("item from %d to %d after %d", it.off, it.end, at)
		}
		at = it.end
		if it.damaged {
			continue
		}
		if it.number <= number {
			t.Fatalf("entry %d after %d", it.number, number)
		}
		if want := appendFrame(nil, seed, it.number, it.time, it.body); !bytes.Equal(want, b[it.off:it.end]) {
			t.Fatalf("entry %d is not what stands in the file", it.number)
		}
		number = it.number
		it.body = bytes.Clone(it.body)
		entries = append(entries, it)
	}
}

// FuzzScan damages a segment as the input says: triples of an offset and a byte to put there. The scanner must return
// every frame that was not touched, and nothing that was never written.
func FuzzScan(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	f.Add([]byte{0, 80, 1, 1, 2, 3}, uint16(100))
	f.Add([]byte{0, 100, 0, 0, 140, 0xF1, 0, 141, 'F'}, uint16(1))
	h := fileHeader{salt: 42, base: 1, time: 1}
	b, seed := h.encode(), h.seed()
	ends := []int{len(b)}
	nested := appendFrame(nil, seed+1, 1000, 1, []byte("a frame of another segment"))
	for i, body := range [][]byte{[]byte("one"), nil, nested, bytes.Repeat([]byte("x"), 300), frameMagic, []byte("last")} {
		b = appendFrame(b, seed, uint64(i+1), 1, body)
		ends = append(ends, len(b))
	}
	f.Fuzz(func(t *testing.T, edits []byte, cut uint16) {
		damaged := bytes.Clone(b)
		for ; len(edits) >= 3; edits = edits[3:] {
			if off := int(edits[0])<<8 | int(edits[1]); off < len(b) {
				damaged[off] = edits[2]
			}
		}
		damaged = damaged[:len(b)-int(cut)%(len(b)-framesOffset)]
		got := scanAll(t, damaged, seed, 64)
		for i := range ends[1:] {
			from, to := ends[i], ends[i+1]
			whole := to <= len(damaged) && bytes.Equal(b[from:to], damaged[from:to])
			found := false
			for _, it := range got {
				found = found || it.number == uint64(i+1) && it.off == int64(from)
			}
			if whole != found {
				t.Fatalf("frame %d whole %v, read %v", i+1, whole, found)
			}
		}
	})
}

// FuzzScanBytes scans any bytes at all.
func FuzzScanBytes(f *testing.F) {
	f.Add(appendFrame(make([]byte, framesOffset), 0, 1, 1, []byte("body")))
	f.Fuzz(func(t *testing.T, b []byte) {
		decodeFileHeader(b)
		scanAll(t, b, 0, 32)
	})
}
