package awsapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"firehose/internal/stream"
)

// What each operation answers in each status.
func TestStatusDecidesWhatIsAllowed(t *testing.T) {
	d := newDoor(t)
	named := `{"DeliveryStreamName":"a"}`
	put := `{"DeliveryStreamName":"a","Record":{"Data":"YQ=="}}`
	tag := `{"DeliveryStreamName":"a","Tags":[{"Key":"k"}]}`
	untag := `{"DeliveryStreamName":"a","TagKeys":["k"]}`
	in := func(status stream.Status) {
		d.memory.streams = map[stream.Key]stream.Stream{}
		d.create("a", "")
		d.set("a", func(s *stream.Stream) { s.Status = status })
	}
	inUse := func(operation, body, want string) {
		t.Helper()
		d.refuse(operation, body, "ResourceInUseException", want)
	}
	for _, status := range []stream.Status{stream.Creating, stream.CreatingFailed, stream.Deleting} {
		in(status)
		d.described("a")
		d.refuse("PutRecord", put, "ResourceNotFoundException", "Firehose a is not active in 123456789012 account.")
		d.refuse("PutRecordBatch", `{"DeliveryStreamName":"a","Records":[{"Data":""}]}`, "ResourceNotFoundException", "Firehose a is not active in 123456789012 account.")
		cannot := fmt.Sprintf("Cannot update firehose: a when it is in %s status", status)
		inUse("UpdateDestination", updateBody("a", 1, ""), cannot)
		inUse("StartDeliveryStreamEncryption", named, cannot)
		inUse("StopDeliveryStreamEncryption", named, cannot)
		inUse("CreateDeliveryStream", strings.Replace(s3Body(""), `"new"`, `"a"`, 1), "Firehose a under accountId 123456789012 already exists")
	}

	in(stream.Creating)
	d.accept("TagDeliveryStream", tag)
	d.accept("UntagDeliveryStream", untag)
	inUse("DeleteDeliveryStream", named, "Cannot delete firehose: a when it is in CREATING status")
	in(stream.CreatingFailed)
	d.accept("DeleteDeliveryStream", `{"DeliveryStreamName":"a","AllowForceDelete":true}`)
	in(stream.Deleting)
	inUse("TagDeliveryStream", tag, "Cannot tag firehose: a when it is in DELETING status")
	inUse("UntagDeliveryStream", untag, "Cannot tag firehose: a when it is in DELETING status")
	same(t, "{}", d.accept("DeleteDeliveryStream", named))
}

func TestOperationsOnAStreamThatIsNotThere(t *testing.T) {
	d := newDoor(t)
	for operation, rest := range map[string]string{
		"DescribeDeliveryStream": "", "DeleteDeliveryStream": "", "ListTagsForDeliveryStream": "",
		"StartDeliveryStreamEncryption": "", "StopDeliveryStreamEncryption": "",
		"TagDeliveryStream": `,"Tags":[{"Key":"k"}]`, "UntagDeliveryStream": `,"TagKeys":["k"]`,
		"UpdateDestination": `,"CurrentDeliveryStreamVersionId":"1","DestinationId":"d"`,
		"PutRecord":         `,"Record":{"Data":""}`, "PutRecordBatch": `,"Records":[{"Data":""}]`,
	} {
		d.refuse(operation, `{"DeliveryStreamName":"none"`+rest+`}`, "ResourceNotFoundException", "Firehose none under account 123456789012 not found.")
	}
}

func TestCreateReportsTheQuotaWithTheNames(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.Quota = 2 })
	d.memory.quota = 2
	d.create("b", "")
	d.create("a", "")
	d.refuse("CreateDeliveryStream", s3Body(""), "LimitExceededException",
		"You have already consumed your firehose quota of 2 hoses. Firehose names: [a, b]")
}

func TestListPagesByName(t *testing.T) {
	d := newDoor(t)
	list := func(members, want string) {
		t.Helper()
		same(t, want, d.accept("ListDeliveryStreams", members))
	}
	list(`{}`, `{"DeliveryStreamNames":[],"HasMoreDeliveryStreams":false}`)
	for i := range 12 {
		d.create(fmt.Sprintf("s%02d", 11-i), "")
	}
	list(`{}`, `{"DeliveryStreamNames":["s00","s01","s02","s03","s04","s05","s06","s07","s08","s09"],"HasMoreDeliveryStreams":true}`)
	list(`{"ExclusiveStartDeliveryStreamName":"s09"}`, `{"DeliveryStreamNames":["s10","s11"],"HasMoreDeliveryStreams":false}`)
	list(`{"Limit":2}`, `{"DeliveryStreamNames":["s00","s01"],"HasMoreDeliveryStreams":true}`)
	list(`{"Limit":2,"ExclusiveStartDeliveryStreamName":"s095"}`, `{"DeliveryStreamNames":["s10","s11"],"HasMoreDeliveryStreams":false}`)
	list(`{"ExclusiveStartDeliveryStreamName":"z"}`, `{"DeliveryStreamNames":[],"HasMoreDeliveryStreams":false}`)
	list(`{"DeliveryStreamType":"KinesisStreamAsSource"}`, `{"DeliveryStreamNames":[],"HasMoreDeliveryStreams":false}`)
	list(`{"DeliveryStreamType":"DirectPut","Limit":1}`, `{"DeliveryStreamNames":["s00"],"HasMoreDeliveryStreams":true}`)
}

