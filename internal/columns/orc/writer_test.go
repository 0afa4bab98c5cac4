package orc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"testing"

	"firehose/internal/columns"
)

// check writes rows and reads them with the tests' own reader, each row group from its positions.
func check(t *testing.T, typ *columns.Type, o Options, rows [][]any) *tested {
	t.Helper()
	f := openTested(file(t, typ, o, rows))
	x, err := NewWriter(io.Discard, typ, o)
	if err != nil {
		t.Fatal(err)
	}
	got := f.read(x.columns[0])
	if len(got) != len(rows) || f.footer.int(6) != len(rows) {
		t.Fatalf("%v %+v: %d rows are read of %d", typ, o, len(got), len(rows))
	}
	for i, row := range rows {
		if got, want := render(typ, got[i]), render(typ, row); got != want {
			t.Fatalf("%v %+v: row %d is\n%s\nwant\n%s", typ, o, i, got, want)
		}
	}
	return f
}

func TestEveryRowGroupIsReadFromItsPositions(t *testing.T) {
	for i := range uint64(150) {
		r := newChance(i)
		typ := columns.Table(r.fields(1+r.IntN(8), 3))
		check(t, typ, r.options(), r.rows(typ, []int{0, 1, 10, 700, 3000}[r.IntN(5)]))
	}
}

const everything = "struct<b:boolean,t:tinyint,s:smallint,i:int,l:bigint,f:float,d:double,n:decimal(38,10),w:string,v:varchar(3)," +
	"c:char(4),day:date,at:timestamp,x:binary,list:array<array<int>>,map:map<string,struct<a:int,b:array<string>>>," +
	"deep:struct<a:struct<b:struct<c:bigint,d:string>>>>"

// extremes returns rows of everything: the least and greatest of each type, and nulls and nothing at each level.
func extremes(t *testing.T) [][]any {
	t.Helper()
	number := func(s string) *big.Int {
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			t.Fatal(s)
		}
		return n
	}
	nines := strings.Repeat("9", 38)
	return [][]any{
		make([]any, 17),
		{int64(1), int64(-128), int64(-32768), int64(math.MinInt32), int64(math.MinInt64), float64(math.SmallestNonzeroFloat32),
			-math.MaxFloat64, number("-" + nines), "", "äöüß", "x", int64(-719162), instant{-62135596800, 0}, "\x00\xff", []any{}, []any{}, []any{nil}},
		{int64(0), int64(127), int64(32767), int64(math.MaxInt32), int64(math.MaxInt64), float64(math.MaxFloat32),
			math.Inf(-1), number(nines), "\"\\", "ab", "abcde", int64(2932896), instant{253402300799, 999999999}, "", []any{nil, []any{}, []any{nil, int64(1)}},
			[]any{[]any{"", nil}, []any{"k", []any{nil, nil}}, []any{"l", []any{int64(2), []any{nil, ""}}}}, []any{[]any{nil}}},
		{nil, int64(0), nil, int64(0), nil, math.Copysign(0, -1), 0.0, number("0"), nil, "", "", int64(0), instant{-1, 999_999}, nil, nil, nil,
			[]any{[]any{[]any{nil, "deep"}}}},
	}
}

func TestNullsAtEveryLevelAndExtremesComeBack(t *testing.T) {
	typ, rows := parsed(t, everything), extremes(t)
	for _, compression := range []string{"NONE", "SNAPPY", "ZLIB"} {
		for _, version := range []string{"V0_11", "V0_12"} {
			check(t, typ, Options{Compression: compression, Version: version, RowIndexStride: 2, BloomFilterColumns: []string{"w", "map"}}, rows)
		}
	}
	check(t, typ, Options{}, nil)
	check(t, typ, Options{}, rows[1:2])
	check(t, typ, Options{StripeSize: 1}, rows)
}

