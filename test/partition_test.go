package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// partitions is how many partitions the records of a load make.
const partitions = 211

// partitionOf is the partition of a record: its number modulo partitions.
func partitionOf(id string) int {
	number, _ := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	return number % partitions
}

// parameter is a processor's parameter.
func parameter(name types.ProcessorParameterName, value string) types.ProcessorParameter {
	return types.ProcessorParameter{ParameterName: name, ParameterValue: &value}
}

// processed adds a processor.
func processed(t types.ProcessorType, parameters ...types.ProcessorParameter) func(*to) {
	return func(d *to) {
		if d.ProcessingConfiguration == nil {
			d.ProcessingConfiguration = &types.ProcessingConfiguration{Enabled: aws.Bool(true)}
		}
		d.ProcessingConfiguration.Processors = append(d.ProcessingConfiguration.Processors, types.Processor{Type: t, Parameters: parameters})
	}
}

// partitioned makes a stream partitioned by a query.
func partitioned(query string) func(*to) {
	return func(d *to) {
		buffered(64, 60)(d)
		d.DynamicPartitioningConfiguration = &types.DynamicPartitioningConfiguration{Enabled: aws.Bool(true)}
		processed(types.ProcessorTypeMetadataExtraction,
			parameter(types.ProcessorParameterNameMetadataExtractionQuery, query),
			parameter(types.ProcessorParameterNameJsonParsingEngine, "JQ-1.6"))(d)
	}
}

func failing(prefix string) func(*to) {
	return func(d *to) { d.ErrorOutputPrefix = &prefix }
}

// numbered is the query for partitionOf.
const numbered = `{n:(.id|split("-")|.[2]|tonumber % 211|tostring)}`

// flushing flushes a stream again and again until the test ends: intervals of partitioned streams are a minute or more.
func flushing(n *node, stream string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // stop waits for it
		defer close(ended)
		for ctx.Err() == nil {
			url, changed := n.address()
			if url == "" {
				select {
				case <-changed:
				case <-ctx.Done():
				}
				continue
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/streams/"+stream+":flush", nil)
			if err != nil {
				return
			}
			if answer, err := n.client.Do(request); err == nil {
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
			select {
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	stop = func() { cancel(); <-ended }
	n.t.Cleanup(stop)
	return stop
}

// checkPartitions checks that every object holds records of its partition only.
func checkPartitions(t *testing.T, all objects, prefix string) {
	t.Helper()
	seen := map[string]bool{}
	wrong := complaints{t: t}
	for key, body := range all {
		rest, found := strings.CutPrefix(key, prefix)
		if !found {
			wrong.add("object %s is in no partition", key)
			continue
		}
		partition, _, _ := strings.Cut(rest, "/")
		seen[partition] = true
		text, err := decompress(key, body)
		if err != nil {
			wrong.add("object %s: %v", key, err)
			continue
		}
		for text := range bytes.Lines(text) {
			if id, err := idOf(text); err != nil || strconv.Itoa(partitionOf(id)) != partition {
				wrong.add("object %s holds %s: %v", key, id, err)
			}
		}
	}
	wrong.end()
	if len(seen) < 200 {
		t.Errorf("%d partitions were seen", len(seen))
	}
}

func TestPartitionsOfAKilledNodeHoldEveryRecordOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.create("s", partitioned(numbered), prefixed("n=!{partitionKeyFromQuery:n}/"), failing("failed/!{firehose:error-output-type}/"))
	l := startLoad(n, 6, "s")
	flushing(n, "s")
	for range kills(t) {
		l.grow(1500)
		randomly(1500 * time.Millisecond)
		n.kill()
		n.start()
	}
	l.grow(1500)
	l.finish(folders(n.dir), bucket)
	checkPartitions(t, folders(n.dir).read(t, bucket), "n=")
}

// startFunction starts a function, reached as the Lambda runtime interface is, that gives each record back with its
// partition.
func startFunction(t *testing.T) *httptest.Server {
	type transformed struct {
		RecordID string `json:"recordId"`
		Result   string `json:"result"`
		Data     []byte `json:"data"`
		Metadata struct {
			PartitionKeys map[string]string `json:"partitionKeys"`
		} `json:"metadata"`
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Records []transformed }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for i := range in.Records {
			id, err := idOf(in.Records[i].Data)
			if err != nil {
				t.Errorf("the function was given %q", in.Records[i].Data)
			}
			in.Records[i].Result = "Ok"
			in.Records[i].Metadata.PartitionKeys = map[string]string{"n": strconv.Itoa(partitionOf(id))}
		}
		json.NewEncoder(w).Encode(map[string]any{"records": in.Records})
	}))
	t.Cleanup(server.Close)
	return server
}

