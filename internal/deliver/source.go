package deliver

import (
	"errors"
	"io"
	"sync"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/log"
	"firehose/internal/record"
)

// source gives a batch's records, run by run: from memory where a block is still at hand, else from the log.
type source struct {
	d        *Delivery
	batch    batch.Batch
	next     uint64     // number of the block to look for
	reader   log.Reader // nil until it is needed, and where it does not stand at next
	unpacked *block.Block
}

// blocks are used again, since each may be a megabyte. The pool holds no state.
var blocks = sync.Pool{New: func() any { return new(block.Block) }}

func (d *Delivery) newSource(b batch.Batch) *source {
	return &source{d: d, batch: b, next: b.First.Block, unpacked: blocks.Get().(*block.Block)}
}

func (s *source) close() {
	s.forgetReader()
	blocks.Put(s.unpacked)
}

// note returns nothing: what the log has was not processed.
func (s *source) note(int) []byte { return nil }

func (s *source) forgetReader() {
	if s.reader != nil {
		s.reader.Close()
		s.reader = nil
	}
}

// run returns the batch's records of the next block that has some, valid until the next call, or io.EOF.
func (s *source) run() (batch.Records, error) {
	number, b, err := s.block()
	if err != nil {
		return batch.Records{}, err
	}
	s.next = number + 1
	from, to := 0, b.Count()
	if number == s.batch.First.Block {
		from = int(s.batch.First.Index)
	}
	if number == s.batch.End.Block {
		to = int(s.batch.End.Index)
	}
	return batch.Records{Data: b.Data, Start: b.Start(from), Ends: b.Ends[from:to]}, nil
}

// block returns the next block. Those that are damaged are passed over; what they held is missing in the end.
func (s *source) block() (uint64, *block.Block, error) {
	for s.within(s.next) {
		if b, ok := s.d.Recent(s.next); ok {
			s.forgetReader()
			return s.next, b, nil
		}
		if s.reader == nil {
			s.reader = s.d.Log.Read(s.next)
		}
		entry, err := s.reader.Next()
		if err != nil {
			return 0, nil, err // io.EOF: the batch's last block is damaged
		}
		if !s.within(entry.Number) {
			break
		}
		if err := s.unpacked.Unpack(entry.Body, s.d.Keys); errors.Is(err, block.ErrCorrupt) {
			s.next = entry.Number + 1
		} else {
			return entry.Number, s.unpacked, err
		}
	}
	return 0, nil, io.EOF
}

// within says whether a block of this number may hold records of the batch.
func (s *source) within(number uint64) bool {
	return record.Position{Block: number}.Before(s.batch.End)
}
