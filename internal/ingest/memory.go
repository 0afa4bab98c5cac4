package ingest

import (
	"sync"

	"firehose/internal/block"
)

// Builders and packed bytes are used again, since each may be a megabyte. The pools hold no state.
var (
	builders = sync.Pool{New: func() any { return new(block.Builder) }}
	buffers  = sync.Pool{New: func() any { return new([]byte) }}
)

func newBuilder() *block.Builder { return builders.Get().(*block.Builder) }

// packed is the memory of a group that was packed.
type packed struct{ buffer *[]byte }

// pack packs the blocks one after the other into one buffer and returns the bytes of each.
func pack(blocks []*block.Builder, key *block.Key) ([][]byte, packed) {
	buffer := buffers.Get().(*[]byte)
	all := (*buffer)[:0]
	ends := make([]int, 0, len(blocks))
	for _, b := range blocks {
		all = b.Pack(all, key)
		ends = append(ends, len(all))
	}
	bodies := make([][]byte, 0, len(blocks))
	start := 0
	for _, end := range ends {
		bodies = append(bodies, all[start:end])
		start = end
	}
	*buffer = all
	return bodies, packed{buffer}
}

// free gives the memory of a group back.
func (p packed) free(blocks []*block.Builder) {
	const keepMax = 8 << 20 // a group larger than this is rare, and its memory is not kept
	if cap(*p.buffer) <= keepMax {
		buffers.Put(p.buffer)
	}
	for _, b := range blocks {
		b.Reset()
		builders.Put(b)
	}
}
