package orc

import (
	"strings"

	"firehose/internal/columns"
)

// column writes a column, or a part of a nested one: what is null, the values, and the index.
type column struct {
	id       int // in the order of the types, a parent before its parts
	typ      *columns.Type
	values   values
	children []*column
	bloom    *bloom // or nil

	present flags // of each entry whether it is there

	entry, value int // of the vector in work, what is written already

	groups              []group // of this stripe; the last one is open
	group, stripe, file statistics
}

// values encodes the values of a column.
type values interface {
	// write encodes the values from..to, counts them, and takes them into the bloom filter, if there is one.
	write(v *columns.Vector, from, to int, s *statistics, b *bloom)

	// position appends where the encoders stand, in the order of the streams. It is called when a row group begins.
	position(to []uint64) []uint64

	// between is called before a row group begins, with those before it.
	between(groups []group)

	// finish completes the streams. Positions that could not be told when the groups began are put into them.
	finish(groups []group)

	// streams returns them with their kinds.
	streams() []kindStream

	// encoding returns how the values are encoded, and the words of the dictionary.
	encoding() (kind, words uint64)

	// size returns about how many bytes the streams will have in the file.
	size() int

	// reset begins a stripe.
	reset()
}

type kindStream struct {
	kind uint64
	*stream
}

// group is what the index tells of a row group.
type group struct {
	present    []uint64 // positions
	values     []uint64
	statistics message
	bloom      message
}

// build makes the column of a type and the columns below it, and appends them to the table's.
func (x *Writer) build(t *columns.Type, filtered bool) *column {
	c := &column{id: len(x.columns), typ: t, present: flags{octets: octets{out: x.newStream()}}}
	c.group.typ, c.stripe.typ, c.file.typ = t, t, t
	x.columns = append(x.columns, c)
	for _, f := range t.Fields {
		named := c.id == 0 && contains(x.o.BloomFilterColumns, f.Name)
		c.children = append(c.children, x.build(f.Type, filtered || named))
	}
	if filtered && t.Kind != columns.Boolean && len(t.Fields) == 0 {
		c.bloom = newBloom(x.o.RowIndexStride, x.o.BloomFilterFPP)
	}
	c.values = x.newValues(t, c.children)
	return c
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// write takes the next n entries of the vector.
func (c *column) write(v *columns.Vector, n int) {
	from := c.value
	if dense(v) {
		c.present.addSet(n)
		c.value += n
	} else {
		c.value += c.present.addFlags(v.Present[c.entry : c.entry+n])
	}
	c.entry += n
	c.group.nulls = c.group.nulls || c.value-from < n
	c.values.write(v, from, c.value, &c.group, c.bloom)
}

// dense tells whether the vector has no null.
func dense(v *columns.Vector) bool {
	switch v.Type.Kind {
	case columns.Struct:
		return v.Children[0].Len() == v.Len()
	case columns.Float, columns.Double:
		return len(v.Floats) == v.Len()
	case columns.Decimal:
		return len(v.Decimals) == v.Len()
	case columns.String, columns.Varchar, columns.Char, columns.Binary, columns.Array, columns.Map:
		return len(v.Ends) == v.Len()
	}
	return len(v.Ints) == v.Len()
}

// openGroup begins a row group.
func (c *column) openGroup() {
	c.values.between(c.groups)
	c.groups = append(c.groups, group{present: c.present.position(nil), values: c.values.position(nil)})
}

// closeGroup ends the row group that is open.
func (c *column) closeGroup() {
	g := &c.groups[len(c.groups)-1]
	g.statistics = c.group.message()
	if c.bloom != nil {
		g.bloom = c.bloom.take()
	}
	c.stripe.merge(&c.group)
	c.group.reset()
}

// finish completes the streams of the stripe.
func (c *column) finish() {
	c.present.finish()
	c.values.finish(c.groups)
}

// reset begins a stripe.
func (c *column) reset() {
	c.present.out.reset()
	c.values.reset()
	c.groups = c.groups[:0]
	c.file.merge(&c.stripe)
	c.stripe.reset()
}

// size returns about how many bytes the column has in the stripe.
func (c *column) size() int {
	size := c.present.out.length() + c.values.size()
	if c.bloom != nil {
		size += len(c.groups) * 8 * len(c.bloom.words)
	}
	return size
}

// streams returns the streams of the data, without one that says that nothing is null.
func (c *column) streams() []kindStream {
	list := c.values.streams()
	if c.stripe.nulls {
		list = append([]kindStream{{streamPresent, c.present.out}}, list...)
	}
	return list
}

// index returns the row index as it stands in the file.
func (c *column) index() message {
	var m message
	for i := range c.groups {
		g := &c.groups[i]
		positions := g.values
		if c.stripe.nulls {
			positions = append(g.present, g.values...)
		}
		var entry message
		entry.packed(1, positions)
		entry.bytes(2, g.statistics)
		m.bytes(1, entry)
	}
	return m
}

// filters returns the bloom filters as they stand in the file.
func (c *column) filters() message {
	var m message
	for i := range c.groups {
		m.bytes(1, c.groups[i].bloom)
	}
	return m
}
