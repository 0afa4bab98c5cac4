package awsapi

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"firehose/internal/columns"
	"firehose/internal/columns/fromjson"
	"firehose/internal/columns/orc"
	"firehose/internal/columns/parquet"
	"firehose/internal/convert"
	"firehose/internal/destination/s3"
	"firehose/internal/process"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// processes compiles an S3 destination with more members than the required ones.
func (d *door) processes(members string) stream.Delivery {
	d.Helper()
	d.memory.streams = map[stream.Key]stream.Stream{}
	d.create("a", `"ExtendedS3DestinationConfiguration":{`+required+`,`+members+`}`)
	return d.spec("a").Deliveries[0]
}

// equal is same for values with pointers in them.
func equal[T any](t *testing.T, want, got T) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCompileDerivesWhatIsDoneToRecords(t *testing.T) {
	d := newDoor(t)
	f := func(want process.Config, processors ...string) {
		t.Helper()
		equal(t, want, d.processes(`"ProcessingConfiguration":{"Enabled":true,"Processors":[`+strings.Join(processors, ",")+`]}`).Process)
		equal(t, process.Config{}, d.processes(`"ProcessingConfiguration":{"Enabled":false,"Processors":[`+strings.Join(processors, ",")+`]}`).Process)
	}
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"
	decompression, messages := processor("Decompression"), processor("CloudWatchLogProcessing", "DataMessageExtraction", "True")
	f(process.Config{Lambda: &process.Lambda{ARN: arn, Retries: 3, Size: 1 << 20, Interval: time.Minute}}, processor("Lambda", "LambdaArn", arn))
	f(process.Config{Lambda: &process.Lambda{ARN: arn, Retries: 0, Size: 1153433, Interval: 0}},
		processor("Lambda", "LambdaArn", arn, "BufferSizeInMBs", "1.1", "BufferIntervalInSeconds", "0", "NumberOfRetries", "0"))
	f(process.Config{Decompress: true}, decompression)
	f(process.Config{Decompress: true, Messages: true}, messages, decompression)
	f(process.Config{Decompress: true}, decompression, processor("CloudWatchLogProcessing", "DataMessageExtraction", "false"))
	f(process.Config{}, processor("AppendDelimiterToRecord"))
}

func TestCompileDerivesWhereDelimitersStand(t *testing.T) {
	d := newDoor(t)
	const twice = `"Processors":[{"Type":"AppendDelimiterToRecord"},{"Type":"AppendDelimiterToRecord"}]}`
	for _, enabled := range []bool{false, true} {
		delivery := d.processes(`"ProcessingConfiguration":{"Enabled":` + map[bool]string{true: "true", false: "false"}[enabled] + `,` + twice)
		same(t, enabled, delivery.Destination.(s3.Config).Delimiter)
	}
}

func TestCompileDerivesPartitions(t *testing.T) {
	d := newDoor(t)
	partitions := func(prefix string, processors ...string) stream.Delivery {
		t.Helper()
		return d.processes(`"DynamicPartitioningConfiguration":{"Enabled":true},"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60},"S3BackupMode":"Enabled",
			"S3BackupConfiguration":{` + required + `},"Prefix":"` + prefix + `","ErrorOutputPrefix":"e/","ProcessingConfiguration":{"Enabled":true,"Processors":[` + strings.Join(processors, ",") + `]}`)
	}
	jq := func(query string) string {
		return processor("MetadataExtraction", "MetadataExtractionQuery", query, "JsonParsingEngine", "JQ-1.6")
	}
	const query = `{c:.customer,"d":.type.device}`
	delivery := partitions("!{partitionKeyFromQuery:d}/!{timestamp:yyyy}/!{partitionKeyFromQuery:c}/", jq(query), processor("RecordDeAggregation", "SubRecordType", "JSON"))
	equal(t, process.Config{Split: &process.Split{JSON: true}, Partition: &process.Partition{Query: query, QueryKeys: []string{"d", "c"}, ActiveMax: 500}}, delivery.Process)
	same(t, true, delivery.Destination.(s3.Config).Partitioned)
	equal(t, process.Config{}, d.spec("a").Deliveries[1].Process) // the backup has the records as they were put
	same(t, false, d.spec("a").Deliveries[1].Destination.(s3.Config).Partitioned)

	function := processor("Lambda", "LambdaArn", "arn")
	delivery = partitions("!{partitionKeyFromLambda:b}/!{partitionKeyFromQuery:c}/!{partitionKeyFromLambda:a}/!{partitionKeyFromLambda:b}/",
		jq("{c:.c}"), function, processor("RecordDeAggregation", "SubRecordType", "DELIMITED", "Delimiter", "IyM="))
	equal(t, &process.Partition{Query: "{c:.c}", QueryKeys: []string{"c"}, LambdaKeys: []string{"b", "a"}, ActiveMax: 500}, delivery.Process.Partition)
	equal(t, &process.Split{Delimiter: "##"}, delivery.Process.Split)
	delivery = partitions("!{partitionKeyFromLambda:b}/", function)
	equal(t, &process.Partition{LambdaKeys: []string{"b"}, ActiveMax: 500}, delivery.Process.Partition)
}

