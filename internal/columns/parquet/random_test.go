package parquet

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"firehose/internal/columns"
)

// random makes types and values of them.
type random struct {
	*rand.Rand
	nullShare float64 // of entries that may be null
	listMax   int     // elements of a list
}

func newRandom(seed uint64) random {
	return random{Rand: rand.New(rand.NewPCG(seed, 1)), nullShare: 0.2, listMax: 4}
}

// typ returns a random type of no more than so many levels.
func (r random) typ(depth int) *columns.Type {
	kind := columns.Kind(r.IntN(int(columns.Struct) + 1))
	if depth <= 0 && kind >= columns.Array {
		kind = columns.String
	}
	t := &columns.Type{Kind: kind}
	add := func(name string, depth int) {
		t.Fields = append(t.Fields, columns.Field{Name: name, Type: r.typ(depth)})
	}
	switch kind {
	case columns.Decimal:
		t.Precision = 1 + r.IntN(38)
		t.Scale = r.IntN(t.Precision + 1)
	case columns.Varchar, columns.Char:
		t.Length = 1 + r.IntN(255)
	case columns.Array:
		add("element", depth-1)
	case columns.Map:
		add("key", 0)
		add("value", depth-1)
	case columns.Struct:
		for i := range 1 + r.IntN(3) {
			add("f"+strconv.Itoa(i), depth-1)
		}
	}
	return t
}

// table returns a table of random columns.
func (r random) table() *columns.Type {
	t := columns.Table(nil)
	for i := range 1 + r.IntN(6) {
		t.Fields = append(t.Fields, columns.Field{Name: "column" + strconv.Itoa(i), Type: r.typ(4)})
	}
	return t
}

// rows returns rows of a table.
func (r random) rows(t *columns.Type, count int) *columns.Vector {
	v := columns.NewVector(t)
	for range count {
		v.Present = append(v.Present, true)
		for _, c := range v.Children {
			r.fill(c, true)
		}
	}
	return v
}

// fill appends a random entry.
func (r random) fill(v *columns.Vector, nullable bool) {
	if nullable && r.Float64() < r.nullShare {
		v.AppendNull()
		return
	}
	v.Present = append(v.Present, true)
	switch t := v.Type; t.Kind {
	case columns.Boolean:
		v.Ints = append(v.Ints, r.Int64N(2))
	case columns.TinyInt:
		v.Ints = append(v.Ints, int64(int8(r.extreme())))
	case columns.SmallInt:
		v.Ints = append(v.Ints, int64(int16(r.extreme())))
	case columns.Int, columns.Date:
		v.Ints = append(v.Ints, int64(int32(r.extreme())))
	case columns.BigInt:
		v.Ints = append(v.Ints, r.extreme())
	case columns.Timestamp:
		v.Ints, v.Nanos = append(v.Ints, r.extreme()%9_000_000_000), append(v.Nanos, r.Int32N(1e9))
	case columns.Float:
		v.Floats = append(v.Floats, float64(math.Float32frombits(r.Uint32())))
	case columns.Double:
		v.Floats = append(v.Floats, math.Float64frombits(r.Uint64()))
	case columns.Decimal:
		v.Decimals = append(v.Decimals, r.decimal(t.Precision))
	case columns.String, columns.Varchar, columns.Char:
		v.Data = append(v.Data, r.text()...)
		v.Ends = append(v.Ends, len(v.Data))
	case columns.Binary:
		for range r.IntN(10) {
			v.Data = append(v.Data, byte(r.Uint32()))
		}
		v.Ends = append(v.Ends, len(v.Data))
	case columns.Struct:
		for _, c := range v.Children {
			r.fill(c, true)
		}
	case columns.Array, columns.Map:
		for range r.IntN(r.listMax + 1) {
			for i, c := range v.Children {
				r.fill(c, i > 0 || t.Kind == columns.Array)
			}
		}
		v.Ends = append(v.Ends, v.Children[0].Len())
	}
}

// extreme returns numbers of all sizes, often the ends of a range.
func (r random) extreme() int64 {
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		return math.MinInt64 >> (r.IntN(8) * 8)
	case 2:
		return math.MaxInt64 >> (r.IntN(8) * 8)
	}
	return int64(r.Uint64()) >> r.IntN(64)
}

// decimal returns a number of up to so many digits, often the largest or smallest.
func (r random) decimal(precision int) columns.Int128 {
	bound := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	n := new(big.Int).SetUint64(r.Uint64())
	n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(r.Uint64())).Rsh(n, uint(r.IntN(128))).Mod(n, bound)
	if r.IntN(5) == 0 {
		n.Sub(bound, big.NewInt(1))
	}
	if r.IntN(2) == 0 {
		n.Neg(n)
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
	return columns.Int128{High: new(big.Int).Rsh(n, 64).Int64(), Low: low.Uint64()}
}

func (r random) text() string {
	words := []string{"", "a", "naïve", "日本", "\x00\n\"", "🙂", strings.Repeat("long ", 20)}
	text := words[r.IntN(len(words))]
	if r.IntN(2) == 0 {
		text += strconv.Itoa(r.IntN(1000))
	}
	return text
}

// cursor reads a vector entry by entry; it knows nothing of levels.
type cursor struct {
	v            *columns.Vector
	entry, value int
	children     []*cursor
}

func newCursor(v *columns.Vector) *cursor {
	c := &cursor{v: v}
	for _, child := range v.Children {
		c.children = append(c.children, newCursor(child))
	}
	return c
}

// next returns the next entry in the form that testdata/read.py describes.
func (c *cursor) next() any {
	c.entry++
	if !c.v.Present[c.entry-1] {
		return nil
	}
	i := c.value
	c.value++
	begin := 0
	if len(c.v.Ends) > 0 && i > 0 {
		begin = c.v.Ends[i-1]
	}
	switch c.v.Type.Kind {
	case columns.Boolean:
		return strconv.FormatBool(c.v.Ints[i] == 1)
	case columns.TinyInt, columns.SmallInt, columns.Int, columns.Date, columns.BigInt:
		return strconv.FormatInt(c.v.Ints[i], 10)
	case columns.Timestamp:
		nanos := new(big.Int).Mul(big.NewInt(c.v.Ints[i]), big.NewInt(1e9))
		return nanos.Add(nanos, big.NewInt(int64(c.v.Nanos[i]))).String()
	case columns.Float, columns.Double:
		return bits(c.v.Floats[i])
	case columns.Decimal:
		n := new(big.Int).Lsh(big.NewInt(c.v.Decimals[i].High), 64)
		return n.Add(n, new(big.Int).SetUint64(c.v.Decimals[i].Low)).String()
	case columns.Struct:
		return c.all()
	case columns.Array:
		list := []any{}
		for range c.v.Ends[i] - begin {
			list = append(list, c.children[0].next())
		}
		return list
	case columns.Map:
		list := []any{}
		for range c.v.Ends[i] - begin {
			list = append(list, c.all())
		}
		return list
	}
	return hex.EncodeToString(c.v.Data[begin:c.v.Ends[i]])
}

func (c *cursor) all() []any {
	var members []any
	for _, child := range c.children {
		members = append(members, child.next())
	}
	return members
}

func bits(f float64) string {
	if math.IsNaN(f) {
		return "nan"
	}
	return fmt.Sprintf("%016x", math.Float64bits(f))
}

// writeTruth writes what readers must print: a line for each row.
func writeTruth(t testing.TB, w io.Writer, v *columns.Vector) {
	t.Helper()
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	c := newCursor(v)
	for range v.Len() {
		if err := lines.Encode(c.next()); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
}
