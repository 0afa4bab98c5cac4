package fromjson

import (
	"fmt"
	"strings"
	"testing"

	"firehose/internal/columns"
	"firehose/internal/sample"
)

func TestEachObjectOfARecordIsARow(t *testing.T) {
	f := func(record, want string) {
		t.Helper()
		for _, o := range []Options{openX, hive} {
			if got := read(t, "struct<a:int>", o, record); got != want {
				t.Errorf("%q is %s, want %s", record, got, want)
			}
		}
	}
	f(`{"a":1}`, "{a:1}")
	f(`{"a":1}{"a":2}`, "{a:1} {a:2}")
	f(" {\"a\":1}\r\n\t{\"a\":2}\n", "{a:1} {a:2}")
	f(`{}{"a":null}`, "{a:null} {a:null}")
	f(`{ "a" : 1 , "b" : [ ] }`, "{a:1}")
	f("", "DataFormatConversion.MalformedData: The record was empty or contained only whitespace.")
	f(" \n\t", "DataFormatConversion.MalformedData: The record was empty or contained only whitespace.")
}

func TestRecordsOfOtherThanObjectsDoNotFit(t *testing.T) {
	for _, record := range []string{`[{"a":1},{"a":2}]`, `[]`, `1`, `"x"`, `null`, `{"a":1} 5`, `{"a":1} null`} {
		if got := read(t, "struct<a:int>", openX, record); got != "DataFormatConversion.MalformedData: One or more fields have incorrect format. Exception when validating field (root)" {
			t.Errorf("%s is %s", record, got)
		}
		if got := read(t, "struct<a:int>", hive, record); got != malformed+"java.io.IOException: Start of Object expected" {
			t.Errorf("%s is %s", record, got)
		}
	}
}

func TestWhatIsNoJSONIsRefusedWhereverItStands(t *testing.T) {
	f := func(bad, want string) {
		t.Helper()
		// As the value of a column, of a part of one, and where nobody looks; and after something that does not fit.
		for _, record := range []string{`{"a":%s}`, `{"s":{"l":[%s]}}`, `{"z":{"y":[%s]}}`, `{"a":"wrong","z":%s}`, `{"m":{"x":%s}}`} {
			record := fmt.Sprintf(record, bad)
			got := read(t, "struct<a:int,s:struct<l:array<double>>,m:map<string,boolean>>", openX, record)
			if !strings.HasPrefix(got, "DataFormatConversion.ParseError: Encountered malformed JSON. ") || !strings.Contains(got, want) {
				t.Errorf("%q is %s, want %s", record, got, want)
			}
		}
	}
	f("01", "zeros")
	f("-", "number")
	f("1.", "digit after the point")
	f("1.e5", "digit after the point")
	f("1e", "digit of the exponent")
	f("1e+", "digit of the exponent")
	f("+1", "a value")
	f(".5", "a value")
	f("NaN", "a value")
	f("nul", "null")
	f("nulL", "character ('L' (code 76))")
	f("tru", "true")
	f("falsy", "false")
	f("'x'", "a value")
	f("\"a\x00\"", "code 0")
	f("\"12345678\x1f\"", "code 31")
	f("\"a\nb\"", "code 10")
	f(`"\x"`, "backslash")
	f(`"\u12g4"`, "hexadecimal")
	f(`"\u12`, "hexadecimal")
	f(`"open`, "end of input")
	f(`{"a" 1}`, "colon")
	f(`{"a":1,}`, "double quote")
	f(`{a:1}`, "double quote")
	f(`{"a":1 "b":2}`, "comma")
	f(`[1,]`, "a value")
	f(`[1 2]`, "comma")
	f(`[1}`, "comma or ']'")
	f("/**/1", "a value")
	f(strings.Repeat("[", 1100)+strings.Repeat("]", 1100), "nesting depth")

	for record, want := range map[string]string{
		`{"a":1} x`:        "character ('x' (code 120)) at byte 8",
		`{"a":1}]`:         "a value",
		`{"a":1`:           "end of input at byte 6",
		`{"a":"bad"}{"a":`: "end of input",
		`{`:                "end of input",
		"\xef\xbb\xbf{}":   "a value",
		"[1":               "end of input",
	} {
		if got := read(t, "struct<a:int>", hive, record); !strings.Contains(got, ParseError) || !strings.Contains(got, want) {
			t.Errorf("%q is %s, want %s", record, got, want)
		}
	}
}

