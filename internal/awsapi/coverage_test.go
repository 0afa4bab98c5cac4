package awsapi

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/awsapi/model"

	"github.com/aws/aws-sdk-go-v2/service/firehose"
)

// coveragePage is written from the tables in this file with -update; the tests hold them against the model, the official
// client's types and the door itself.
const coveragePage = "../../docs/reference/aws-api.md"

// How a member of a request is covered.
const (
	honoured  = "honoured"
	described = "stored and described"
	refused   = "refused by name"
	pointless = "checked; means nothing for one destination, as with Amazon"
)

// coverage is a line of the page: a member and all that is below it, unless another line says more.
type coverage struct {
	path, state, note string
}

// requests is the coverage of the members of requests.
var requests = map[string][]coverage{
	"PutRecord":                     {{"DeliveryStreamName", honoured, ""}, {"Record", honoured, "0 to 1,024,000 bytes"}},
	"PutRecordBatch":                {{"DeliveryStreamName", honoured, ""}, {"Records", honoured, "1 to 500, 4 MiB together"}},
	"DeleteDeliveryStream":          {{"DeliveryStreamName", honoured, ""}, {"AllowForceDelete", honoured, "does not wait for a destination that is broken; with Amazon it is about a key's grants"}},
	"DescribeDeliveryStream":        {{"DeliveryStreamName", honoured, ""}, {"Limit", pointless, ""}, {"ExclusiveStartDestinationId", pointless, ""}},
	"ListDeliveryStreams":           {{"Limit", honoured, "10 if absent"}, {"DeliveryStreamType", honoured, ""}, {"ExclusiveStartDeliveryStreamName", honoured, ""}},
	"ListTagsForDeliveryStream":     {{"DeliveryStreamName", honoured, ""}, {"Limit", honoured, "50 if absent"}, {"ExclusiveStartTagKey", honoured, ""}},
	"StartDeliveryStreamEncryption": {{"DeliveryStreamName", honoured, ""}, {"DeliveryStreamEncryptionConfigurationInput", honoured, "AWS_OWNED_CMK if absent: the server's own master key"}},
	"StopDeliveryStreamEncryption":  {{"DeliveryStreamName", honoured, ""}},
	"TagDeliveryStream":             {{"DeliveryStreamName", honoured, ""}, {"Tags", honoured, "a tag without a value comes back with an empty one"}},
	"UntagDeliveryStream":           {{"DeliveryStreamName", honoured, ""}, {"TagKeys", honoured, ""}},
	"CreateDeliveryStream": append(slices.Concat([]coverage{
		{"DeliveryStreamName", honoured, ""},
		{"DeliveryStreamType", honoured, "DirectPut; the others are refused with their sources"},
		{"DeliveryStreamEncryptionConfigurationInput", honoured, ""},
		{"Tags", honoured, ""},
		{"DirectPutSourceConfiguration", described, "a hint about throughput"},
		{"KinesisStreamSourceConfiguration", refused, ""},
		{"MSKSourceConfiguration", refused, ""},
		{"DatabaseSourceConfiguration", refused, ""},
	}, ofPlainS3("S3DestinationConfiguration", failedRecords), ofExtendedS3("ExtendedS3DestinationConfiguration", "S3BackupConfiguration"),
		ofHTTPEndpoint("HttpEndpointDestinationConfiguration", "S3Configuration")),
		others("Configuration", "")...),
	"UpdateDestination": append(slices.Concat([]coverage{
		{"DeliveryStreamName", honoured, ""},
		{"CurrentDeliveryStreamVersionId", honoured, ""},
		{"DestinationId", honoured, "destinationId-000000000001"},
	}, ofPlainS3("S3DestinationUpdate", failedRecords), ofExtendedS3("ExtendedS3DestinationUpdate", "S3BackupUpdate"),
		ofHTTPEndpoint("HttpEndpointDestinationUpdate", "S3Update")),
		others("Update", "or in Amazon's words: the type cannot change")...),
}

