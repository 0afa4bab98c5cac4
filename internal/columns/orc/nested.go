package orc

import "firehose/internal/columns"

// lists writes arrays and maps: how many elements each has. The elements are columns of their own.
type lists struct {
	plain
	lengths  integers
	children []*column
	work     []int64
}

func (e *lists) write(v *columns.Vector, from, to int, s *statistics, _ *bloom) {
	e.work = appendLengths(e.work[:0], v.Ends, from, to)
	e.lengths.add(e.work)
	s.addInts(e.work)
	if from < to {
		elements := v.Ends[to-1] - before(v.Ends, from)
		for i, child := range e.children {
			child.write(v.Children[i], elements)
		}
	}
}

// before returns where the value begins.
func before(ends []int, value int) int {
	if value == 0 {
		return 0
	}
	return ends[value-1]
}

func appendLengths(dst []int64, ends []int, from, to int) []int64 {
	begin := before(ends, from)
	for _, end := range ends[from:to] {
		dst = append(dst, int64(end-begin))
		begin = end
	}
	return dst
}

func (e *lists) position(to []uint64) []uint64 { return e.lengths.position(to) }
func (e *lists) finish([]group)                { e.lengths.finish() }
func (e *lists) streams() []kindStream         { return []kindStream{{streamLength, e.lengths.out}} }
func (e *lists) size() int                     { return e.lengths.out.length() }
func (e *lists) reset()                        { e.lengths.out.reset() }

// structs writes nothing of its own: the fields are columns.
type structs struct {
	plain
	children []*column
}

func (e *structs) write(v *columns.Vector, from, to int, s *statistics, _ *bloom) {
	s.count += uint64(to - from)
	for i, child := range e.children {
		child.write(v.Children[i], to-from)
	}
}

func (e *structs) position(to []uint64) []uint64 { return to }
func (e *structs) streams() []kindStream         { return nil }
func (e *structs) size() int                     { return 0 }
func (e *structs) reset()                        {}
