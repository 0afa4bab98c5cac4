package orc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"

	"firehose/internal/columns"
)

// This reader of tests reads each row group apart, from the positions that the index tells. It panics at what is wrong.

// fields holds a protocol buffer: numbers, and bytes as []byte.
type fields map[uint64][]any

func parseFields(p []byte) fields {
	m := fields{}
	take := func() uint64 {
		n, size := binary.Uvarint(p)
		if size <= 0 {
			panic("no varint")
		}
		p = p[size:]
		return n
	}
	for len(p) > 0 {
		tag := take()
		switch tag & 7 {
		case wireVarint:
			m[tag>>3] = append(m[tag>>3], take())
		case wire64:
			m[tag>>3] = append(m[tag>>3], binary.LittleEndian.Uint64(p))
			p = p[8:]
		case wireBytes:
			n := take()
			m[tag>>3] = append(m[tag>>3], p[:n])
			p = p[n:]
		default:
			panic(fmt.Sprint("wire type of tag ", tag))
		}
	}
	return m
}

func (m fields) int(field uint64) int {
	if len(m[field]) == 0 {
		return 0
	}
	return int(m[field][0].(uint64))
}

func (m fields) part(field uint64, i int) fields { return parseFields(m[field][i].([]byte)) }

func (m fields) numbers(field uint64) (list []int) {
	for p := m[field][0].([]byte); len(p) > 0; {
		n, size := binary.Uvarint(p)
		list = append(list, int(n))
		p = p[size:]
	}
	return list
}

// tested is a file that is read.
type tested struct {
	data        []byte
	compression int
	footer      fields
	metadata    fields
	stripe      fields // of StripeInformation
	v2          bool
	streams     map[[2]int][]byte // of the stripe, by column and kind
	encodings   []fields
	index       []fields
}

func openTested(data []byte) *tested {
	size := int(data[len(data)-1])
	post := parseFields(data[len(data)-1-size : len(data)-1])
	f := &tested{data: data, compression: post.int(2)}
	end := len(data) - 1 - size
	f.footer = parseFields(f.decompress(data[end-post.int(1) : end]))
	end -= post.int(1)
	f.metadata = parseFields(f.decompress(data[end-post.int(5) : end]))
	f.v2 = post.numbers(4)[1] == 12
	if string(post[8000][0].([]byte)) != magic || string(data[:3]) != magic {
		panic("no magic")
	}
	return f
}

func (f *tested) decompress(p []byte) (out []byte) {
	if f.compression == compressionNone {
		return p
	}
	for len(p) > 0 {
		head := int(p[0]) | int(p[1])<<8 | int(p[2])<<16
		chunk := p[3 : 3+head>>1]
		p = p[3+head>>1:]
		var err error
		switch {
		case head&1 == 1:
		case f.compression == compressionZlib:
			chunk, err = io.ReadAll(flate.NewReader(bytes.NewReader(chunk)))
		default:
			chunk, err = snappy.Decode(nil, chunk)
		}
		if err != nil {
			panic(err)
		}
		out = append(out, chunk...)
	}
	return out
}

func (f *tested) openStripe(i int) {
	f.stripe = f.footer.part(3, i)
	at := f.stripe.int(1)
	end := at + f.stripe.int(2) + f.stripe.int(3)
	footer := parseFields(f.decompress(f.data[end : end+f.stripe.int(4)]))
	f.streams, f.encodings, f.index = map[[2]int][]byte{}, nil, nil
	for i := range footer[1] {
		s := footer.part(1, i)
		f.streams[[2]int{s.int(2), s.int(1)}] = f.data[at : at+s.int(3)]
		at += s.int(3)
	}
	if at != end {
		panic(fmt.Sprintf("streams end at %d, the stripe's data at %d", at, end))
	}
	for i := range footer[2] {
		f.encodings = append(f.encodings, footer.part(2, i))
		f.index = append(f.index, parseFields(f.decompress(f.streams[[2]int{i, streamRowIndex}])))
	}
}

// seeker takes the positions of a row group one after the other.
type seeker struct {
	f         *tested
	column    int
	positions []int
}

func (s *seeker) next() int {
	n := s.positions[0]
	s.positions = s.positions[1:]
	return n
}

// stream returns what a stream holds from the next position.
func (s *seeker) stream(kind int) []byte {
	p, ok := s.f.streams[[2]int{s.column, kind}]
	if !ok {
		panic(fmt.Sprintf("column %d has no stream %d", s.column, kind))
	}
	p = p[s.next():]
	if s.f.compression == compressionNone {
		return p
	}
	return s.f.decompress(p)[s.next():]
}

func (s *seeker) integers(kind, n int, signed bool) []int64 {
	p := s.stream(kind)
	skip := s.next()
	if n == 0 {
		return nil
	}
	return decodeRuns(s.f.v2, p, skip+n, signed)[skip:][:n]
}

func (s *seeker) flags(kind, n int) (list []bool) {
	p := s.stream(kind)
	skip, bit := s.next(), s.next()
	if n == 0 {
		return nil
	}
	p = decodeByteRuns(p, skip+(bit+n+7)/8)[skip:]
	for i := bit; i < bit+n; i++ {
		list = append(list, p[i/8]>>(7-i%8)&1 == 1)
	}
	return list
}