const failedRecords = "where records go that processing fails"

// ofPlainS3 is the coverage of what every S3 destination has; failed says what its ErrorOutputPrefix is for.
func ofPlainS3(path, failed string) []coverage {
	return []coverage{
		{path + ".RoleARN", described, "there are no roles to assume here"},
		{path + ".BucketARN", honoured, ""},
		{path + ".Prefix", honoured, ""},
		{path + ".ErrorOutputPrefix", honoured, failed},
		{path + ".BufferingHints", honoured, ""},
		{path + ".CompressionFormat", honoured, ""},
		{path + ".EncryptionConfiguration", honoured, "the key goes to the object store"},
		{path + ".CloudWatchLoggingOptions", honoured, ""},
	}
}

func ofExtendedS3(path, backup string) []coverage {
	const serializer = ".DataFormatConversionConfiguration.OutputFormatConfiguration.Serializer."
	return slices.Concat(ofPlainS3(path, failedRecords), []coverage{
		{path + ".FileExtension", honoured, ""},
		{path + ".CustomTimeZone", honoured, ""},
		{path + ".S3BackupMode", honoured, "cannot be switched off again"},
	}, ofPlainS3(path+"."+backup, "a backup has no failed records"), []coverage{
		{path + ".ProcessingConfiguration", honoured, "but a function's RoleArn, which is described only"},
		{path + ".DataFormatConversionConfiguration", honoured, "SchemaConfiguration.RoleARN shows in error outputs only"},
		{path + serializer + "ParquetSerDe.MaxPaddingBytes", described, "aligns with the blocks of HDFS"},
		{path + ".DynamicPartitioningConfiguration", honoured, "cannot be switched on or off later"},
		{path + ".DynamicPartitioningConfiguration.RetryOptions", described, "a delivery is tried until it succeeds"},
	})
}

func ofHTTPEndpoint(path, bucket string) []coverage {
	return slices.Concat([]coverage{
		{path + ".EndpointConfiguration", honoured, "any port; an update without AccessKey keeps it"},
		{path + ".BufferingHints", honoured, "SizeInMBs bounds the body before compression, base64 included"},
		{path + ".CloudWatchLoggingOptions", honoured, ""},
		{path + ".RequestConfiguration", honoured, ""},
		{path + ".ProcessingConfiguration", honoured, "but a function's RoleArn, which is described only"},
		{path + ".RoleARN", described, "there are no roles to assume here"},
		{path + ".RetryOptions", honoured, ""},
		{path + ".S3BackupMode", honoured, "AllData cannot be switched off again"},
	}, ofPlainS3(path+"."+bucket, "where records go that fail"), []coverage{
		{path + ".SecretsManagerConfiguration", refused, "one that is not enabled is stored and described"},
	})
}

// others is the coverage of the destinations that are not built.
func others(suffix, note string) (lines []coverage) {
	for _, kind := range []string{"Redshift", "Elasticsearch", "Amazonopensearchservice", "AmazonOpenSearchServerless", "Splunk", "Snowflake", "Iceberg"} {
		lines = append(lines, coverage{kind + "Destination" + suffix, refused, note})
	}
	return lines
}

// find returns the line that speaks for a member: the one with the longest path.
func find(lines []coverage, path string) (found *coverage) {
	for i := range lines {
		if l := &lines[i]; (path == l.path || strings.HasPrefix(path, l.path+".")) && (found == nil || len(l.path) > len(found.path)) {
			found = l
		}
	}
	return found
}

// leaves calls each with the path of every member of a structure that has no members of its own.
func leaves(s *model.Shape, path string, each func(path string, s *model.Shape)) {
	switch s.Kind {
	case model.List:
		leaves(s.Element, path, each)
	case model.Structure:
		for _, m := range s.Members {
			below := m.Name
			if path != "" {
				below = path + "." + m.Name
			}
			leaves(m.Shape, below, each)
		}
		if len(s.Members) == 0 {
			each(path, s)
		}
	default:
		each(path, s)
	}
}

