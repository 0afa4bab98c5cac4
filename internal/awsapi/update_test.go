package awsapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"firehose/internal/stream"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// updateBody is an update of a stream by its extended shape.
func updateBody(name string, version int, members string) string {
	return fmt.Sprintf(`{"DeliveryStreamName":%q,"CurrentDeliveryStreamVersionId":"%d","DestinationId":%q,"ExtendedS3DestinationUpdate":{%s}}`,
		name, version, destinationID, members)
}

// part returns what stands at a dotted path in the description of a stream's extended S3 destination, as JSON.
func (d *door) part(name, path string) string {
	d.Helper()
	var tree any
	if err := json.Unmarshal([]byte(d.described(name)), &tree); err != nil {
		d.Fatal(err)
	}
	destinations := under[[]any](tree, "DeliveryStreamDescription", "Destinations")
	value := under[any](destinations[0], append([]string{"ExtendedS3DestinationDescription"}, strings.Split(path, ".")...)...)
	text, err := json.Marshal(value, jsontext.CanonicalizeRawInts(true), json.Deterministic(true))
	if err != nil {
		d.Fatal(err)
	}
	return string(text)
}

func TestUpdateMergesByMember(t *testing.T) {
	d := newDoor(t)
	n := 0
	merge := func(stored, given, path, want string) {
		t.Helper()
		n++
		name := fmt.Sprintf("s%d", n)
		d.create(name, `"ExtendedS3DestinationConfiguration":{`+required+stored+`}`)
		d.accept("UpdateDestination", updateBody(name, 1, given))
		if got := d.part(name, path); got != want {
			t.Errorf("%s, then %s: %s is %s, want %s", stored, given, path, got, want)
		}
	}
	merge(`,"Prefix":"a/"`, `"Prefix":"b/"`, "Prefix", `"b/"`)
	merge(`,"Prefix":"a/"`, `"Prefix":""`, "Prefix", `""`)
	merge(`,"Prefix":"a/"`, `"ErrorOutputPrefix":"e/"`, "Prefix", `"a/"`)
	merge(``, `"RoleARN":"arn:aws:iam::123456789012:role/other"`, "RoleARN", `"arn:aws:iam::123456789012:role/other"`)
	merge(``, `"BucketARN":"arn:aws:s3:::other"`, "BucketARN", `"arn:aws:s3:::other"`)
	merge(`,"CompressionFormat":"GZIP"`, `"CompressionFormat":"ZIP"`, "CompressionFormat", `"ZIP"`)
	merge(`,"BufferingHints":{"SizeInMBs":7,"IntervalInSeconds":70}`, `"BufferingHints":{"SizeInMBs":8,"IntervalInSeconds":0}`,
		"BufferingHints", `{"IntervalInSeconds":0,"SizeInMBs":8}`)
	merge(`,"BufferingHints":{"SizeInMBs":7,"IntervalInSeconds":70}`, `"BufferingHints":{}`, "BufferingHints", `{"IntervalInSeconds":70,"SizeInMBs":7}`)
	merge(`,"EncryptionConfiguration":{"KMSEncryptionConfig":{"AWSKMSKeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}}`,
		`"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"}`, "EncryptionConfiguration", `{"NoEncryptionConfig":"NoEncryption"}`)
	merge(`,"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"g","LogStreamName":"s"}`, `"CloudWatchLoggingOptions":{"LogStreamName":"t"}`,
		"CloudWatchLoggingOptions", `{"Enabled":true,"LogGroupName":"g","LogStreamName":"t"}`)
	merge(`,"FileExtension":".json"`, `"FileExtension":""`, "FileExtension", `""`)
	merge(`,"CustomTimeZone":"Asia/Tokyo"`, `"CustomTimeZone":"UTC"`, "CustomTimeZone", `"UTC"`)

	const two = `,"ProcessingConfiguration":{"Enabled":false,"Processors":[{"Type":"AppendDelimiterToRecord"},{"Type":"Decompression"}]}`
	merge(two, `"ProcessingConfiguration":{"Enabled":false}`, "ProcessingConfiguration", `{"Enabled":false,"Processors":[]}`)
	merge(two, `"ProcessingConfiguration":{"Processors":[{"Type":"AppendDelimiterToRecord"}]}`, "ProcessingConfiguration",
		`{"Enabled":false,"Processors":[{"Parameters":[],"Type":"AppendDelimiterToRecord"}]}`)
	merge(two, `"Prefix":"x"`, "ProcessingConfiguration.Processors",
		`[{"Parameters":[],"Type":"AppendDelimiterToRecord"},{"Parameters":[{"ParameterName":"CompressionFormat","ParameterValue":"GZIP"}],"Type":"Decompression"}]`)

	const conversion = `,"DataFormatConversionConfiguration":{"Enabled":false,"SchemaConfiguration":{"DatabaseName":"d","TableName":"t","VersionId":"5"},
		"OutputFormatConfiguration":{"Serializer":{"OrcSerDe":{}}}}`
	merge(conversion, `"DataFormatConversionConfiguration":{"Enabled":false}`, "DataFormatConversionConfiguration.OutputFormatConfiguration", `{"Serializer":{"OrcSerDe":{}}}`)
	merge(conversion, `"DataFormatConversionConfiguration":{"Enabled":false,"SchemaConfiguration":{"TableName":"u"}}`,
		"DataFormatConversionConfiguration.SchemaConfiguration",
		`{"CatalogId":"123456789012","DatabaseName":"d","Region":"us-east-1","TableName":"u","VersionId":"5"}`)
	merge(conversion, `"DataFormatConversionConfiguration":{"Enabled":false,"OutputFormatConfiguration":{"Serializer":{"ParquetSerDe":{"WriterVersion":"V2"}}}}`,
		"DataFormatConversionConfiguration.OutputFormatConfiguration", `{"Serializer":{"ParquetSerDe":{"WriterVersion":"V2"}}}`)

	merge(`,"DynamicPartitioningConfiguration":{"Enabled":false}`, `"DynamicPartitioningConfiguration":{"RetryOptions":{"DurationInSeconds":9}}`,
		"DynamicPartitioningConfiguration", `{"Enabled":false,"RetryOptions":{"DurationInSeconds":9}}`)

	const backup = `,"S3BackupConfiguration":{` + required + `,"Prefix":"raw/","BufferingHints":{"SizeInMBs":9,"IntervalInSeconds":90}}`
	merge(backup, `"S3BackupMode":"Enabled"`, "S3BackupMode", `"Enabled"`)
	merge(backup, `"S3BackupUpdate":{"CompressionFormat":"GZIP"}`, "S3BackupDescription.Prefix", `"raw/"`)
	merge(backup, `"S3BackupUpdate":{"CompressionFormat":"GZIP"}`, "S3BackupDescription.CompressionFormat", `"GZIP"`)
	merge(``, `"S3BackupMode":"Enabled","S3BackupUpdate":{`+required+`}`, "S3BackupDescription.BufferingHints", `{"IntervalInSeconds":300,"SizeInMBs":5}`)
}

