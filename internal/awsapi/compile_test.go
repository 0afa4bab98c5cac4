package awsapi

import (
	"strings"
	"testing"
	"time"

	"firehose/internal/destination/s3"
	"firehose/internal/stream"
)

// spec compiles a stream as it is stored.
func (d *door) spec(name string) stream.Spec {
	d.Helper()
	s, err := d.memory.Get(d.key(name))
	if err != nil {
		d.Fatal(err)
	}
	spec, err := Compile(s.Key, s.Document())
	if err != nil {
		d.Fatal(err)
	}
	return spec
}

func TestCompileDerivesWhatRuns(t *testing.T) {
	d := newDoor(t)
	d.create("defaults", "")
	want := stream.Delivery{
		ID:          "destinationId-000000000001",
		Buffer:      stream.Buffer{Size: 5 << 20, Interval: 300 * time.Second},
		Destination: s3.Config{Bucket: "events", Compression: "UNCOMPRESSED"},
	}
	spec := d.spec("defaults")
	same(t, 1, len(spec.Deliveries))
	same(t, want, spec.Deliveries[0])

	d.create("full", `"ExtendedS3DestinationConfiguration":{`+required+`,"Prefix":"p/!{timestamp:yyyy}/","ErrorOutputPrefix":"e/!{firehose:error-output-type}/",
		"BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":0},"CompressionFormat":"HADOOP_SNAPPY",
		"EncryptionConfiguration":{"KMSEncryptionConfig":{"AWSKMSKeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}},
		"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"g","LogStreamName":"s"},"FileExtension":".x","CustomTimeZone":"Asia/Tokyo",
		"S3BackupMode":"Enabled","S3BackupConfiguration":{"RoleARN":"`+testRole+`","BucketARN":"arn:aws-cn:s3:::raw.data","Prefix":"raw/","CompressionFormat":"GZIP",
			"BufferingHints":{"SizeInMBs":2,"IntervalInSeconds":60},"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"g","LogStreamName":"b"}}}`)
	spec = d.spec("full")
	same(t, 2, len(spec.Deliveries))
	same(t, stream.Delivery{
		ID:     "destinationId-000000000001",
		Buffer: stream.Buffer{Size: 1 << 20},
		Destination: s3.Config{Bucket: "events", Prefix: "p/!{timestamp:yyyy}/", ErrorPrefix: "e/!{firehose:error-output-type}/",
			Compression: "HADOOP_SNAPPY", Extension: ".x", TimeZone: "Asia/Tokyo", KMSKey: "arn:aws:kms:us-east-1:123456789012:key/k"},
		Logging: stream.Logging{Enabled: true, Group: "g", Stream: "s"},
	}, spec.Deliveries[0])
	same(t, stream.Delivery{
		ID:          "destinationId-000000000001-backup",
		Buffer:      stream.Buffer{Size: 2 << 20, Interval: time.Minute},
		Destination: s3.Config{Bucket: "raw.data", Prefix: "raw/", Compression: "GZIP"},
		Logging:     stream.Logging{Enabled: true, Group: "g", Stream: "b"},
	}, spec.Deliveries[1])
}

func TestCompileRefusesWhatItCannotRun(t *testing.T) {
	d := newDoor(t)
	d.create("a", `"ExtendedS3DestinationConfiguration":{`+required+`,"ProcessingConfiguration":{"Enabled":false,"Processors":[`+
		strings.Replace(lambda, "1.1", "large", 1)+`]},"DataFormatConversionConfiguration":{"Enabled":false},"DynamicPartitioningConfiguration":{"Enabled":false}}`)
	s, err := d.memory.Get(d.key("a"))
	must(t, err)
	refuse := func(document, want string) {
		t.Helper()
		if _, err := Compile(s.Key, []byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
	enabled := func(member string) string {
		return strings.Replace(string(s.Document()), `"`+member+`":{"Enabled":false`, `"`+member+`":{"Enabled":true`, 1)
	}
	refuse(enabled("ProcessingConfiguration"), `read document: processor Lambda: strconv.ParseFloat: parsing "large"`)
	refuse(enabled("DynamicPartitioningConfiguration"), "S3 Prefix should contain Dynamic Partitioning namespaces")
	refuse(enabled("DataFormatConversionConfiguration"), "read document: its format conversion is not complete")
	refuse("", "read document")
	refuse("{}", "no destination")
	refuse(strings.Replace(string(s.Document()), `"IntervalInSeconds"`, `"Interval"`, 1), "not complete")
}
