package orc

import (
	"encoding/binary"
	"slices"
	"testing"
)

// Decoders of run lengths, written from the specification: each returns at least n values. They panic where p ends too early.

func decodeByteRuns(p []byte, n int) (list []byte) {
	for len(list) < n {
		head := int8(p[0])
		if head >= 0 {
			list = append(list, slices.Repeat(p[1:2], int(head)+3)...)
			p = p[2:]
			continue
		}
		list = append(list, p[1:1-int(head)]...)
		p = p[1-int(head):]
	}
	return list
}

func decodeRuns(v2 bool, p []byte, n int, signed bool) (list []int64) {
	for len(list) < n {
		var run []int64
		if v2 {
			run, p = decodeRun2(p, signed)
		} else {
			run, p = decodeRun1(p, signed)
		}
		list = append(list, run...)
	}
	return list
}

func takeVarint(p []byte, signed bool) (int64, []byte) {
	n, size := binary.Uvarint(p)
	if size <= 0 {
		panic("no varint")
	}
	if signed {
		return int64(n>>1) ^ -int64(n&1), p[size:]
	}
	return int64(n), p[size:]
}

func decodeRun1(p []byte, signed bool) (list []int64, rest []byte) {
	head := int8(p[0])
	if head >= 0 {
		step := int64(int8(p[1]))
		v, rest := takeVarint(p[2:], signed)
		for range int(head) + 3 {
			list = append(list, v)
			v += step
		}
		return list, rest
	}
	p = p[1:]
	for range -int(head) {
		var v int64
		v, p = takeVarint(p, signed)
		list = append(list, v)
	}
	return list, p
}

// widths are those of the five bits in headers.
var widths = [32]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30, 32, 40, 48, 56, 64}

// unpack takes n numbers of so many bits.
func unpack(p []byte, width, n int) (list []uint64, rest []byte) {
	bit := 0
	for range n {
		var v uint64
		for range width {
			v = v<<1 | uint64(p[bit/8]>>(7-bit%8)&1)
			bit++
		}
		list = append(list, v)
	}
	return list, p[(bit+7)/8:]
}

func bigEndian(p []byte) (v uint64) {
	for _, b := range p {
		v = v<<8 | uint64(b)
	}
	return v
}

func unzigzag(v uint64, signed bool) int64 {
	if signed {
		return int64(v>>1) ^ -int64(v&1)
	}
	return int64(v)
}

func decodeRun2(p []byte, signed bool) (list []int64, rest []byte) {
	if p[0]>>6 == 0 {
		size := int(p[0]>>3&7) + 1
		v := unzigzag(bigEndian(p[1:1+size]), signed)
		return slices.Repeat([]int64{v}, int(p[0]&7)+3), p[1+size:]
	}
	width, n := widths[p[0]>>1&31], int(p[0]&1)<<8+int(p[1])+1
	switch p[0] >> 6 {
	case 1:
		numbers, rest := unpack(p[2:], width, n)
		for _, v := range numbers {
			list = append(list, unzigzag(v, signed))
		}
		return list, rest
	case 2:
		return decodePatched(p, width, n)
	}
	even := p[0]>>1&31 == 0
	first, rest := takeVarint(p[2:], signed)
	step, rest := takeVarint(rest, true)
	list = []int64{first, first + step}
	var steps []uint64
	if !even {
		steps, rest = unpack(rest, width, n-2)
	}
	for i := range n - 2 {
		by := step
		if !even {
			if by = int64(steps[i]); step < 0 {
				by = -by
			}
		}
		list = append(list, list[i+1]+by)
	}
	return list[:n], rest
}

func decodePatched(p []byte, width, n int) (list []int64, rest []byte) {
	baseSize, patchWidth := int(p[2]>>5)+1, widths[p[2]&31]
	gapWidth, patches := int(p[3]>>5)+1, int(p[3]&31)
	base := int64(bigEndian(p[4 : 4+baseSize]))
	if sign := int64(1) << (8*baseSize - 1); base&sign != 0 {
		base = -(base &^ sign)
	}
	numbers, rest := unpack(p[4+baseSize:], width, n)
	packed := 0
	for _, w := range widths {
		if w >= gapWidth+patchWidth {
			packed = w
			break
		}
	}
	entries, rest := unpack(rest, packed, patches)
	at := 0
	for _, e := range entries {
		at += int(e >> patchWidth)
		numbers[at] |= e & (1<<patchWidth - 1) << width
	}
	for _, v := range numbers {
		list = append(list, base+int64(v))
	}
	return list, rest
}

// checkRuns encodes values in both versions and decodes them.
func checkRuns(t *testing.T, values []int64, signed bool) {
	t.Helper()
	for _, version := range []string{"V0_11", "V0_12"} {
		r := newRuns(version)
		var p []byte
		for block := range slices.Chunk(values, blockMax) {
			p = r.append(p, block, signed)
		}
		got := decodeRuns(version == "V0_12", p, len(values), signed)
		if !slices.Equal(got, values) {
			t.Fatalf("%s: %d values, signed %v, come back as\n%d\nwant\n%d", version, len(values), signed, got, values)
		}
	}
}

