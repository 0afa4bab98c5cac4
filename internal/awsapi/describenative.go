package awsapi

import (
	"time"

	"firehose/internal/destination/s3"
	"firehose/internal/native"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// isNative says whether a stream is declared in the product's own language. Amazon's API shows it as far as its words go, and
// does not change it.
func isNative(s *stream.Stream) bool { return s.Language == native.Language }

// describeNative shows the S3 destinations of a native stream as this API would have declared them. Others are left out, so
// that clients that only ask for the status get it.
func describeNative(s *stream.Stream) ([]types.DestinationDescription, error) {
	spec, err := native.Compile(s.Key, s.Document())
	if err != nil {
		return nil, err
	}
	destinations := []types.DestinationDescription{}
	for _, d := range spec.Deliveries {
		config, ok := d.Destination.(s3.Config)
		if !ok {
			continue
		}
		extended := describeDelivery(s.Key, d, config)
		destinations = append(destinations, types.DestinationDescription{DestinationId: aws.String(d.ID),
			ExtendedS3DestinationDescription: extended, S3DestinationDescription: reduced(extended)})
	}
	return destinations, nil
}

// describeDelivery shows a delivery to S3. Amazon requires a role, and a native stream has none: the one that is shown stands
// for the server's own credentials.
func describeDelivery(key stream.Key, d stream.Delivery, config s3.Config) *extendedS3 {
	shown := &extendedS3{
		RoleARN:           aws.String("arn:aws:iam::" + key.Account + ":role/firehose"),
		BucketARN:         aws.String(config.Target()),
		Prefix:            aws.String(config.Prefix),
		ErrorOutputPrefix: aws.String(config.ErrorPrefix),
		CompressionFormat: types.CompressionFormat(config.Compression),
		BufferingHints: &types.BufferingHints{
			SizeInMBs:         aws.Int32(int32((d.Buffer.Size + 1<<20 - 1) >> 20)),
			IntervalInSeconds: aws.Int32(int32((d.Buffer.Interval + time.Second - 1) / time.Second)),
		},
		EncryptionConfiguration:  &types.EncryptionConfiguration{NoEncryptionConfig: types.NoEncryptionConfigNoEncryption},
		CloudWatchLoggingOptions: &types.CloudWatchLoggingOptions{Enabled: aws.Bool(false)},
		S3BackupMode:             types.S3BackupModeDisabled,
	}
	if config.KMSKey != "" {
		shown.EncryptionConfiguration = &types.EncryptionConfiguration{KMSEncryptionConfig: &types.KMSEncryptionConfig{AWSKMSKeyARN: aws.String(config.KMSKey)}}
	}
	if config.TimeZone != "" {
		shown.CustomTimeZone = aws.String(config.TimeZone)
	}
	if config.Extension != "" {
		shown.FileExtension = aws.String(config.Extension)
	}
	return shown
}

// changedElsewhere refuses to change a native stream's destination.
func changedElsewhere(s *stream.Stream) *Error {
	return invalidArgument("Firehose %s was declared as a document of this server's own API; change it there: PUT /v1/streams/%s", s.Name, s.Name)
}
