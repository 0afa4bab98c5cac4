package catalog

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firehose/internal/convert"
	"firehose/internal/verdict"
)

var orders = convert.Ref{CatalogID: "123456789012", Region: "eu-central-1", Database: "shop", Table: "orders", Version: "LATEST"}

// testFolder is a catalogue of a folder alone.
type testFolder struct {
	convert.Tables
	t   *testing.T
	dir string
}

func newFolder(t *testing.T) testFolder {
	t.Helper()
	dir := t.TempDir()
	tables, err := Open(Options{Dir: dir, Refresh: time.Minute, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return testFolder{tables, t, dir}
}

func (c testFolder) write(path, text string) {
	c.t.Helper()
	path = filepath.Join(c.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// ref is a table of the database shop.
func ref(table, version string) convert.Ref {
	r := orders
	r.Table, r.Version = table, version
	return r
}

func body(columnType string) string {
	return `{"StorageDescriptor":{"Columns":[{"Name":"a","Type":"` + columnType + `","Comment":"x"}]},"PartitionKeys":[{"Name":"dt","Type":"string"}]}`
}

func TestFolderHasTablesAndVersions(t *testing.T) {
	c := newFolder(t)
	c.write("Shop/Orders.json", `{"Table":{"Name":"orders","VersionId":"7","CreateTime":"2026-01-01T00:00:00+01:00","StorageDescriptor":{"Columns":[{"Name":"a","Type":"int"}]}}}`)
	c.write("Shop/orders.6.json", body("string"))
	c.write("Shop/input.json", `{"DatabaseName":"x","TableInput":{"Name":"y","StorageDescriptor":{"Columns":[{"Name":"a","Type":"date"}]}}}`)
	c.write("Shop/version.json", `{"TableVersion":{"Table":`+body("double")+`,"VersionId":"3"}}`)
	c.write("other/orders.json", body("float"))
	f := func(r convert.Ref, want string) {
		t.Helper()
		found, err := c.Table(t.Context(), r)
		if err != nil || found.String() != "struct<a:"+want+">" {
			t.Errorf("%+v: %v, %v, want a column of type %s", r, found, err, want)
		}
	}
	f(orders, "int")
	f(ref("ORDERS", ""), "int")
	f(ref("orders", "7"), "int")
	f(ref("orders", "6"), "string")
	f(ref("input", "LATEST"), "date")
	f(ref("version", "latest"), "double")
}

func TestFolderSaysWhatIsMissing(t *testing.T) {
	c := newFolder(t)
	c.write("shop/orders.json", body("int"))
	c.write("secret.json", body("int"))
	f := func(database, table, version, want string) {
		t.Helper()
		_, err := c.Table(t.Context(), convert.Ref{Database: database, Table: table, Version: version})
		broken := verdict.AsSetUp(err)
		if broken == nil || broken.Code != "DataFormatConversion.EntityNotFound" || !strings.Contains(broken.Fix, want) {
			t.Errorf("%s.%s %s: %v, want a fix that says %q", database, table, version, err, want)
		}
	}
	f("shop", "customers", "LATEST", "shop/customers.json below catalog.dir")
	f("market", "orders", "LATEST", "market/orders.json")
	f("shop", "orders", "7", "shop/orders.json")
	f("", "", "", "catalog.dir")
	f(".", "secret", "", "catalog.dir")
	f("shop", "../secret", "", "catalog.dir")
	f("shop/..", "secret", "", "catalog.dir")
	f(filepath.ToSlash(c.dir), "secret", "", "catalog.dir")
}

func TestFolderSaysWhichFileAndMemberIsWrong(t *testing.T) {
	c := newFolder(t)
	f := func(text string, want ...string) {
		t.Helper()
		c.write("shop/orders.json", text)
		_, err := c.Table(t.Context(), orders)
		broken := verdict.AsSetUp(err)
		if broken == nil || broken.Code != "DataFormatConversion.InvalidSchema" || broken.Fix == "" {
			t.Errorf("%s: %v, want a broken set-up", text, err)
			return
		}
		for _, text := range append(want, filepath.Join(c.dir, "shop", "orders.json")) {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%v, want %q in it", err, text)
			}
		}
	}
	f("", "unexpected end")
	f("{\n\"Table\": {\n", "line 3")
	f(`[]`, "array")
	f(`null`, "StorageDescriptor.Columns has no columns")
	f(`{"Table":{}}`, "StorageDescriptor.Columns has no columns")
	f("{\"StorageDescriptor\":{\"Columns\":[\n{\"Name\":7}]}}", "line 2", "StorageDescriptor.Columns.Name", "number", "string")
	f(`{"StorageDescriptor":{"Columns":[{"Type":"int"}]}}`, "StorageDescriptor.Columns[0].Name is missing")
	f(`{"StorageDescriptor":{"Columns":[{"Name":"a","Type":"int"},{"Name":"b"}]}}`, "StorageDescriptor.Columns[1].Type", `"b"`)
	f(`{"StorageDescriptor":{"Columns":[{"Name":"a","Type":"int"},{"Name":"A","Type":"int"}]}}`, "StorageDescriptor.Columns[1].Name", `two columns "a"`)
	f(body("set<string>"), "StorageDescriptor.Columns[0].Type", `column "a"`, `"set" is not a Hive type`)

	c.write("shop/orders.json", body("int"))
	c.write("shop/Orders.json", body("int"))
	if names, err := os.ReadDir(filepath.Join(c.dir, "shop")); err != nil || len(names) == 2 {
		_, err := c.Table(t.Context(), orders)
		if verdict.AsSetUp(err) == nil || !strings.Contains(err.Error(), "the same name but for capitals") {
			t.Errorf("two files of one name: %v", err)
		}
	}
}

func TestFolderThatVanishesIsNoMissingTable(t *testing.T) {
	c := newFolder(t)
	if err := os.Remove(c.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Table(t.Context(), orders); err == nil || verdict.AsSetUp(err) != nil {
		t.Errorf("%v, want an error that asks to try again", err)
	}
}

func TestFolderMustBeThereAtStart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), file} {
		if _, err := Open(Options{Dir: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names it", path, err)
		}
	}
}

func TestNoCatalogueSaysWhatToConfigure(t *testing.T) {
	c, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Table(t.Context(), orders)
	broken := verdict.AsSetUp(err)
	if broken == nil || !strings.Contains(broken.Fix, "catalog.dir") || !strings.Contains(broken.Fix, "glue.endpoint") {
		t.Errorf("%v, want what to set", err)
	}
}
