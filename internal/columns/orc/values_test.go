package orc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"firehose/internal/columns"
)

// instant is a timestamp among the values of tests. The others are nil, int64, float64, string (texts and binaries), *big.Int
// (decimals without their scale), and []any (arrays, structs, and maps as pairs).
type instant struct{ seconds, nanos int64 }

// appendValue appends a value to a vector.
func appendValue(v *columns.Vector, value any) {
	v.Present = append(v.Present, value != nil)
	switch value := value.(type) {
	case int64:
		v.Ints = append(v.Ints, value)
	case float64:
		v.Floats = append(v.Floats, value)
	case instant:
		v.Ints, v.Nanos = append(v.Ints, value.seconds), append(v.Nanos, int32(value.nanos))
	case *big.Int:
		v.Decimals = append(v.Decimals, int128(value))
	case string:
		v.Data = append(v.Data, value...)
		v.Ends = append(v.Ends, len(v.Data))
	case []any:
		for i, part := range value {
			switch v.Type.Kind {
			case columns.Struct:
				appendValue(v.Children[i], part)
			case columns.Array:
				appendValue(v.Children[0], part)
			case columns.Map:
				appendValue(v.Children[0], part.([]any)[0])
				appendValue(v.Children[1], part.([]any)[1])
			}
		}
		if v.Type.Kind != columns.Struct {
			v.Ends = append(v.Ends, v.Children[0].Len())
		}
	}
}

func int128(n *big.Int) columns.Int128 {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
	return columns.Int128{High: int64(new(big.Int).Rsh(n, 64).Uint64()), Low: low.Uint64()}
}

// render returns a value as testdata/read.py prints it.
func render(t *columns.Type, value any) string {
	var b bytes.Buffer
	renderTo(&b, t, value)
	return b.String()
}

func renderTo(b *bytes.Buffer, t *columns.Type, value any) {
	switch value := value.(type) {
	case nil:
		b.WriteString("null")
	case int64:
		if t.Kind == columns.Boolean {
			fmt.Fprint(b, value == 1)
		} else {
			fmt.Fprint(b, value)
		}
	case float64:
		if t.Kind == columns.Float {
			fmt.Fprintf(b, `"%08x"`, math.Float32bits(float32(value)))
		} else {
			fmt.Fprintf(b, `"%016x"`, math.Float64bits(value))
		}
	case instant:
		n := new(big.Int).Mul(big.NewInt(value.seconds), big.NewInt(1e9))
		fmt.Fprint(b, n.Add(n, big.NewInt(value.nanos)))
	case *big.Int:
		fmt.Fprintf(b, `"%v"`, value)
	case string:
		renderText(b, t, value)
	case []any:
		b.WriteByte('[')
		for i, part := range value {
			if i > 0 {
				b.WriteByte(',')
			}
			switch t.Kind {
			case columns.Struct:
				renderTo(b, t.Fields[i].Type, part)
			case columns.Map:
				renderTo(b, columns.Table(t.Fields), part)
			default:
				renderTo(b, t.Fields[0].Type, part)
			}
		}
		b.WriteByte(']')
	}
}

// renderText is of the text as its type has it: cut, and filled up.
func renderText(b *bytes.Buffer, t *columns.Type, text string) {
	if t.Kind == columns.Binary {
		fmt.Fprintf(b, `"%s"`, hex.EncodeToString([]byte(text)))
		return
	}
	characters := []rune(text)
	if t.Kind != columns.String && len(characters) > t.Length {
		characters = characters[:t.Length]
	}
	text = string(characters)
	if t.Kind == columns.Char {
		text += strings.Repeat(" ", t.Length-len(characters))
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err)
	}
	b.Truncate(b.Len() - 1) // the line feed
}

// chance makes random values. Which nulls and how wide numbers are changes from place to place, as it does in life.
type chance struct{ *rand.Rand }

func newChance(seed uint64) chance { return chance{rand.New(rand.NewPCG(seed, 7))} }

func (r chance) oneIn(n int) bool { return r.IntN(n) == 0 }

