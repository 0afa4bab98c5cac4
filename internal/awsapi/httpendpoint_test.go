package awsapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"firehose/internal/config"
	"firehose/internal/destination/httpendpoint"
	"firehose/internal/destination/s3"
	"firehose/internal/process"
	"firehose/internal/stream"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	requiredHTTP = `"EndpointConfiguration":{"Url":"https://a.example/in?x=1","Name":"n","AccessKey":"hidden"},"S3Configuration":{` + required + `}`
	function     = `{"Type":"Lambda","Parameters":[{"ParameterName":"LambdaArn","ParameterValue":"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"}]}`
	logged       = `"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"g","LogStreamName":"s"}`
)

// createHTTP makes a stream to an endpoint; members stand behind the required ones.
func (d *door) createHTTP(name, members string) {
	d.Helper()
	d.create(name, `"HttpEndpointDestinationConfiguration":{`+requiredHTTP+members+`}`)
}

func updateHTTP(name string, version int, members string) string {
	return fmt.Sprintf(`{"DeliveryStreamName":%q,"CurrentDeliveryStreamVersionId":"%d","DestinationId":%q,"HttpEndpointDestinationUpdate":{%s}}`,
		name, version, destinationID, members)
}

// partHTTP returns what stands at a dotted path in the description of a stream's endpoint, as JSON.
func (d *door) partHTTP(name, path string) string {
	d.Helper()
	var tree any
	must(d.T, json.Unmarshal([]byte(d.described(name)), &tree))
	destinations := under[[]any](tree, "DeliveryStreamDescription", "Destinations")
	value := under[any](destinations[0], append([]string{"HttpEndpointDestinationDescription"}, strings.Split(path, ".")...)...)
	text, err := json.Marshal(value, jsontext.CanonicalizeRawInts(true), json.Deterministic(true))
	must(d.T, err)
	return string(text)
}

func TestDescribeShowsHTTPEndpoints(t *testing.T) {
	d := newDoor(t)
	create := func(name, members string) {
		t.Helper()
		d.create(name, `"HttpEndpointDestinationConfiguration":{`+members+`}`)
		answer := d.described(name)
		golden(t, "describe-"+name, answer)
		if strings.Contains(answer, "hidden") || strings.Contains(answer, "AccessKey") {
			t.Errorf("%s shows the access key: %s", name, answer)
		}
	}
	create("http-defaults", `"EndpointConfiguration":{"Url":"https://a.example"},"S3Configuration":{`+required+`}`)
	create("http-terraform", `"EndpointConfiguration":{"Url":"https://a.example","Name":"","AccessKey":""},"RoleARN":"`+testRole+`",
		"S3Configuration":{`+required+`,"BufferingHints":{"IntervalInSeconds":300,"SizeInMBs":5},"CompressionFormat":"UNCOMPRESSED",
			"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"Prefix":""},
		"BufferingHints":{"IntervalInSeconds":300,"SizeInMBs":5},"RetryOptions":{"DurationInSeconds":300},"S3BackupMode":"FailedDataOnly",
		"ProcessingConfiguration":{"Enabled":false,"Processors":[]}`)
	create("http-all-members", requiredHTTP+`,"RoleARN":"`+testRole+`","BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":0},`+logged+`,
		"RequestConfiguration":{"ContentEncoding":"GZIP","CommonAttributes":[{"AttributeName":"b","AttributeValue":"1"},{"AttributeName":"a","AttributeValue":""}]},
		"ProcessingConfiguration":{"Enabled":true,"Processors":[`+function+`]},"RetryOptions":{"DurationInSeconds":0},"S3BackupMode":"AllData",
		"SecretsManagerConfiguration":{"Enabled":false}`)
}

