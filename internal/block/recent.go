package block

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"

	"firehose/internal/record"
)

// Recent holds blocks as they were put, unpacked, from the moment they are durable until they are delivered. A delivery
// at the log's head then need not read them back, check them and decompress them.
//
// It is a shortcut and nothing relies on it. When its memory is full it takes no more, since what came first is needed
// first; only what has been there for long, because its stream's interval is long, makes room.
type Recent struct {
	bytesMax int64

	mu    sync.Mutex
	bytes int64
	order list.List               // of *recentBlock, as they came
	logs  map[Log][]*list.Element // of each log, numbers rising
}

// Log names a partition of a stream.
type Log struct {
	Stream    record.StreamID
	Partition uint32
}

type recentBlock struct {
	*Block
	log    Log
	number uint64
	came   time.Time
}

// recentAge is after how long a block makes room for others.
const recentAge = 5 * time.Second

// recentOverhead is about what a block takes besides its data and ends.
const recentOverhead = 200

// NewRecent returns a Recent that takes up to bytesMax of memory.
func NewRecent(bytesMax int64) *Recent {
	return &Recent{bytesMax: bytesMax, logs: map[Log][]*list.Element{}}
}

// Add takes a copy of what a builder holds. The numbers of one log come rising.
func (r *Recent) Add(l Log, number uint64, b *Builder) {
	now := time.Now()
	if !r.reserve(b.memory(), now) {
		return
	}
	added := &recentBlock{Block: b.block(), log: l, number: number, came: now} // copied without the lock
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs[l] = append(r.logs[l], r.order.PushBack(added))
}

// reserve takes memory for a block, if there is any or can be made.
func (r *Recent) reserve(size int64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.bytes+size > r.bytesMax {
		oldest := r.order.Front()
		if oldest == nil || now.Sub(oldest.Value.(*recentBlock).came) < recentAge {
			return false
		}
		r.dropFirstLocked(oldest.Value.(*recentBlock).log)
	}
	r.bytes += size
	return true
}

// dropFirstLocked drops the first block of a log, which is also the one that came first.
func (r *Recent) dropFirstLocked(l Log) {
	blocks := r.logs[l]
	dropped := r.order.Remove(blocks[0]).(*recentBlock)
	r.bytes -= dropped.memory()
	blocks[0] = nil
	if r.logs[l] = blocks[1:]; len(blocks) == 1 {
		delete(r.logs, l)
	}
}

// Get returns a block, which nobody may change, if it is here.
func (r *Recent) Get(l Log, number uint64) (*Block, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	blocks := r.logs[l]
	i, found := slices.BinarySearchFunc(blocks, number, func(e *list.Element, number uint64) int {
		return cmp.Compare(e.Value.(*recentBlock).number, number)
	})
	if !found {
		return nil, false
	}
	return blocks[i].Value.(*recentBlock).Block, true
}

// Forget drops a log's blocks before a number: they are delivered.
func (r *Recent) Forget(l Log, before uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for blocks := r.logs[l]; len(blocks) > 0 && blocks[0].Value.(*recentBlock).number < before; blocks = r.logs[l] {
		r.dropFirstLocked(l)
	}
}

// block returns a copy of the records.
func (b *Builder) block() *Block {
	block := &Block{Data: slices.Clone(b.data), Ends: make([]int, 0, b.count)}
	if err := block.readLengths(b.lengths, b.count, uint64(len(b.data))); err != nil {
		panic(err) // the builder wrote them
	}
	return block
}

func (b *Builder) memory() int64 { return int64(len(b.data)) + 8*int64(b.count) + recentOverhead }

func (b *Block) memory() int64 { return int64(len(b.Data)) + 8*int64(len(b.Ends)) + recentOverhead }
