package orc

import (
	"slices"
	"strings"
	"unicode/utf8"

	"firehose/internal/columns"
)

// texts writes strings and binaries: all bytes in one stream, and the lengths. While few words make up the column it gathers
// a dictionary instead, and decides between the two ways at each row group and at the end of the stripe.
type texts struct {
	plain
	typ       *columns.Type
	data      *stream
	lengths   integers
	words     integers    // the numbers of the words, if there is a dictionary
	threshold float64     // most words a value for a dictionary; 0 if there shall be none
	dict      *dictionary // of this stripe; nil when there is none (any more)
	fitted    columns.Vector
	work      []int64
}

// dictionary holds the values of a stripe as numbers of words.
type dictionary struct {
	number map[string]uint32
	words  []string
	bytes  int // of all words
	values []uint32
	marks  []int // for each row group how many values were there before
}

func (x *Writer) newTexts(t *columns.Type, p plain) *texts {
	e := &texts{plain: p, typ: t, data: x.newStream(), lengths: x.newIntegers(false), words: x.newIntegers(false)}
	if t.Kind != columns.Binary {
		e.threshold = x.o.DictionaryKeyThreshold
	}
	e.begin()
	return e
}

func (e *texts) begin() {
	if e.threshold > 0 {
		e.dict = &dictionary{number: map[string]uint32{}}
	}
}

func (e *texts) write(v *columns.Vector, from, to int, s *statistics, b *bloom) {
	data, ends := v.Data, v.Ends
	if e.unfit(v, from, to) {
		e.fit(v, from, to)
		data, ends, from, to = e.fitted.Data, e.fitted.Ends, 0, to-from
	}
	if s.typ.Kind == columns.Binary {
		if from < to {
			s.addSum(int64(ends[to-1] - before(ends, from)))
		}
		s.count += uint64(to - from)
	} else {
		s.addTexts(data, ends, from, to)
	}
	if e.dict == nil {
		e.direct(data, ends, from, to)
	}
	if e.dict == nil && b == nil {
		return
	}
	begin := before(ends, from)
	for _, end := range ends[from:to] {
		if e.dict != nil {
			e.dict.add(data[begin:end])
		}
		if b != nil {
			b.addText(data[begin:end])
		}
		begin = end
	}
}

// direct writes values as they are.
func (e *texts) direct(data []byte, ends []int, from, to int) {
	if from == to {
		return
	}
	e.data.write(data[before(ends, from):ends[to-1]])
	e.work = appendLengths(e.work[:0], ends, from, to)
	e.lengths.add(e.work)
}

// unfit tells whether a value may be longer than its type allows, or is to be filled up with spaces.
func (e *texts) unfit(v *columns.Vector, from, to int) bool {
	if e.typ.Kind == columns.Varchar {
		begin := before(v.Ends, from)
		for _, end := range v.Ends[from:to] {
			if end-begin > e.typ.Length {
				return true
			}
			begin = end
		}
	}
	return e.typ.Kind == columns.Char
}

// fit cuts values at the length of their type; a char that is shorter it fills up, as Hive stores and compares it.
func (e *texts) fit(v *columns.Vector, from, to int) {
	e.fitted.Reset()
	begin := before(v.Ends, from)
	for _, end := range v.Ends[from:to] {
		text := v.Data[begin:end]
		characters, size := 0, 0
		for characters < e.typ.Length && size < len(text) {
			_, n := utf8.DecodeRune(text[size:])
			size += n
			characters++
		}
		e.fitted.Data = append(e.fitted.Data, text[:size]...)
		for ; e.typ.Kind == columns.Char && characters < e.typ.Length; characters++ {
			e.fitted.Data = append(e.fitted.Data, ' ')
		}
		e.fitted.Ends = append(e.fitted.Ends, len(e.fitted.Data))
		begin = end
	}
}

func (d *dictionary) add(text []byte) {
	number, known := d.number[string(text)]
	if !known {
		number = uint32(len(d.words))
		word := string(text)
		d.number[word] = number
		d.words = append(d.words, word)
		d.bytes += len(word)
	}
	d.values = append(d.values, number)
}

// worth tells whether there are few words for so many values.
func (e *texts) worth() bool {
	return float64(len(e.dict.words)) <= e.threshold*float64(len(e.dict.values))
}

func (e *texts) between(groups []group) {
	if e.dict != nil && !e.worth() {
		e.dissolve(groups)
	}
}

// position is known later if there is a dictionary.
func (e *texts) position(to []uint64) []uint64 {
	if e.dict != nil {
		e.dict.marks = append(e.dict.marks, len(e.dict.values))
		return to
	}
	return e.lengths.position(e.data.position(to))
}

func (e *texts) finish(groups []group) {
	switch {
	case e.dict == nil:
	case e.worth() && len(e.dict.words) > 0:
		e.writeDictionary(groups)
	default:
		e.dissolve(groups)
	}
	e.data.spill()
	e.lengths.finish()
	e.words.finish()
}

// dissolve writes the values gathered so far as they are.
func (e *texts) dissolve(groups []group) {
	d := e.dict
	e.dict = nil
	e.perGroup(d, groups, e.position, func(values []uint32) {
		for _, number := range values {
			word := d.words[number]
			e.data.writeString(word)
			e.lengths.addOne(int64(len(word)))
		}
	})
}

// writeDictionary writes the words in their order, and the values by the places of their words.
func (e *texts) writeDictionary(groups []group) {
	d := e.dict
	order := make([]uint32, len(d.words)) // the words' numbers, sorted
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(d.words[a], d.words[b]) })
	place := make([]int64, len(order))
	for i, number := range order {
		place[number] = int64(i)
		e.data.writeString(d.words[number])
		e.lengths.addOne(int64(len(d.words[number])))
	}
	e.perGroup(d, groups, e.words.position, func(values []uint32) {
		for _, number := range values {
			e.words.addOne(place[number])
		}
	})
}

// perGroup writes the gathered values, and puts into each row group where it begins.
func (e *texts) perGroup(d *dictionary, groups []group, position func([]uint64) []uint64, write func([]uint32)) {
	for i, mark := range d.marks {
		end := len(d.values)
		if i+1 < len(d.marks) {
			end = d.marks[i+1]
		}
		groups[i].values = position(nil)
		write(d.values[mark:end])
	}
}

func (e *texts) encoding() (kind, words uint64) {
	kind, _ = e.plain.encoding()
	if e.dict == nil {
		return kind, 0
	}
	return kind + 1, uint64(len(e.dict.words))
}

func (e *texts) streams() []kindStream {
	if e.dict == nil {
		return []kindStream{{streamData, e.data}, {streamLength, e.lengths.out}}
	}
	return []kindStream{{streamData, e.words.out}, {streamDictionaryData, e.data}, {streamLength, e.lengths.out}}
}

func (e *texts) size() int {
	size := e.data.length() + e.lengths.out.length()
	if e.dict != nil {
		size += e.dict.bytes + 2*len(e.dict.values)
	}
	return size
}

func (e *texts) reset() {
	e.data.reset()
	e.lengths.out.reset()
	e.words.out.reset()
	e.begin()
}
