package parquet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"firehose/internal/columns"
)

// slots is a column as it is in the file: levels, and values as testdata/read.py prints them.
type slots struct {
	definitions, repetitions []int16
	values                   []string
}

// next takes the first slot away.
func (s *slots) next() {
	s.definitions, s.repetitions = s.definitions[1:], s.repetitions[1:]
}

// readBack prints the rows of a file by the library's own column readers, in the form that testdata/read.py describes.
func readBack(t testing.TB, w io.Writer, typ *columns.Type, data []byte) {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kinds := primitives(typ)
	lines := json.NewEncoder(w)
	for g := range f.NumRowGroups() {
		group := f.RowGroup(g)
		var all []*slots
		for i, kind := range kinds {
			column, err := group.Column(i)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, readColumn(t, kind, column))
		}
		for range group.NumRows() {
			if err := lines.Encode(assemble(typ, true, 0, 0, all)); err != nil {
				t.Fatal(err)
			}
		}
		for i, s := range all {
			if len(s.definitions) != 0 || len(s.values) != 0 {
				t.Fatalf("column %d of row group %d has %d slots more than there are rows", i, g, len(s.definitions))
			}
		}
	}
}

// primitives returns the types of a file's columns.
func primitives(t *columns.Type) []*columns.Type {
	if len(t.Fields) == 0 {
		return []*columns.Type{t}
	}
	var list []*columns.Type
	for _, f := range t.Fields {
		list = append(list, primitives(f.Type)...)
	}
	return list
}

// assemble takes the next entry from the columns below it.
func assemble(t *columns.Type, required bool, present, repeats int16, below []*slots) any {
	if !required {
		present++
	}
	defined := below[0].definitions[0]
	if defined < present || len(t.Fields) > 0 && t.Kind != columns.Struct && defined == present {
		for _, s := range below {
			s.next()
		}
		if defined < present {
			return nil
		}
		return []any{}
	}
	switch t.Kind {
	case columns.Struct:
		return assembleFields(t, present, repeats, below)
	case columns.Array, columns.Map:
		var list []any
		for more := true; more; more = len(below[0].repetitions) > 0 && below[0].repetitions[0] == repeats+1 {
			parts := assembleFields(t, present+1, repeats+1, below)
			if t.Kind == columns.Array {
				list = append(list, parts[0])
			} else {
				list = append(list, parts)
			}
		}
		return list
	}
	value := below[0].values[0]
	below[0].values = below[0].values[1:]
	below[0].next()
	return value
}

func assembleFields(t *columns.Type, present, repeats int16, below []*slots) (list []any) {
	for i, f := range t.Fields {
		count := len(primitives(f.Type))
		list = append(list, assemble(f.Type, t.Kind == columns.Map && i == 0, present, repeats, below[:count]))
		below = below[count:]
	}
	return list
}

// readColumn reads a column of a row group.
func readColumn(t testing.TB, typ *columns.Type, column file.ColumnChunkReader) *slots {
	t.Helper()
	switch r := column.(type) {
	case *file.BooleanColumnChunkReader:
		return readAll(t, column, r.ReadBatch, strconv.FormatBool)
	case *file.Int32ColumnChunkReader:
		return readAll(t, column, r.ReadBatch, func(v int32) string { return strconv.Itoa(int(v)) })
	case *file.Int64ColumnChunkReader:
		return readAll(t, column, r.ReadBatch, func(v int64) string { return strconv.Itoa(int(v)) })
	case *file.Float32ColumnChunkReader:
		return readAll(t, column, r.ReadBatch, func(v float32) string { return bits(float64(v)) })
	case *file.Float64ColumnChunkReader:
		return readAll(t, column, r.ReadBatch, bits)
	case *file.Int96ColumnChunkReader:
		return readAll(t, column, r.ReadBatch, func(v parquet.Int96) string {
			nanos := big.NewInt(v.ToTime().Unix())
			return nanos.Mul(nanos, big.NewInt(1e9)).Add(nanos, big.NewInt(int64(v.ToTime().Nanosecond()))).String()
		})
	case *file.FixedLenByteArrayColumnChunkReader:
		return readAll(t, column, r.ReadBatch, func(v parquet.FixedLenByteArray) string {
			n := new(big.Int).SetBytes(v)
			if v[0] >= 0x80 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
			}
			return n.String()
		})
	case *file.ByteArrayColumnChunkReader:
		return readAll(t, column, r.ReadBatch, func(v parquet.ByteArray) string { return hex.EncodeToString(v) })
	}
	t.Fatalf("%v is read by %T", typ, column)
	return nil
}

func readAll[T any](t testing.TB, column file.ColumnChunkReader, read func(int64, []T, []int16, []int16) (int64, int, error), plain func(T) string) *slots {
	t.Helper()
	const batch = 4096
	s := &slots{}
	values, definitions, repetitions := make([]T, batch), make([]int16, batch), make([]int16, batch)
	for column.HasNext() {
		levels, count, err := read(batch, values, definitions, repetitions)
		if err != nil {
			t.Fatal(err)
		}
		s.definitions = append(s.definitions, definitions[:levels]...)
		s.repetitions = append(s.repetitions, repetitions[:levels]...)
		for _, v := range values[:count] {
			s.values = append(s.values, plain(v))
		}
	}
	if err := column.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// equalLines compares line by line, and shows the first that differs.
func equalLines(t testing.TB, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s: row %d is read as\n%.3000s\nand was\n%.3000s", what, i, gotLines[i], wantLines[i])
		}
	}
	t.Fatalf("%s: %d rows are read, %d were written", what, len(gotLines)-1, len(wantLines)-1)
}