// parsed reads a type that is known to be one.
func parsed(t testing.TB, text string) *columns.Type {
	t.Helper()
	typ, err := columns.ParseType(text)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func (r chance) typ(depth int) *columns.Type {
	k := columns.Kind(r.IntN(int(columns.Struct) + 1))
	if depth == 0 {
		k = columns.Kind(r.IntN(int(columns.Binary) + 1))
	}
	t := &columns.Type{Kind: k}
	switch k {
	case columns.Decimal:
		t.Precision = 1 + r.IntN(38)
		t.Scale = r.IntN(t.Precision + 1)
	case columns.Varchar, columns.Char:
		t.Length = 1 + r.IntN(20)
	case columns.Array:
		t.Fields = []columns.Field{{Name: "element", Type: r.typ(depth - 1)}}
	case columns.Map:
		t.Fields = []columns.Field{{Name: "key", Type: r.typ(0)}, {Name: "value", Type: r.typ(depth - 1)}}
	case columns.Struct:
		t.Fields = r.fields(1+r.IntN(4), depth-1)
	}
	return t
}

func (r chance) fields(n, depth int) (list []columns.Field) {
	for i := range n {
		list = append(list, columns.Field{Name: fmt.Sprintf("f%d", i), Type: r.typ(depth)})
	}
	return list
}

// column returns n values of a type, that have something in common.
func (r chance) column(t *columns.Type, n int, nulls bool) []any {
	list := make([]any, n)
	present := make([]int, 0, n)
	nullRate := []int{0, 2, 10, 1000}[r.IntN(4)]
	for i := range list {
		if !nulls || nullRate == 0 || !r.oneIn(nullRate) {
			present = append(present, i)
		}
	}
	switch t.Kind {
	case columns.Struct:
		parts := make([][]any, len(t.Fields))
		for f := range parts {
			parts[f] = r.column(t.Fields[f].Type, len(present), true)
		}
		for at, i := range present {
			row := make([]any, len(parts))
			for f := range parts {
				row[f] = parts[f][at]
			}
			list[i] = row
		}
	case columns.Array, columns.Map:
		r.lists(t, list, present)
	default:
		next := r.scalars(t)
		for _, i := range present {
			list[i] = next()
		}
	}
	return list
}

func (r chance) lists(t *columns.Type, list []any, present []int) {
	total := 0
	sizes := make([]int, len(present))
	longest := 1 + r.IntN(5)
	for i := range sizes {
		sizes[i] = r.IntN(longest)
		total += sizes[i]
	}
	elements := r.column(t.Fields[0].Type, total, t.Kind == columns.Array)
	var others []any
	if t.Kind == columns.Map {
		others = r.column(t.Fields[1].Type, total, true)
	}
	for at, i := range present {
		value := make([]any, sizes[at])
		for e := range value {
			value[e] = elements[0]
			elements = elements[1:]
			if t.Kind == columns.Map {
				value[e] = []any{value[e], others[0]}
				others = others[1:]
			}
		}
		list[i] = value
	}
}

// scalars returns a function that makes values.
func (r chance) scalars(t *columns.Type) func() any {
	switch t.Kind {
	case columns.Boolean:
		rate := 1 + r.IntN(100)
		return func() any { return int64(r.IntN(rate) % 2) }
	case columns.TinyInt:
		next := r.integers(8)
		return func() any { return next() }
	case columns.SmallInt:
		next := r.integers(16)
		return func() any { return next() }
	case columns.Int:
		next := r.integers(32)
		return func() any { return next() }
	case columns.BigInt:
		next := r.integers(64)
		return func() any { return next() }
	case columns.Date:
		next := r.integers(20)
		return func() any { return next() }
	case columns.Float:
		return func() any { return float64(float32(r.NormFloat64())) }
	case columns.Double:
		return func() any { return r.NormFloat64() * math.Pow(10, float64(r.IntN(30))) }
	case columns.Timestamp:
		return r.instants()
	case columns.Decimal:
		return func() any { return r.decimal(t) }
	case columns.Binary:
		return func() any { return string(r.octets(r.IntN(20))) }
	}
	return r.texts()
}

// integers returns a function that makes numbers of so many bits: steady, rising, falling, repeating, or with outliers.
func (r chance) integers(width int) func() int64 {
	last, usual := int64(0), 1+r.IntN(width)
	narrow := func(n int64, width int) int64 { return n << (64 - width) >> (64 - width) }
	way := r.IntN(5)
	return func() int64 {
		if r.oneIn(500) {
			way = r.IntN(5)
		}
		switch way {
		case 0:
			last = narrow(int64(r.Uint64()), usual)
		case 1:
			last = narrow(last+1, width)
		case 2:
			last = narrow(last-int64(r.IntN(100)), width)
		case 3:
			if r.oneIn(15) {
				last = narrow(int64(r.Uint64()), usual)
			}
		case 4:
			last = narrow(int64(r.Uint64()), min(usual, 7))
			if r.oneIn(40) {
				last = narrow(int64(r.Uint64()), width)
			}
		}
		return last
	}
}

func (r chance) instants() func() any {
	seconds := r.integers(32)
	fraction := []int64{1e9, 1e6, 1e3, 1}[r.IntN(4)] // nanoseconds are multiples of it
	return func() any {
		at := instant{2 * seconds(), r.Int64N(1e9) / fraction * fraction}
		if at.seconds == -1 {
			at.nanos = 0
		}
		return at
	}
}

func (r chance) decimal(t *columns.Type) *big.Int {
	n := new(big.Int)
	for range 1 + r.IntN(t.Precision) {
		n.Mul(n, big.NewInt(10)).Add(n, big.NewInt(int64(r.IntN(10))))
	}
	if r.oneIn(2) {
		n.Neg(n)
	}
	return n
}

func (r chance) texts() func() any {
	words := make([]string, 1+r.IntN(2000))
	for i := range words {
		for range r.IntN(20) {
			words[i] += string([]rune("abcdefgh xyzäöß漢字😀")[r.IntN(18)])
		}
	}
	return func() any { return words[r.IntN(len(words))] }
}

func (r chance) octets(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// rows returns rows of a table.
func (r chance) rows(t *columns.Type, n int) (list [][]any) {
	var cells [][]any
	for _, f := range t.Fields {
		cells = append(cells, r.column(f.Type, n, true))
	}
	for i := range n {
		row := make([]any, len(cells))
		for f := range cells {
			row[f] = cells[f][i]
		}
		list = append(list, row)
	}
	return list
}

// vector returns rows as a vector.
func vector(t *columns.Type, rows [][]any) *columns.Vector {
	v := columns.NewVector(t)
	for _, row := range rows {
		appendValue(v, row)
	}
	return v
}

// file writes rows, in several vectors, and returns the file.
func file(t testing.TB, typ *columns.Type, o Options, rows [][]any) []byte {
	t.Helper()
	var b bytes.Buffer
	x, err := NewWriter(&b, typ, o)
	if err != nil {
		t.Fatal(err)
	}
	for begin, n := 0, 1; begin < len(rows); begin, n = begin+n, n*3 {
		n = min(n, len(rows)-begin)
		if err := x.Write(vector(typ, rows[begin:begin+n])); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
