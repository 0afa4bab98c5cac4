package orc

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// bloom is the bloom filter of a row group. Its size and hashes are those that Apache's readers look for.
type bloom struct {
	words  []uint64
	hashes int
}

// newBloom returns a filter for so many values, of which a share of those not in it is found all the same.
func newBloom(values int, falsePositives float64) *bloom {
	size := int(-float64(values) * math.Log(falsePositives) / (math.Ln2 * math.Ln2))
	words := size/64 + 1
	hashes := max(1, int(math.Round(float64(words*64)/float64(values)*math.Ln2)))
	return &bloom{words: make([]uint64, words), hashes: hashes}
}

// add takes a hash into the filter.
func (b *bloom) add(hash uint64) {
	first, second := int32(hash), int32(hash>>32)
	for range b.hashes {
		first += second
		at := first
		if at < 0 {
			at = ^at
		}
		bit := uint64(at) % uint64(len(b.words)*64)
		b.words[bit/64] |= 1 << (bit % 64)
	}
}

// addInts takes numbers into the filter, if there is one.
func (b *bloom) addInts(list []int64) {
	if b == nil {
		return
	}
	for _, n := range list {
		b.addInt(n)
	}
}

func (b *bloom) addInt(n int64)     { b.add(hashInt(n)) }
func (b *bloom) addFloat(f float64) { b.addInt(int64(math.Float64bits(f))) }
func (b *bloom) addText(p []byte)   { b.add(hashText(p)) }

// take returns the filter as it stands in the file, and empties it.
func (b *bloom) take() message {
	set := make([]byte, 0, 8*len(b.words))
	for _, word := range b.words {
		set = binary.LittleEndian.AppendUint64(set, word)
	}
	clear(b.words)
	var m message
	m.uint(1, uint64(b.hashes))
	m.bytes(3, set)
	return m
}

// hashInt is Thomas Wang's hash of 64 bits, with shifts that keep the sign.
func hashInt(n int64) uint64 {
	n = ^n + n<<21
	n ^= n >> 24
	n = n + n<<3 + n<<8
	n ^= n >> 14
	n = n + n<<2 + n<<4
	n ^= n >> 28
	n += n << 31
	return uint64(n)
}

// hashText is Murmur3, in the form of 64 bits that Hive made of it.
func hashText(p []byte) uint64 {
	const (
		seed = 104729
		c1   = 0x87c37b91114253d5
		c2   = 0x4cf5ad432745937f
	)
	mix := func(k uint64) uint64 { return bits.RotateLeft64(k*c1, 31) * c2 }
	hash, length := uint64(seed), uint64(len(p))
	for ; len(p) >= 8; p = p[8:] {
		hash ^= mix(binary.LittleEndian.Uint64(p))
		hash = bits.RotateLeft64(hash, 27)*5 + 0x52dce729
	}
	if len(p) > 0 {
		var rest [8]byte
		copy(rest[:], p)
		hash ^= mix(binary.LittleEndian.Uint64(rest[:]))
	}
	hash ^= length
	hash = (hash ^ hash>>33) * 0xff51afd7ed558ccd
	hash = (hash ^ hash>>33) * 0xc4ceb9fe1a85ec53
	return hash ^ hash>>33
}
