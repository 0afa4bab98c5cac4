package awsapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"firehose/internal/stream"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares an answer with a file, both indented.
func golden(t *testing.T, name, answer string) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(answer), "", "  "); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	indented.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := indented.String(); got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// described is the answer of DescribeDeliveryStream.
func (d *door) described(name string) string {
	d.Helper()
	return d.accept("DescribeDeliveryStream", `{"DeliveryStreamName":"`+name+`"}`)
}

const (
	required = `"RoleARN":"` + testRole + `","BucketARN":"` + testBucket + `"`

	// What Terraform's provider sends for a stream with nothing but the required arguments.
	terraform = `"DeliveryStreamType":"DirectPut","ExtendedS3DestinationConfiguration":{` + required + `,
		"BufferingHints":{"IntervalInSeconds":300,"SizeInMBs":5},"CompressionFormat":"UNCOMPRESSED",
		"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"CustomTimeZone":"UTC","FileExtension":"","Prefix":"",
		"S3BackupMode":"Disabled","DataFormatConversionConfiguration":{"Enabled":false},
		"ProcessingConfiguration":{"Enabled":false,"Processors":[]}}`

	lambda = `{"Type":"Lambda","Parameters":[{"ParameterName":"BufferSizeInMBs","ParameterValue":"1.1"},
		{"ParameterName":"LambdaArn","ParameterValue":"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"}]}`
)

func TestDescribeShowsCanonicalForms(t *testing.T) {
	d := newDoor(t)
	create := func(name, members string) {
		t.Helper()
		d.create(name, members)
		golden(t, "describe-"+name, d.described(name))
	}
	create("defaults", `"ExtendedS3DestinationConfiguration":{`+required+`}`)
	create("plain-s3", `"S3DestinationConfiguration":{`+required+`,"Prefix":"","BufferingHints":{},"CloudWatchLoggingOptions":{"LogGroupName":""},"Tags":null}`)
	create("terraform", terraform)
	create("all-members", `"DeliveryStreamType":"DirectPut","DirectPutSourceConfiguration":{"ThroughputHintInMBs":7},
		"ExtendedS3DestinationConfiguration":{`+required+`,"Prefix":"p/!{timestamp:yyyy}/","ErrorOutputPrefix":"e/!{firehose:error-output-type}/",
		"BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":0},"CompressionFormat":"HADOOP_SNAPPY",
		"EncryptionConfiguration":{"KMSEncryptionConfig":{"AWSKMSKeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}},
		"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"g","LogStreamName":"s"},
		"FileExtension":".json.sz","CustomTimeZone":"Asia/Tokyo"}`)
	create("backup", `"ExtendedS3DestinationConfiguration":{`+required+`,"S3BackupMode":"Enabled","S3BackupConfiguration":{
		"RoleARN":"`+testRole+`","BucketARN":"arn:aws:s3:::raw","Prefix":"raw/","CompressionFormat":"GZIP","ErrorOutputPrefix":"",
		"BufferingHints":{"SizeInMBs":2,"IntervalInSeconds":60},"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"g","LogStreamName":"b"}}}`)
	create("backup-disabled", `"ExtendedS3DestinationConfiguration":{`+required+`,"S3BackupConfiguration":{`+required+`}}`)
	create("processing-disabled", `"ExtendedS3DestinationConfiguration":{`+required+`,"ProcessingConfiguration":{"Enabled":false,"Processors":[
		`+lambda+`,{"Type":"AppendDelimiterToRecord","Parameters":[{"ParameterName":"Delimiter","ParameterValue":"\\n"}]},
		{"Type":"Decompression"},{"Type":"CloudWatchLogProcessing","Parameters":[{"ParameterName":"DataMessageExtraction","ParameterValue":"True"}]},
		{"Type":"MetadataExtraction","Parameters":[{"ParameterName":"MetadataExtractionQuery","ParameterValue":"{a:.a}"},{"ParameterName":"JsonParsingEngine","ParameterValue":"JQ-1.6"}]}]},
		"DataFormatConversionConfiguration":{"Enabled":false,"SchemaConfiguration":{"RoleARN":"`+testRole+`","DatabaseName":"d","TableName":"t"},
			"InputFormatConfiguration":{"Deserializer":{"OpenXJsonSerDe":{"ColumnToJsonKeyMappings":{"b":"y","a":"x"}}}},
			"OutputFormatConfiguration":{"Serializer":{"ParquetSerDe":{}}}},
		"DynamicPartitioningConfiguration":{"Enabled":false}}`)
	create("processing", `"ExtendedS3DestinationConfiguration":{`+required+`,"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60},
		"Prefix":"c=!{partitionKeyFromQuery:c}/d=!{partitionKeyFromLambda:d}/!{timestamp:yyyy}/","ErrorOutputPrefix":"e/!{firehose:error-output-type}/",
		"DynamicPartitioningConfiguration":{"Enabled":true},"ProcessingConfiguration":{"Enabled":true,"Processors":[`+
		processor("RecordDeAggregation", "SubRecordType", "DELIMITED", "Delimiter", "Cg==")+`,`+
		processor("Lambda", "BufferIntervalInSeconds", "70", "BufferSizeInMBs", "1.1", "LambdaArn", "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST")+`,`+processor("AppendDelimiterToRecord", "Delimiter", `\n`)+`,`+
		processor("AppendDelimiterToRecord")+`,`+processor("MetadataExtraction", "JsonParsingEngine", "JQ-1.6", "MetadataExtractionQuery", "{c:.c}")+`]},
		"S3BackupMode":"Enabled","S3BackupConfiguration":{`+required+`,"Prefix":"raw/"}}`)
	create("logs", `"ExtendedS3DestinationConfiguration":{`+required+`,"ProcessingConfiguration":{"Enabled":true,"Processors":[`+
		processor("Decompression")+`,`+processor("CloudWatchLogProcessing", "DataMessageExtraction", "TRUE")+`]}}`)
	create("parquet", `"ExtendedS3DestinationConfiguration":{`+required+`,"DataFormatConversionConfiguration":{
		"InputFormatConfiguration":{"Deserializer":{"OpenXJsonSerDe":{"CaseInsensitive":false,"ConvertDotsInJsonKeysToUnderscores":true,"ColumnToJsonKeyMappings":{"ts":"timestamp"}}}},
		"OutputFormatConfiguration":{"Serializer":{"ParquetSerDe":{"BlockSizeBytes":67108864,"Compression":"GZIP","EnableDictionaryCompression":true,"MaxPaddingBytes":0,"PageSizeBytes":65536,"WriterVersion":"V2"}}},`+onTable+`}}`)
	create("orc", `"ExtendedS3DestinationConfiguration":{`+required+`,"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":900},"DataFormatConversionConfiguration":{"Enabled":true,
		"InputFormatConfiguration":{"Deserializer":{"HiveJsonSerDe":{"TimestampFormats":["millis","yyyy-MM-dd"]}}},
		"OutputFormatConfiguration":{"Serializer":{"OrcSerDe":{"StripeSizeBytes":8388608,"BlockSizeBytes":67108864,"RowIndexStride":1000,"EnablePadding":true,"PaddingTolerance":0.5,
			"Compression":"ZLIB","BloomFilterColumns":["a"],"BloomFilterFalsePositiveProbability":0.01,"DictionaryKeyThreshold":0.8,"FormatVersion":"V0_11"}}},
		"SchemaConfiguration":{"RoleARN":"`+testRole+`","CatalogId":"210987654321","DatabaseName":"d","TableName":"t","Region":"eu-west-1","VersionId":"3"}}}`)
	create("encrypted", `"ExtendedS3DestinationConfiguration":{`+required+`},
		"DeliveryStreamEncryptionConfigurationInput":{"KeyType":"CUSTOMER_MANAGED_CMK","KeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}`)
}