func TestEveryMemberOfRequestsIsCovered(t *testing.T) {
	for operation, shape := range model.Operations() {
		used := map[*coverage]bool{}
		leaves(shape, "", func(path string, _ *model.Shape) {
			line := find(requests[operation], path)
			if line == nil {
				t.Errorf("%s: %s is not covered", operation, path)
			}
			used[line] = true
		})
		for i := range requests[operation] {
			if line := &requests[operation][i]; !used[line] {
				t.Errorf("%s: there is no %s", operation, line.path)
			}
		}
	}
}

// Every member that is said to be refused is, by its name, in a request that is valid otherwise.
func TestRefusedMembersAreRefusedByName(t *testing.T) {
	d := newDoor(t)
	create := model.Operations()["CreateDeliveryStream"]
	sourceType := map[string]string{"KinesisStreamSourceConfiguration": "KinesisStreamAsSource", "MSKSourceConfiguration": "MSKAsSource", "DatabaseSourceConfiguration": "DatabaseAsSource"}
	for _, line := range requests["CreateDeliveryStream"] {
		if line.state != refused {
			continue
		}
		top, below, _ := strings.Cut(line.path, ".")
		shape := create.Member(top).Shape
		value := sample(shape)
		if below != "" {
			value.(map[string]any)[below] = sample(shape.Member(below).Shape)
		}
		body := map[string]any{"DeliveryStreamName": "new", top: value}
		switch streamType := sourceType[line.path]; streamType {
		case "":
		case "DatabaseAsSource":
			body["DeliveryStreamType"] = streamType
			body["IcebergDestinationConfiguration"] = sample(create.Member("IcebergDestinationConfiguration").Shape)
		default:
			body["DeliveryStreamType"] = streamType
			body["S3DestinationConfiguration"] = sample(create.Member("S3DestinationConfiguration").Shape)
		}
		text, err := marshal(body)
		must(t, err)
		d.refuse("CreateDeliveryStream", string(text), "InvalidArgumentException", line.path+" is not supported by this server yet.")
	}
	same(t, 0, len(d.memory.streams))
}

// example is a member of an S3 destination in a request: what it looks like, what a request with it has besides, and the
// request without it that it is compared with.
type example struct {
	value  string
	with   string // members, beside those that every example has
	beside string // members of the request that it is compared with
}

const (
	onHive        = `"InputFormatConfiguration":{"Deserializer":{"HiveJsonSerDe":{}}}`
	onTable       = `"SchemaConfiguration":{"DatabaseName":"d","RoleARN":"` + testRole + `","TableName":"t"}`
	onPartitions  = `"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60},"Prefix":"!{partitionKeyFromQuery:k}/","ErrorOutputPrefix":"e/",` + onQuery
	onQuery       = `"ProcessingConfiguration":{"Enabled":true,"Processors":[` + extraction + `]}`
	extraction    = `{"Parameters":[{"ParameterName":"MetadataExtractionQuery","ParameterValue":"{k:.k}"},{"ParameterName":"JsonParsingEngine","ParameterValue":"JQ-1.6"}],"Type":"MetadataExtraction"}`
	exampleBackup = `{"RoleARN":"` + testRole + `","BucketARN":"` + testBucket + `"`
)

// conversionWith is a conversion with a serializer.
func conversionWith(serializer string) string {
	return `"DataFormatConversionConfiguration":{"Enabled":true,` + onHive + `,"OutputFormatConfiguration":{"Serializer":{` + serializer + `}},` + onTable + `}`
}

