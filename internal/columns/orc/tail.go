package orc

import (
	"fmt"

	"firehose/internal/columns"
)

// What the tail says of the writer. Numbers of writers are given out by Apache; readers take one that they do not know for a
// writer without known faults. The version is the newest set of corrections to the format, all of which hold here.
const (
	writerNumber    = 0x4648
	writerVersion   = 9
	softwareVersion = "firehose"
	gregorian       = 2 // the calendar of dates and timestamps, before 1582 too
)

// tail completes the file: statistics of stripes, what is where, and how all of it is to be read.
func (x *Writer) tail() error {
	if x.at == 0 {
		if err := x.put([]byte(magic)); err != nil {
			return fmt.Errorf("write head: %w", err)
		}
	}
	content := x.at - int64(len(magic))
	var stripes message
	for _, s := range x.stripeStatistics {
		stripes.bytes(1, s)
	}
	metadata, footer := x.compressed(stripes), x.compressed(x.footer(content))

	var m message
	m.uint(1, uint64(footer.length()))
	m.uint(2, x.codec.kind)
	m.uint(3, uint64(x.codec.chunkMax))
	m.packed(4, []uint64{0, pick[uint64](x.o.Version == "V0_11", 11, 12)})
	m.uint(5, uint64(metadata.length()))
	m.uint(6, writerVersion)
	m.bytes(8000, []byte(magic))
	m = append(m, byte(len(m)))

	for _, s := range []*stream{metadata, footer} {
		if err := x.putStream(s); err != nil {
			return fmt.Errorf("write footer: %w", err)
		}
	}
	if err := x.put(m); err != nil {
		return fmt.Errorf("write postscript: %w", err)
	}
	return nil
}

func (x *Writer) footer(content int64) (m message) {
	m.uint(1, uint64(len(magic)))
	m.uint(2, uint64(content))
	for _, s := range x.stripes {
		m.bytes(3, s)
	}
	for _, c := range x.columns {
		m.bytes(4, c.description())
	}
	m.uint(6, uint64(x.rowsBefore))
	for _, c := range x.columns {
		m.bytes(7, c.file.message())
	}
	m.uint(8, uint64(x.o.RowIndexStride))
	m.uint(9, writerNumber)
	m.uint(11, gregorian)
	m.bytes(12, []byte(softwareVersion))
	return m
}

// kindNumber returns the number of a kind in the format.
func kindNumber(k columns.Kind) uint64 {
	switch k {
	case columns.Boolean:
		return 0
	case columns.TinyInt:
		return 1
	case columns.SmallInt:
		return 2
	case columns.Int:
		return 3
	case columns.BigInt:
		return 4
	case columns.Float:
		return 5
	case columns.Double:
		return 6
	case columns.String:
		return 7
	case columns.Binary:
		return 8
	case columns.Timestamp:
		return 9
	case columns.Array:
		return 10
	case columns.Map:
		return 11
	case columns.Struct:
		return 12
	case columns.Decimal:
		return 14
	case columns.Date:
		return 15
	case columns.Varchar:
		return 16
	case columns.Char:
		return 17
	}
	panic("no number for kind " + k.String())
}

// description returns the type of a column as the footer tells it.
func (c *column) description() (m message) {
	m.uint(1, kindNumber(c.typ.Kind))
	var parts []uint64
	for _, child := range c.children {
		parts = append(parts, uint64(child.id))
	}
	if len(parts) > 0 {
		m.packed(2, parts)
	}
	switch c.typ.Kind {
	case columns.Struct:
		for _, f := range c.typ.Fields {
			m.bytes(3, []byte(f.Name))
		}
	case columns.Varchar, columns.Char:
		m.uint(4, uint64(c.typ.Length))
	case columns.Decimal:
		m.uint(5, uint64(c.typ.Precision))
		m.uint(6, uint64(c.typ.Scale))
	}
	return m
}