func TestDescribeShowsStates(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	d.set("a", func(s *stream.Stream) {
		s.Status, s.Failure = stream.CreatingFailed, &stream.Failure{Type: "KMS_KEY_NOT_FOUND", Details: "no such key"}
		s.Encryption = stream.Encryption{Status: stream.EncryptionEnablingFailed, KeyType: "AWS_OWNED_CMK",
			Failure: &stream.Failure{Type: "UNKNOWN_ERROR", Details: "why"}}
		s.Version, s.Documents[3] = 3, s.Documents[1]
		s.Updated = testTime.Add(1500e6)
	})
	golden(t, "describe-failed", d.described("a"))
}

// Absent and empty texts are different things, and come back as they went in.
func TestDescribeTellsAbsentFromEmpty(t *testing.T) {
	d := newDoor(t)
	d.create("a", `"S3DestinationConfiguration":{`+required+`,"ErrorOutputPrefix":""}`)
	answer := d.described("a")
	if !bytes.Contains([]byte(answer), []byte(`"ErrorOutputPrefix":""`)) || bytes.Contains([]byte(answer), []byte(`"Prefix"`)) {
		t.Error(answer)
	}
	if bytes.Contains([]byte(answer), []byte("null")) {
		t.Error("answer has null members:", answer)
	}
}

// Paging of destinations is valid and changes nothing: there is one.
func TestDescribeIgnoresPaging(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	paged := d.accept("DescribeDeliveryStream", `{"DeliveryStreamName":"a","Limit":1,"ExclusiveStartDestinationId":"zzz"}`)
	same(t, d.described("a"), paged)
}
