package awsapi

import (
	"fmt"
	"strings"
	"time"

	"firehose/internal/destination/s3"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/go-json-experiment/json"
)

// The identity of a stream's one destination, and what stands behind it in that of its backup's delivery.
const (
	destinationID = "destinationId-000000000001"
	backupSuffix  = "-backup"
)

// document is what is stored of a stream's declaration: what DescribeDeliveryStream shows, in full.
type document struct {
	Source      *types.SourceDescription
	Destination types.DestinationDescription
}

// parseDocument reads a stored document. It must be of this language and hold an S3 destination.
func parseDocument(text []byte) (document, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return document{}, fmt.Errorf("read document: %w", err)
	}
	s3 := d.Destination.ExtendedS3DestinationDescription
	if s3 == nil {
		return document{}, fmt.Errorf("read document: it has no S3 destination")
	}
	if !complete(reduced(s3)) || s3.S3BackupDescription != nil && !complete(s3.S3BackupDescription) {
		return document{}, fmt.Errorf("read document: its S3 destination is not complete")
	}
	return d, nil
}

// complete says whether a description has what merge fills in.
func complete(d *plainS3) bool {
	hints, logging := orZero(d.BufferingHints), orZero(d.CloudWatchLoggingOptions)
	return d.BucketARN != nil && hints.SizeInMBs != nil && hints.IntervalInSeconds != nil &&
		logging.Enabled != nil && d.EncryptionConfiguration != nil
}

// Compile derives what runs from a stored document; it is the stream.Compile of this language.
func Compile(key stream.Key, text []byte) (stream.Spec, error) {
	doc, err := parseDocument(text)
	if err != nil {
		return stream.Spec{}, err
	}
	d := doc.Destination.ExtendedS3DestinationDescription
	delivery := compileS3(reduced(d))
	delivery.ID = destinationID
	if delivery.Process, err = compileProcess(d); err != nil {
		return stream.Spec{}, fmt.Errorf("read document: %w", err)
	}
	config := delivery.Destination.(s3.Config)
	config.Extension = aws.ToString(d.FileExtension)
	config.TimeZone = aws.ToString(d.CustomTimeZone)
	config.Partitioned = partitioned(d)
	config.Delimiter = runningProcessor(d, types.ProcessorTypeAppendDelimiterToRecord) != nil
	if config.Conversion, err = compileConversion(d); err != nil {
		return stream.Spec{}, fmt.Errorf("read document: %w", err)
	}
	delivery.Destination = config
	spec := stream.Spec{Deliveries: []stream.Delivery{delivery}}
	if d.S3BackupMode == types.S3BackupModeEnabled {
		backup := compileS3(d.S3BackupDescription)
		backup.ID = destinationID + backupSuffix
		spec.Deliveries = append(spec.Deliveries, backup)
	}
	return spec, nil
}

// compileS3 derives a delivery without its identity from a complete description.
func compileS3(d *plainS3) stream.Delivery {
	config := s3.Config{
		Bucket:      bucketName(aws.ToString(d.BucketARN)),
		Prefix:      aws.ToString(d.Prefix),
		ErrorPrefix: aws.ToString(d.ErrorOutputPrefix),
		Compression: string(d.CompressionFormat),
	}
	if kms := d.EncryptionConfiguration.KMSEncryptionConfig; kms != nil {
		config.KMSKey = aws.ToString(kms.AWSKMSKeyARN)
	}
	return stream.Delivery{
		Buffer: stream.Buffer{
			Size:     int64(*d.BufferingHints.SizeInMBs) << 20,
			Interval: time.Duration(*d.BufferingHints.IntervalInSeconds) * time.Second,
		},
		Destination: config,
		Logging: stream.Logging{
			Enabled: aws.ToBool(d.CloudWatchLoggingOptions.Enabled),
			Group:   aws.ToString(d.CloudWatchLoggingOptions.LogGroupName),
			Stream:  aws.ToString(d.CloudWatchLoggingOptions.LogStreamName),
		},
	}
}

// bucketName cuts the name out of a bucket's ARN.
func bucketName(arn string) string {
	_, name, _ := strings.Cut(arn, ":s3:::")
	return name
}
