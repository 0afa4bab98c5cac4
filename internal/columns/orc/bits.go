package orc

import "math/bits"

const (
	blockMax = 512 // values that an encoder holds back before it writes them; the longest run of RLE version 2 too
	repeat1  = 3   // shortest run of equal or evenly spaced values in RLE of bytes and in version 1
	run1Max  = repeat1 + 127
	plain1   = 128 // longest row of values without a run in RLE of bytes and in version 1
)

// octets writes bytes by their run lengths.
type octets struct {
	out  *stream
	held []byte // at most blockMax
	work []byte
}

func (o *octets) add(b byte) {
	o.held = append(o.held, b)
	if len(o.held) == blockMax {
		o.flush()
	}
}

func (o *octets) flush() {
	o.work = appendByteRuns(o.work[:0], o.held)
	o.out.write(o.work)
	o.held = o.held[:0]
}

func (o *octets) position(to []uint64) []uint64 {
	return append(o.out.position(to), uint64(len(o.held)))
}

func (o *octets) finish() {
	o.flush()
	o.out.spill()
}

// appendByteRuns appends the run lengths of p: the length of a run less three and its byte, or the negative number of bytes that
// follow as they are.
func appendByteRuns(dst, p []byte) []byte {
	plain := 0 // where the bytes begin that are in no run
	for i := 0; i < len(p); {
		end := i + 1
		for end < len(p) && p[end] == p[i] && end-i < run1Max {
			end++
		}
		if end-i >= repeat1 {
			dst = appendPlainBytes(dst, p[plain:i])
			dst = append(dst, byte(end-i-repeat1), p[i])
			plain = end
		}
		i = end
	}
	return appendPlainBytes(dst, p[plain:])
}

func appendPlainBytes(dst, p []byte) []byte {
	for len(p) > 0 {
		n := min(len(p), plain1)
		dst = append(dst, byte(-n))
		dst = append(dst, p[:n]...)
		p = p[n:]
	}
	return dst
}

// flags writes booleans: eight to a byte, the first on top.
type flags struct {
	octets
	last byte // the byte that is not full yet
	n    int  // flags in it
}

func (f *flags) addFlag(set bool) {
	if set {
		f.last |= 0x80 >> f.n
	}
	if f.n++; f.n == 8 {
		f.add(f.last)
		f.last, f.n = 0, 0
	}
}

// addFlags appends the flags and returns how many of them are set.
func (f *flags) addFlags(list []bool) (set int) {
	for len(list) > 0 {
		if f.n != 0 || len(list) < 8 {
			f.addFlag(list[0])
			if list[0] {
				set++
			}
			list = list[1:]
			continue
		}
		var b byte
		for _, one := range list[:8] {
			b <<= 1
			if one {
				b |= 1
			}
		}
		f.add(b)
		set += bits.OnesCount8(b)
		list = list[8:]
	}
	return set
}

// addSet appends n flags that are all set.
func (f *flags) addSet(n int) {
	for ; n > 0 && (f.n != 0 || n < 8); n-- {
		f.addFlag(true)
	}
	for ; n >= 8; n -= 8 {
		f.add(0xff)
	}
	for ; n > 0; n-- {
		f.addFlag(true)
	}
}

func (f *flags) position(to []uint64) []uint64 { return append(f.octets.position(to), uint64(f.n)) }

func (f *flags) finish() {
	if f.n > 0 {
		f.add(f.last)
		f.last, f.n = 0, 0
	}
	f.octets.finish()
}
