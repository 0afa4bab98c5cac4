package parquet

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"firehose/internal/columns"
)

func open(t *testing.T, data []byte) *file.Reader {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestTheSameRowsGiveTheSameBytes(t *testing.T) {
	everyOption(func(o Options) {
		typ := mustType(t, everyType)
		first := encode(t, typ, o, newRandom(1).rows(typ, 500))
		if !bytes.Equal(first, encode(t, typ, o, newRandom(1).rows(typ, 500))) {
			t.Errorf("%+v: the same rows give different files", o)
		}
	})
}

func TestTheSchemaIsTheOneOfHive(t *testing.T) {
	f := func(typ, want string) {
		t.Helper()
		data := encode(t, mustType(t, "struct<x:"+typ+">"), Options{})
		var got strings.Builder
		schema.PrintSchema(open(t, data).MetaData().Schema.Root(), &got, 2)
		text := strings.Join(strings.Fields(got.String()), " ")
		if want = "required group field_id=-1 hive_schema { " + want + " }"; text != want {
			t.Errorf("%s is written as\n%s\nwant\n%s", typ, text, want)
		}
	}
	f("boolean", "optional boolean field_id=-1 x;")
	f("tinyint", "optional int32 field_id=-1 x (Int(bitWidth=8, isSigned=true));")
	f("smallint", "optional int32 field_id=-1 x (Int(bitWidth=16, isSigned=true));")
	f("int", "optional int32 field_id=-1 x;")
	f("bigint", "optional int64 field_id=-1 x;")
	f("float", "optional float field_id=-1 x;")
	f("double", "optional double field_id=-1 x;")
	f("decimal(9,2)", "optional fixed_len_byte_array field_id=-1 x (Decimal(precision=9, scale=2));")
	f("varchar(3)", "optional byte_array field_id=-1 x (String);")
	f("date", "optional int32 field_id=-1 x (Date);")
	f("timestamp", "optional int96 field_id=-1 x;")
	f("binary", "optional byte_array field_id=-1 x;")
	f("struct<a:int>", "optional group field_id=-1 x { optional int32 field_id=-1 a; }")
	f("array<int>", "optional group field_id=-1 x (List) { repeated group field_id=-1 bag { optional int32 field_id=-1 array_element; } }")
	f("map<int,int>", "optional group field_id=-1 x (Map) { repeated group field_id=-1 map { required int32 field_id=-1 key; optional int32 field_id=-1 value; } }")
}

func TestDecimalsTakeTheFewestBytes(t *testing.T) {
	for precision, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 9: 4, 10: 5, 18: 8, 19: 9, 28: 12, 38: 16} {
		if got := decimalLength(precision); got != want {
			t.Errorf("decimal(%d) takes %d bytes, want %d", precision, got, want)
		}
	}
}

func TestOptionsShapeTheFile(t *testing.T) {
	typ := mustType(t, "struct<word:string>")
	v := columns.NewVector(typ)
	for range 200_000 {
		v.Present = append(v.Present, true)
		c := v.Children[0]
		c.Present, c.Data = append(c.Present, true), append(c.Data, "sixteen letters."...)
		c.Ends = append(c.Ends, len(c.Data))
	}
	f := func(o Options, groupsMin, groupsMax int, encoding string) {
		t.Helper()
		r := open(t, encode(t, typ, o, v))
		if r.NumRows() != int64(v.Len()) || r.NumRowGroups() < groupsMin || r.NumRowGroups() > groupsMax {
			t.Errorf("%+v: %d rows in %d row groups, want %d to %d", o, r.NumRows(), r.NumRowGroups(), groupsMin, groupsMax)
		}
		chunk, err := r.MetaData().RowGroup(0).ColumnChunk(0)
		if err != nil {
			t.Fatal(err)
		}
		if got := chunk.Compression().String(); o.Compression != "" && got != o.Compression {
			t.Errorf("%+v: compressed with %s", o, got)
		}
		found := false
		for _, e := range chunk.Encodings() {
			found = found || e.String() == encoding
		}
		if !found {
			t.Errorf("%+v: encodings %v, want %s", o, chunk.Encodings(), encoding)
		}
		if got := r.MetaData().GetCreatedBy(); got != "firehose" {
			t.Errorf("%+v: created by %q", o, got)
		}
	}
	f(Options{}, 1, 1, "PLAIN")
	f(Options{BlockSize: 1 << 20, Compression: "GZIP"}, 4, 5, "PLAIN")
	f(Options{Dictionary: true, Compression: "UNCOMPRESSED"}, 1, 1, "PLAIN_DICTIONARY")
	f(Options{Dictionary: true, Version: "V2", Compression: "SNAPPY"}, 1, 1, "RLE_DICTIONARY")
}

func TestPagesEndNearTheirSize(t *testing.T) {
	f := func(typ string, o Options, sizeMax int32) {
		t.Helper()
		r := newRandom(1)
		r.listMax = 200
		parsed := mustType(t, typ)
		column, err := open(t, encode(t, parsed, o, r.rows(parsed, 20_000))).RowGroup(0).GetColumnPageReader(0)
		if err != nil {
			t.Fatal(err)
		}
		pages := 0
		for ; column.Next(); pages++ {
			if size := column.Page().(interface{ UncompressedSize() int32 }).UncompressedSize(); size > sizeMax {
				t.Errorf("%s %+v: a page has %d bytes", typ, o, size)
			}
		}
		if pages < 4 {
			t.Errorf("%s %+v: %d pages", typ, o, pages)
		}
	}
	for _, version := range []string{"V1", "V2"} {
		f("struct<a:string>", Options{PageSize: 64 << 10, Version: version}, 160<<10)
		f("struct<a:bigint>", Options{PageSize: 16 << 10, Version: version}, 48<<10)
		f("struct<a:array<bigint>>", Options{PageSize: 64 << 10, Version: version}, 256<<10)
		f("struct<a:array<string>>", Options{PageSize: 64 << 10, Version: version}, 256<<10)
	}
}

