package awsapi

import (
	"fmt"
	"strings"
	"testing"
)

// s3Body is a request for a stream with an extended S3 destination; members stand behind the required ones.
func s3Body(members string) string {
	return fmt.Sprintf(`{"DeliveryStreamName":"new","ExtendedS3DestinationConfiguration":{"RoleARN":%q,"BucketARN":%q%s}}`,
		testRole, testBucket, members)
}

func TestViolationsOfTheModelAreAllReported(t *testing.T) {
	d := newDoor(t)
	violation := func(operation, body string, violations ...string) {
		t.Helper()
		for i, v := range violations {
			path, constraint, _ := strings.Cut(v, ": ")
			violations[i] = "Value at '" + path + "' failed to satisfy constraint: " + constraint
		}
		noun := "errors"
		if len(violations) == 1 {
			noun = "error"
		}
		d.refuse(operation, body, "ValidationException",
			fmt.Sprintf("%d validation %s detected: %s", len(violations), noun, strings.Join(violations, "; ")))
	}
	create := func(members string, violations ...string) {
		t.Helper()
		violation("CreateDeliveryStream", s3Body(members), violations...)
	}
	const s3 = "extendedS3DestinationConfiguration."

	violation("DescribeDeliveryStream", `{}`, "deliveryStreamName: Member must not be null")
	violation("DescribeDeliveryStream", `{"DeliveryStreamName":null}`, "deliveryStreamName: Member must not be null")
	violation("DescribeDeliveryStream", `{"DeliveryStreamName":""}`,
		"deliveryStreamName: Member must have length greater than or equal to 1",
		"deliveryStreamName: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	violation("DescribeDeliveryStream", `{"DeliveryStreamName":"a/b","Limit":0}`,
		"deliveryStreamName: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
		"limit: Member must have value greater than or equal to 1")
	violation("DescribeDeliveryStream", `{"DeliveryStreamName":"`+strings.Repeat("a", 65)+`","Limit":10001}`,
		"deliveryStreamName: Member must have length less than or equal to 64",
		"limit: Member must have value less than or equal to 10000")
	violation("ListDeliveryStreams", `{"DeliveryStreamType":"Direct"}`,
		"deliveryStreamType: Member must satisfy enum value set: [DirectPut, KinesisStreamAsSource, MSKAsSource, DatabaseAsSource]")

	create(`,"CompressionFormat":"gzip"`, s3+"compressionFormat: Member must satisfy enum value set: [ZIP, HADOOP_SNAPPY, Snappy, GZIP, UNCOMPRESSED]")
	create(`,"FileExtension":".GZ"`, s3+"fileExtension: Member must satisfy regular expression pattern: ^(|\\.[0-9a-z!\\-_.*'()]+)$")
	create(`,"CustomTimeZone":"Etc/GMT+1"`, s3+"customTimeZone: Member must satisfy regular expression pattern: ^$|[a-zA-Z/_]+")
	create(`,"BufferingHints":{"SizeInMBs":129,"IntervalInSeconds":901}`,
		s3+"bufferingHints.sizeInMBs: Member must have value less than or equal to 128",
		s3+"bufferingHints.intervalInSeconds: Member must have value less than or equal to 900")
	create(`,"Prefix":"a\nb"`, s3+"prefix: Member must satisfy regular expression pattern: .*")
	create(`,"EncryptionConfiguration":{"KMSEncryptionConfig":{}}`, s3+"encryptionConfiguration.kMSEncryptionConfig.aWSKMSKeyARN: Member must not be null")
	create(`,"S3BackupConfiguration":{"Prefix":"x"}`,
		s3+"s3BackupConfiguration.roleARN: Member must not be null", s3+"s3BackupConfiguration.bucketARN: Member must not be null")
	create(`,"ProcessingConfiguration":{"Processors":[{"Type":"NotLambda","Parameters":[{"ParameterName":"LambdaArn","ParameterValue":" "},{"ParameterName":"x","ParameterValue":""}]}]}`,
		s3+"processingConfiguration.processors.1.member.type: Member must satisfy enum value set: [Decompression, Lambda, RecordDeAggregation, MetadataExtraction, AppendDelimiterToRecord, CloudWatchLogProcessing]",
		s3+"processingConfiguration.processors.1.member.parameters.1.member.parameterValue: Member must satisfy regular expression pattern: ^(?!\\s*$).+",
		s3+"processingConfiguration.processors.1.member.parameters.2.member.parameterName: Member must satisfy enum value set: [DataMessageExtraction, NumberOfRetries, Delimiter, RoleArn, JsonParsingEngine, SubRecordType, MetadataExtractionQuery, BufferIntervalInSeconds, LambdaArn, BufferSizeInMBs, CompressionFormat]",
		s3+"processingConfiguration.processors.1.member.parameters.2.member.parameterValue: Member must have length greater than or equal to 1",
		s3+"processingConfiguration.processors.1.member.parameters.2.member.parameterValue: Member must satisfy regular expression pattern: ^(?!\\s*$).+")

	// The order in which the service looks at an S3 destination.
	const conversion = s3 + "dataFormatConversionConfiguration."
	create(`,"ProcessingConfiguration":{"Processors":[{}]},"DataFormatConversionConfiguration":{
		"SchemaConfiguration":{"TableName":"","Region":"a b","RoleARN":"","VersionId":" "},
		"InputFormatConfiguration":{"Deserializer":{"OpenXJsonSerDe":{"ColumnToJsonKeyMappings":{"a b":""}}}},
		"OutputFormatConfiguration":{"Serializer":{
			"OrcSerDe":{"FormatVersion":"1","Compression":"GZIP","PaddingTolerance":1.5,"DictionaryKeyThreshold":"NaN"},
			"ParquetSerDe":{"Compression":"ZLIB","PageSizeBytes":1,"BlockSizeBytes":1,"MaxPaddingBytes":-1}}}},
		"FileExtension":"x","CompressionFormat":""`,
		s3+"compressionFormat: Member must satisfy enum value set: [ZIP, HADOOP_SNAPPY, Snappy, GZIP, UNCOMPRESSED]",
		s3+"fileExtension: Member must satisfy regular expression pattern: ^(|\\.[0-9a-z!\\-_.*'()]+)$",
		conversion+"outputFormatConfiguration.serializer.parquetSerDe.maxPaddingBytes: Member must have value greater than or equal to 0",
		conversion+"outputFormatConfiguration.serializer.parquetSerDe.blockSizeBytes: Member must have value greater than or equal to 67108864",
		conversion+"outputFormatConfiguration.serializer.parquetSerDe.pageSizeBytes: Member must have value greater than or equal to 65536",
		conversion+"outputFormatConfiguration.serializer.parquetSerDe.compression: Member must satisfy enum value set: [SNAPPY, GZIP, UNCOMPRESSED]",
		conversion+"outputFormatConfiguration.serializer.orcSerDe.dictionaryKeyThreshold: Member must have value less than or equal to 1",
		conversion+"outputFormatConfiguration.serializer.orcSerDe.dictionaryKeyThreshold: Member must have value greater than or equal to 0",
		conversion+"outputFormatConfiguration.serializer.orcSerDe.paddingTolerance: Member must have value less than or equal to 1",
		conversion+"outputFormatConfiguration.serializer.orcSerDe.compression: Member must satisfy enum value set: [ZLIB, SNAPPY, NONE]",
		conversion+"outputFormatConfiguration.serializer.orcSerDe.formatVersion: Member must satisfy enum value set: [V0_11, V0_12]",
		conversion+"inputFormatConfiguration.deserializer.openXJsonSerDe.columnToJsonKeyMappings: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ^\\S+$]",
		conversion+"inputFormatConfiguration.deserializer.openXJsonSerDe.columnToJsonKeyMappings: Map value must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ^(?!\\s*$).+]",
		conversion+"schemaConfiguration.versionId: Member must satisfy regular expression pattern: ^\\S+$",
		conversion+"schemaConfiguration.roleARN: Member must have length greater than or equal to 1",
		conversion+"schemaConfiguration.roleARN: Member must satisfy regular expression pattern: ^\\S+$",
		conversion+"schemaConfiguration.region: Member must satisfy regular expression pattern: ^\\S+$",
		conversion+"schemaConfiguration.tableName: Member must have length greater than or equal to 1",
		conversion+"schemaConfiguration.tableName: Member must satisfy regular expression pattern: ^\\S+$",
		s3+"processingConfiguration.processors.1.member.type: Member must not be null")

	violation("TagDeliveryStream", `{"DeliveryStreamName":"a","Tags":[]}`, "tags: Member must have length greater than or equal to 1")
	violation("TagDeliveryStream", `{"DeliveryStreamName":"a","Tags":[{"Value":"v"},null,{"Key":"aws:x","Value":"é{"}]}`,
		"tags.1.member.key: Member must not be null", "tags.2.member: Member must not be null",
		"tags.3.member.key: Member must satisfy regular expression pattern: ^(?!aws:)[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$",
		"tags.3.member.value: Member must satisfy regular expression pattern: ^[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$")
	violation("TagDeliveryStream", `{"DeliveryStreamName":"a","Tags":[`+strings.Repeat(`{"Key":"k"},`, 50)+`{}]}`,
		"tags: Member must have length less than or equal to 50")
	violation("UpdateDestination", `{"DeliveryStreamName":"a","CurrentDeliveryStreamVersionId":"v1","DestinationId":"","S3DestinationUpdate":{"RoleARN":"r"}}`,
		"currentDeliveryStreamVersionId: Member must satisfy regular expression pattern: [0-9]+",
		"destinationId: Member must have length greater than or equal to 1",
		"destinationId: Member must satisfy regular expression pattern: [a-zA-Z0-9-]+",
		"s3DestinationUpdate.roleARN: Member must satisfy regular expression pattern: arn:.*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+")
	violation("PutRecord", `{"DeliveryStreamName":"a","Record":{}}`, "record.data: Member must not be null")
	violation("PutRecordBatch", `{"DeliveryStreamName":"a","Records":[{},{"Data":"`+strings.Repeat("AAAA", 341334)+`"}]}`,
		"records.1.member.data: Member must not be null",
		"records.2.member.data: Member must have length less than or equal to 1024000")
	violation("PutRecordBatch", `{"DeliveryStreamName":"a","Records":[]}`, "records: Member must have length greater than or equal to 1")
	violation("PutRecordBatch", `{"DeliveryStreamName":"a","Records":[`+strings.Repeat(`{"Data":""},`, 500)+`{"Data":""}]}`,
		"records: Member must have length less than or equal to 500")
}

