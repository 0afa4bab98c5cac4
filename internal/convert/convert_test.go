package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	arrow "github.com/apache/arrow-go/v18/parquet/file"

	"firehose/internal/batch"
	"firehose/internal/columns"
	"firehose/internal/columns/fromjson"
	"firehose/internal/columns/orc"
	writer "firehose/internal/columns/parquet"
	"firehose/internal/erroroutput"
	"firehose/internal/verdict"
)

// tables knows one table, by its type, or an error.
type tables struct {
	text string
	err  error
}

func (k tables) Table(context.Context, Ref) (*columns.Type, error) {
	if k.err != nil {
		return nil, k.err
	}
	return columns.ParseType(k.text)
}

var (
	orders = Ref{CatalogID: "123456789012", Region: "eu-central-1", Database: "shop", Table: "orders", Version: "LATEST", RoleARN: "arn:aws:iam::123456789012:role/r"}
	openX  = fromjson.Options{OpenX: &fromjson.OpenX{CaseInsensitive: true}}

	toParquet = Config{Ref: orders, Input: openX, Parquet: &writer.Options{}}
	toORC     = Config{Ref: orders, Input: openX, ORC: &orc.Options{}}
)

// run joins records, between others that are none of it.
func run(records ...string) batch.Records {
	r := batch.Records{Data: []byte("before"), Start: len("before")}
	for _, text := range records {
		r.Data = append(r.Data, text...)
		r.Ends = append(r.Ends, len(r.Data))
	}
	r.Data = append(r.Data, "after"...)
	return r
}

