package disktest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// Tail says what a crash leaves of that which was never synced.
type Tail int

const (
	Lost  Tail = iota // nothing
	Mixed             // by chance: nothing, all, a part, zeros or garbage; names too
)

// Crash returns the file system that a machine finds after losing its power now. The old one should not be used any
// more; the new one has no faults and as much room as the old.
func (f *FS) Crash(tail Tail) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	after := New(f.rand.Uint64())
	after.free = f.free

	names := maps.Clone(f.durable)
	if tail == Mixed {
		for _, dir := range slices.Sorted(maps.Keys(folders(f.names))) {
			if f.rand.IntN(2) == 0 {
				syncNames(names, f.names, dir)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		parent := filepath.Dir(path)
		if reached := parent == "/" || parent == "." || after.names[parent] != nil; !reached {
			continue
		}
		n := names[path]
		data := bytes.Clone(n.synced)
		if tail == Mixed && !n.dir {
			data = mix(f.rand, n.synced, n.data)
		}
		left := &node{dir: n.dir, data: data, synced: bytes.Clone(data)}
		after.names[path], after.durable[path] = left, left
	}
	return after
}

// folders returns the folders that hold any of the names.
func folders(names map[string]*node) map[string]bool {
	set := map[string]bool{}
	for p := range names {
		set[filepath.Dir(p)] = true
	}
	return set
}

// mix returns a content between the one last synced and the one last written. A byte that is the same in both is kept.
func mix(r *rand.Rand, synced, written []byte) []byte {
	if bytes.Equal(synced, written) {
		return bytes.Clone(synced)
	}
	lengths := []int{len(synced), len(written), len(synced)}
	if d := len(written) - len(synced); d > 0 {
		lengths[2] += r.IntN(d + 1)
	}
	out := make([]byte, lengths[r.IntN(len(lengths))])
	style := r.IntN(5)
	for from := 0; from < len(out); from += sector {
		pick := style
		if style == 4 {
			pick = r.IntN(4)
		}
		for i := from; i < min(from+sector, len(out)); i++ {
			out[i] = mixByte(r, pick, i, synced, written)
		}
	}
	return out
}

func mixByte(r *rand.Rand, pick, i int, synced, written []byte) byte {
	switch old, new := i < len(synced), i < len(written); {
	case old && new && synced[i] == written[i], old && !new, old && pick == 0:
		return synced[i]
	case old, pick == 1 && new:
		return written[i]
	case pick == 2:
		return byte(r.Uint32())
	default:
		return 0
	}
}