// examples has one for each member of which the table of coverage speaks.
func examples() map[string]example {
	plain := func(value string) example { return example{value: value} }
	serializer := func(kind, member, value string) example {
		return example{value, conversionWith(fmt.Sprintf(`%q:{%q:%s}`, kind, member, value)), conversionWith(fmt.Sprintf(`%q:{}`, kind))}
	}
	const serializers = "DataFormatConversionConfiguration.OutputFormatConfiguration.Serializer."
	const conversion = `{"Enabled":true,` + onHive + `,"OutputFormatConfiguration":{"Serializer":{"OrcSerDe":{}}},` +
		`"SchemaConfiguration":{"CatalogId":"123456789012","DatabaseName":"d","Region":"us-east-1","RoleARN":"` + testRole + `","TableName":"t","VersionId":"7"}}`
	return map[string]example{
		"RoleARN":                  plain(`"arn:aws:iam::123456789012:role/other"`),
		"BucketARN":                plain(`"arn:aws:s3:::other"`),
		"Prefix":                   plain(`"p/"`),
		"ErrorOutputPrefix":        plain(`"e/"`),
		"BufferingHints":           plain(`{"IntervalInSeconds":61,"SizeInMBs":6}`),
		"CompressionFormat":        plain(`"GZIP"`),
		"EncryptionConfiguration":  plain(`{"KMSEncryptionConfig":{"AWSKMSKeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}}`),
		"CloudWatchLoggingOptions": plain(`{"Enabled":true,"LogGroupName":"g","LogStreamName":"s"}`),
		"FileExtension":            plain(`".x"`),
		"CustomTimeZone":           plain(`"Asia/Tokyo"`),
		"S3BackupMode":             plain(`"Enabled"`),

		"ProcessingConfiguration":                       plain(`{"Enabled":true,"Processors":[{"Parameters":[],"Type":"AppendDelimiterToRecord"}]}`),
		"DataFormatConversionConfiguration":             {value: conversion, beside: `"BufferingHints":{"SizeInMBs":128,"IntervalInSeconds":300}`},
		serializers + "ParquetSerDe.MaxPaddingBytes":    serializer("ParquetSerDe", "MaxPaddingBytes", "5"),
		"DynamicPartitioningConfiguration":              {value: `{"Enabled":true,"RetryOptions":{"DurationInSeconds":300}}`, with: onPartitions},
		"DynamicPartitioningConfiguration.RetryOptions": {`{"DurationInSeconds":7}`, `"DynamicPartitioningConfiguration":{"Enabled":false,"RetryOptions":{"DurationInSeconds":7}}`, ""},
	}
}

// Every member of an S3 destination comes back from DescribeDeliveryStream as it went in; those that are honoured change
// what runs, and those that are only described do not.
func TestMembersOfS3DestinationsDoWhatTheirLineSays(t *testing.T) {
	const path = "ExtendedS3DestinationConfiguration"
	d := newDoor(t)
	n := 0
	create := func(members ...string) string {
		t.Helper()
		n++
		name := fmt.Sprintf("s%d", n)
		text := required
		for _, m := range members {
			if m != "" {
				text += "," + m
			}
		}
		if !strings.Contains(text, `"S3BackupConfiguration"`) {
			text += `,"S3BackupConfiguration":` + exampleBackup + `}`
		}
		d.create(name, `"`+path+`":{`+text+`}`)
		return name
	}
	for _, line := range requests["CreateDeliveryStream"] {
		name, ok := strings.CutPrefix(line.path, path+".")
		if !ok {
			continue
		}
		inBackup, isBackup := strings.CutPrefix(name, "S3BackupConfiguration.")
		e, ok := examples()[inBackup]
		if !ok {
			t.Errorf("no example of %s", line.path)
			continue
		}
		member := fmt.Sprintf("%q:%s", inBackup, e.value)
		var with, without, shown string
		switch {
		case isBackup:
			shown = "S3BackupDescription." + inBackup
			with = create(`"S3BackupMode":"Enabled"`, `"S3BackupConfiguration":`+exampleBackup+`,`+member+`}`)
			without = create(`"S3BackupMode":"Enabled"`)
		case strings.Contains(name, "."):
			shown, with, without = name, create(e.with), create(e.beside)
		default:
			shown, with, without = name, create(member, e.with), create(e.beside)
		}
		same(t, e.value, d.part(with, shown))
		changes := !reflect.DeepEqual(d.spec(with), d.spec(without))
		if changes != (line.state == honoured) {
			t.Errorf("%s is %s, but changes what runs: %v", line.path, line.state, changes)
		}
	}
}