func TestTimestampsBefore1970(t *testing.T) {
	typ := parsed(t, "struct<at:timestamp>")
	f := func(at, want instant) {
		t.Helper()
		v := vector(typ, [][]any{{at}})
		var b bytes.Buffer
		x, err := NewWriter(&b, typ, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(x.Write(v), x.Close()); err != nil {
			t.Fatal(err)
		}
		if got := openTested(b.Bytes()).read(x.columns[0])[0].([]any)[0]; got != want {
			t.Errorf("%v is read as %v, want %v", at, got, want)
		}
	}
	same := func(seconds, nanos int64) { t.Helper(); f(instant{seconds, nanos}, instant{seconds, nanos}) }
	same(0, 0)
	same(0, 999_999_999)
	same(-1, 0)
	same(-1, 999_999)
	same(-2, 1_000_000)
	same(-2, 999_999)
	same(-2, 500_000_000)
	same(-86400*365*100, 123_456_789)
	f(instant{-1, 1_000_000}, instant{-1, 999_999})
	f(instant{-1, 499_999_999}, instant{-1, 999_999})
	f(instant{-1, 500_000_000}, instant{0, 0})
	f(instant{-1, 999_999_999}, instant{0, 0})
}

func TestTheSameRowsGiveTheSameBytes(t *testing.T) {
	for i := range uint64(20) {
		r := newChance(i)
		typ := columns.Table(r.fields(5, 3))
		rows, o := r.rows(typ, 2000), r.options()
		o.DictionaryKeyThreshold = 1
		first := file(t, typ, o, rows)
		var b bytes.Buffer
		x, err := NewWriter(&b, typ, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(x.Write(vector(typ, rows)), x.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, file(t, typ, o, rows)) {
			t.Errorf("%v %+v: a second file is different", typ, o)
		}
		if !bytes.Equal(first, b.Bytes()) {
			t.Errorf("%v %+v: the same rows in one vector give another file", typ, o)
		}
	}
}

func TestStripesAreCutAtTheirSize(t *testing.T) {
	typ := parsed(t, event)
	rows := eventRows(10_000)
	f := check(t, typ, Options{StripeSize: 300_000, RowIndexStride: 1000}, rows)
	if n := len(f.footer[3]); n < 5 {
		t.Fatalf("there are %d stripes", n)
	}
	for i := range len(f.footer[3]) - 1 {
		f.openStripe(i)
		if n := f.stripe.int(2) + f.stripe.int(3) + f.stripe.int(4); n < 200_000 || n > 330_000 {
			t.Errorf("stripe %d has %d bytes", i, n)
		}
	}
}

func TestPaddedStripesKeepWithinBlocks(t *testing.T) {
	typ := parsed(t, event)
	rows := eventRows(8_000)
	const block = 400_000
	crossing := func(o Options) (n int) {
		o.StripeSize, o.BlockSize = 150_000, block
		f := check(t, typ, o, rows)
		for i := range f.footer[3] {
			f.openStripe(i)
			at := f.stripe.int(1)
			if (at+f.stripe.int(2)+f.stripe.int(3)+f.stripe.int(4)-1)/block != at/block {
				n++
			}
		}
		return n
	}
	if n := crossing(Options{}); n < 3 {
		t.Errorf("without padding %d stripes cross a block", n)
	}
	if n := crossing(Options{Padding: true, PaddingTolerance: 1}); n != 0 {
		t.Errorf("with padding %d stripes cross a block", n)
	}
}

func TestADictionaryIsWrittenWhereItPays(t *testing.T) {
	typ := parsed(t, "struct<few:string,many:string,none:string,turns:string>")
	var rows [][]any
	for i := range 5000 {
		turns := "same"
		if i > 2500 {
			turns = fmt.Sprint("other", i)
		}
		rows = append(rows, []any{fmt.Sprint("word", i%50), fmt.Sprint("word", i), nil, turns})
	}
	encodings := func(o Options) (list []int) {
		f := check(t, typ, o, rows)
		for _, e := range f.encodings[1:] {
			list = append(list, e.int(1))
		}
		return list
	}
	f := func(o Options, want ...int) {
		t.Helper()
		if got := encodings(o); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v: encodings are %v, want %v", o, got, want)
		}
	}
	f(Options{}, 2, 2, 2, 2)
	f(Options{DictionaryKeyThreshold: 0.01}, 3, 2, 2, 2)
	f(Options{DictionaryKeyThreshold: 0.009}, 2, 2, 2, 2)
	f(Options{DictionaryKeyThreshold: 0.6}, 3, 2, 2, 3)
	f(Options{DictionaryKeyThreshold: 0.4, RowIndexStride: 500}, 3, 2, 2, 2)
	f(Options{DictionaryKeyThreshold: 1}, 3, 3, 2, 3)
	f(Options{DictionaryKeyThreshold: 1, Version: "V0_11"}, 1, 1, 0, 1)
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	f := func(typ *columns.Type, o Options, want string) {
		t.Helper()
		if _, err := NewWriter(io.Discard, typ, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	typ := parsed(t, "struct<a:int>")
	f(parsed(t, "int"), Options{}, "a table must be a struct")
	f(columns.Table(nil), Options{}, "with columns")
	f(typ, Options{Compression: "LZ4"}, `compression "LZ4"`)
	f(typ, Options{Version: "V1"}, `version "V1"`)
	f(typ, Options{BloomFilterFPP: 1}, "less than 1")
	f(typ, Options{PaddingTolerance: -1}, "from 0 to 1")
	f(typ, Options{StripeSize: -1}, "must not be negative")

	x, err := NewWriter(io.Discard, typ, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Write(vector(parsed(t, "struct<a:bigint>"), nil)); err == nil || !strings.Contains(err.Error(), "struct<a:bigint> cannot be written") {
		t.Errorf("rows of another type: %v", err)
	}
	v := columns.NewVector(typ)
	v.AppendNull()
	if err := x.Write(v); err == nil || !strings.Contains(err.Error(), "a row must not be null") {
		t.Errorf("a row that is null: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if err := x.Write(vector(typ, nil)); err == nil {
		t.Error("a closed file takes rows")
	}
}

var errFull = errors.New("no space")

// full takes so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), int(*f))
	*f -= full(n)
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestAnErrorOfTheFileStays(t *testing.T) {
	typ := parsed(t, "struct<a:int,b:string>")
	r := newChance(1)
	v := vector(typ, r.rows(typ, 1000))
	whole := len(file(t, typ, Options{}, r.rows(typ, 1000)))
	for room := range whole / 2 {
		w := full(room)
		x, err := NewWriter(&w, typ, Options{StripeSize: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if err = x.Write(v); err == nil {
			err = x.Close()
		}
		if !errors.Is(err, errFull) || !errors.Is(x.Close(), errFull) {
			t.Fatalf("with room for %d bytes: %v, then %v", room, err, x.Close())
		}
	}
}