func TestRunsComeBack(t *testing.T) {
	const top = 1<<63 - 1
	f := func(values ...int64) {
		t.Helper()
		checkRuns(t, values, true)
		if slices.Min(values) >= 0 {
			checkRuns(t, values, false)
		}
	}
	f(0)
	f(1, 1)
	f(5, 5, 5)
	f(-1, -1, -1, -1)
	f(slices.Repeat([]int64{7}, 10)...)
	f(slices.Repeat([]int64{7}, 11)...)
	f(slices.Repeat([]int64{-top - 1}, 1000)...)
	f(1, 2, 3, 4, 5)
	f(100, 90, 80, 70)
	f(0, -top-1, top, 0)
	f(-top-1, 0, top)
	f(top, top-1, top-3)
	f(-top-1, -top, -top+200)
	f(1, 1, 2, 3, 5, 8, 13)
	f(9, 8, 8, 8, 3)
	f(0, 1<<40, 1<<41)
	r := newChance(3)
	outliers := func(n, width, every int, add int64) (list []int64) {
		for i := range n {
			v := r.Int64N(1<<width) + add
			if i%every == every-1 {
				v += 1 << 50
			}
			list = append(list, v)
		}
		return list
	}
	f(outliers(512, 6, 25, 0)...)
	f(outliers(512, 6, 25, -3000)...)
	f(outliers(512, 1, 256, 0)...)
	f(outliers(512, 14, 511, -1<<54)...)
	f(append(slices.Repeat([]int64{1, 2}, 255), 1<<55, 3)...)
	for seed := range uint64(1000) {
		r := newChance(seed)
		next := r.integers(64)
		values := make([]int64, 1+r.IntN(1200))
		for i := range values {
			values[i] = next()
		}
		f(values...)
	}
}

func TestEachWayOfVersion2IsTaken(t *testing.T) {
	f := func(want byte, size int, values ...int64) {
		t.Helper()
		p := new(runs2).append(nil, values, true)
		if p[0]>>6 != want || len(p) != size {
			t.Errorf("%d... is written in way %d with %d bytes, want %d with %d", values[:3], p[0]>>6, len(p), want, size)
		}
	}
	rising, usual := []int64{0}, []int64{}
	for i := range int64(511) {
		rising = append(rising, rising[i]+1+i%3)
	}
	for i := range int64(512) {
		usual = append(usual, 1000+i*37%200+max(0, i%100-98)<<40)
	}
	f(0, 3, 10000, 10000, 10000, 10000, 10000)
	f(1, 14, 23713, 43806, 57005, 48879)
	f(2, 4+2+512+5*6, usual...)
	f(3, 2+1+1+510/4+1, rising...)
	f(3, 4, slices.Repeat([]int64{1}, 512)...)
}

func TestTheExamplesOfTheSpecificationAreWrittenAsThere(t *testing.T) {
	f := func(r runs, want []byte, values ...int64) {
		t.Helper()
		if got := r.append(nil, values, false); !slices.Equal(got, want) {
			t.Errorf("%d is written as %x, want %x", values, got, want)
		}
	}
	var down []int64
	for i := range int64(100) {
		down = append(down, 100-i)
	}
	f(runs1{}, []byte{0x61, 0x00, 0x07}, slices.Repeat([]int64{7}, 100)...)
	f(runs1{}, []byte{0x61, 0xff, 0x64}, down...)
	f(runs1{}, []byte{0xfb, 0x02, 0x03, 0x06, 0x07, 0x0b}, 2, 3, 6, 7, 11)
	f(new(runs2), []byte{0x0a, 0x27, 0x10}, 10000, 10000, 10000, 10000, 10000)
	f(new(runs2), []byte{0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef}, 23713, 43806, 57005, 48879)
	f(new(runs2), []byte{0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46}, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29)

	bytes := func(p, want []byte) {
		t.Helper()
		if got := appendByteRuns(nil, p); !slices.Equal(got, want) {
			t.Errorf("%x is written as %x, want %x", p, got, want)
		}
	}
	bytes(make([]byte, 100), []byte{0x61, 0x00})
	bytes([]byte{0x44, 0x45}, []byte{0xfe, 0x44, 0x45})
}

func FuzzRunsComeBack(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, byte(8))
	f.Add([]byte("a text whose bytes make up the numbers, of so many bytes each"), byte(3))
	f.Fuzz(func(t *testing.T, p []byte, width byte) {
		width = width%8 + 1
		var values, positive []int64
		for len(p) >= int(width) && len(values) < 2000 {
			v := int64(bigEndian(p[:width])) << (64 - 8*width) >> (64 - 8*width)
			values, positive = append(values, v), append(positive, v&(1<<63-1))
			p = p[width:]
		}
		checkRuns(t, values, true)
		checkRuns(t, positive, false)
	})
}

func FuzzByteRunsComeBack(f *testing.F) {
	f.Add([]byte("aaabbbcdeeeeeeeee"))
	f.Add(make([]byte, 1000))
	f.Fuzz(func(t *testing.T, p []byte) {
		if got := decodeByteRuns(appendByteRuns(nil, p), len(p)); string(got) != string(p) {
			t.Errorf("%x comes back as %x", p, got)
		}
	})
}