// answers is the coverage of the members of answers.
var answers = map[string][]coverage{
	"CreateDeliveryStream":          {{"DeliveryStreamARN", "always", ""}},
	"DeleteDeliveryStream":          nil,
	"ListDeliveryStreams":           {{"DeliveryStreamNames", "always", ""}, {"HasMoreDeliveryStreams", "always", ""}},
	"ListTagsForDeliveryStream":     {{"Tags", "always", ""}, {"HasMoreTags", "always", ""}},
	"PutRecord":                     {{"RecordId", "always", "60 characters; tells the record's place"}, {"Encrypted", "always", ""}},
	"PutRecordBatch":                {{"FailedPutCount", "always", ""}, {"Encrypted", "always", ""}, {"RequestResponses", "always", "RecordId, or ErrorCode and ErrorMessage"}},
	"StartDeliveryStreamEncryption": nil,
	"StopDeliveryStreamEncryption":  nil,
	"TagDeliveryStream":             nil,
	"UntagDeliveryStream":           nil,
	"UpdateDestination":             nil,
	"DescribeDeliveryStream": slices.Concat(prefixed("DeliveryStreamDescription.", []coverage{
		{"DeliveryStreamName", "always", ""},
		{"DeliveryStreamARN", "always", ""},
		{"DeliveryStreamStatus", "always", "DELETING_FAILED does not occur"},
		{"FailureDescription", "after a failure", ""},
		{"DeliveryStreamEncryptionConfiguration", "always", "DISABLING_FAILED does not occur"},
		{"DeliveryStreamType", "always", "DirectPut"},
		{"VersionId", "always", ""},
		{"CreateTimestamp", "always", ""},
		{"LastUpdateTimestamp", "after the first change", ""},
		{"Source.DirectPutSourceDescription", "if given", ""},
		{"Source.KinesisStreamSourceDescription", "never", ""},
		{"Source.MSKSourceDescription", "never", ""},
		{"Source.DatabaseSourceDescription", "never", ""},
		{"HasMoreDestinations", "always", "false"},
		{"Destinations.DestinationId", "always", ""},
		{"Destinations.S3DestinationDescription", "for S3", "defaults filled in"},
		{"Destinations.ExtendedS3DestinationDescription", "for S3", "defaults filled in"},
		{"Destinations.RedshiftDestinationDescription", "never", ""},
		{"Destinations.ElasticsearchDestinationDescription", "never", ""},
		{"Destinations.AmazonopensearchserviceDestinationDescription", "never", ""},
		{"Destinations.AmazonOpenSearchServerlessDestinationDescription", "never", ""},
		{"Destinations.SplunkDestinationDescription", "never", ""},
		{"Destinations.HttpEndpointDestinationDescription", "for an HTTP endpoint", "defaults filled in; never the access key"},
		{"Destinations.SnowflakeDestinationDescription", "never", ""},
		{"Destinations.IcebergDestinationDescription", "never", ""},
	})),
}

func prefixed(prefix string, lines []coverage) []coverage {
	for i := range lines {
		lines[i].path = prefix + lines[i].path
	}
	return lines
}