func TestStatisticsHoldSmallestAndLargest(t *testing.T) {
	typ := mustType(t, "struct<n:bigint,word:string,price:decimal(10,2),at:timestamp>")
	v := columns.NewVector(typ)
	for i := range int64(3) {
		v.Present = append(v.Present, true)
		for _, c := range v.Children {
			c.Present = append(c.Present, i != 1)
		}
		if i == 1 {
			continue
		}
		n, word, price, at := v.Children[0], v.Children[1], v.Children[2], v.Children[3]
		n.Ints = append(n.Ints, i-1)
		word.Data = append(word.Data, "ba"[i/2])
		word.Ends = append(word.Ends, len(word.Data))
		price.Decimals = append(price.Decimals, columns.Int128{High: (i - 1) >> 1, Low: uint64(i - 1)})
		at.Ints, at.Nanos = append(at.Ints, (i-1)*3600), append(at.Nanos, 5)
	}
	for _, version := range []string{"V1", "V2"} {
		group := open(t, encode(t, typ, Options{Version: version}, v)).MetaData().RowGroup(0)
		f := func(column int, smallest, largest string) {
			t.Helper()
			chunk, err := group.ColumnChunk(column)
			if err != nil {
				t.Fatal(err)
			}
			s, err := chunk.Statistics()
			if err != nil || s == nil {
				t.Fatalf("column %d has no statistics (%v)", column, err)
			}
			if got := string(s.EncodeMin()); got != smallest {
				t.Errorf("%s: column %d: smallest %q", version, column, got)
			}
			if got := string(s.EncodeMax()); got != largest {
				t.Errorf("%s: column %d: largest %q", version, column, got)
			}
			if s.NullCount() != 1 {
				t.Errorf("%s: column %d: %d nulls", version, column, s.NullCount())
			}
		}
		f(0, "\xff\xff\xff\xff\xff\xff\xff\xff", "\x01\x00\x00\x00\x00\x00\x00\x00")
		f(1, "a", "b")
		f(2, "\xff\xff\xff\xff\xff", "\x00\x00\x00\x00\x01")
	}
}

func TestTimestampsAreJulianDaysAndNanoseconds(t *testing.T) {
	f := func(seconds int64, nanos int32, want string) {
		t.Helper()
		v := &columns.Vector{Ints: []int64{seconds}, Nanos: []int32{nanos}}
		if got := int96s(nil, v, 0, 1)[0]; string(got[:]) != want {
			t.Errorf("%d seconds and %d nanoseconds are written as %x, want %x", seconds, nanos, got[:], want)
		}
	}
	f(0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x3d\x25\x00")
	f(86400, 1, "\x01\x00\x00\x00\x00\x00\x00\x00\x8d\x3d\x25\x00")
	f(-1, 999_999_999, "\xff\xff\x4e\x91\x94\x4e\x00\x00\x8b\x3d\x25\x00")
	f(-62135596800, 0, "\x00\x00\x00\x00\x00\x00\x00\x00\x52\x44\x1a\x00") // 0001-01-01
	f(253402300799, 0, "\x00\x36\xb4\x55\x94\x4e\x00\x00\x2c\xfe\x51\x00") // 9999-12-31T23:59:59Z
}

func TestWrongOptionsAndTypesAreRefused(t *testing.T) {
	f := func(typ *columns.Type, o Options, want string) {
		t.Helper()
		if _, err := NewWriter(io.Discard, typ, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v %+v: %v, want %q", typ, o, err, want)
		}
	}
	table := mustType(t, "struct<a:int>")
	f(table, Options{Compression: "LZO"}, "one of SNAPPY, GZIP, UNCOMPRESSED")
	f(table, Options{Version: "V3"}, "V1 or V2")
	f(table, Options{BlockSize: -1}, "positive")
	f(table, Options{PageSize: math.MinInt64}, "positive")
	f(columns.Table(nil), Options{}, "at least one field")
	f(mustType(t, "int"), Options{}, "struct")
}

// failing takes some bytes, then none.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func (f *failing) Close() error { panic("closed by somebody who did not open it") }

func TestAnErrorOfWritingIsReturned(t *testing.T) {
	typ := mustType(t, everyType)
	v := newRandom(1).rows(typ, 200)
	whole := len(encode(t, typ, Options{BlockSize: 10 << 10}, v))
	for left := 0; left <= whole; left += max(1, whole/50) {
		x, err := NewWriter(&failing{left}, typ, Options{BlockSize: 10 << 10})
		if err == nil {
			err = x.Write(v)
		}
		if err == nil {
			err = x.Close()
		}
		if left < whole && !errors.Is(err, errFull) {
			t.Errorf("after %d of %d bytes the error is %v", left, whole, err)
		}
	}
	x, err := NewWriter(&failing{whole}, typ, Options{BlockSize: 10 << 10})
	if err != nil || x.Write(v) != nil || x.Close() != nil {
		t.Error("a file that fits is not written")
	}
}

func TestANullRowIsRefused(t *testing.T) {
	v := columns.NewVector(mustType(t, "struct<a:int>"))
	v.AppendNull()
	x, err := NewWriter(io.Discard, v.Type, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Write(v); err == nil || !strings.Contains(err.Error(), "row 0 is null") {
		t.Errorf("a null row gives %v", err)
	}
	if err := x.Close(); err == nil {
		t.Error("the file is completed after an error")
	}
}
