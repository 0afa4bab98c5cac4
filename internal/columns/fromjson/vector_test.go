package fromjson

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/columns"
)

// decode returns the entries of a vector: nil, bool, int64, float64, *big.Rat, string, time.Time, []any, or for structs and
// maps []pair. It fails where a vector is not as its type wants it.
func decode(t testing.TB, v *columns.Vector) []any {
	t.Helper()
	var children [][]any
	for _, child := range v.Children {
		children = append(children, decode(t, child))
	}
	entries, number := make([]any, len(v.Present)), 0
	for i, there := range v.Present {
		if there {
			entries[i] = decodeValue(v, children, number)
			number++
		}
	}
	if number != values(v) {
		t.Fatalf("a vector of %v has %d values for %d entries that are there", v.Type, values(v), number)
	}
	for i, child := range v.Children {
		want := endOf(v, len(v.Ends)-1)
		if v.Type.Kind == columns.Struct {
			want = number
		}
		if child.Len() != want {
			t.Fatalf("child %d of %v has %d entries, want %d", i, v.Type, child.Len(), want)
		}
	}
	return entries
}

type pair struct {
	name  any
	value any
}

func decodeValue(v *columns.Vector, children [][]any, i int) any {
	switch v.Type.Kind {
	case columns.Boolean:
		return v.Ints[i] == 1
	case columns.Date:
		return time.Unix(v.Ints[i]*secondsOfDay, 0).UTC()
	case columns.Timestamp:
		return time.Unix(v.Ints[i], int64(v.Nanos[i])).UTC()
	case columns.Float, columns.Double:
		return v.Floats[i]
	case columns.Decimal:
		d := v.Decimals[i]
		n := new(big.Int).Lsh(big.NewInt(d.High), 64)
		n.Add(n, new(big.Int).SetUint64(d.Low))
		return new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(v.Type.Scale)), nil))
	case columns.String, columns.Varchar, columns.Char, columns.Binary:
		return string(v.Data[endOf(v, i-1):v.Ends[i]])
	case columns.Array:
		return slices.Clone(children[0][endOf(v, i-1):v.Ends[i]])
	case columns.Map:
		pairs := []pair{}
		for k := endOf(v, i-1); k < v.Ends[i]; k++ {
			pairs = append(pairs, pair{children[0][k], children[1][k]})
		}
		return pairs
	case columns.Struct:
		pairs := []pair{}
		for k, f := range v.Type.Fields {
			pairs = append(pairs, pair{f.Name, children[k][i]})
		}
		return pairs
	}
	return v.Ints[i]
}

// show writes a value in one line.
func show(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", value)
	case *big.Rat:
		return strings.TrimSuffix(strings.TrimRight(value.FloatString(40), "0"), ".")
	case time.Time:
		return value.Format("2006-01-02T15:04:05.999999999")
	case []any:
		var parts []string
		for _, one := range value {
			parts = append(parts, show(one))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case []pair:
		var parts []string
		for _, one := range value {
			parts = append(parts, fmt.Sprintf("%v:%s", one.name, show(one.value)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(value)
}

// clone copies a vector without the memory it has to spare.
func clone(v *columns.Vector) *columns.Vector {
	c := *v
	c.Present, c.Ints, c.Nanos, c.Floats = slices.Clone(v.Present), slices.Clone(v.Ints), slices.Clone(v.Nanos), slices.Clone(v.Floats)
	c.Decimals, c.Data, c.Ends, c.Children = slices.Clone(v.Decimals), slices.Clone(v.Data), slices.Clone(v.Ends), nil
	for _, child := range v.Children {
		c.Children = append(c.Children, clone(child))
	}
	return &c
}

// equal compares what vectors hold; a value that is no number equals itself.
func equal(a, b *columns.Vector) bool {
	same := slices.Equal(a.Present, b.Present) && slices.Equal(a.Ints, b.Ints) && slices.Equal(a.Nanos, b.Nanos) &&
		slices.EqualFunc(a.Floats, b.Floats, func(x, y float64) bool { return x == y || x != x && y != y }) &&
		slices.Equal(a.Decimals, b.Decimals) && slices.Equal(a.Data, b.Data) && slices.Equal(a.Ends, b.Ends)
	return same && slices.EqualFunc(a.Children, b.Children, equal)
}

var (
	openX = Options{OpenX: &OpenX{CaseInsensitive: true}}
	hive  = Options{Hive: &Hive{}}
)

func mustType(t testing.TB, text string) *columns.Type {
	t.Helper()
	parsed, err := columns.ParseType(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func mustNew(t testing.TB, table *columns.Type, o Options) *Reader {
	t.Helper()
	r, err := New(table, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read returns what a record becomes in a table, row by row, or the error.
func read(t testing.TB, table string, o Options, record string) string {
	t.Helper()
	typ := mustType(t, table)
	r, v := mustNew(t, typ, o), columns.NewVector(typ)
	before := clone(v)
	rows, err := r.Append(v, []byte(record))
	if err != nil {
		if rows != 0 || !equal(v, before) {
			t.Errorf("%s: after an error %d rows and %+v are there", record, rows, v)
		}
		return err.Error()
	}
	var shown []string
	for _, row := range decode(t, v) {
		shown = append(shown, show(row))
	}
	if rows != len(shown) {
		t.Errorf("%s: %d rows are announced and %d there", record, rows, len(shown))
	}
	return strings.Join(shown, " ")
}