func TestEveryMemberOfAnswersIsCovered(t *testing.T) {
	outputs := map[string]any{
		"CreateDeliveryStream": firehose.CreateDeliveryStreamOutput{}, "DeleteDeliveryStream": firehose.DeleteDeliveryStreamOutput{},
		"DescribeDeliveryStream": firehose.DescribeDeliveryStreamOutput{}, "ListDeliveryStreams": firehose.ListDeliveryStreamsOutput{},
		"ListTagsForDeliveryStream": firehose.ListTagsForDeliveryStreamOutput{}, "PutRecord": firehose.PutRecordOutput{},
		"PutRecordBatch": firehose.PutRecordBatchOutput{}, "StartDeliveryStreamEncryption": firehose.StartDeliveryStreamEncryptionOutput{},
		"StopDeliveryStreamEncryption": firehose.StopDeliveryStreamEncryptionOutput{}, "TagDeliveryStream": firehose.TagDeliveryStreamOutput{},
		"UntagDeliveryStream": firehose.UntagDeliveryStreamOutput{}, "UpdateDestination": firehose.UpdateDestinationOutput{},
	}
	var walk func(operation, path string, typ reflect.Type)
	walk = func(operation, path string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
			if find(answers[operation], path) == nil {
				t.Errorf("%s: %s is not covered", operation, path)
			}
			return
		}
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				walk(operation, strings.TrimPrefix(path+"."+f.Name, "."), f.Type)
			}
		}
	}
	for operation, output := range outputs {
		walk(operation, "", reflect.TypeOf(output))
	}
	same(t, len(outputs), len(answers))
}

// The page in the documentation is these tables.
func TestCoveragePageIsUpToDate(t *testing.T) {
	page := coverageText()
	if *update {
		must(t, os.WriteFile(coveragePage, []byte(page), 0o644))
	}
	text, err := os.ReadFile(coveragePage)
	must(t, err)
	if string(text) != page {
		t.Errorf("%s is not what the tables say; run the test with -update", coveragePage)
	}
}

func coverageText() string {
	var b strings.Builder
	b.WriteString(coverageHead)
	for _, operation := range []string{"PutRecord", "PutRecordBatch", "CreateDeliveryStream", "DescribeDeliveryStream", "ListDeliveryStreams", "UpdateDestination",
		"DeleteDeliveryStream", "StartDeliveryStreamEncryption", "StopDeliveryStreamEncryption", "TagDeliveryStream", "UntagDeliveryStream", "ListTagsForDeliveryStream"} {
		fmt.Fprintf(&b, "\n## %s\n\n| member of the request | here | |\n|---|---|---|\n", operation)
		for _, l := range requests[operation] {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", l.path, l.state, l.note)
		}
		if len(answers[operation]) == 0 {
			b.WriteString("\nThe answer is an empty object.\n")
			continue
		}
		b.WriteString("\n| member of the answer | present | |\n|---|---|---|\n")
		for _, l := range answers[operation] {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", l.path, l.state, l.note)
		}
	}
	return b.String()
}

// sample makes a valid value with the required members of a shape.
func sample(s *model.Shape) any {
	switch s.Kind {
	case model.Structure:
		tree := map[string]any{}
		for _, m := range s.Members {
			if m.Required {
				tree[m.Name] = sample(m.Shape)
			}
		}
		return tree
	case model.List:
		return []any{sample(s.Element)}
	case model.Enum:
		return s.Values[0]
	case model.Integer:
		return s.Min
	case model.Boolean:
		return true
	}
	for _, text := range []string{"a", "a.b.vpce.c.vpce-svc-12345678901234567aaaaaaaaaaaaaa", strings.Repeat("abcd", 64), "arn:aws:kinesis:us-east-1:123456789012:stream/s",
		"arn:aws:iam::123456789012:role/r", "arn:aws:s3:::b", "jdbc:redshift://c.x.us-east-1.redshift.amazonaws.com:5439/dev", "https://a.example",
		"https://account.snowflakecomputing.com", "first.second.vpce.amazonaws.vpce-svc-0123456789abcdef0"} {
		if s.Kind == model.String && model.Validate(&model.Shape{Kind: model.Structure, Members: []model.Member{{Name: "x", Shape: s}}}, map[string]any{"x": text}) == nil {
			return text
		}
	}
	panic("no sample of " + s.Name)
}