func TestCompileDerivesHTTPEndpoints(t *testing.T) {
	d := newDoor(t)
	d.createHTTP("defaults", "")
	arn := "arn:aws:firehose:us-east-1:123456789012:deliverystream/"
	bucket := s3.Config{Bucket: "events", Compression: "UNCOMPRESSED"}
	equal(t, []stream.Delivery{{
		ID:     destinationID,
		Buffer: stream.Buffer{Size: httpendpoint.SizeMax(5 << 20), Interval: 5 * time.Minute, Count: 10_000},
		Destination: httpendpoint.Config{URL: "https://a.example/in?x=1", AccessKey: "hidden", SourceARN: arn + "defaults",
			Errors: bucket},
		RetryFor: 5 * time.Minute,
	}}, d.spec("defaults").Deliveries)

	d.createHTTP("full", `,"BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":0},`+logged+`,"RetryOptions":{"DurationInSeconds":0},"S3BackupMode":"AllData",
		"RequestConfiguration":{"ContentEncoding":"GZIP","CommonAttributes":[{"AttributeName":"b","AttributeValue":"1"},{"AttributeName":"a","AttributeValue":""}]},
		"ProcessingConfiguration":{"Enabled":true,"Processors":[`+function+`,{"Type":"Decompression"}]}`)
	equal(t, []stream.Delivery{{
		ID:     destinationID,
		Buffer: stream.Buffer{Size: httpendpoint.SizeMax(64 << 20), Count: 10_000},
		Process: process.Config{Decompress: true, Lambda: &process.Lambda{ARN: "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
			Retries: 3, Size: 1 << 20, Interval: time.Minute}},
		Destination: httpendpoint.Config{URL: "https://a.example/in?x=1", AccessKey: "hidden", SourceARN: arn + "full", Gzip: true,
			Attributes: []httpendpoint.Attribute{{Name: "b", Value: "1"}, {Name: "a"}}, Errors: bucket},
		Logging:  stream.Logging{Enabled: true, Group: "g", Stream: "s"},
		RetryFor: 1,
	}, {
		ID:          destinationID + "-backup",
		Buffer:      stream.Buffer{Size: 5 << 20, Interval: 5 * time.Minute},
		Destination: bucket,
	}}, d.spec("full").Deliveries)

	s, err := d.memory.Get(d.key("defaults"))
	must(t, err)
	if _, err := Compile(s.Key, []byte(strings.Replace(string(s.Document()), `"RetryOptions"`, `"Retry"`, 1))); err == nil || !strings.Contains(err.Error(), "its HttpEndpoint destination is not complete") {
		t.Error(err)
	}
	if shown := string(stream.Shown(s.Document())); strings.Contains(shown, "hidden") || !strings.Contains(string(s.Document()), "hidden") {
		t.Error(shown)
	}
}

// Every member of an HTTP endpoint comes back as it went in; those that are honoured change what runs, and those that are
// only described do not.
func TestMembersOfHTTPEndpointsDoWhatTheirLineSays(t *testing.T) {
	const path = "HttpEndpointDestinationConfiguration"
	values := map[string]string{
		"EndpointConfiguration":       `{"Name":"m","Url":"https://b.example"}`,
		"BufferingHints":              `{"IntervalInSeconds":61,"SizeInMBs":6}`,
		"CloudWatchLoggingOptions":    `{"Enabled":true,"LogGroupName":"g","LogStreamName":"s"}`,
		"RequestConfiguration":        `{"CommonAttributes":[{"AttributeName":"a","AttributeValue":"b"}],"ContentEncoding":"GZIP"}`,
		"ProcessingConfiguration":     `{"Enabled":true,"Processors":[{"Parameters":[{"ParameterName":"CompressionFormat","ParameterValue":"GZIP"}],"Type":"Decompression"}]}`,
		"RoleARN":                     `"` + testRole + `"`,
		"RetryOptions":                `{"DurationInSeconds":7}`,
		"S3BackupMode":                `"AllData"`,
		"SecretsManagerConfiguration": `{"Enabled":false}`,
	}
	d := newDoor(t)
	n := 0
	create := func(endpoint map[string]string) string {
		t.Helper()
		n++
		name := fmt.Sprintf("s%d", n)
		text := ""
		for member, value := range endpoint {
			text += fmt.Sprintf(",%q:%s", member, value)
		}
		d.create(name, `"`+path+`":{`+text[1:]+`}`)
		return name
	}
	with := func(member, value string, all bool) string {
		t.Helper()
		bucket := `{` + required + `}`
		if inBucket, ok := strings.CutPrefix(member, "S3Configuration."); ok {
			member, bucket = "", `{`+required+`,"`+inBucket+`":`+value+`}`
		}
		endpoint := map[string]string{"EndpointConfiguration": `{"Url":"https://a.example"}`, "S3Configuration": bucket}
		if all {
			endpoint["S3BackupMode"] = `"AllData"`
		}
		if member != "" {
			endpoint[member] = value
		}
		return create(endpoint)
	}
	for _, line := range requests["CreateDeliveryStream"] {
		member, ok := strings.CutPrefix(line.path, path+".")
		if !ok {
			continue
		}
		inBucket, isBucket := strings.CutPrefix(member, "S3Configuration.")
		value, ok := values[member], values[member] != ""
		if isBucket {
			value, ok = examples()[inBucket].value, true
		}
		if !ok {
			t.Errorf("no example of %s", line.path)
			continue
		}
		name := with(member, value, isBucket)
		same(t, value, d.partHTTP(name, strings.Replace(member, "S3Configuration", "S3DestinationDescription", 1)))
		plain := d.spec(with("", "", isBucket)).Deliveries
		made := d.spec(name).Deliveries
		if changes := !reflect.DeepEqual(unnamed(made), unnamed(plain)); changes != (line.state == honoured) {
			t.Errorf("%s is %s, but changes what runs: %v", line.path, line.state, changes)
		}
	}
}