func TestTags(t *testing.T) {
	d := newDoor(t)
	d.create("a", strings.TrimSuffix(terraform, "\n")+`,"Tags":[{"Key":"b","Value":"1"},{"Key":"a"},{"Key":"b","Value":"2"}]`)
	list := func(members, want string) {
		t.Helper()
		same(t, want, d.accept("ListTagsForDeliveryStream", `{"DeliveryStreamName":"a"`+members+`}`))
	}
	list("", `{"HasMoreTags":false,"Tags":[{"Key":"a","Value":""},{"Key":"b","Value":"2"}]}`)
	before := d.described("a")
	same(t, "{}", d.accept("TagDeliveryStream", `{"DeliveryStreamName":"a","Tags":[{"Key":"c","Value":"x y"},{"Key":"a","Value":"é"}]}`))
	list("", `{"HasMoreTags":false,"Tags":[{"Key":"a","Value":"é"},{"Key":"b","Value":"2"},{"Key":"c","Value":"x y"}]}`)
	list(`,"Limit":1`, `{"HasMoreTags":true,"Tags":[{"Key":"a","Value":"é"}]}`)
	list(`,"Limit":2,"ExclusiveStartTagKey":"aa"`, `{"HasMoreTags":false,"Tags":[{"Key":"b","Value":"2"},{"Key":"c","Value":"x y"}]}`)
	same(t, "{}", d.accept("UntagDeliveryStream", `{"DeliveryStreamName":"a","TagKeys":["a","b","c","d"]}`))
	list("", `{"HasMoreTags":false,"Tags":[]}`)
	same(t, before, d.described("a")) // tags are no version

	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf(`{"Key":"k%d"}`, i))
	}
	d.accept("TagDeliveryStream", `{"DeliveryStreamName":"a","Tags":[`+strings.Join(many, ",")+`]}`)
	d.refuse("TagDeliveryStream", `{"DeliveryStreamName":"a","Tags":[{"Key":"one more"}]}`, "LimitExceededException", "Firehose a cannot have more than 50 tags.")
	d.accept("TagDeliveryStream", `{"DeliveryStreamName":"a","Tags":[{"Key":"k1","Value":"again"}]}`)
}

func TestEncryptionGoesThroughItsStates(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	const named = `{"DeliveryStreamName":"a"}`
	const customer = `{"DeliveryStreamName":"a","DeliveryStreamEncryptionConfigurationInput":{"KeyType":"CUSTOMER_MANAGED_CMK","KeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}}`
	state := func(want string) {
		t.Helper()
		if answer := d.described("a"); !strings.Contains(answer, `"DeliveryStreamEncryptionConfiguration":`+want) || !strings.Contains(answer, `"VersionId":"1"`) || strings.Contains(answer, "LastUpdate") {
			t.Errorf("%s\nwant encryption %s and version 1", answer, want)
		}
	}
	settle := func(status stream.EncryptionStatus) {
		d.set("a", func(s *stream.Stream) { s.Encryption.Status = status })
	}
	state(`{"Status":"DISABLED"}`)
	same(t, "{}", d.accept("StopDeliveryStreamEncryption", named))
	state(`{"Status":"DISABLED"}`)
	same(t, "{}", d.accept("StartDeliveryStreamEncryption", named))
	state(`{"KeyType":"AWS_OWNED_CMK","Status":"ENABLING"}`)
	d.refuse("StartDeliveryStreamEncryption", named, "ResourceInUseException", "Cannot update firehose: a when its encryption is in ENABLING status")
	settle(stream.EncryptionEnabled)
	d.accept("StartDeliveryStreamEncryption", customer)
	state(`{"KeyARN":"arn:aws:kms:us-east-1:123456789012:key/k","KeyType":"CUSTOMER_MANAGED_CMK","Status":"ENABLING"}`)
	settle(stream.EncryptionEnablingFailed)
	d.accept("StartDeliveryStreamEncryption", named)
	settle(stream.EncryptionEnabled)
	d.accept("StopDeliveryStreamEncryption", named)
	state(`{"KeyType":"AWS_OWNED_CMK","Status":"DISABLING"}`)
	d.refuse("StopDeliveryStreamEncryption", named, "ResourceInUseException", "Cannot update firehose: a when its encryption is in DISABLING status")

	d.refuse("StartDeliveryStreamEncryption", `{"DeliveryStreamName":"a","DeliveryStreamEncryptionConfigurationInput":{}}`, "ValidationException",
		"1 validation error detected: Value at 'deliveryStreamEncryptionConfigurationInput.keyType' failed to satisfy constraint: Member must not be null")
	settle(stream.EncryptionDisabled)
	d.refuse("StartDeliveryStreamEncryption", strings.Replace(customer, "us-east-1", "eu-west-1", 1), "InvalidArgumentException",
		"Cross-region keys are not allowed for SSE. Please provide CMKs in the same region as firehose")
	state(`{"Status":"DISABLED"}`)

	d.set("a", func(s *stream.Stream) { s.Type = "KinesisStreamAsSource" })
	const direct = "Server side encryption from firehose is only allowed for direct put delivery streams and database as a source delivery streams"
	d.refuse("StartDeliveryStreamEncryption", named, "InvalidArgumentException", direct)
	d.refuse("StopDeliveryStreamEncryption", named, "InvalidArgumentException", direct)
}

func TestEncryptionCallsHaveAQuotaOverADay(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	const named = `{"DeliveryStreamName":"a"}`
	for range encryptionCallsMax {
		d.accept("StopDeliveryStreamEncryption", named)
		d.now = d.now.Add(time.Minute)
	}
	const limit = "Firehose a has reached the limit of 25 encryption calls within 24 hours."
	d.refuse("StartDeliveryStreamEncryption", named, "LimitExceededException", limit)
	d.now = testTime.Add(24*time.Hour - 1)
	d.refuse("StopDeliveryStreamEncryption", named, "LimitExceededException", limit)
	d.now = testTime.Add(24 * time.Hour)
	d.accept("StopDeliveryStreamEncryption", named)
	d.refuse("StopDeliveryStreamEncryption", named, "LimitExceededException", limit)
}
