package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// tables is a folder of definitions.
type tables string

// set defines a table of the database web, with columns such as "n int".
func (d tables) set(t testing.TB, name string, columns ...string) {
	t.Helper()
	type column struct{ Name, Type string }
	var list []column
	for _, c := range columns {
		name, of, _ := strings.Cut(c, " ")
		list = append(list, column{name, of})
	}
	text, err := json.Marshal(map[string]any{"Table": map[string]any{"Name": name, "DatabaseName": "web",
		"StorageDescriptor": map[string]any{"Columns": list}}})
	check(t, err)
	check(t, os.MkdirAll(filepath.Join(string(d), "web"), 0o755))
	written := filepath.Join(string(d), "written")
	check(t, os.WriteFile(written, text, 0o644))
	check(t, os.Rename(written, d.path(name)))
}

func (d tables) path(name string) string { return filepath.Join(string(d), "web", name+".json") }

// converted converts a stream's records to a table.
func converted(table string, input types.Deserializer, output types.Serializer) func(*to) {
	return func(d *to) {
		d.BufferingHints.SizeInMBs = aws.Int32(64)
		d.CompressionFormat = types.CompressionFormatUncompressed
		d.DataFormatConversionConfiguration = &types.DataFormatConversionConfiguration{
			SchemaConfiguration:       &types.SchemaConfiguration{RoleARN: aws.String(role), DatabaseName: aws.String("web"), TableName: &table},
			InputFormatConfiguration:  &types.InputFormatConfiguration{Deserializer: &input},
			OutputFormatConfiguration: &types.OutputFormatConfiguration{Serializer: &output},
		}
	}
}

var (
	openX     = types.Deserializer{OpenXJsonSerDe: &types.OpenXJsonSerDe{}}
	hive      = types.Deserializer{HiveJsonSerDe: &types.HiveJsonSerDe{}}
	toParquet = types.Serializer{ParquetSerDe: &types.ParquetSerDe{}}
	toORC     = types.Serializer{OrcSerDe: &types.OrcSerDe{}}
)

// rowsOfParquet reads the rows, each as JSON, of a Parquet file whose columns are texts and whole numbers.
func rowsOfParquet(t testing.TB, body []byte) (rows []string) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	check(t, err)
	defer r.Close()
	for g := range r.NumRowGroups() {
		group := r.RowGroup(g)
		first := len(rows)
		rows = append(rows, make([]string, group.NumRows())...)
		for c := range group.NumColumns() {
			column, err := group.Column(c)
			check(t, err)
			for i, value := range columnTexts(t, column, group.NumRows()) {
				rows[first+i] += fmt.Sprintf(",%q:%s", column.Descriptor().Name(), value)
			}
		}
	}
	for i, row := range rows {
		rows[i] = "{" + strings.TrimPrefix(row, ",") + "}"
	}
	return rows
}

// columnTexts reads the values of a column, each as JSON.
func columnTexts(t testing.TB, column file.ColumnChunkReader, rows int64) (texts []string) {
	t.Helper()
	levels := make([]int16, rows)
	var values []string
	var read int64
	var err error
	switch c := column.(type) {
	case *file.ByteArrayColumnChunkReader:
		read, values, err = readColumn(rows, levels, c.ReadBatch)
	case *file.Int32ColumnChunkReader:
		read, values, err = readColumn(rows, levels, c.ReadBatch)
	case *file.Int64ColumnChunkReader:
		read, values, err = readColumn(rows, levels, c.ReadBatch)
	}
	if err != nil || read != rows {
		t.Fatalf("%d of %d rows can be read: %v", read, rows, err)
	}
	for _, level := range levels {
		if level == 0 {
			texts = append(texts, "null")
			continue
		}
		texts, values = append(texts, values[0]), values[1:]
	}
	return texts
}