func TestCompileDerivesConversions(t *testing.T) {
	d := newDoor(t)
	conversion := func(deserializer, serializer string) *convert.Config {
		t.Helper()
		delivery := d.processes(`"DataFormatConversionConfiguration":{"InputFormatConfiguration":{"Deserializer":{` + deserializer + `}},
			"OutputFormatConfiguration":{"Serializer":{` + serializer + `}},` + onTable + `}`)
		same(t, stream.Buffer{Size: 128 << 20, Interval: 300 * time.Second}, delivery.Buffer)
		return delivery.Destination.(s3.Config).Conversion
	}
	ref := convert.Ref{CatalogID: "123456789012", Region: "us-east-1", Database: "d", Table: "t", Version: "LATEST", RoleARN: testRole}
	hive, openX := fromjson.Options{Hive: &fromjson.Hive{}}, fromjson.Options{OpenX: &fromjson.OpenX{CaseInsensitive: true}}
	defaults := orc.Defaults()
	equal(t, &convert.Config{Ref: ref, Input: hive, ORC: &defaults}, conversion(`"HiveJsonSerDe":{}`, `"OrcSerDe":{}`))
	equal(t, &convert.Config{Ref: ref, Input: openX, Parquet: &parquet.Options{}}, conversion(`"OpenXJsonSerDe":{}`, `"ParquetSerDe":{}`))
	got := conversion(`"OpenXJsonSerDe":{"CaseInsensitive":false,"ConvertDotsInJsonKeysToUnderscores":true,"ColumnToJsonKeyMappings":{"ts":"timestamp"}}`,
		`"ParquetSerDe":{"BlockSizeBytes":67108864,"PageSizeBytes":65536,"Compression":"GZIP","EnableDictionaryCompression":true,"WriterVersion":"V2"}`)
	equal(t, fromjson.Options{OpenX: &fromjson.OpenX{DotsToUnderscores: true, ColumnToKey: map[string]string{"ts": "timestamp"}}}, got.Input)
	equal(t, &parquet.Options{BlockSize: 64 << 20, PageSize: 64 << 10, Compression: "GZIP", Dictionary: true, Version: "V2"}, got.Parquet)
	got = conversion(`"HiveJsonSerDe":{"TimestampFormats":["millis"]}`, `"OrcSerDe":{"StripeSizeBytes":8388608,"BlockSizeBytes":67108864,"RowIndexStride":1000,"EnablePadding":true,"PaddingTolerance":0,
		"Compression":"ZLIB","BloomFilterColumns":["a"],"BloomFilterFalsePositiveProbability":1,"DictionaryKeyThreshold":0.8,"FormatVersion":"V0_11"}`)
	equal(t, fromjson.Options{Hive: &fromjson.Hive{TimestampFormats: []string{"millis"}}}, got.Input)
	equal(t, &orc.Options{StripeSize: 8 << 20, BlockSize: 64 << 20, RowIndexStride: 1000, Padding: true, PaddingTolerance: 0, Compression: "ZLIB",
		BloomFilterColumns: []string{"a"}, BloomFilterFPP: 0.9999, DictionaryKeyThreshold: 0.8, Version: "V0_11"}, got.ORC)

	delivery := d.processes(`"DataFormatConversionConfiguration":{"Enabled":false,` + strings.TrimPrefix(conversionWith(`"OrcSerDe":{}`), `"DataFormatConversionConfiguration":{"Enabled":true,`))
	same(t, true, delivery.Destination.(s3.Config).Conversion == nil)
	same(t, int64(5<<20), delivery.Buffer.Size)
}

// tables is a catalogue with one answer.
type tables struct {
	table *columns.Type
	err   error
	asked []convert.Ref
}

func (c *tables) Table(_ context.Context, r convert.Ref) (*columns.Type, error) {
	c.asked = append(c.asked, r)
	return c.table, c.err
}

func TestTheTableOfAConversionMustBeThere(t *testing.T) {
	typ, err := columns.ParseType("struct<a:string>")
	must(t, err)
	catalogue := &tables{err: &verdict.SetUp{Code: "DataFormatConversion.EntityNotFound", Err: errors.New("find table d.t: it is not there"), Fix: "Make it."}}
	d := newDoor(t, func(o *Options) { o.Tables = catalogue })
	const refusal = "The table of the SchemaConfiguration cannot be used. find table d.t: it is not there (DataFormatConversion.EntityNotFound). Make it."
	conversion := conversionWith(`"ParquetSerDe":{}`)
	d.refuse("CreateDeliveryStream", s3Body(`,`+conversion), "InvalidArgumentException", refusal)
	disabled := strings.Replace(conversion, `"Enabled":true`, `"Enabled":false`, 1)
	catalogue.asked = nil
	d.create("a", `"ExtendedS3DestinationConfiguration":{`+required+`,`+disabled+`}`)
	d.accept("UpdateDestination", updateBody("a", 1, `"Prefix":"p/"`))
	same(t, 0, len(catalogue.asked))
	on := strings.Replace(conversion, `"Enabled":true,`, ``, 1)
	d.refuse("UpdateDestination", updateBody("a", 2, on), "InvalidArgumentException", refusal)

	catalogue.table, catalogue.err = typ, nil
	catalogue.asked = nil
	d.accept("UpdateDestination", updateBody("a", 2, on))
	equal(t, []convert.Ref{{CatalogID: "123456789012", Region: "us-east-1", Database: "d", Table: "t", Version: "LATEST", RoleARN: testRole}}, catalogue.asked)
	same(t, true, d.spec("a").Deliveries[0].Destination.(s3.Config).Conversion != nil)

	catalogue.err = errors.New("no route to host")
	d.accept("UpdateDestination", updateBody("a", 3, `"Prefix":"q/"`)) // which has nothing to do with the table
	status, answer := d.post("CreateDeliveryStream", s3Body(`,`+conversion))
	if status != 500 || strings.Contains(answer, "route") {
		t.Error(status, answer)
	}
}