func TestNamesFindTheirColumns(t *testing.T) {
	f := func(o OpenX, record, want string) {
		t.Helper()
		if got := read(t, "struct<a_b:int,ts:int,s:struct<ts:int,x:int>>", Options{OpenX: &o}, record); got != "{"+want+"}" {
			t.Errorf("%s is %s, want %s", record, got, want)
		}
	}
	plain := OpenX{CaseInsensitive: true}
	f(plain, `{"A_B":1,"Ts":2,"S":{"X":3}}`, "a_b:1 ts:2 s:{ts:null x:3}")
	f(plain, `{"\u0061_b":1,"t\u0053":2}`, "a_b:1 ts:2 s:null")
	f(plain, `{"a.b":1}`, "a_b:null ts:null s:null")
	f(OpenX{}, `{"A_B":1,"ts":2,"s":{"X":3,"x":4}}`, "a_b:null ts:2 s:{ts:null x:4}")
	f(OpenX{CaseInsensitive: true, DotsToUnderscores: true}, `{"A.b":1}`, "a_b:1 ts:null s:null")
	f(OpenX{DotsToUnderscores: true}, `{"a.b":1,"A.b":2}`, "a_b:1 ts:null s:null")
	mapped := map[string]string{"ts": "Time.Stamp", "none": "a_b"}
	f(OpenX{CaseInsensitive: true, ColumnToKey: mapped}, `{"time.stamp":1,"ts":2,"s":{"TIME.STAMP":3}}`, "a_b:null ts:1 s:{ts:3 x:null}")
	f(OpenX{ColumnToKey: mapped}, `{"time.stamp":1,"Time.Stamp":2}`, "a_b:null ts:2 s:null")
	f(OpenX{CaseInsensitive: true, ColumnToKey: map[string]string{"ts": "v", "a_b": "v"}}, `{"v":1,"v":2}`, "a_b:2 ts:2 s:null")

	if got := read(t, "struct<Id:int,größe:int>", hive, `{"ID":1,"GRÖSSE":2,"GRÖßE":3}`); got != "{Id:1 größe:3}" {
		t.Error(got)
	}
}

func TestOfEqualNamesTheLastCounts(t *testing.T) {
	f := func(typ, value, want string) {
		t.Helper()
		if got := read(t, "struct<a:int,c:"+typ+">", openX, `{"a":1,"c":`+value+`,"A":2}`); got != "{a:2 c:"+want+"}" {
			t.Errorf("%s is %s, want %s", value, got, want)
		}
	}
	f("int", `1,"c":2,"C":null,"c":3`, "3")
	f("string", `"long text","c":"x"`, `"x"`)
	f("timestamp", `1,"c":2`, `1970-01-01T00:00:02`)
	f("decimal(5,2)", `1,"c":2`, `2`)
	f("double", `1,"c":2`, `2`)
	f("array<string>", `["a",null,"b"],"c":["c"]`, `["c"]`)
	f("struct<x:string,y:array<int>>", `{"x":"a","y":[1,2]},"c":{"y":[3],"y":[4]}`, `{x:null y:[4]}`)
	f("map<string,string>", `{"a":"1"},"c":{"b":"2"}`, `{b:"2"}`)
	f("map<string,string>", `{"a":"1","b":"2","a":"3","c":"4","c":null}`, `{b:"2" a:"3" c:null}`)
	f("map<int,string>", `{"1":"1","01":"2"}`, `{1:"2"}`)
	f("map<string,array<string>>", `{"a":["1","2"],"b":[],"x":["y"],"a":null,"b":["3"]}`, `{x:["y"] a:null b:["3"]}`)
	f("map<string,struct<x:int,t:timestamp>>", `{"a":{"x":1},"b":{"t":5},"a":{"x":2}}`, `{b:{x:null t:1970-01-01T00:00:05} a:{x:2 t:null}}`)
	f("map<string,map<string,double>>", `{"a":{"x":1},"a":{"x":2,"y":3,"x":4}}`, `{a:{y:3 x:4}}`)
	f("map<string,decimal(3,1)>", `{"a":1,"a":2}`, `{a:2}`)
	f("map<string,boolean>", `{"1":true,"2":true,"3":true,"4":true,"5":true,"6":true,"7":true,"8":true,"9":true,"3":false,"1":false,"3":null}`,
		`{2:true 4:true 5:true 6:true 7:true 8:true 9:true 1:false 3:null}`)
	f("map<decimal(4,2),int>", `{"1":1,"1.0":2,"2":3}`, `{1/1:2 2/1:3}`)
	f("map<timestamp,int>", `{"5":1,"1970-01-01T00:00:05Z":2}`, `{1970-01-01 00:00:05 +0000 UTC:2}`)
	f("map<double,int>", `{"NaN":1,"NaN":2,"1":3}`, `{NaN:2 1:3}`)
}