func readColumn[T parquet.ByteArray | int32 | int64](rows int64, levels []int16, batch func(int64, []T, []int16, []int16) (int64, int, error)) (total int64, texts []string, err error) {
	values := make([]T, rows)
	for total < rows {
		read, n, err := batch(rows-total, values, levels[total:], nil)
		if err != nil || read == 0 {
			return total, nil, err
		}
		for _, v := range values[:n] {
			if text, ok := any(v).(parquet.ByteArray); ok {
				texts = append(texts, fmt.Sprintf("%q", string(text)))
			} else {
				texts = append(texts, fmt.Sprint(v))
			}
		}
		total += read
	}
	return total, texts, nil
}

// rowsOfORC reads an ORC file's rows, each as JSON.
func rowsOfORC(t testing.TB, body []byte) []string {
	t.Helper()
	python := os.Getenv("FIREHOSE_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import pyarrow.orc").CombinedOutput(); err != nil {
		t.Skipf("%s has no pyarrow (%v %s): pip install pyarrow, and name that python in FIREHOSE_TEST_PYTHON", python, err, bytes.TrimSpace(out))
	}
	path := filepath.Join(t.TempDir(), "file.orc")
	check(t, os.WriteFile(path, body, 0o600))
	const script = `import json, sys, pyarrow.orc
for row in pyarrow.orc.read_table(sys.argv[1]).to_pylist(): print(json.dumps(row, separators=(",", ":"), default=str))`
	out, err := exec.Command(python, "-c", script, path).CombinedOutput()
	if err != nil {
		t.Fatalf("pyarrow: %v: %s", err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// file returns the only object of a named stream below data/, with an extension.
func (n *node) file(stream, extension string) []byte {
	n.t.Helper()
	var found []byte
	for key, body := range folders(n.dir).read(n.t, bucket) {
		if !strings.HasPrefix(key, stream+"/data/") {
			continue
		}
		if _, name := splitKey(n.t, stream, key); name.extension != extension || found != nil {
			n.t.Fatalf("object %s is there; want one with %s", key, extension)
		}
		found = body
	}
	return found
}

// expectUnfit flushes a named stream and checks its records in the error output of the conversion to a table.
func (n *node) expectUnfit(stream, table string, failures ...lost) {
	n.t.Helper()
	got := n.outcome(stream)
	lines := got.failed[conversionFailed]
	if len(lines) != len(failures) || got.failures() != len(lines) {
		n.t.Fatalf("%s: %d records failed, want %d: %+v", stream, got.failures(), len(failures), got.failed)
	}
	catalogTable := map[string]string{"catalogId": "000000000000", "databaseName": "web", "tableName": table,
		"region": "us-east-1", "versionId": "LATEST", "roleArn": role}
	for i, f := range failures {
		line, start := lines[i], strings.TrimSuffix(f.message, "…")
		if string(line.RawData) != f.raw || line.LastErrorCode != "DataFormatConversion."+f.code || line.AttemptsMade != 1 || !strings.HasPrefix(line.LastErrorMessage, start) ||
			start == f.message && line.LastErrorMessage != f.message {
			n.t.Errorf("%s: %q failed with %s: %s; want %+v", stream, line.RawData, line.LastErrorCode, line.LastErrorMessage, f)
		}
		if line.SubSequenceNumber != 0 || !strings.HasPrefix(line.SequenceNumber, "49") || i > 0 && line.SequenceNumber <= lines[i-1].SequenceNumber {
			n.t.Errorf("%s: sequence number %s, sub-sequence number %d", stream, line.SequenceNumber, line.SubSequenceNumber)
		}
		if fmt.Sprint(line.DataCatalogTable) != fmt.Sprint(catalogTable) {
			n.t.Errorf("%s: the table is %v", stream, line.DataCatalogTable)
		}
	}
}

func malformed(raw, message string) lost {
	return lost{raw: raw, code: "MalformedData", message: message}
}
func parseError(raw, message string) lost {
	return lost{raw: raw, code: "ParseError", message: message}
}

const schemaMismatch = "Data does not match the schema. "

func TestRecordsThatDoNotFitTheTableAreApartFromTheFile(t *testing.T) {
	t.Parallel()
	catalog := tables(t.TempDir())
	catalog.set(t, "orders", "id string", "n int")
	catalog.set(t, "tagged", "id string", "n int", "tags array<string>")
	n := newNode(t, "--catalog-dir", string(catalog))
	n.env = []string{functionsAt(t, map[string]http.Handler{"quote": transforming(func(data string) result {
		return ok(fmt.Sprintf(`{"id":%q,"n":%q}`, data, data))
	})})}
	n.start()
	rows := func(stream, extension string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s%s holds\n%s\nwant\n%s", stream, extension, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}

	n.create("parquet", named("parquet"), converted("orders", openX, toParquet))
	n.putData("parquet", `{"id":"a","n":1,"more":{}}`, `{"id":"b","n":"oops"}`, `{"id":"c"}{"ID":4,"n":"4"}`+"\n", `{"id":`, " \n", "",
		`[{"id":"x"}]`, `{"id":"y","n":5} and more`, `{"id":"d","n":9999999999}`, `{"n":6}`)
	n.expectUnfit("parquet", "orders", malformed(`{"id":"b","n":"oops"}`, schemaMismatch+`For input string: "oops"`), parseError(`{"id":`, "Encountered malformed JSON. …"),
		malformed(" \n", "The record was empty or contained only whitespace."), malformed("", "The record was empty or contained only whitespace."),
		malformed(`[{"id":"x"}]`, "One or more fields have incorrect format. Exception when validating field (root)"),
		parseError(`{"id":"y","n":5} and more`, "Encountered malformed JSON. …"), malformed(`{"id":"d","n":9999999999}`, schemaMismatch+`For input string: "9999999999"`))
	rows("parquet", "", rowsOfParquet(t, n.file("parquet", ".parquet")), `{"id":"a","n":1}`, `{"id":"c","n":null}`,
		`{"id":"4","n":4}`, `{"id":null,"n":6}`)
	counts := []float64{n.metric("firehose_converted_records_total", `stream="parquet"`), n.metric("firehose_error_output_records_total", `stream="parquet"`)}
	if !slices.Equal(counts, []float64{3, 7}) {
		t.Errorf("%v records are counted as converted and failed", counts)
	}

	n.create("none", named("none"), converted("orders", openX, toParquet))
	n.putData("none", `1`, `2`)
	const wrongRoot = "One or more fields have incorrect format. Exception when validating field (root)"
	n.expectUnfit("none", "orders", malformed(`1`, wrongRoot), malformed(`2`, wrongRoot))
	if body := n.file("none", ".parquet"); body != nil {
		t.Errorf("there is a file of no rows: %q", body)
	}

	n.create("function", named("function"), converted("orders", openX, toParquet), transformedBy("quote", 0))
	n.putData("function", "7", "seven", "8")
	n.expectUnfit("function", "orders", malformed("seven", schemaMismatch+`For input string: "seven"`))
	rows("function", "", rowsOfParquet(t, n.file("function", ".parquet")), `{"id":"7","n":7}`, `{"id":"8","n":8}`)

	n.create("keyed", keyed("keyed", "!{partitionKeyFromQuery:id}/"), converted("orders", openX, toParquet), queried("{id}"), joined,
		func(d *to) { d.FileExtension = aws.String(".pq") })
	n.putData("keyed", `{"id":"a","n":1}{"id":"a","n":2}`, `{"id":"a","n":"oops"}{"id":"a","n":3}`)
	n.expectUnfit("keyed", "orders", malformed(`{"id":"a","n":"oops"}`, schemaMismatch+`For input string: "oops"`))
	rows("keyed", "", rowsOfParquet(t, n.file("keyed", ".pq")), `{"id":"a","n":1}`, `{"id":"a","n":2}`, `{"id":"a","n":3}`)

	for i, input := range []types.Deserializer{openX, hive} {
		stream := fmt.Sprintf("orc%d", i)
		n.create(stream, named(stream), converted("tagged", input, toORC))
		n.putData(stream, `{"id":"a","n":1,"tags":["x"]}`, `{"id":"b","n":"2"}`, `{"id":"c","n":{}}`, `{"id":"d","tags":[]}`, `{"id"}`)
		numeric := malformed(`{"id":"c","n":{}}`, schemaMismatch+"…")
		if i == 0 {
			n.expectUnfit(stream, "tagged", numeric, parseError(`{"id"}`, "Encountered malformed JSON. …"))
		} else {
			n.expectUnfit(stream, "tagged", malformed(`{"id":"b","n":"2"}`, schemaMismatch+"Current token (VALUE_STRING) not numeric, can not use numeric value accessors"),
				numeric, parseError(`{"id"}`, "Encountered malformed JSON. …"))
		}
	}
	t.Run("ORC", func(t *testing.T) {
		withQuoted := []string{`{"id":"a","n":1,"tags":["x"]}`, `{"id":"b","n":2,"tags":null}`, `{"id":"d","n":null,"tags":[]}`}
		rows("orc", "OpenX", rowsOfORC(t, n.file("orc0", ".orc")), withQuoted...)
		rows("orc", "Hive", rowsOfORC(t, n.file("orc1", ".orc")), withQuoted[0], withQuoted[2])
	})
}

func TestTablesMayChangeAndVanish(t *testing.T) {
	t.Parallel()
	catalog := tables(t.TempDir())
	n := startNode(t, "--catalog-dir", string(catalog), "--catalog-refresh", "1s")
	_, err := n.api().CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{DeliveryStreamName: aws.String("s"),
		ExtendedS3DestinationConfiguration: destination(named("s"), converted("orders", openX, toParquet))})
	var refused *types.InvalidArgumentException
	if !errors.As(err, &refused) || !strings.Contains(refused.ErrorMessage(), "DataFormatConversion.EntityNotFound") {
		t.Fatalf("a stream to a table that is not there: %v", err)
	}

	catalog.set(t, "orders", "id string")
	n.create("s", prefixed("s/data/"), failing("s/!{firehose:error-output-type}/"), buffered(64, 0), converted("orders", openX, toParquet))
	var put []string
	// row puts a record and returns its row once it is delivered.
	row := func() (text string) {
		t.Helper()
		id := fmt.Sprintf("r%d", len(put))
		put = append(put, id)
		n.putData("s", fmt.Sprintf(`{"id":%q,"n":7}`, id))
		wait(t, 30*time.Second, "record "+id, func() (bool, string) {
			for _, found := range n.rows("s") {
				if strings.Contains(found, `"`+id+`"`) {
					text = found
				}
			}
			return text != "", fmt.Sprint(n.problems())
		})
		return text
	}
	if got := row(); got != `{"id":"r0"}` {
		t.Errorf("the first row is %s", got)
	}
	catalog.set(t, "orders", "id string", "n int")
	wait(t, 30*time.Second, "the new column", func() (bool, string) {
		got := row()
		return strings.HasSuffix(got, `,"n":7}`), got
	})
	check(t, os.Remove(catalog.path("orders")))
	if got := row(); !strings.HasSuffix(got, `,"n":7}`) {
		t.Errorf("after the table was removed a row is %s", got)
	}

	// A node that has never seen the table keeps the records.
	n.stop()
	n.start()
	put = append(put, "kept")
	n.putData("s", `{"id":"kept","n":8}`)
	wait(t, 30*time.Second, "the problem", func() (bool, string) {
		p := n.problems()["s"]
		return p.Code == "DataFormatConversion.EntityNotFound" && p.Fix != "", fmt.Sprint(p)
	})
	catalog.set(t, "orders", "n bigint", "id string")
	wait(t, 30*time.Second, "the record that was kept", func() (bool, string) {
		return slices.Contains(n.rows("s"), `{"n":8,"id":"kept"}`), fmt.Sprint(n.problems())
	})
	if rows := n.rows("s"); len(rows) != len(put) {
		t.Errorf("%d records were put, %d are there: %q", len(put), len(rows), rows)
	}
	if got := n.outcome("s"); got.failures() > 0 {
		t.Errorf("records failed: %+v", got.failed)
	}
}

// rows returns the rows of all Parquet files of a named stream.
func (n *node) rows(stream string) (all []string) {
	n.t.Helper()
	for key, body := range folders(n.dir).read(n.t, bucket) {
		if strings.HasPrefix(key, stream+"/data/") {
			all = append(all, rowsOfParquet(n.t, body)...)
		}
	}
	return all
}
