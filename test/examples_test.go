package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/klauspost/compress/gzip"
)

// An example is a folder below examples/, with commands for it in a guide. Its files:
//
//	stream.json                 the stream, as the AWS CLI takes it
//	records.json                what is put, in one call
//	record-1.json …             or: what is compressed by GZIP and put, one after the other
//	firehose.yaml               settings of the server, if it needs any; function.py is at port 9000 in it
//	function.py                 a function that must run
//	expected/BUCKET/FOLDER/     the content of the folder's objects, in one file
//	update.json                 a change of the stream, after which what failed is put again
//	expected-after-redrive/     the objects then
//
// In folders, YYYY/MM/DD and HH stand for a time; in lines of error outputs, 0 does.
func TestExamplesGiveWhatIsExpected(t *testing.T) {
	_, err := product() // before the folder is changed
	check(t, err)
	folders, err := filepath.Glob("../examples/*/stream.json")
	check(t, err)
	if len(folders) < 8 {
		t.Fatalf("%d examples are found", len(folders))
	}
	for _, stream := range folders {
		dir := filepath.Dir(stream)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Chdir(dir)
			runExample(t)
		})
	}
}

// runExample runs the example in the working folder.
func runExample(t *testing.T) {
	n := startNode(t, exampleConfig(t)...)
	var stream firehose.CreateDeliveryStreamInput
	readJSON(t, "stream.json", &stream)
	_, err := n.api().CreateDeliveryStream(t.Context(), &stream)
	check(t, err)
	name := *stream.DeliveryStreamName
	wait(t, 10*time.Second, "stream "+name, func() (bool, string) {
		d := describe(t, n.api(), name)
		return d.DeliveryStreamStatus == types.DeliveryStreamStatusActive, string(d.DeliveryStreamStatus)
	})
	putExample(t, n, name)
	n.flush(name)
	unread := compareExample(t, n, "expected")
	if exists(t, "update.json") {
		var change firehose.UpdateDestinationInput
		readJSON(t, "update.json", &change)
		_, err := n.api().UpdateDestination(t.Context(), &change)
		check(t, err)
		wait(t, 10*time.Second, "the redrive", func() (bool, string) { // which takes outputs that begin in an earlier second
			said, status := command(t, "errors", name, "--redrive", "--url", n.at())
			return status == 0 && strings.Contains(said, "failed/"), said
		})
		n.flush(name)
		unread += compareExample(t, n, "expected-after-redrive")
	}
	if unread != "" {
		t.Skip(unread)
	}
}

// exampleConfig returns the arguments for the example's settings, and starts its function.
func exampleConfig(t *testing.T) []string {
	if !exists(t, "firehose.yaml") {
		return nil
	}
	text, err := os.ReadFile("firehose.yaml")
	check(t, err)
	if exists(t, "function.py") {
		const at = "http://127.0.0.1:9000"
		if !bytes.Contains(text, []byte(at)) {
			t.Fatalf("firehose.yaml does not name %s", at)
		}
		text = bytes.ReplaceAll(text, []byte(at), []byte(startExampleServer(t, "function.py", nil)))
	}
	config := filepath.Join(t.TempDir(), "firehose.yaml")
	check(t, os.WriteFile(config, text, 0o644))
	return []string{"--config", config}
}

// startExampleServer starts a script, with variables of its environment, and returns its URL, which is the first line that it
// prints.
func startExampleServer(t *testing.T, script string, env []string) string {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("python3 is not installed; the example's %s needs it", script)
	}
	url := make(chan string, 1)
	out := &output{lines: func(line []byte) {
		if text := string(line); strings.HasPrefix(text, "http://") {
			url <- text
		}
	}}
	cmd := exec.Command(python, script, "0")
	cmd.Env = append(os.Environ(), env...)
	p := spawn(t, script, cmd, out)
	select {
	case found := <-url:
		return found
	case <-p.ended:
	case <-time.After(30 * time.Second):
	}
	t.Fatalf("%s does not run: %s", script, out.tail(16<<10))
	return ""
}

