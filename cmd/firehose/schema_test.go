package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSchemaOfAFileIsNamedAfterIt(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		if got := tableOf(path); got != want {
			t.Errorf("%s: table %q, want %q", path, got, want)
		}
	}
	f("data/Orders.v2.ndjson", "orders")
	f("orders", "orders")
	f("-", "")
}

func TestSchemaSaysWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.ndjson")
	if err := os.WriteFile(path, []byte("{\"a\":1}\nnothing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := func(want string, args ...string) {
		t.Helper()
		if err := runSchema(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	f("line 2: invalid character", "infer", path)
	f("no such file", "infer", path+".gz")
	f("--table", "infer", "-")
	f(errUsage.Error(), "propose", path)
	f(errUsage.Error(), "infer")
}

func TestSchemaPrintsTheDefinitionAndItsNotesApart(t *testing.T) {
	var out, beside bytes.Buffer
	if err := inferSchema(&out, &beside, strings.NewReader(`{"id":1,"a.b":2}`), "shop", "orders"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"DatabaseName": "shop"`) || !strings.Contains(beside.String(), `"a.b"`) {
		t.Errorf("printed %s beside %s", &out, &beside)
	}
}
