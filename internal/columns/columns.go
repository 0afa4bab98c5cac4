// Package columns holds rows of a table column by column, the form that columnar files are written from.
//
// A Type is one of Hive's. A Vector holds the values of one column, or of one member of a nested one, densely: a null
// takes no place among the values, and what lies below a null takes none either. Packages below this one fill vectors
// from JSON (columns/fromjson) and write them to files (columns/parquet, columns/orc), and know nothing of each other.
package columns

// Vector is a column of values of one type. Which fields hold the values follows from the kind:
//
//	Boolean                                        Ints: 0 or 1
//	TinyInt, SmallInt, Int, BigInt                 Ints
//	Date                                           Ints: days since 1970-01-01
//	Timestamp                                      Ints: seconds since 1970-01-01T00:00:00Z, rounded down; Nanos: the rest
//	Float, Double                                  Floats
//	Decimal                                        Decimals: the number times ten to the power of the scale
//	String, Varchar, Char, Binary                  Data and Ends
//	Array                                          Ends, in elements of Children[0]
//	Map                                            Ends, in entries of Children[0] (keys, never null) and Children[1] (values)
//	Struct                                         Children, one for each field, each with as many entries as there are present structs
type Vector struct {
	Type    *Type
	Present []bool // for each entry whether it is there; false is null

	Ints     []int64
	Nanos    []int32
	Floats   []float64
	Decimals []Int128
	Data     []byte // all values, one after the other
	Ends     []int  // for each value where it ends in Data or in Children; it begins where the one before ends
	Children []*Vector
}

// Int128 is a whole number of 128 bits in two's complement.
type Int128 struct {
	High int64
	Low  uint64
}

// NewVector returns an empty vector.
func NewVector(t *Type) *Vector {
	v := &Vector{Type: t}
	for _, f := range t.Fields {
		v.Children = append(v.Children, NewVector(f.Type))
	}
	return v
}

// Len returns the number of entries, nulls included.
func (v *Vector) Len() int { return len(v.Present) }

// AppendNull appends a null.
func (v *Vector) AppendNull() { v.Present = append(v.Present, false) }

// Mark is how much a vector held at a moment.
type Mark struct {
	present, ints, nanos, floats, decimals, data, ends int
	children                                           []Mark
}

// Mark appends nothing; it notes how much the vector holds now, for Truncate. It uses m's memory again.
func (v *Vector) Mark(m *Mark) {
	m.present, m.ints, m.nanos, m.floats = len(v.Present), len(v.Ints), len(v.Nanos), len(v.Floats)
	m.decimals, m.data, m.ends = len(v.Decimals), len(v.Data), len(v.Ends)
	if len(m.children) != len(v.Children) {
		m.children = make([]Mark, len(v.Children))
	}
	for i, c := range v.Children {
		c.Mark(&m.children[i])
	}
}

// Truncate takes back all that was appended since the mark.
func (v *Vector) Truncate(m *Mark) {
	v.Present, v.Ints, v.Nanos, v.Floats = v.Present[:m.present], v.Ints[:m.ints], v.Nanos[:m.nanos], v.Floats[:m.floats]
	v.Decimals, v.Data, v.Ends = v.Decimals[:m.decimals], v.Data[:m.data], v.Ends[:m.ends]
	for i, c := range v.Children {
		c.Truncate(&m.children[i])
	}
}

// Reset empties the vector and keeps its memory.
func (v *Vector) Reset() {
	v.Present, v.Ints, v.Nanos, v.Floats = v.Present[:0], v.Ints[:0], v.Nanos[:0], v.Floats[:0]
	v.Decimals, v.Data, v.Ends = v.Decimals[:0], v.Data[:0], v.Ends[:0]
	for _, c := range v.Children {
		c.Reset()
	}
}
