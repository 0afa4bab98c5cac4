package parquet

import (
	"bytes"
	"testing"

	"firehose/internal/columns"
)

func mustType(t testing.TB, text string) *columns.Type {
	t.Helper()
	parsed, err := columns.ParseType(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// encode returns the file of vectors.
func encode(t testing.TB, typ *columns.Type, o Options, vectors ...*columns.Vector) []byte {
	t.Helper()
	var out bytes.Buffer
	x, err := NewWriter(&out, typ, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if err := x.Write(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// everyOption calls f with all choices of compression, version and dictionary.
func everyOption(f func(o Options)) {
	for _, compression := range []string{"SNAPPY", "GZIP", "UNCOMPRESSED"} {
		for _, version := range []string{"V1", "V2"} {
			for _, dictionary := range []bool{false, true} {
				f(Options{Compression: compression, Version: version, Dictionary: dictionary, PageSize: 64 << 10})
			}
		}
	}
}

const everyType = "struct<b:boolean,t:tinyint,s:smallint,i:int,l:bigint,f:float,d:double,word:string,short:varchar(10),fixed:char(5)," +
	"day:date,at:timestamp,raw:binary,d1:decimal(1,0),d2:decimal(2,2),d9:decimal(9,3),d18:decimal(18,0),d19:decimal(19,5),d38:decimal(38,10)," +
	"list:array<int>,lists:array<array<string>>,map:map<string,bigint>,maps:map<int,map<string,array<timestamp>>>," +
	"inside:struct<a:int,b:struct<c:string>>,deep:array<struct<a:map<string,struct<x:double,y:array<decimal(20,4)>>>,b:date>>>"

func TestValuesAreReadBack(t *testing.T) {
	f := func(name string, typ *columns.Type, o Options, v *columns.Vector) {
		t.Helper()
		var got, want bytes.Buffer
		writeTruth(t, &want, v)
		readBack(t, &got, typ, encode(t, typ, o, v))
		equalLines(t, name, got.String(), want.String())
	}
	everyOption(func(o Options) {
		typ := mustType(t, everyType)
		f("every type", typ, o, newRandom(1).rows(typ, 700))
	})
}

func FuzzNestedRowsAreReadBack(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed, uint16(seed*10), seed%2 == 0, seed%3 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, rows uint16, dictionary, second bool) {
		r := newRandom(seed)
		r.nullShare = r.Float64()
		o := Options{Dictionary: dictionary, BlockSize: 1 << (10 + r.IntN(20)), PageSize: 1 << (8 + r.IntN(12))}
		if second {
			o.Version = "V2"
		}
		typ := r.table()
		v := r.rows(typ, int(rows%2000))
		var got, want bytes.Buffer
		writeTruth(t, &want, v)
		readBack(t, &got, typ, encode(t, typ, o, v))
		equalLines(t, typ.String(), got.String(), want.String())
	})
}