// group returns the entries of a column in a row group.
func (f *tested) group(c *column, group, n int) []any {
	s := &seeker{f: f, column: c.id, positions: f.index[c.id].part(1, group).numbers(1)}
	list := make([]any, n)
	present := make([]int, 0, n)
	if _, ok := f.streams[[2]int{c.id, streamPresent}]; ok {
		for i, set := range s.flags(streamPresent, n) {
			if set {
				present = append(present, i)
			}
		}
	} else {
		for i := range n {
			present = append(present, i)
		}
	}
	for i, v := range s.values(c, group, len(present)) {
		list[present[i]] = v
	}
	if len(s.positions) != 0 {
		panic(fmt.Sprintf("column %d has %d positions too many", c.id, len(s.positions)))
	}
	return list
}

func (s *seeker) values(c *column, group, n int) []any {
	list := make([]any, n)
	switch c.typ.Kind {
	case columns.Boolean:
		for i, set := range s.flags(streamData, n) {
			list[i] = pick[int64](set, 1, 0)
		}
	case columns.TinyInt:
		p := s.stream(streamData)
		if skip := s.next(); n > 0 {
			for i, b := range decodeByteRuns(p, skip+n)[skip:][:n] {
				list[i] = int64(int8(b))
			}
		}
	case columns.Float, columns.Double:
		s.floats(c, list)
	case columns.Decimal:
		p := s.stream(streamData)
		for i, scale := range s.integers(streamSecondary, n, true) {
			if int(scale) != c.typ.Scale {
				panic(fmt.Sprint("scale ", scale))
			}
			list[i], p = takeBig(p)
		}
	case columns.Timestamp:
		seconds, nanos := s.integers(streamData, n, true), s.integers(streamSecondary, n, false)
		for i := range list {
			list[i] = takeInstant(seconds[i], nanos[i])
		}
	case columns.Array, columns.Map:
		s.lists(c, group, list)
	case columns.Struct:
		for f, child := range c.children {
			for i, v := range s.f.group(child, group, n) {
				if f == 0 {
					list[i] = []any{}
				}
				list[i] = append(list[i].([]any), v)
			}
		}
	case columns.String, columns.Varchar, columns.Char, columns.Binary:
		s.texts(list)
	default:
		for i, v := range s.integers(streamData, n, true) {
			list[i] = v
		}
	}
	return list
}

func (s *seeker) floats(c *column, list []any) {
	p := s.stream(streamData)
	for i := range list {
		if c.typ.Kind == columns.Float {
			list[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(p[4*i:])))
		} else {
			list[i] = math.Float64frombits(binary.LittleEndian.Uint64(p[8*i:]))
		}
	}
}

// takeBig takes a decimal: seven bits a byte, the lowest first, the sign in the lowest bit.
func takeBig(p []byte) (*big.Int, []byte) {
	n, at := new(big.Int), 0
	for more := true; more; at++ {
		n.Or(n, new(big.Int).Lsh(big.NewInt(int64(p[at]&0x7f)), uint(7*at)))
		more = p[at] >= 0x80
	}
	odd := n.Bit(0) == 1
	if n.Rsh(n, 1); odd {
		n.Not(n)
	}
	return n, p[at:]
}

func takeInstant(seconds, nanos int64) instant {
	zeros := nanos & 7
	nanos >>= 3
	if zeros > 0 {
		for range zeros + 1 {
			nanos *= 10
		}
	}
	at := instant{seconds + timestampBase, nanos}
	if at.seconds < 0 && nanos > 999_999 {
		at.seconds--
	}
	return at
}

func (s *seeker) lists(c *column, group int, list []any) {
	lengths := s.integers(streamLength, len(list), false)
	total := 0
	for _, n := range lengths {
		total += int(n)
	}
	var parts [][]any
	for _, child := range c.children {
		parts = append(parts, s.f.group(child, group, total))
	}
	at := 0
	for i, n := range lengths {
		value := []any{}
		for range n {
			if c.typ.Kind == columns.Map {
				value = append(value, []any{parts[0][at], parts[1][at]})
			} else {
				value = append(value, parts[0][at])
			}
			at++
		}
		list[i] = value
	}
}

func (s *seeker) texts(list []any) {
	kind := s.f.encodings[s.column].int(1)
	if kind == encodingDirect || kind == encodingDirect2 {
		p := s.stream(streamData)
		for i, n := range s.integers(streamLength, len(list), false) {
			list[i] = string(p[:n])
			p = p[n:]
		}
		return
	}
	whole := seeker{f: s.f, column: s.column, positions: make([]int, 10)}
	p := whole.stream(streamDictionaryData)
	var words []string
	for _, n := range whole.integers(streamLength, s.f.encodings[s.column].int(2), false) {
		words = append(words, string(p[:n]))
		p = p[n:]
	}
	for i, number := range s.integers(streamData, len(list), false) {
		list[i] = words[number]
	}
}

// read returns the rows of a file, given a writer of the same type for the tree of its columns.
func (f *tested) read(root *column) (rows []any) {
	stride := f.footer.int(8)
	for i := range f.footer[3] {
		f.openStripe(i)
		left := f.stripe.int(5)
		for g := 0; left > 0; g++ {
			rows = append(rows, f.group(root, g, min(stride, left))...)
			left -= min(stride, left)
		}
	}
	return rows
}
