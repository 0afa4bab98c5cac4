package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"firehose/internal/sample"
)

// create makes the delivery stream as any client of the Amazon service does, and returns when it is active.
func (d *demo) create(ctx context.Context, client *firehose.Client) error {
	_, err := client.CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String(demoStream),
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			BucketARN:         aws.String("arn:aws:s3:::" + demoBucket),
			RoleARN:           aws.String("arn:aws:iam::000000000000:role/demo"), // means something inside AWS only
			Prefix:            aws.String("web/!{timestamp:yyyy-MM-dd}/"),
			ErrorOutputPrefix: aws.String("failed/!{firehose:error-output-type}/"),
			FileExtension:     aws.String(".json.gz"),
			CompressionFormat: types.CompressionFormatGzip,
			BufferingHints:    &types.BufferingHints{SizeInMBs: aws.Int32(1), IntervalInSeconds: aws.Int32(d.interval)},
		},
	})
	if err != nil {
		return err
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		answer, err := client.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String(demoStream)})
		if err != nil {
			return err
		}
		switch status := answer.DeliveryStreamDescription.DeliveryStreamStatus; status {
		case types.DeliveryStreamStatusActive:
			return nil
		case types.DeliveryStreamStatusCreatingFailed:
			return fmt.Errorf("the stream is %s", status)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// send puts the sample in batches of 500, the most that the API takes, and returns how many bytes it has.
func (d *demo) send(ctx context.Context, client *firehose.Client) (bytes int, err error) {
	source := sample.New(demoSeed)
	for sent := 0; sent < d.records; {
		batch := make([]types.Record, 0, 500)
		for _, line := range source.Lines(min(500, d.records-sent)) {
			batch = append(batch, types.Record{Data: line})
			bytes += len(line)
		}
		if err := put(ctx, client, batch); err != nil {
			return 0, err
		}
		sent += len(batch)
		d.progress(fmt.Sprintf("  %-10s %s of %s records", "sending", thousands(sent), thousands(d.records)))
	}
	d.progress("")
	return bytes, nil
}

// put sends one batch. A client must look at every answer and send again what was refused; nothing else was kept.
func put(ctx context.Context, client *firehose.Client, batch []types.Record) error {
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		answer, err := client.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: aws.String(demoStream), Records: batch})
		if err != nil {
			return err
		}
		if len(answer.RequestResponses) != len(batch) {
			return fmt.Errorf("%d records were answered for %d", len(answer.RequestResponses), len(batch))
		}
		var refused []types.Record
		reason := ""
		for i, r := range answer.RequestResponses {
			if r.ErrorCode != nil {
				refused = append(refused, batch[i])
				reason = *r.ErrorCode + ": " + aws.ToString(r.ErrorMessage)
			}
		}
		if len(refused) == 0 {
			return nil
		}
		if pause > 5*time.Second {
			return fmt.Errorf("%d records are refused again and again: %s", len(refused), reason)
		}
		batch = refused
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