func TestTablesThatCannotBeReadAreRefused(t *testing.T) {
	f := func(typ *columns.Type, o Options, want string) {
		t.Helper()
		if _, err := New(typ, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", typ, err, want)
		}
	}
	f(mustType(t, "struct<a:int>"), Options{}, "one deserializer is needed")
	f(mustType(t, "struct<a:int>"), Options{OpenX: &OpenX{}, Hive: &Hive{}}, "one deserializer is needed")
	f(mustType(t, "array<int>"), openX, "not array")
	f(columns.Table(nil), openX, "parts that it cannot have")
	f(mustType(t, "struct<a:map<array<int>,int>>"), openX, "parts that it cannot have")
	f(columns.Table([]columns.Field{{Name: "d", Type: &columns.Type{Kind: columns.Decimal, Precision: 39}}}), hive, "d: type decimal(39,0)")
	f(columns.Table([]columns.Field{{Name: "u", Type: &columns.Type{Kind: 99}}}), hive, "cannot be read from JSON")
}

func TestNamesThatAreDataAreNotRememberedForEver(t *testing.T) {
	typ := mustType(t, "struct<a:int>")
	r, v := mustNew(t, typ, openX), columns.NewVector(typ)
	for i := range 3 * membersMax {
		record := fmt.Sprintf(`{"name %d":1,"%s":2,"A":%d}`, i, strings.Repeat("n", memberSizeMax+1), i)
		if _, err := r.Append(v, []byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.table; len(n.members) > membersMax || len(n.spelled) > membersMax {
		t.Errorf("%d members and %d spellings are remembered", len(n.members), len(n.spelled))
	}
	for i, a := range v.Children[0].Ints {
		if int(a) != i {
			t.Fatalf("row %d has %d", i, a)
		}
	}
}

func TestNothingIsAllocatedForARow(t *testing.T) {
	f := func(table string, events [][]byte) {
		t.Helper()
		typ := mustType(t, table)
		r, v := mustNew(t, typ, openX), columns.NewVector(typ)
		all := func() {
			v.Reset()
			for _, event := range events {
				if _, err := r.Append(v, event); err != nil {
					t.Fatal(err)
				}
			}
		}
		all()
		if count := testing.AllocsPerRun(10, all); count != 0 {
			t.Errorf("%v allocations for %d rows of %s", count, len(events), table)
		}
	}
	f(flatTable, flatEvents(t, 20))
	f(eventTable, sample.New(1).Lines(20))
	f("struct<a:string,b:double,c:float,d:decimal(20,3),e:map<string,int>,f:timestamp>", [][]byte{
		[]byte(`{"\u0061":"\ud83d\ude00\n","b":"NaN","c":"1.5","d":"12345678901234567.8905","e":{"a":1,"b":2,"c\n":3},"f":"2026-03-02 8:00:00.5"}`),
		[]byte("{\"a\":\"\xff\",\"a\":[1],\"B\":0.12345678901234567890123,\"f\":1.5}"),
	})
}