// The plain shape updates a stream that was made with the extended one, and the other way round.
func TestUpdateTakesEitherShape(t *testing.T) {
	d := newDoor(t)
	d.create("extended", `"ExtendedS3DestinationConfiguration":{`+required+`,"FileExtension":".json"}`)
	d.accept("UpdateDestination", `{"DeliveryStreamName":"extended","CurrentDeliveryStreamVersionId":"1","DestinationId":"`+destinationID+`","S3DestinationUpdate":{"Prefix":"x/"}}`)
	same(t, `"x/"`, d.part("extended", "Prefix"))
	same(t, `".json"`, d.part("extended", "FileExtension"))
	d.create("plain", `"S3DestinationConfiguration":{`+required+`}`)
	d.accept("UpdateDestination", updateBody("plain", 1, `"FileExtension":".txt"`))
	same(t, `".txt"`, d.part("plain", "FileExtension"))
}

func TestUpdateWithoutEffectIsNoVersion(t *testing.T) {
	d := newDoor(t)
	members := required + `,"Prefix":"a&b<c>/","S3BackupMode":"Enabled","S3BackupConfiguration":{` + required + `},"CloudWatchLoggingOptions":{"Enabled":false},
		"ProcessingConfiguration":{"Enabled":false,"Processors":[` + lambda + `]},"DataFormatConversionConfiguration":{"Enabled":false},
		"DynamicPartitioningConfiguration":{"Enabled":false}`
	d.create("a", `"ExtendedS3DestinationConfiguration":{`+members+`}`)
	d.set("a", func(s *stream.Stream) { // as a store does that writes documents in its own form
		s.Documents[1] = []byte(strings.ReplaceAll(string(s.Documents[1]), "&", "\\u0026") + "\n")
	})
	before := d.described("a")
	d.now = d.now.Add(time.Hour)
	d.accept("UpdateDestination", updateBody("a", 1, ""))
	d.accept("UpdateDestination", updateBody("a", 1, strings.ReplaceAll(members, "S3BackupConfiguration", "S3BackupUpdate")))
	same(t, before, d.described("a"))

	d.accept("UpdateDestination", updateBody("a", 1, `"Prefix":"b"`))
	s, err := d.memory.Get(d.key("a"))
	must(t, err)
	same(t, 2, s.Version)
	same(t, d.now, s.Updated)
	same(t, 2, len(s.Documents))
}

