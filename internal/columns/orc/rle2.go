package orc

import (
	"encoding/binary"
	"math/bits"
)

// runs2 is version 2. A block is first cut where values repeat; each part is then written in the shortest of four ways:
//
//	short repeat   3 to 10 equal values
//	delta          values that rise or fall: the first one and the distances; equal ones have distance 0
//	patched base   distances from the least value, in the width of most; what the few wider ones have on top is listed behind
//	direct         values in the width of the widest
//
// Widths are 1, 2, 4 or a multiple of 8 bits, since the compression that follows finds no likeness across the bounds of bytes.
type runs2 struct {
	numbers [blockMax]uint64
	patches [patchMax]uint64
}

const (
	repeatMin   = 8  // shorter repeats inside a block cost more in headers than they spare
	shortMax    = 10 // of short repeat
	patchMax    = 31
	gapMax      = 255
	patchedBase = 1 << 55 // bound of the least value; its sign takes one bit of at most eight bytes
)

// The upper two bits of a header.
const (
	headShort   = 0 << 6
	headDirect  = 1 << 6
	headPatched = 2 << 6
	headDelta   = 3 << 6
)

func (r *runs2) append(dst []byte, values []int64, signed bool) []byte {
	start := 0 // of what is not written yet
	for i := 0; i < len(values); {
		end := i + 1
		for end < len(values) && values[end] == values[i] {
			end++
		}
		if n := end - i; n >= repeatMin || n >= 3 && n == len(values) {
			dst = r.appendVaried(dst, values[start:i], signed)
			dst = appendRepeat(dst, values[i], n, signed)
			start = end
		}
		i = end
	}
	return r.appendVaried(dst, values[start:], signed)
}

// appendRepeat writes n equal values, 3 at least.
func appendRepeat(dst []byte, v int64, n int, signed bool) []byte {
	if n > shortMax {
		dst = append(dst, headDelta|byte((n-1)>>8), byte(n-1))
		dst = appendVarint(dst, v, signed)
		return append(dst, 0)
	}
	number := plainOrZigzag(v, signed)
	size := max(1, (bits.Len64(number)+7)/8)
	dst = append(dst, headShort|byte(size-1)<<3|byte(n-3))
	return appendBigEndian(dst, number, size)
}

func plainOrZigzag(v int64, signed bool) uint64 {
	if signed {
		return zigzag(v)
	}
	return uint64(v)
}

func appendBigEndian(dst []byte, n uint64, size int) []byte {
	for i := size - 1; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}

// shape is what is known of a row of values.
type shape struct {
	least, greatest int64
	width           int // of the widest value
	rising, falling bool
	even            bool // all distances are the same
	step            uint64
}

func look(values []int64, signed bool) shape {
	s := shape{least: values[0], greatest: values[0], rising: true, falling: true, even: true}
	all := plainOrZigzag(values[0], signed)
	for i, v := range values[1:] {
		before := values[i]
		all |= plainOrZigzag(v, signed)
		s.least, s.greatest = min(s.least, v), max(s.greatest, v)
		s.rising = s.rising && v >= before
		s.falling = s.falling && v <= before
		s.even = s.even && v-before == values[1]-values[0]
		s.step |= uint64(max(v-before, before-v))
	}
	s.width = aligned(bits.Len64(all))
	return s
}

// appendVaried writes values that are not all the same.
func (r *runs2) appendVaried(dst []byte, values []int64, signed bool) []byte {
	if len(values) == 0 {
		return dst
	}
	s := look(values, signed)
	narrow := s.greatest-s.least >= 0 // no distance leaves 64 bits
	if narrow && len(values) > 2 && (s.rising || s.falling) && values[0] != values[1] {
		if s.even {
			return r.appendDelta(dst, values, 0, signed)
		}
		// Width 1 cannot be told: its code is taken by distances that are all the same.
		if width := aligned(max(2, bits.Len64(s.step))); width < s.width {
			return r.appendDelta(dst, values, width, signed)
		}
	}
	if narrow && len(values) > patchMax && s.least > -patchedBase && s.least < patchedBase {
		if width, most := r.usualWidth(values, s.least); worthPatching(len(values), s, width, most) {
			return r.appendPatched(dst, values, s.least, width, most)
		}
	}
	for i, v := range values {
		r.numbers[i] = plainOrZigzag(v, signed)
	}
	dst = appendHead(dst, headDirect, s.width, len(values))
	return appendPacked(dst, r.numbers[:len(values)], s.width)
}

func appendHead(dst []byte, head byte, width, n int) []byte {
	return append(dst, head|widthCode(width)<<1|byte((n-1)>>8), byte(n-1))
}

