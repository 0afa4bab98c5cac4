package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
)

// Buffer keeps the records of an open batch that the log does not hold in this form: what processing made of them. It
// keeps them in frames. While half of the memory is free they are kept as they are; after that they are compressed, so
// that hundreds of open batches cost little memory and little disk.
type Buffer struct {
	spool *Spool
	frame frame // not in the spool yet
}

// scratch is the memory in which a frame is compressed. Buffers share it, since hundreds may be open.
type scratch struct{ plain, dense []byte }

// scratchMax is the largest scratch that is kept: large records are rare.
const scratchMax = 1 << 20

// frameSize is how many bytes of records are compressed together. Each open batch holds that much, so it is small.
const frameSize = 32 << 10

// frame is records side by side.
type frame struct {
	data  []byte // of the records
	notes []byte // of the notes
	sizes []int  // of each record and of its note, in turn
}

// NewBuffer returns an empty buffer.
func (s *Spools) NewBuffer() *Buffer {
	return &Buffer{spool: &Spool{spools: s, leave: s.reserve}}
}

// Append adds a record, and a note that comes back with it. An error is the disk's, and the buffer is then of no use.
func (b *Buffer) Append(data, note []byte) error {
	f := &b.frame
	f.data, f.notes = append(f.data, data...), append(f.notes, note...)
	f.sizes = append(f.sizes, len(data), len(note))
	if len(f.data)+len(f.notes) < frameSize {
		return nil
	}
	return b.flush()
}

// frameDense marks the length of a frame that is compressed.
const frameDense = 1 << 31

// flush writes the frame: the length of what follows, and, maybe compressed, the count of records, the sizes, notes and
// data.
func (b *Buffer) flush() error {
	f := &b.frame
	if len(f.sizes) == 0 {
		return nil
	}
	x := b.spool.spools.takeScratch()
	defer b.spool.spools.giveScratch(x)
	x.plain = binary.AppendUvarint(append(x.plain[:0], 0, 0, 0, 0), uint64(len(f.sizes)/2))
	for _, size := range f.sizes {
		x.plain = binary.AppendUvarint(x.plain, uint64(size))
	}
	x.plain = append(append(x.plain, f.notes...), f.data...)
	if _, err := b.spool.Write(x.frame(b.spool.spools.roomy())); err != nil {
		return err
	}
	f.data, f.notes, f.sizes = emptied(f.data), emptied(f.notes), f.sizes[:0]
	return nil
}

// frame returns what is to be written of x.plain, which begins with room for the length.
func (x *scratch) frame(roomy bool) []byte {
	if roomy {
		binary.BigEndian.PutUint32(x.plain[:4], uint32(len(x.plain)-4))
		return x.plain
	}
	if longest := 4 + s2.MaxEncodedLen(len(x.plain)-4); cap(x.dense) < longest {
		x.dense = make([]byte, longest)
	}
	dense := s2.Encode(x.dense[4:cap(x.dense)], x.plain[4:])
	binary.BigEndian.PutUint32(x.dense[:4], uint32(len(dense))|frameDense)
	return x.dense[:4+len(dense)]
}

// emptied returns the memory for the next frame, unless a large record made it large.
func emptied(b []byte) []byte {
	if cap(b) > 4*frameSize {
		return nil
	}
	return b[:0]
}

func (s *Spools) takeScratch() *scratch {
	if x, ok := s.scratch.Get().(*scratch); ok {
		return x
	}
	return new(scratch)
}

func (s *Spools) giveScratch(x *scratch) {
	if cap(x.plain)+cap(x.dense) <= scratchMax {
		s.scratch.Put(x)
	}
}

// Complete writes what is left; then the buffer can be read any number of times, and nothing more can be added.
func (b *Buffer) Complete() error {
	err := b.flush()
	b.frame = frame{}
	return err
}

// Close gives memory and disk back.
func (b *Buffer) Close() error { return b.spool.Close() }

// Reader returns a reader from the first record.
func (b *Buffer) Reader() *BufferReader { return &BufferReader{spool: b.spool} }

// BufferReader gives back what a Buffer took.
type BufferReader struct {
	spool *Spool
	at    int64
	dense []byte
	plain []byte
	ends  []int
	notes []int // where each note ends in plain
	note  int   // where the first note begins in plain
}

// Next returns the next records, valid until the next call, or io.EOF.
func (r *BufferReader) Next() (Records, error) {
	if r.at == r.spool.Size() {
		return Records{}, io.EOF
	}
	var length [4]byte
	if err := r.read(length[:]); err != nil {
		return Records{}, err
	}
	header := binary.BigEndian.Uint32(length[:])
	size := int(header &^ frameDense)
	into := &r.plain
	if header&frameDense != 0 {
		into = &r.dense
	}
	if cap(*into) < size {
		*into = make([]byte, size)
	}
	*into = (*into)[:size]
	if err := r.read(*into); err != nil {
		return Records{}, err
	}
	if header&frameDense == 0 {
		return r.parse()
	}
	var err error
	if r.plain, err = s2.Decode(r.plain[:cap(r.plain)], r.dense[:size]); err != nil {
		return Records{}, fmt.Errorf("read buffered records: %w", err)
	}
	return r.parse()
}

func (r *BufferReader) read(p []byte) error {
	n, err := r.spool.ReadAt(p, r.at)
	r.at += int64(n)
	if n < len(p) {
		return fmt.Errorf("read buffered records: %w", errors.Join(io.ErrUnexpectedEOF, err))
	}
	return nil
}

var errFrame = errors.New("read buffered records: a frame is damaged")

// parse finds the records and notes of a frame.
func (r *BufferReader) parse() (Records, error) {
	rest := r.plain
	number := func() int {
		n, size := binary.Uvarint(rest)
		rest = rest[max(size, 0):]
		return int(n)
	}
	r.ends, r.notes = r.ends[:0], r.notes[:0]
	data, notes := 0, 0
	count := number()
	if count < 0 || count > len(rest)/2 {
		return Records{}, errFrame
	}
	for range count {
		data += number()
		r.ends = append(r.ends, data)
		notes += number()
		r.notes = append(r.notes, notes)
	}
	if data < 0 || notes < 0 || data+notes != len(rest) {
		return Records{}, errFrame
	}
	r.note = len(r.plain) - len(rest)
	start := r.note + notes
	for i := range r.ends {
		r.ends[i] += start
		r.notes[i] += r.note
	}
	return Records{Data: r.plain, Start: start, Ends: r.ends}, nil
}

// Note returns the note of a record of those that Next returned last.
func (r *BufferReader) Note(index int) []byte {
	from := r.note
	if index > 0 {
		from = r.notes[index-1]
	}
	return r.plain[from:r.notes[index]]
}