// unnamed takes the stream's name out of deliveries.
func unnamed(deliveries []stream.Delivery) []stream.Delivery {
	for i := range deliveries {
		if c, ok := deliveries[i].Destination.(httpendpoint.Config); ok {
			c.SourceARN = ""
			deliveries[i].Destination = c
		}
	}
	return deliveries
}

func TestUpdateMergesHTTPEndpointsByMember(t *testing.T) {
	d := newDoor(t)
	n := 0
	update := func(stored, given string) string {
		t.Helper()
		n++
		name := fmt.Sprintf("s%d", n)
		d.createHTTP(name, stored)
		d.accept("UpdateDestination", updateHTTP(name, 1, given))
		return name
	}
	merge := func(stored, given, path, want string) {
		t.Helper()
		if got := d.partHTTP(update(stored, given), path); got != want {
			t.Errorf("%s, then %s: %s is %s, want %s", stored, given, path, got, want)
		}
	}
	accessKey := func(given string, want config.Secret) {
		t.Helper()
		if got := d.spec(update("", given)).Deliveries[0].Destination.(httpendpoint.Config).AccessKey; got != want {
			t.Errorf("after %s the access key is %q, want %q", given, got.Reveal(), want.Reveal())
		}
	}
	merge("", `"EndpointConfiguration":{"Url":"https://b.example"}`, "EndpointConfiguration", `{"Name":"n","Url":"https://b.example"}`)
	merge("", `"EndpointConfiguration":{"Url":"https://b.example","Name":""}`, "EndpointConfiguration", `{"Url":"https://b.example"}`)
	accessKey(`"EndpointConfiguration":{"Url":"https://b.example"}`, "hidden")
	accessKey(`"EndpointConfiguration":{"Url":"https://b.example","AccessKey":"new"}`, "new")
	accessKey(`"EndpointConfiguration":{"Url":"https://b.example","AccessKey":""}`, "")
	merge(`,"BufferingHints":{"SizeInMBs":7,"IntervalInSeconds":70}`, `"BufferingHints":{"SizeInMBs":8,"IntervalInSeconds":0}`, "BufferingHints", `{"IntervalInSeconds":0,"SizeInMBs":8}`)
	merge(`,"BufferingHints":{"SizeInMBs":7,"IntervalInSeconds":70}`, `"BufferingHints":{}`, "BufferingHints", `{"IntervalInSeconds":70,"SizeInMBs":7}`)
	merge(`,`+logged, `"CloudWatchLoggingOptions":{"LogStreamName":"t"}`, "CloudWatchLoggingOptions", `{"Enabled":true,"LogGroupName":"g","LogStreamName":"t"}`)
	const attributes = `"CommonAttributes":[{"AttributeName":"a","AttributeValue":"b"}]`
	merge(`,"RequestConfiguration":{`+attributes+`}`, `"RequestConfiguration":{"ContentEncoding":"GZIP"}`, "RequestConfiguration", `{`+attributes+`,"ContentEncoding":"GZIP"}`)
	merge(`,"RequestConfiguration":{`+attributes+`}`, `"RequestConfiguration":{"CommonAttributes":[]}`, "RequestConfiguration", `{"CommonAttributes":[],"ContentEncoding":"NONE"}`)
	merge(`,"RetryOptions":{"DurationInSeconds":7}`, `"RetryOptions":{}`, "RetryOptions", `{"DurationInSeconds":7}`)
	merge(``, `"RetryOptions":{"DurationInSeconds":0}`, "RetryOptions", `{"DurationInSeconds":0}`)
	merge(``, `"S3BackupMode":"AllData"`, "S3BackupMode", `"AllData"`)
	merge(``, `"S3Update":{"ErrorOutputPrefix":"e/"}`, "S3DestinationDescription.ErrorOutputPrefix", `"e/"`)
	merge(``, `"S3Update":{"ErrorOutputPrefix":"e/"}`, "S3DestinationDescription.BucketARN", `"`+testBucket+`"`)
	merge(`,"ProcessingConfiguration":{"Enabled":true,"Processors":[`+function+`]}`, `"ProcessingConfiguration":{"Enabled":false}`, "ProcessingConfiguration", `{"Enabled":false,"Processors":[]}`)

	d.createHTTP("same", "")
	before := d.described("same")
	d.accept("UpdateDestination", updateHTTP("same", 1, `"EndpointConfiguration":{"Url":"https://a.example/in?x=1","AccessKey":"hidden"},"RetryOptions":{"DurationInSeconds":300}`))
	same(t, before, d.described("same"))
	d.accept("UpdateDestination", updateHTTP("same", 1, `"EndpointConfiguration":{"Url":"https://a.example/in?x=1","AccessKey":"other"}`))
	d.refuse("UpdateDestination", updateHTTP("same", 1, ""), "ConcurrentModificationException",
		"Cannot update firehose: same since the current version id: 2 and specified version id: 1 do not match")
}

