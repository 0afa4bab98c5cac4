package fromjson

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/columns"
)

// everyKind has a column of every kind, some with short names for the fuzzer to find.
const everyKind = "struct<a:tinyint,b:bigint,c:double,d:decimal(20,5),e:string,f:varchar(3),g:char(3),h:date,i:timestamp,j:binary,k:boolean," +
	"l:array<float>,m:map<string,array<int>>,n:map<decimal(5,2),struct<a:int,b:string>>,s:struct<a:int,b:struct<c:array<struct<d:smallint>>>>>"

// syntax returns how many values a text has, or what is wrong in it, by another parser. To that one 01 is two values where
// none is around them.
func syntax(text []byte) (values int, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	for ; ; values++ {
		value, err := d.ReadValue()
		switch end := d.InputOffset(); {
		case err == io.EOF:
			return values, nil
		case err != nil:
			return values, err
		case value.Kind() == '0' && end < int64(len(text)) && '0' <= text[end] && text[end] <= '9':
			return values, errors.New("a number with a zero before it")
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"-2","c":1.5e3,"d":"1.000005","e":{"x":[1]},"f":"äöüß","g":"a ","h":"2024-02-29","i":"2024-02-29T01:02:03.5Z","j":"\u0000"}`))
	f.Add([]byte(`{"k":"true","l":[1,null,"NaN"],"m":{"a":[1],"a":2},"n":{"1.5":{"b":1},"01.50":[1,"x",{}]},"s":{"b":{"c":{"d":7}},"B":[]}}{"A":1}`))
	f.Add([]byte(` {"e":"\ud83d","z":[true,false,null,{"y":-0.0e-1}]} {"e":01}`))
	f.Add([]byte(`[1]x`))
	typ := mustType(f, everyKind)
	f.Fuzz(func(t *testing.T, record []byte) {
		if bytes.Count(record, []byte("["))+bytes.Count(record, []byte("{")) >= depthMax {
			return // where the bounds of depth differ
		}
		values, wrong := syntax(record)
		for _, o := range []Options{openX, hive} {
			r, v := mustNew(t, typ, o), columns.NewVector(typ)
			if _, err := r.Append(v, []byte(`{"a":1,"e":"x","m":{"y":[1,2]}}`)); err != nil {
				t.Fatal(err)
			}
			before := clone(v)
			rows, err := r.Append(v, record)
			var told *Error
			switch {
			case err == nil:
				if wrong != nil || rows != values || v.Len() != before.Len()+rows {
					t.Errorf("%q: %d rows; it has %d values, %v", record, rows, values, wrong)
				}
				decode(t, v)
				continue
			case !errors.As(err, &told) || rows != 0 || !equal(v, before):
				t.Errorf("%q: after %v %d rows and %+v are there", record, err, rows, v)
			case (told.Code == ParseError) != (wrong != nil):
				t.Errorf("%q: %v, where another parser says %v", record, err, wrong)
			}
		}
	})
}
