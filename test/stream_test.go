package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// bucket is the bucket of streams that do not say otherwise.
const bucket = "events"

const role = "arn:aws:iam::000000000000:role/delivery"

// api returns the SDK's client for the node as it is now. It makes one try only.
func (n *node) api() *firehose.Client { return n.apiAs("test", "test") }

func (n *node) apiAs(key, secret string) *firehose.Client {
	url, _ := n.address()
	return newAPI(url, key, secret, n.client)
}

func newAPI(url, key, secret string, client *http.Client) *firehose.Client {
	return firehose.New(firehose.Options{
		Region:       "us-east-1",
		BaseEndpoint: &url,
		Credentials:  credentials.NewStaticCredentialsProvider(key, secret, ""),
		HTTPClient:   keepsBody{client},
		Retryer:      aws.NopRetryer{},
	})
}

// keepsBody sends requests whose bodies the SDK cannot close. It closes them as soon as an answer begins, and where the
// transport only then looks whether more would follow, the closed body ends the connection amid the answer.
type keepsBody struct{ client *http.Client }

func (k keepsBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return k.client.Do(r)
}

// to describes a destination: batches of 1 MiB or a second.
type to = types.ExtendedS3DestinationConfiguration

// destination returns what a stream delivers to, changed by edits.
func destination(edits ...func(*to)) *to {
	d := &to{
		RoleARN:           aws.String(role),
		BucketARN:         aws.String("arn:aws:s3:::" + bucket),
		BufferingHints:    &types.BufferingHints{SizeInMBs: aws.Int32(1), IntervalInSeconds: aws.Int32(1)},
		CompressionFormat: types.CompressionFormatGzip,
	}
	for _, edit := range edits {
		edit(d)
	}
	return d
}

func intoBucket(name string) func(*to) {
	return func(d *to) { d.BucketARN = aws.String("arn:aws:s3:::" + name) }
}

func compressed(format types.CompressionFormat) func(*to) {
	return func(d *to) { d.CompressionFormat = format }
}

func buffered(size, seconds int32) func(*to) {
	return func(d *to) {
		d.BufferingHints = &types.BufferingHints{SizeInMBs: &size, IntervalInSeconds: &seconds}
	}
}

func prefixed(prefix string) func(*to) {
	return func(d *to) { d.Prefix = &prefix }
}

// create creates a stream and waits until it is active.
func (n *node) create(name string, edits ...func(*to)) {
	n.t.Helper()
	createWith(n.t, n.api(), name, edits...)
}

func createWith(t testing.TB, api *firehose.Client, name string, edits ...func(*to)) {
	t.Helper()
	_, err := api.CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: &name, ExtendedS3DestinationConfiguration: destination(edits...)})
	check(t, err)
	wait(t, 10*time.Second, "stream "+name, func() (bool, string) {
		d := describe(t, api, name)
		return d.DeliveryStreamStatus == types.DeliveryStreamStatusActive, string(d.DeliveryStreamStatus)
	})
}

func describe(t testing.TB, api *firehose.Client, name string) *types.DeliveryStreamDescription {
	t.Helper()
	out, err := api.DescribeDeliveryStream(t.Context(), &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
	check(t, err)
	return out.DeliveryStreamDescription
}

// redirect changes the bucket of a stream.
func (n *node) redirect(name, bucket string) {
	n.t.Helper()
	d := describe(n.t, n.api(), name)
	_, err := n.api().UpdateDestination(n.t.Context(), &firehose.UpdateDestinationInput{
		DeliveryStreamName:             &name,
		CurrentDeliveryStreamVersionId: d.VersionId,
		DestinationId:                  d.Destinations[0].DestinationId,
		ExtendedS3DestinationUpdate:    &types.ExtendedS3DestinationUpdate{BucketARN: aws.String("arn:aws:s3:::" + bucket)},
	})
	check(n.t, err)
}

// put puts records with the ids given, and returns an error unless all are acknowledged.
func put(ctx context.Context, api *firehose.Client, stream string, ids ...string) error {
	in := &firehose.PutRecordBatchInput{DeliveryStreamName: &stream}
	for _, id := range ids {
		in.Records = append(in.Records, types.Record{Data: line(id)})
	}
	out, err := api.PutRecordBatch(ctx, in)
	if err != nil {
		return err
	}
	if *out.FailedPutCount > 0 {
		return fmt.Errorf("%d of %d records refused: %s", *out.FailedPutCount, len(ids), aws.ToString(out.RequestResponses[len(ids)-1].ErrorMessage))
	}
	return nil
}