func begin(t *testing.T, c Config, table string, body *bytes.Buffer) *Encoder {
	t.Helper()
	e, err := c.Encoder(t.Context(), tables{text: table}, body)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// encode writes runs to a file.
func encode(t *testing.T, c Config, table string, runs ...batch.Records) []byte {
	t.Helper()
	var body bytes.Buffer
	e := begin(t, c, table, &body)
	for _, r := range runs {
		if err := e.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return body.Bytes()
}

// readRows reads a file of the columns bigint and string, as the library on the other side of the writer sees it.
func readRows(t *testing.T, data []byte) (rows []string) {
	t.Helper()
	f, err := arrow.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for g := range f.NumRowGroups() {
		group := f.RowGroup(g)
		n := group.NumRows()
		ids, names := make([]int64, n), make([]parquet.ByteArray, n)
		idLevels, nameLevels := make([]int16, n), make([]int16, n)
		first, err := group.Column(0)
		if err == nil {
			_, _, err = first.(*arrow.Int64ColumnChunkReader).ReadBatch(n, ids, idLevels, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		second, err := group.Column(1)
		if err == nil {
			_, _, err = second.(*arrow.ByteArrayColumnChunkReader).ReadBatch(n, names, nameLevels, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			id, name := "null", "null"
			if idLevels[i] > 0 {
				id, ids = fmt.Sprint(ids[0]), ids[1:]
			}
			if nameLevels[i] > 0 {
				name, names = string(names[0]), names[1:]
			}
			rows = append(rows, id+" "+name)
		}
	}
	return rows
}

func TestRecordsBecomeRowsAndTheUnfitAreRejected(t *testing.T) {
	var body bytes.Buffer
	e := begin(t, toParquet, "struct<id:bigint,name:string>", &body)
	write := func(r batch.Records, rejected ...string) {
		t.Helper()
		if err := e.Write(r); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range e.Rejected() {
			got = append(got, fmt.Sprint(r.Index, " ", r.Failure.Code))
			want := erroroutput.Failure{Type: erroroutput.Conversion, Code: r.Failure.Code, Message: r.Failure.Message, Attempts: 1, Table: r.Failure.Table}
			if r.Failure != want || r.Failure.Message == "" {
				t.Errorf("failure %+v", r.Failure)
			}
			if to := (erroroutput.Table{CatalogID: orders.CatalogID, DatabaseName: "shop", TableName: "orders", Region: orders.Region, VersionID: "LATEST", RoleARN: orders.RoleARN}); *r.Failure.Table != to {
				t.Errorf("table of the failure %+v", *r.Failure.Table)
			}
		}
		if !slices.Equal(got, rejected) {
			t.Errorf("rejected %q, want %q", got, rejected)
		}
	}
	write(run(`{"id":1,"name":"a"}`, `{"id":"oops"}`, `nothing`, `{"ID":2}`),
		"1 DataFormatConversion.MalformedData", "2 DataFormatConversion.ParseError")
	write(run(`{"id":3,"name":"c"}{"name":"d"}`))
	write(run(`{"id":4}{"id":"x"}`, ` `), "0 DataFormatConversion.MalformedData", "1 DataFormatConversion.MalformedData")
	if e.Rows() != 4 {
		t.Errorf("%d rows", e.Rows())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := readRows(t, body.Bytes()), []string{"1 a", "2 null", "3 c", "null d"}; !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

// many returns more records than are held at once, some of them unfit.
func many() (all []string) {
	for i := range 2*heldRowsMax + 100 {
		record := fmt.Sprintf(`{"id":%d,"name":"name %d"}`, i, i*i)
		if i%1000 == 7 {
			record = `{"id":[]}`
		}
		all = append(all, record)
	}
	all[9] = `{"id":9,"name":"` + strings.Repeat("x", heldBytesMax) + `"}` // full by bytes
	return all
}

func TestHowRecordsAreDividedDoesNotChangeTheFile(t *testing.T) {
	all := many()
	for name, c := range map[string]Config{"Parquet": toParquet, "ORC": toORC} {
		const table = "struct<id:bigint,name:string>"
		var single, halves []batch.Records
		for _, record := range all {
			single = append(single, run(record))
		}
		for half := range slices.Chunk(all, len(all)/2) {
			halves = append(halves, run(half...))
		}
		want := encode(t, c, table, run(all...))
		if !bytes.Equal(encode(t, c, table, single...), want) || !bytes.Equal(encode(t, c, table, halves...), want) {
			t.Errorf("%s: other bytes for other runs", name)
		}
		fit := slices.DeleteFunc(slices.Clone(all), func(record string) bool { return record == `{"id":[]}` })
		if !bytes.Equal(encode(t, c, table, run(fit...)), want) {
			t.Errorf("%s: unfit records leave something behind", name)
		}
	}
}

func TestRowsOfManyFlushesAreAllThere(t *testing.T) {
	var want []string
	for i := range heldRowsMax * 3 {
		want = append(want, fmt.Sprintf("%d name %d", i, i))
	}
	var records []string
	for i := range want {
		records = append(records, fmt.Sprintf(`{"id":%d,"name":"name %d"}`, i, i))
	}
	if got := readRows(t, encode(t, toParquet, "struct<id:bigint,name:string>", run(records...))); !slices.Equal(got, want) {
		t.Errorf("%d rows read back, or others than the %d written", len(got), len(want))
	}
}

func TestFileWithoutRowsIsToldByItsCount(t *testing.T) {
	for name, c := range map[string]Config{"Parquet": toParquet, "ORC": toORC} {
		var body bytes.Buffer
		e := begin(t, c, "struct<id:bigint,name:string>", &body)
		if err := e.Write(run("nothing")); err != nil {
			t.Fatal(err)
		}
		if e.Rows() != 0 || len(e.Rejected()) != 1 {
			t.Errorf("%s: %d rows, rejected %v", name, e.Rows(), e.Rejected())
		}
		if err := e.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatConcernsAllRecordsIsToldAtTheBeginning(t *testing.T) {
	missing := &verdict.SetUp{Code: "DataFormatConversion.EntityNotFound", Err: errors.New("no such table")}
	if _, err := toParquet.Encoder(t.Context(), tables{err: missing}, nil); !errors.Is(err, missing) {
		t.Errorf("%v, want the catalogue's error", err)
	}
	f := func(c Config, table, want string) {
		t.Helper()
		_, err := c.Encoder(t.Context(), tables{text: table}, &bytes.Buffer{})
		broken := verdict.AsSetUp(err)
		if broken == nil || broken.Code != "DataFormatConversion.InvalidSchema" || broken.Fix == "" || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "shop.orders") {
			t.Errorf("%v, want a broken set-up that says %q", err, want)
		}
	}
	f(Config{Ref: orders, Input: openX}, "struct<a:int>", "one output format")
	f(Config{Ref: orders, Input: openX, Parquet: toParquet.Parquet, ORC: toORC.ORC}, "struct<a:int>", "one output format")
	f(Config{Ref: orders, Parquet: toParquet.Parquet}, "struct<a:int>", "one deserializer")
	f(Config{Ref: orders, Input: openX, Parquet: &writer.Options{Compression: "LZO"}}, "struct<a:int>", "LZO")
	f(toParquet, "struct<a:map<array<int>,int>>", "map")
	f(toORC, "struct<a:map<array<int>,int>>", "map")
}

// full takes some bytes.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, errFull
	}
	f.left -= len(p)
	return len(p), nil
}

func TestFullSpoolIsNoFaultOfTheSetUp(t *testing.T) {
	records := run(many()...)
	for name, c := range map[string]Config{"Parquet": toParquet, "ORC": toORC} {
		c = withSmallBlocks(c)
		for _, room := range []int{0, 100, 10_000} {
			e, err := c.Encoder(t.Context(), tables{text: "struct<id:bigint,name:string>"}, &full{room})
			if err == nil {
				err = e.Write(records)
			}
			if err == nil {
				err = e.Close()
			}
			if !errors.Is(err, errFull) || verdict.AsSetUp(err) != nil {
				t.Errorf("%s with room for %d bytes: %v, want that it is full", name, room, err)
			}
		}
	}
}

// withSmallBlocks makes a file of many row groups or stripes.
func withSmallBlocks(c Config) Config {
	if c.Parquet != nil {
		c.Parquet = &writer.Options{BlockSize: 64 << 10}
	}
	return c
}