func TestSomeFaultsComeBeforeAllViolations(t *testing.T) {
	d := newDoor(t)
	d.refuse("CreateDeliveryStream", s3Body(`,"FileExtension":"x","ProcessingConfiguration":{"Processors":[null]}`), errInternal.Type, errInternal.Message)
	d.refuse("CreateDeliveryStream", s3Body(`,"FileExtension":"x","DataFormatConversionConfiguration":{"SchemaConfiguration":{"RoleARN":"role"}}`),
		"InvalidParameterValueException", "Invalid role ARN.")
	d.refuse("CreateDeliveryStream", `{"DeliveryStreamName":5}`, "SerializationException", "NUMBER_VALUE can not be converted to String at 'deliveryStreamName'")
}

// What values mean together, in the service's words. None of these requests stores anything.
func TestCreateRefusesWhatAmazonRefuses(t *testing.T) {
	d := newDoor(t)
	refuse := func(body, want string) {
		t.Helper()
		d.refuse("CreateDeliveryStream", body, "InvalidArgumentException", want)
		if len(d.memory.streams) > 0 {
			t.Fatalf("%s: stored a stream", body)
		}
	}
	s3 := func(members, want string) {
		t.Helper()
		refuse(s3Body(members), want)
	}
	top := func(members, want string) {
		t.Helper()
		refuse(strings.TrimSuffix(s3Body(""), "}")+members+"}", want)
	}
	backup := `{"RoleARN":"` + testRole + `","BucketARN":"` + testBucket + `"`
	other := `,"S3DestinationConfiguration":{"RoleARN":"` + testRole + `","BucketARN":"` + testBucket + `"}`

	refuse(`{"DeliveryStreamName":"new"}`, "Exactly one destination configuration is supported for a Firehose")
	top(other, "Exactly one destination configuration is supported for a Firehose")

	top(`,"DeliveryStreamType":"KinesisStreamAsSource"`, "KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.")
	kinesis := `,"KinesisStreamSourceConfiguration":{"KinesisStreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","RoleARN":"` + testRole + `"}`
	top(kinesis, "KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type")
	top(`,"DeliveryStreamType":"MSKAsSource"`, "MSKSourceConfig is mandatory for MSK as Source stream type.")
	top(`,"DeliveryStreamType":"DatabaseAsSource"`, "DatabaseSourceConfiguration is mandatory for Database as Source stream type.")
	top(`,"DirectPutSourceConfiguration":{"ThroughputHintInMBs":1},"DeliveryStreamType":"KinesisStreamAsSource"`+kinesis,
		"DirectPutSourceConfiguration is only applicable for DirectPut stream type.")

	const sse = `,"DeliveryStreamEncryptionConfigurationInput":`
	top(sse+`{"KeyType":"CUSTOMER_MANAGED_CMK"}`, "KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK")
	top(sse+`{"KeyType":"AWS_OWNED_CMK","KeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}`, "KeyARN cannot be specified when KeyType is AWS_OWNED_CMK")
	top(sse+`{"KeyType":"CUSTOMER_MANAGED_CMK","KeyARN":"arn:aws:kms:eu-west-1:123456789012:key/k"}`,
		"Cross-region keys are not allowed for SSE. Please provide CMKs in the same region as firehose")
	top(`,"DeliveryStreamType":"KinesisStreamAsSource"`+kinesis+sse+`{"KeyType":"AWS_OWNED_CMK"}`,
		"Server side encryption from firehose is only allowed for direct put delivery streams and database as a source delivery streams")

	const hints = "If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa."
	s3(`,"BufferingHints":{"SizeInMBs":5}`, hints)
	s3(`,"BufferingHints":{"IntervalInSeconds":5}`, hints)
	s3(`,"S3BackupConfiguration":`+backup+`,"BufferingHints":{"SizeInMBs":5}}`, hints)
	const one = "Exactly one of NoEncryptionConfig or KMSEncryptionConfig must be specified"
	s3(`,"EncryptionConfiguration":{}`, one)
	s3(`,"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption","KMSEncryptionConfig":{"AWSKMSKeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}}`, one)
	s3(`,"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":""}`, "CloudWatch Log Group Name is required if CloudWatch Logging is enabled")
	s3(`,"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"g"}`, "CloudWatch Log Stream Name is required if CloudWatch Logging is enabled")
	s3(`,"S3BackupMode":"Enabled"`, "S3 backup destination configuration is required when enabling S3 backup.")
	s3(`,"S3BackupMode":"Enabled","S3BackupConfiguration":`+backup+`,"BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":59}}`,
		"BufferingHints.IntervalInSeconds must be at least 60 for S3 backup.")

	const prelude = "Ths supplied prefix(es) do not satisfy the following constraint: "
	s3(`,"Prefix":"!{timestamp:yyyy}/"`, prelude+"ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	s3(`,"S3BackupConfiguration":`+backup+`,"Prefix":"!{timestamp:yyyy}/"}`, prelude+"ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	s3(`,"Prefix":"!{partitionKeyFromQuery:a}/","ErrorOutputPrefix":"e/"`,
		"Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.")
	s3(`,"CustomTimeZone":"PST"`, "Provided custom time zone is not supported. Custom time zones are limited to UTC and non-3-letter IANA time zones.")

	const on = `,"DynamicPartitioningConfiguration":{"Enabled":true}`
	const size = "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled."
	s3(on, size)
	s3(on+`,"BufferingHints":{"SizeInMBs":63,"IntervalInSeconds":60}`, size)
	s3(on+`,"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":59}`, "BufferingHints.IntervalInSeconds must be at least 60 when Dynamic Partitioning is enabled.")
	s3(on+`,"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60}`, "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled")

	const conversion = `,"DataFormatConversionConfiguration":`
	s3(conversion+`{},"CompressionFormat":"GZIP"`, uncompressed)
	s3(conversion+`{},"BufferingHints":{"SizeInMBs":63,"IntervalInSeconds":60}`, "BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled.")
	s3(conversion+`{"Enabled":true}`, "InputFormatConfiguration must not be null")
	s3(conversion+`{"InputFormatConfiguration":{}}`, "OutputFormatConfiguration must not be null")
	s3(conversion+`{"InputFormatConfiguration":{},"OutputFormatConfiguration":{}}`, "SchemaConfiguration must not be null")
	complete := func(deserializer, serializer, schema string) string {
		return conversion + `{"InputFormatConfiguration":{"Deserializer":` + deserializer + `},"OutputFormatConfiguration":{"Serializer":` + serializer + `},"SchemaConfiguration":` + schema + `}`
	}
	s3(complete(`{}`, `{}`, `{}`), "Deserializer must not be null")
	s3(complete(`{"HiveJsonSerDe":{},"OpenXJsonSerDe":{}}`, `{}`, `{}`), "More than one deserializer specified. Only one may be chosen.")
	s3(complete(`{"HiveJsonSerDe":{}}`, `{}`, `{}`), "Serializer must not be null")
	s3(complete(`{"HiveJsonSerDe":{}}`, `{"OrcSerDe":{},"ParquetSerDe":{}}`, `{}`), "More than one serializer specified. Only one may be chosen.")
	s3(complete(`{"HiveJsonSerDe":{}}`, `{"OrcSerDe":{}}`, `{"DatabaseName":"d"}`), "SchemaConfiguration.RoleArn must not be null or empty")
	s3(complete(`{"HiveJsonSerDe":{}}`, `{"OrcSerDe":{}}`, `{"RoleARN":"`+testRole+`"}`), "SchemaConfiguration.DatabaseName must not be null or empty")
	s3(complete(`{"HiveJsonSerDe":{}}`, `{"OrcSerDe":{}}`, `{"RoleARN":"`+testRole+`","DatabaseName":"d"}`), "SchemaConfiguration.TableName must not be null or empty")
	s3(complete(`{"HiveJsonSerDe":{"TimestampFormats":["millis","yyyy-!x"]}}`, `{"OrcSerDe":{}}`, `{"RoleARN":"`+testRole+`","DatabaseName":"d","TableName":"t"}`),
		"One or more SerDe options are invalid for org.apache.hcatalog.data.JsonSerDe: [Key: timestamp.formats Value: millis,yyyy-!x]")
}

const uncompressed = "The S3 destination's compression format must be set to UNCOMPRESSED when data format conversion is enabled. " +
	"To enable compression within the converted output format, set the appropriate serialization option in the output format configuration."

// processor is a processor as requests have it.
func processor(kind string, namesAndValues ...string) string {
	var parameters []string
	for i := 0; i < len(namesAndValues); i += 2 {
		parameters = append(parameters, fmt.Sprintf(`{"ParameterName":%q,"ParameterValue":%q}`, namesAndValues[i], namesAndValues[i+1]))
	}
	return fmt.Sprintf(`{"Type":%q,"Parameters":[%s]}`, kind, strings.Join(parameters, ","))
}

func TestCreateRefusesProcessorsThatAmazonRefuses(t *testing.T) {
	d := newDoor(t)
	refuse := func(processors, want string) {
		t.Helper()
		d.refuse("CreateDeliveryStream", s3Body(`,"ProcessingConfiguration":{"Enabled":true,"Processors":[`+processors+`]}`), "InvalidArgumentException", want)
	}
	lambda := processor("Lambda", "LambdaArn", "arn")
	const count = "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled."
	refuse("", count)
	refuse(strings.Repeat(processor("AppendDelimiterToRecord")+",", 5)+lambda, count)
	refuse(lambda+","+lambda, "Cannot have more than 1 Lambda processor.")
	refuse(processor("Decompression")+","+processor("Decompression"), "Cannot have more than 1 Decompression processor.")
	refuse(processor("Lambda"), "LambdaArn is required when Lambda processor is used.")
	refuse(processor("Lambda", "LambdaArn", "a", "NumberOfRetries", "301"), "Number of retries for lambda must be between 0 and 300.")
	refuse(processor("Lambda", "LambdaArn", "a", "NumberOfRetries", "1.5"), "Number of retries for lambda must be between 0 and 300.")
	refuse(processor("Lambda", "LambdaArn", "a", "BufferSizeInMBs", "0.1"), "BufferSizeInMBs for lambda processor must be between 0.2 and 3.")
	refuse(processor("Lambda", "LambdaArn", "a", "BufferIntervalInSeconds", "x"), "BufferIntervalInSeconds for lambda processor must be between 0 and 900.")
	refuse(processor("Lambda", "LambdaArn", "a", "BufferSizeInMBs", "1.1"),
		"Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure buffering for lambda processor.")
	refuse(processor("MetadataExtraction"),
		"class com.amazonaws.services.firehose.internal.model.MetadataExtractionProcessor can only be present when Dynamic Partitioning is enabled.")
	refuse(processor("RecordDeAggregation"),
		"class com.amazonaws.services.firehose.internal.model.RecordDeAggregationProcessor can only be present when Dynamic Partitioning is enabled.")
	refuse(processor("Decompression", "CompressionFormat", "ZIP"), "CompressionFormat has to be GZIP")
	refuse(processor("CloudWatchLogProcessing", "DataMessageExtraction", "yes"), "Invalid parameter value for DataMessageExtraction. Allowed values are True and False.")
	refuse(processor("CloudWatchLogProcessing", "DataMessageExtraction", "True"), "CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor")

	partitionedBy := func(prefix, processors, want string) {
		t.Helper()
		d.refuse("CreateDeliveryStream", s3Body(`,"DynamicPartitioningConfiguration":{"Enabled":true},"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60},
			"Prefix":"`+prefix+`","ErrorOutputPrefix":"e/","ProcessingConfiguration":{"Enabled":true,"Processors":[`+processors+`]}`),
			"InvalidArgumentException", want)
	}
	partitioned := func(processors, want string) {
		t.Helper()
		partitionedBy("!{partitionKeyFromLambda:k}/", processors, want)
	}
	partitioned(processor("MetadataExtraction", "JsonParsingEngine", "JQ-1.7"), "MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6")
	partitioned(processor("RecordDeAggregation", "SubRecordType", "CSV"), "SubRecordType has to be one of JSON, DELIMITED")
	partitioned(processor("RecordDeAggregation", "SubRecordType", "DELIMITED"), "Delimiter should be present for DELIMITED")
	partitioned(processor("RecordDeAggregation", "SubRecordType", "DELIMITED", "Delimiter", "#"), "Delimiter should be encoded in base64 for DELIMITED")
	partitioned(processor("MetadataExtraction", "JsonParsingEngine", "JQ-1.6"), "MetadataExtractionQuery is required when MetadataExtraction processor is used.")

	jq := func(query string) string {
		return processor("MetadataExtraction", "MetadataExtractionQuery", query, "JsonParsingEngine", "JQ-1.6")
	}
	const notInPrefix = "MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression"
	const notInQuery = "S3 Prefix expression can't contain keys that are not present in the MetaDataExtraction JQ Query"
	const noLambda = "S3 Prefix can't contain partitionKeyFromLambda keys when no Lambda processor is present"
	partitioned(jq("{k:.k}"), noLambda)
	partitioned(jq("{k:.k}")+","+lambda, notInPrefix)
	partitionedBy("!{partitionKeyFromQuery:a}/", jq("{a:.a,b:.b}"), notInPrefix)
	partitionedBy("!{partitionKeyFromQuery:a}/!{partitionKeyFromQuery:b}/", jq("{a:.a}"), notInQuery)
	partitionedBy("!{partitionKeyFromQuery:a}/", lambda, notInQuery)
	_, answer := d.post("CreateDeliveryStream", s3Body(`,"DynamicPartitioningConfiguration":{"Enabled":true},"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60},
		"Prefix":"!{partitionKeyFromQuery:a}/","ErrorOutputPrefix":"e/","ProcessingConfiguration":{"Enabled":true,"Processors":[`+jq("{a:.a")+`]}`))
	if !strings.Contains(answer, `"message":"MetaDataExtraction JQ Query is invalid: `) {
		t.Error(answer)
	}
	same(t, 0, len(d.memory.streams))
}
