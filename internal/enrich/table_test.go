package enrich

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTablesAreBounded(t *testing.T) {
	small := bounds{rows: 3, columns: 2, bytes: 4 * (rowOverhead + 32)}
	f := func(format, text, want string) {
		t.Helper()
		rows, _, err := parse(format, "", []byte(text), small)
		if want == "" && (err != nil || len(rows) == 0) || want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s %.40q: %d rows, %v; want %q", format, text, len(rows), err, want)
		}
	}
	const many, much = "it has more than 3 rows", "its rows take more than 512 bytes of memory"
	wide := strings.Repeat("x", 150)
	f("csv", "id\na\nb\nc\n", "")
	f("csv", "id\na\nb\nc\na\nb\n", "") // the last of a key counts
	f("csv", "id\na\nb\nc\nd\n", many)
	f("csv", "id,b,c\n", "it has more than 2 columns")
	f("csv", "id,"+wide+"\na,\nb,\n", much) // names are repeated in each row
	f("csv", "id,"+wide+"\na,\na,\na,\na,\n", "")
	f("json", `{"a":1,"b":2,"c":3}`, "")
	f("json", `{"a":1,"b":2,"c":3,"d":4}`, "row 4: "+many)
	f("json", `[{"id":1},{"id":2},{"id":3},{"id":4}`, "row 4: "+many) // the rest is not even read
	f("json", `{"a":"`+wide+`","b":"`+wide+`"}`, "")
	f("json", `{"a":"`+wide+wide+wide+`"}`, "row 1: "+much)
	f("ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n", "line 4: "+many)
	f("json", `{"a":1} {}`, "something stands behind its end")
	f("json", `[{"id":1}`, "it ends too early")
	f("json", ``, "it ends too early")
	f("json", `7`, "it is neither an array of objects nor an object whose members are the rows")
}

func TestATableThatBecomesTooLargeIsUsedOnAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, "id,name\nCA,old\n")
	synctest.Test(t, func(t *testing.T) {
		var heard told
		e, err := Compile(Config{Lookups: []Lookup{{Name: "region", Key: "state", File: path}}}, Options{Tell: heard.tell})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := run(t, e)
		expect := func(name string) {
			t.Helper()
			time.Sleep(21 * time.Second) // never when the table is looked at
			if got := apply(t, e, `{"state":"CA"}`, Info{}); !strings.Contains(got, `"name":"`+name+`"`) {
				t.Errorf("%s, want %s", got, name)
			}
		}
		if err := os.Truncate(path, tableSizeMax+1); err != nil {
			t.Fatal(err)
		}
		expect("old")
		write(t, path, "id,name\nCA,new\n")
		expect("new")
		write(t, path, "id,"+strings.Repeat("a,", tableMax.columns)+"b\n")
		expect("new")
		stop()
		if len(heard) != 3 || !strings.Contains(heard[0], "more than 67108864 bytes") || heard[1] != "region: <nil>" || !strings.Contains(heard[2], "more than 1000 columns") {
			t.Errorf("told %q", heard)
		}
	})
}

// Whatever a table holds, its rows are JSON.
func FuzzTables(f *testing.F) {
	for _, format := range []string{formatCSV, formatJSON, formatNDJSON} {
		f.Add(format, "id,name\nCA,\"a\"\"b\"\n")
		f.Add(format, `[{"id":"a"},{"id":7,"x":[ 1 ]}]`)
		f.Add(format, `{"a":{"id": 1},"b":null}`)
		f.Add(format, "{\"id\":true}\n\n{\"id\":\"\xff\"}\r\n")
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		rows, _, err := parse(format, "", []byte(text), bounds{rows: 5, columns: 5, bytes: 10_000})
		if err != nil {
			return
		}
		for key, row := range rows {
			if !json.Valid(row) {
				t.Errorf("%s %q: row %q is %q", format, text, key, row)
			}
		}
	})
}