const functionARN = "arn:aws:lambda:us-east-1:000000000000:function:transform"

// functionAt is the setting that names a function's URL.
func functionAt(url string) string {
	return fmt.Sprintf(`FIREHOSE_LAMBDA_FUNCTIONS={"transform": %q}`, url)
}

func TestFunctionOfAKilledNodeGivesEveryRecordOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.env = []string{functionAt(startFunction(t).URL)}
	n.start()
	transform := processed(types.ProcessorTypeLambda,
		parameter(types.ProcessorParameterNameLambdaArn, functionARN),
		parameter(types.ProcessorParameterNameBufferSizeInMb, "0.2"),
		parameter(types.ProcessorParameterNameBufferIntervalInSeconds, "1"))
	n.create("plain", transform, prefixed("plain/"))
	n.create("keyed", transform, prefixed("keyed/!{partitionKeyFromLambda:n}/"), failing("failed/!{firehose:error-output-type}/"),
		func(d *to) {
			buffered(64, 60)(d)
			d.DynamicPartitioningConfiguration = &types.DynamicPartitioningConfiguration{Enabled: aws.Bool(true)}
		})
	l := startLoad(n, 6, "plain", "keyed")
	flushing(n, "keyed")
	for range kills(t) {
		l.grow(1000)
		randomly(1500 * time.Millisecond)
		n.kill()
		n.start()
	}
	l.grow(1000)
	l.finish(folders(n.dir), bucket)
	all := folders(n.dir).read(t, bucket)
	for key := range all {
		if strings.HasPrefix(key, "plain/") {
			delete(all, key)
		}
	}
	checkPartitions(t, all, "keyed/")
}

func TestConvertedFilesOfAKilledNodeHoldEveryRecordOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "web"), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "web", "lines.json"), []byte(`{"Name": "lines", "DatabaseName": "web",
		"StorageDescriptor": {"Columns": [{"Name": "id", "Type": "string"}, {"Name": "pad", "Type": "string"}]}}`), 0o644))
	n := startNode(t, "--catalog-dir", dir)
	n.create("s", prefixed("p/"), func(d *to) {
		buffered(64, 1)(d)
		d.CompressionFormat = types.CompressionFormatUncompressed
		d.DataFormatConversionConfiguration = &types.DataFormatConversionConfiguration{
			SchemaConfiguration:       &types.SchemaConfiguration{RoleARN: aws.String(role), DatabaseName: aws.String("web"), TableName: aws.String("lines")},
			InputFormatConfiguration:  &types.InputFormatConfiguration{Deserializer: &types.Deserializer{OpenXJsonSerDe: &types.OpenXJsonSerDe{}}},
			OutputFormatConfiguration: &types.OutputFormatConfiguration{Serializer: &types.Serializer{ParquetSerDe: &types.ParquetSerDe{}}},
		}
	})
	l := startLoad(n, 6, "s")
	for range kills(t) {
		l.grow(1000)
		randomly(1500 * time.Millisecond)
		n.kill()
		n.start()
	}
	l.grow(1000)
	l.stop()
	n.flush("s")
	n.stop()
	counts := map[string]int{}
	for key, body := range folders(n.dir).read(t, bucket) {
		if !strings.HasSuffix(key, ".parquet") {
			t.Errorf("object %s is no Parquet file", key)
			continue
		}
		for _, id := range firstColumn(t, body) {
			counts[id]++
		}
	}
	l.account["s"].verify(t, counts)
}

// firstColumn reads the texts of a Parquet file's first column.
func firstColumn(t *testing.T, body []byte) (texts []string) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(body))
	check(t, err)
	defer r.Close()
	for group := range r.NumRowGroups() {
		column, err := r.RowGroup(group).Column(0)
		check(t, err)
		values := make([]parquet.ByteArray, r.RowGroup(group).NumRows())
		levels := make([]int16, len(values))
		for done := int64(0); done < int64(len(values)); {
			rows, read, err := column.(*file.ByteArrayColumnChunkReader).ReadBatch(int64(len(values))-done, values, levels, nil)
			check(t, err)
			if rows == 0 {
				t.Fatalf("%d of %d rows can be read", done, len(values))
			}
			for _, v := range values[:read] {
				texts = append(texts, string(v))
			}
			done += rows
		}
	}
	return texts
}
