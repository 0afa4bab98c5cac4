package awsapi

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"firehose/internal/record"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// Every operation through the official client, once from a stream's beginning to its end.
func TestOfficialClientUsesAllOperations(t *testing.T) {
	d := newDoor(t)
	ctx, c, name := t.Context(), d.client, aws.String("clicks")

	created, err := c.CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: name,
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			RoleARN: aws.String(testRole), BucketARN: aws.String(testBucket), Prefix: aws.String("in/"),
		},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})
	must(t, err)
	same(t, "arn:aws:firehose:us-east-1:123456789012:deliverystream/clicks", aws.ToString(created.DeliveryStreamARN))

	described, err := c.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: name})
	must(t, err)
	description := described.DeliveryStreamDescription
	same(t, types.DeliveryStreamStatusActive, description.DeliveryStreamStatus)
	same(t, "1", *description.VersionId)
	same(t, testTime, *description.CreateTimestamp)
	same(t, nil, description.LastUpdateTimestamp)
	same(t, "in/", *description.Destinations[0].S3DestinationDescription.Prefix)
	same(t, "in/", *description.Destinations[0].ExtendedS3DestinationDescription.Prefix)

	listed, err := c.ListDeliveryStreams(ctx, &firehose.ListDeliveryStreamsInput{})
	must(t, err)
	same(t, "clicks", listed.DeliveryStreamNames[0])
	same(t, false, *listed.HasMoreDeliveryStreams)

	put, err := c.PutRecord(ctx, &firehose.PutRecordInput{DeliveryStreamName: name, Record: &types.Record{Data: []byte("one")}})
	must(t, err)
	same(t, false, *put.Encrypted)
	if _, err := record.ParseID(*put.RecordId); err != nil {
		t.Error(err)
	}
	batch, err := c.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: name,
		Records: []types.Record{{Data: []byte("two")}, {Data: []byte{}}, {Data: []byte{0, 255}}}})
	must(t, err)
	same(t, 0, *batch.FailedPutCount)
	same(t, 3, len(batch.RequestResponses))
	if want := [][]byte{[]byte("one"), []byte("two"), {}, {0, 255}}; !slices.EqualFunc(want, d.memory.taken["clicks"], bytes.Equal) {
		t.Errorf("taken %q, want %q", d.memory.taken["clicks"], want)
	}

	_, err = c.UpdateDestination(ctx, &firehose.UpdateDestinationInput{
		DeliveryStreamName: name, CurrentDeliveryStreamVersionId: aws.String("1"), DestinationId: aws.String(destinationID),
		ExtendedS3DestinationUpdate: &types.ExtendedS3DestinationUpdate{Prefix: aws.String("")},
	})
	must(t, err)
	described, err = c.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: name})
	must(t, err)
	same(t, "2", *described.DeliveryStreamDescription.VersionId)
	same(t, testTime, *described.DeliveryStreamDescription.LastUpdateTimestamp)
	same(t, "", *described.DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription.Prefix)

	_, err = c.StartDeliveryStreamEncryption(ctx, &firehose.StartDeliveryStreamEncryptionInput{DeliveryStreamName: name})
	must(t, err)
	_, err = c.StopDeliveryStreamEncryption(ctx, &firehose.StopDeliveryStreamEncryptionInput{DeliveryStreamName: name})
	var inUse *types.ResourceInUseException
	if !errors.As(err, &inUse) {
		t.Errorf("stop while enabling: %v", err)
	}

	_, err = c.TagDeliveryStream(ctx, &firehose.TagDeliveryStreamInput{DeliveryStreamName: name, Tags: []types.Tag{{Key: aws.String("env")}}})
	must(t, err)
	_, err = c.UntagDeliveryStream(ctx, &firehose.UntagDeliveryStreamInput{DeliveryStreamName: name, TagKeys: []string{"team", "none"}})
	must(t, err)
	tags, err := c.ListTagsForDeliveryStream(ctx, &firehose.ListTagsForDeliveryStreamInput{DeliveryStreamName: name})
	must(t, err)
	same(t, 1, len(tags.Tags))
	same(t, "env", *tags.Tags[0].Key)

	_, err = c.DeleteDeliveryStream(ctx, &firehose.DeleteDeliveryStreamInput{DeliveryStreamName: name})
	must(t, err)
	described, err = c.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: name})
	must(t, err)
	same(t, types.DeliveryStreamStatusDeleting, described.DeliveryStreamDescription.DeliveryStreamStatus)
}

// The client makes its own error types of the answers.
func TestOfficialClientKnowsTheErrors(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	ctx, c := t.Context(), d.client

	_, err := c.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("none")})
	var notFound *types.ResourceNotFoundException
	if !errors.As(err, &notFound) || notFound.ErrorMessage() != "Firehose none under account 123456789012 not found." {
		t.Errorf("describe: %v", err)
	}
	_, err = c.UpdateDestination(ctx, &firehose.UpdateDestinationInput{
		DeliveryStreamName: aws.String("a"), CurrentDeliveryStreamVersionId: aws.String("7"), DestinationId: aws.String(destinationID),
		ExtendedS3DestinationUpdate: &types.ExtendedS3DestinationUpdate{},
	})
	var concurrent *types.ConcurrentModificationException
	if !errors.As(err, &concurrent) {
		t.Errorf("update: %v", err)
	}
	d.memory.put = func([][]byte) (int, error) { return 0, nil }
	_, err = c.PutRecord(ctx, &firehose.PutRecordInput{DeliveryStreamName: aws.String("a"), Record: &types.Record{Data: []byte("x")}})
	var unavailable *types.ServiceUnavailableException
	if !errors.As(err, &unavailable) || unavailable.ErrorMessage() != "Slow down." {
		t.Errorf("put: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T comparable](t *testing.T, want, got T) {
	t.Helper()
	if want != got {
		t.Errorf("got %v, want %v", got, want)
	}
}