// appendDelta writes the first value, the first distance with its sign, and the others without, in so many bits. Width 0
// says that they are all the same.
func (r *runs2) appendDelta(dst []byte, values []int64, width int, signed bool) []byte {
	if width == 0 {
		dst = append(dst, headDelta|byte((len(values)-1)>>8), byte(len(values)-1))
	} else {
		dst = appendHead(dst, headDelta, width, len(values))
	}
	dst = appendVarint(dst, values[0], signed)
	dst = binary.AppendUvarint(dst, zigzag(values[1]-values[0]))
	if width == 0 {
		return dst
	}
	for i, v := range values[2:] {
		r.numbers[i] = uint64(max(v-values[i+1], values[i+1]-v))
	}
	return appendPacked(dst, r.numbers[:len(values)-2], width)
}

// usualWidth returns the width that 19 of 20 distances from the least value have, and the bits of the widest.
func (r *runs2) usualWidth(values []int64, least int64) (width, most int) {
	var have [65]int
	for _, v := range values {
		have[bits.Len64(uint64(v-least))]++
	}
	for most = 64; have[most] == 0; most-- {
	}
	wider := 0 // values that are wider than width
	for width = most; width > 0 && wider+have[width] <= len(values)/20; width-- {
		wider += have[width]
	}
	return aligned(width), most
}

// worthPatching tells whether patches spare a good part of what direct would take.
func worthPatching(n int, s shape, width, most int) bool {
	if width >= most || most-width > 56 { // a patch and its gap share 64 bits
		return false
	}
	patched := 4 + 8 + n*width/8 + (n/20+2)*(fixed(8+most-width))/8
	return patched < n*s.width/8*9/10
}

// appendPatched writes the distances from the least value in so many bits, and the upper bits of those with more in a list of
// gaps and patches. A gap that is too wide is bridged by patches of nothing.
func (r *runs2) appendPatched(dst []byte, values []int64, least int64, width, most int) []byte {
	patchWidth := fixed(most - width)
	count, last, widestGap := 0, 0, 1
	for i, v := range values {
		distance := uint64(v - least)
		r.numbers[i] = distance & (1<<width - 1)
		patch := distance >> width
		if patch == 0 {
			continue
		}
		gap := i - last
		for ; gap > gapMax; gap -= gapMax {
			r.patches[count] = gapMax << patchWidth
			count++
			widestGap = gapMax
		}
		r.patches[count] = uint64(gap)<<patchWidth | patch
		count++
		widestGap = max(widestGap, gap)
		last = i
	}
	gapWidth := bits.Len(uint(widestGap))
	base := uint64(max(least, -least))
	baseSize := bits.Len64(base)/8 + 1 // with a bit for the sign
	if least < 0 {
		base |= 1 << (8*baseSize - 1)
	}
	dst = appendHead(dst, headPatched, width, len(values))
	dst = append(dst, byte(baseSize-1)<<5|widthCode(patchWidth), byte(gapWidth-1)<<5|byte(count))
	dst = appendBigEndian(dst, base, baseSize)
	dst = appendPacked(dst, r.numbers[:len(values)], width)
	return appendPacked(dst, r.patches[:count], fixed(gapWidth+patchWidth))
}

// aligned returns the least width for so many bits that does not straddle bytes.
func aligned(n int) int {
	switch {
	case n <= 1:
		return 1
	case n <= 2:
		return 2
	case n <= 4:
		return 4
	}
	return (n + 7) / 8 * 8
}

// fixed returns the least width for so many bits that the format can tell.
func fixed(n int) int {
	switch {
	case n <= 24:
		return max(1, n)
	case n <= 32:
		return (n + 1) / 2 * 2
	}
	return (n + 7) / 8 * 8
}

// widthCode returns how a header tells a width.
func widthCode(width int) byte {
	switch {
	case width <= 24:
		return byte(width - 1)
	case width <= 32:
		return byte(24 + (width-26)/2)
	}
	return byte(28 + (width-40)/8)
}

// appendPacked appends the numbers in so many bits each, the upper ones first, and fills the last byte.
func appendPacked(dst []byte, numbers []uint64, width int) []byte {
	switch width {
	case 8:
		for _, n := range numbers {
			dst = append(dst, byte(n))
		}
		return dst
	case 16:
		for _, n := range numbers {
			dst = binary.BigEndian.AppendUint16(dst, uint16(n))
		}
		return dst
	case 32:
		for _, n := range numbers {
			dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		}
		return dst
	}
	var last byte
	room := 8 // bits of last that are not taken
	for _, n := range numbers {
		for left := width; left > 0; {
			take := min(left, room)
			last |= byte(n>>(left-take)&(1<<take-1)) << (room - take)
			left -= take
			if room -= take; room == 0 {
				dst = append(dst, last)
				last, room = 0, 8
			}
		}
	}
	if room < 8 {
		dst = append(dst, last)
	}
	return dst
}