// putExample puts the example's records.
func putExample(t *testing.T, n *node, stream string) {
	if exists(t, "records.json") {
		var records []struct{ Data string } // base64 is the CLI's business
		readJSON(t, "records.json", &records)
		in := &firehose.PutRecordBatchInput{DeliveryStreamName: &stream}
		for _, r := range records {
			in.Records = append(in.Records, types.Record{Data: []byte(r.Data)})
		}
		out, err := n.api().PutRecordBatch(t.Context(), in)
		check(t, err)
		if *out.FailedPutCount > 0 {
			t.Fatalf("%d records are refused", *out.FailedPutCount)
		}
		return
	}
	files, err := filepath.Glob("record-*.json")
	check(t, err)
	if len(files) == 0 {
		t.Fatal("the example has no records")
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		check(t, err)
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(text)
		check(t, w.Close())
		_, err = n.api().PutRecord(t.Context(), &firehose.PutRecordInput{DeliveryStreamName: &stream, Record: &types.Record{Data: packed.Bytes()}})
		check(t, err)
	}
}

// compareExample holds the objects of all buckets against a folder of expectations. It returns why some could not be read,
// if so.
func compareExample(t *testing.T, n *node, expected string) (unread string) {
	t.Helper()
	got, unreadable := map[string]string{}, map[string]bool{}
	buckets, err := os.ReadDir(filepath.Join(n.dir, "buckets"))
	check(t, err)
	for _, b := range buckets {
		all := folders(n.dir).read(t, b.Name())
		for _, key := range slices.Sorted(maps.Keys(all)) {
			text, why := contentOf(t, key, all[key])
			folder := timeless(path.Join(b.Name(), path.Dir(key)))
			got[folder] += text
			if why != "" {
				unread, unreadable[folder] = why, true
			}
		}
	}
	want := map[string]string{}
	check(t, filepath.WalkDir(expected, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		folder, _ := filepath.Rel(expected, filepath.Dir(name))
		want[filepath.ToSlash(folder)] += string(text)
		return err
	}))
	for folder := range got {
		if _, ok := want[folder]; !ok {
			t.Errorf("%s has no folder %s; its objects hold\n%s", expected, folder, got[folder])
		}
	}
	for folder, text := range want {
		if found, ok := got[folder]; !ok || found != text && !unreadable[folder] {
			t.Errorf("objects in %s hold\n%s\nwant, by %s:\n%s", folder, found, expected, text)
		}
	}
	return unread
}

var (
	hours      = regexp.MustCompile(`\d{4}/\d\d/\d\d/\d\d$`)
	days       = regexp.MustCompile(`\d{4}/\d\d/\d\d$`)
	timestamps = regexp.MustCompile(`(Timestamp":)\d+`)
)

// timeless replaces the time in a folder.
func timeless(folder string) string {
	return days.ReplaceAllString(hours.ReplaceAllString(folder, "YYYY/MM/DD/HH"), "YYYY/MM/DD")
}

// contentOf returns what is in an object: its text, or the rows of a table, a JSON object a line. What cannot be read for want
// of a reader is empty, and unread says which reader is missing.
func contentOf(t *testing.T, key string, body []byte) (text, unread string) {
	t.Helper()
	switch path.Ext(key) {
	case ".parquet":
		return parquetRows(t, body), ""
	case ".orc":
		return orcRows(t, body)
	}
	plain, err := decompress(key, body)
	check(t, err)
	if len(plain) == 0 {
		t.Errorf("object %s is empty", key)
	}
	return timestamps.ReplaceAllString(string(plain), "${1}0"), ""
}

// parquetRows reads the rows of a Parquet file whose columns are texts, numbers and times.
func parquetRows(t *testing.T, body []byte) string {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	check(t, err)
	defer r.Close()
	rows := make([]string, r.NumRows())
	for at := range r.MetaData().Schema.NumColumns() {
		column, err := r.RowGroup(0).Column(at) // of files this small there is one
		check(t, err)
		levels := make([]int16, len(rows))
		var values []any
		switch column := column.(type) {
		case *file.ByteArrayColumnChunkReader:
			values = batchOf(t, column.ReadBatch, levels, func(v parquet.ByteArray) any { return string(v) })
		case *file.Int32ColumnChunkReader:
			values = batchOf(t, column.ReadBatch, levels, func(v int32) any { return v })
		case *file.Int96ColumnChunkReader:
			values = batchOf(t, column.ReadBatch, levels, func(v parquet.Int96) any { return v.ToTime().UTC().Format(time.DateTime) })
		default:
			t.Fatalf("column %d is a %T, which this test does not read", at, column)
		}
		for i, level := range levels {
			value := any(nil)
			if level > 0 {
				value, values = values[0], values[1:]
			}
			text, err := json.Marshal(value)
			check(t, err)
			rows[i] += fmt.Sprintf(",%q:%s", r.MetaData().Schema.Column(at).Name(), text)
		}
	}
	text := ""
	for _, row := range rows {
		text += "{" + row[1:] + "}\n"
	}
	return text
}

