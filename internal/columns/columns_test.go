package columns

import (
	"strings"
	"testing"
)

func TestTypesAreReadAsHiveWritesThem(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		parsed, err := ParseType(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if got := parsed.String(); got != want {
			t.Errorf("%s is read as %s", text, got)
		}
	}
	f("string", "string")
	f("INTEGER", "int")
	f("decimal", "decimal(10,0)")
	f("decimal(38, 10)", "decimal(38,10)")
	f("varchar(20)", "varchar(20)")
	f("char(255)", "char(255)")
	f("array< map<string, array<int>> >", "array<map<string,array<int>>>")
	f("struct<Id:bigint, where:struct<lat:double,lon:double>,tags:array<string>>", "struct<Id:bigint,where:struct<lat:double,lon:double>,tags:array<string>>")
}

func TestWrongTypesAreRefusedWithTheirPlace(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := ParseType(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	f("", "not a Hive type")
	f("set<string>", `"set" is not a Hive type`)
	f("uniontype<int,string>", `"uniontype" is not`)
	f("array<int", `at character 10: ">" expected`)
	f("array", `at character 6: "<" expected`)
	f("map<string>", `at character 11: "," expected`)
	f("struct<>", "at character 8: a name expected")
	f("struct<a int>", "expected")
	f("int>", "at character 4: nothing more expected")
	f("decimal(39)", "at character 9: a number from 1 to 38 expected")
	f("decimal(5,6)", "a number from 0 to 5 expected")
	f("char(256)", "a number from 1 to 255 expected")
	f("varchar", `"(" expected`)
	f(strings.Repeat("array<", 60)+"int"+strings.Repeat(">", 60), "more than 50 levels")
}

func FuzzParseType(f *testing.F) {
	f.Add("struct<a:array<decimal(10,2)>,b:map<string,varchar(3)>>")
	f.Add("array<")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseType(text)
		if err != nil {
			return
		}
		again, err := ParseType(parsed.String())
		if err != nil || again.String() != parsed.String() {
			t.Errorf("%q is written as %q, and that is read as %v, %v", text, parsed, again, err)
		}
	})
}

func TestTruncateTakesBackWhatWasAppended(t *testing.T) {
	typ, err := ParseType("struct<a:array<string>,b:bigint>")
	if err != nil {
		t.Fatal(err)
	}
	v := NewVector(typ)
	add := func() {
		v.Present = append(v.Present, true)
		list, number := v.Children[0], v.Children[1]
		list.Present, list.Children[0].Present = append(list.Present, true), append(list.Children[0].Present, true)
		list.Children[0].Data = append(list.Children[0].Data, "text"...)
		list.Children[0].Ends = append(list.Children[0].Ends, len(list.Children[0].Data))
		list.Ends = append(list.Ends, list.Children[0].Len())
		number.AppendNull()
	}
	add()
	var m Mark
	v.Mark(&m)
	add()
	v.Truncate(&m)
	if list := v.Children[0]; v.Len() != 1 || list.Len() != 1 || len(list.Ends) != 1 || string(list.Children[0].Data) != "text" || v.Children[1].Len() != 1 {
		t.Errorf("after Truncate there is %+v", v)
	}
	v.Reset()
	if v.Len() != 0 || len(v.Children[0].Children[0].Data) != 0 || v.Children[1].Len() != 0 {
		t.Errorf("after Reset there is %+v", v)
	}
}