func TestUpdateChecksInTheServicesOrder(t *testing.T) {
	d := newDoor(t)
	body := func(version, destination, update string) string {
		return fmt.Sprintf(`{"DeliveryStreamName":"a","CurrentDeliveryStreamVersionId":%q,"DestinationId":%q%s}`, version, destination, update)
	}
	splunk := `,"SplunkDestinationUpdate":{}`
	d.refuse("UpdateDestination", body("2", "other", splunk), "ResourceNotFoundException", "Firehose a under account 123456789012 not found.")
	d.memory.hold = true
	d.create("a", "")
	d.refuse("UpdateDestination", body("2", "other", splunk), "ResourceInUseException", "Cannot update firehose: a when it is in CREATING status")
	d.set("a", func(s *stream.Stream) { s.Status = stream.Active })
	d.refuse("UpdateDestination", body("2", "other", splunk), "ConcurrentModificationException",
		"Cannot update firehose: a since the current version id: 1 and specified version id: 2 do not match")
	d.refuse("UpdateDestination", body("1", "other", splunk), "InvalidArgumentException", "Destination Id other not found")
	d.refuse("UpdateDestination", body("1", destinationID, ""), "InvalidArgumentException", "At least one destination or source configuration update must be provided")
	d.refuse("UpdateDestination", body("1", destinationID, splunk+`,"S3DestinationUpdate":{}`), "InvalidArgumentException",
		"Exactly one destination configuration is supported for a Firehose")
	for _, kind := range []string{"Elasticsearch", "Amazonopensearchservice", "AmazonOpenSearchServerless", "Splunk", "HttpEndpoint", "Snowflake", "Iceberg"} {
		d.refuse("UpdateDestination", body("1", destinationID, `,"`+kind+`DestinationUpdate":{}`), "InvalidArgumentException",
			"Changing the destination type to or from "+kind+" is not supported at this time.")
	}
	d.refuse("UpdateDestination", body("1", destinationID, `,"RedshiftDestinationUpdate":{}`), "InvalidArgumentException",
		"RedshiftDestinationUpdate is not supported by this server yet.")
}

func TestUpdateRefusesWhatMayNotChange(t *testing.T) {
	d := newDoor(t)
	refuse := func(stored, given, want string) {
		t.Helper()
		d.memory.streams = map[stream.Key]stream.Stream{}
		d.create("a", `"ExtendedS3DestinationConfiguration":{`+required+stored+`}`)
		before := d.described("a")
		d.refuse("UpdateDestination", updateBody("a", 1, given), "InvalidArgumentException", want)
		same(t, before, d.described("a"))
	}
	refuse(`,"S3BackupMode":"Enabled","S3BackupConfiguration":{`+required+`}`, `"S3BackupMode":"Disabled"`, "Disabling S3 backup is not currently supported.")
	refuse(``, `"S3BackupMode":"Enabled"`, "S3 backup destination configuration is required when enabling S3 backup.")
	refuse(``, `"S3BackupUpdate":{"Prefix":"x"}`, "S3 backup destination configuration is required when enabling S3 backup.")
	refuse(``, `"DynamicPartitioningConfiguration":{"Enabled":true}`, "Dynamic Partitioning cannot be enabled or disabled on an existing delivery stream.")
	refuse(``, `"BufferingHints":{"SizeInMBs":1}`, "If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa.")
	refuse(`,"Prefix":"!{timestamp:yyyy}/","ErrorOutputPrefix":"e/!{firehose:error-output-type}/"`, `"ErrorOutputPrefix":""`,
		"Ths supplied prefix(es) do not satisfy the following constraint: ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	refuse(`,"CloudWatchLoggingOptions":{"LogGroupName":"g"}`, `"CloudWatchLoggingOptions":{"Enabled":true}`,
		"CloudWatch Log Stream Name is required if CloudWatch Logging is enabled")
	refuse(`,"ProcessingConfiguration":{"Enabled":false,"Processors":[`+lambda+`]}`, `"ProcessingConfiguration":{"Enabled":true}`,
		"A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.")
	refuse(``, `"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Decompression"}]}`,
		"Enabling source decompression is not supported for existing stream with no Lambda function attached.")
	partitions := `,"DynamicPartitioningConfiguration":{"Enabled":true},` + onPartitions
	refuse(partitions, `"DynamicPartitioningConfiguration":{"Enabled":false}`, "Dynamic Partitioning cannot be enabled or disabled on an existing delivery stream.")
	refuse(partitions, `"BufferingHints":{"SizeInMBs":63,"IntervalInSeconds":60}`, "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.")
	refuse(partitions, `"Prefix":"!{partitionKeyFromQuery:k}/!{partitionKeyFromQuery:l}/"`, "S3 Prefix expression can't contain keys that are not present in the MetaDataExtraction JQ Query")
	refuse(partitions, `"ProcessingConfiguration":{"Enabled":false}`, "S3 Prefix expression can't contain keys that are not present in the MetaDataExtraction JQ Query")
	refuse(partitions, `"ProcessingConfiguration":{"Processors":[`+strings.ReplaceAll(extraction, ".k", ".k, l:.l")+`]}`,
		"MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression")
	refuse(`,`+conversionWith(`"OrcSerDe":{}`), `"CompressionFormat":"GZIP"`,
		uncompressed)
	refuse(`,"DataFormatConversionConfiguration":{"Enabled":false}`, `"DataFormatConversionConfiguration":{}`, "InputFormatConfiguration must not be null")
}