// batchOf reads a column that is not nested. Its levels tell the rows that have a value.
func batchOf[V any](t *testing.T, read func(int64, []V, []int16, []int16) (int64, int, error), levels []int16, shown func(V) any) (all []any) {
	t.Helper()
	values := make([]V, len(levels))
	rows, count, err := read(int64(len(levels)), values, levels, nil)
	check(t, err)
	if int(rows) != len(levels) {
		t.Fatalf("%d of %d rows can be read", rows, len(levels))
	}
	for _, v := range values[:count] {
		all = append(all, shown(v))
	}
	return all
}

const readORC = `
import json, sys, pyarrow.orc
for row in pyarrow.orc.ORCFile(sys.argv[1]).read().to_pylist():
    print(json.dumps(row, default=str, separators=(",", ":")))
`

// orcRows reads the rows of an ORC file.
func orcRows(t *testing.T, body []byte) (text, unread string) {
	t.Helper()
	python := os.Getenv("FIREHOSE_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if exec.Command(python, "-c", "import pyarrow.orc").Run() != nil {
		return "", python + " has no pyarrow to read ORC files with: pip install pyarrow, and name that python in FIREHOSE_TEST_PYTHON"
	}
	name := filepath.Join(t.TempDir(), "file.orc")
	check(t, os.WriteFile(name, body, 0o644))
	out, err := exec.Command(python, "-c", readORC, name).CombinedOutput()
	if err != nil {
		t.Fatalf("read ORC: %v\n%s", err, out)
	}
	return string(out), ""
}

// readJSON reads a file whose members must all be known.
func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	check(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
}

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// shown matches a block of a page that is introduced by a link to its file. The block may be a part of it.
var shown = regexp.MustCompile("(?m)^\\[[^\\]]*\\]\\(\\.\\./\\.\\./(examples/[^)]+)\\)[^\n]*\n(?:[^\n]+\n)*\n```\\w*\n((?s:.*?))^```$")

// fence matches a block: its beginning with the language, its content and its end.
var fence = regexp.MustCompile("(?ms)^```(\\w*)\n.*?^```$")

// checkBlocks finds blocks of a guide that no test knows: commands, those that come after a link to their file, and documents,
// which TestGuidesShowDocumentsThatAreRight takes, are known.
func checkBlocks(t *testing.T, guide string, text []byte) {
	linked := shown.FindAllIndex(text, -1)
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		language := string(text[at[2]:at[3]])
		if language != "sh" && language != "yaml" && !inside(at[0], linked) {
			t.Errorf("%s: no link to its file comes before\n%s", guide, text[at[0]:at[1]])
		}
	}
}

func TestGuidesShowTheExamplesAsTheyAre(t *testing.T) {
	guides, err := filepath.Glob("../docs/*/*.md")
	check(t, err)
	seen := map[string]bool{}
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		check(t, err)
		blocks := shown.FindAllSubmatch(text, -1)
		if strings.Contains(guide, "guides") && filepath.Base(guide) != "test-before-save.md" { // whose blocks the command's own tests have
			checkBlocks(t, guide, text)
		}
		for _, block := range blocks {
			name := string(block[1])
			seen[name] = true
			content, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
			if err != nil {
				t.Errorf("%s shows %v", guide, err)
				continue
			}
			if !strings.Contains(strings.TrimSuffix(string(content), "\n")+"\n", string(block[2])) {
				t.Errorf("%s shows other lines than %s has:\n%s", guide, name, block[2])
			}
		}
	}
	streams, err := filepath.Glob("../examples/*/stream.json")
	check(t, err)
	for _, name := range streams {
		if shown := strings.TrimPrefix(filepath.ToSlash(name), "../"); !seen[shown] {
			t.Errorf("no guide shows %s", shown)
		}
	}
}