func TestTheTypeOfADestinationDoesNotChange(t *testing.T) {
	d := newDoor(t)
	d.createHTTP("http", "")
	d.create("s3", "")
	refuse := func(body, kind string) {
		t.Helper()
		d.refuse("UpdateDestination", body, "InvalidArgumentException", "Changing the destination type to or from "+kind+" is not supported at this time.")
	}
	refuse(updateBody("http", 1, ""), "HttpEndpoint")
	refuse(strings.Replace(updateBody("http", 1, ""), "ExtendedS3", "S3", 1), "HttpEndpoint")
	refuse(strings.Replace(updateBody("http", 1, ""), "ExtendedS3", "Redshift", 1), "Redshift")
	refuse(strings.Replace(updateBody("http", 1, ""), "ExtendedS3", "Splunk", 1), "Splunk")
	refuse(updateHTTP("s3", 1, ""), "HttpEndpoint")
}

func TestHTTPEndpointsThatAmazonRefuses(t *testing.T) {
	d := newDoor(t)
	refuse := func(members, want string) {
		t.Helper()
		d.refuse("CreateDeliveryStream", `{"DeliveryStreamName":"new","HttpEndpointDestinationConfiguration":{`+requiredHTTP+members+`}}`, "InvalidArgumentException", want)
		same(t, 0, len(d.memory.streams))
	}
	const hints = "If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa."
	processed := func(processors string) string {
		return `,"ProcessingConfiguration":{"Enabled":true,"Processors":[` + processors + `]}`
	}
	refuse(`,"BufferingHints":{"SizeInMBs":5}`, hints)
	refuse(`,"CloudWatchLoggingOptions":{"Enabled":true}`, "CloudWatch Log Group Name is required if CloudWatch Logging is enabled")
	refuse(`,"RequestConfiguration":{"CommonAttributes":[{"AttributeName":"a","AttributeValue":"1"},{"AttributeName":"a","AttributeValue":"2"}]}`,
		"Http Endpoint Common Attributes have duplicate name a")
	refuse(processed(""), "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.")
	refuse(processed(processor("AppendDelimiterToRecord")), "Processor AppendDelimiterToRecord is not supported for this destination.")
	refuse(processed(processor("RecordDeAggregation", "SubRecordType", "JSON")),
		"class com.amazonaws.services.firehose.internal.model.RecordDeAggregationProcessor can only be present when Dynamic Partitioning is enabled.")
	refuse(`,"SecretsManagerConfiguration":{"Enabled":true}`, "HttpEndpointDestinationConfiguration.SecretsManagerConfiguration is not supported by this server yet.")

	inBucket := func(members, want string) {
		t.Helper()
		d.refuse("CreateDeliveryStream", `{"DeliveryStreamName":"new","HttpEndpointDestinationConfiguration":{"EndpointConfiguration":{"Url":"https://a.example"},
			"S3Configuration":{`+required+members+`}}}`, "InvalidArgumentException", want)
	}
	inBucket(`,"BufferingHints":{"SizeInMBs":5}`, hints)
	inBucket(`,"Prefix":"!{timestamp:yyyy}/"`, "Ths supplied prefix(es) do not satisfy the following constraint: ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	inBucket(`,"Prefix":"!{partitionKeyFromQuery:a}/","ErrorOutputPrefix":"e/"`,
		"Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.")

	d.createHTTP("a", `,"S3BackupMode":"AllData"`)
	d.refuse("UpdateDestination", updateHTTP("a", 1, `"S3BackupMode":"FailedDataOnly"`), "InvalidArgumentException", "Disabling S3 backup is not currently supported.")
	d.refuse("UpdateDestination", updateHTTP("a", 1, `"SecretsManagerConfiguration":{"Enabled":true}`), "InvalidArgumentException",
		"HttpEndpointDestinationUpdate.SecretsManagerConfiguration is not supported by this server yet.")
	d.refuse("UpdateDestination", updateHTTP("a", 1, `"EndpointConfiguration":{"Url":"https://a b/hidden"}`), "InvalidArgumentException",
		"HttpEndpointConfiguration is not valid: the endpoint's URL is not valid.")
}
