package awsapi

import (
	"strings"
	"time"

	"firehose/internal/destination/s3"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// s3Declared is an S3 destination of a document.
type s3Declared extendedS3

func (*s3Declared) kind() string { return "S3" }

func (d *s3Declared) complete() bool {
	return complete(reduced((*extendedS3)(d))) && (d.S3BackupDescription == nil || complete(d.S3BackupDescription))
}

// complete says whether a description has what mergePlain fills in.
func complete(d *plainS3) bool {
	hints, logging := orZero(d.BufferingHints), orZero(d.CloudWatchLoggingOptions)
	return d.BucketARN != nil && hints.SizeInMBs != nil && hints.IntervalInSeconds != nil &&
		logging.Enabled != nil && d.EncryptionConfiguration != nil
}

func (d *s3Declared) processing() *types.ProcessingConfiguration { return d.ProcessingConfiguration }

// describe adds the plain description: clients of either shape find theirs.
func (d *s3Declared) describe(shown *types.DestinationDescription) {
	shown.S3DestinationDescription = reduced((*extendedS3)(d))
}

func (d *s3Declared) compile(stream.Key) ([]stream.Delivery, error) {
	extended := (*extendedS3)(d)
	delivery, config := compileS3(reduced(extended))
	delivery.ID = destinationID
	var err error
	if delivery.Process, err = compileProcess(d.ProcessingConfiguration); err != nil {
		return nil, err
	}
	if delivery.Process.Partition, err = compilePartition(extended); err != nil {
		return nil, err
	}
	config.Extension = aws.ToString(d.FileExtension)
	config.TimeZone = aws.ToString(d.CustomTimeZone)
	config.Partitioned = partitioned(extended)
	config.Delimiter = runningProcessor(d.ProcessingConfiguration, types.ProcessorTypeAppendDelimiterToRecord) != nil
	if config.Conversion, err = compileConversion(extended); err != nil {
		return nil, err
	}
	delivery.Destination = config
	deliveries := []stream.Delivery{delivery}
	if d.S3BackupMode == types.S3BackupModeEnabled {
		deliveries = append(deliveries, compileBackup(d.S3BackupDescription))
	}
	return deliveries, nil
}

// compileBackup derives the delivery of a backup.
func compileBackup(d *plainS3) stream.Delivery {
	backup, config := compileS3(d)
	backup.ID, backup.Destination = destinationID+backupSuffix, config
	return backup
}

// compileS3 derives a delivery without its identity and its destination from a complete description.
func compileS3(d *plainS3) (stream.Delivery, s3.Config) {
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
		Logging: compileLogging(d.CloudWatchLoggingOptions),
	}, config
}

func compileLogging(o *types.CloudWatchLoggingOptions) stream.Logging {
	return stream.Logging{
		Enabled: aws.ToBool(o.Enabled),
		Group:   aws.ToString(o.LogGroupName),
		Stream:  aws.ToString(o.LogStreamName),
	}
}

// bucketName cuts the name out of a bucket's ARN.
func bucketName(arn string) string {
	_, name, _ := strings.Cut(arn, ":s3:::")
	return name
}
