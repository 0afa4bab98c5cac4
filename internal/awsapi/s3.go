package awsapi

import (
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// s3Given is an S3 destination as a request gives it. All four request shapes (S3 and ExtendedS3, configuration and
// update) have their members among these; those of the plain one are fewer.
type s3Given struct {
	types.ExtendedS3DestinationDescription
	S3BackupConfiguration *types.S3DestinationDescription
	S3BackupUpdate        *types.S3DestinationDescription
}

// backup is the backup's destination as the request gives it, or nil.
func (g *s3Given) backup() *types.S3DestinationDescription {
	if g.S3BackupConfiguration != nil {
		return g.S3BackupConfiguration
	}
	return g.S3BackupUpdate
}

// reduced is the plain S3 description of a destination: the same values, and none of what only the extended one has.
func reduced(d *types.ExtendedS3DestinationDescription) *types.S3DestinationDescription {
	return &types.S3DestinationDescription{
		RoleARN:                  d.RoleARN,
		BucketARN:                d.BucketARN,
		Prefix:                   d.Prefix,
		ErrorOutputPrefix:        d.ErrorOutputPrefix,
		BufferingHints:           d.BufferingHints,
		CompressionFormat:        d.CompressionFormat,
		EncryptionConfiguration:  d.EncryptionConfiguration,
		CloudWatchLoggingOptions: d.CloudWatchLoggingOptions,
	}
}

// merge puts what a request gives over what is stored and returns the result in canonical form, all defaults filled in.
// Creating a stream is merging into nothing. Neither argument is changed.
//
// Most members replace the stored ones whole, empty texts included. CloudWatchLoggingOptions,
// DataFormatConversionConfiguration with its SchemaConfiguration, and the backup's destination are merged member by
// member.
func merge(key stream.Key, stored *types.ExtendedS3DestinationDescription, given *s3Given) *types.ExtendedS3DestinationDescription {
	plain := mergePlain(reduced(stored), reduced(&given.ExtendedS3DestinationDescription))
	d := &types.ExtendedS3DestinationDescription{
		RoleARN:                  plain.RoleARN,
		BucketARN:                plain.BucketARN,
		Prefix:                   plain.Prefix,
		ErrorOutputPrefix:        plain.ErrorOutputPrefix,
		BufferingHints:           plain.BufferingHints,
		CompressionFormat:        plain.CompressionFormat,
		EncryptionConfiguration:  plain.EncryptionConfiguration,
		CloudWatchLoggingOptions: plain.CloudWatchLoggingOptions,

		S3BackupMode:        either(given.S3BackupMode, stored.S3BackupMode, types.S3BackupModeDisabled),
		S3BackupDescription: stored.S3BackupDescription,
		FileExtension:       either(given.FileExtension, stored.FileExtension),
		CustomTimeZone:      either(given.CustomTimeZone, stored.CustomTimeZone),

		DataFormatConversionConfiguration: mergeConversion(key, stored.DataFormatConversionConfiguration, given.DataFormatConversionConfiguration),
		DynamicPartitioningConfiguration:  mergePartitioning(stored.DynamicPartitioningConfiguration, given.DynamicPartitioningConfiguration),
	}
	d.ProcessingConfiguration = mergeProcessing(stored.ProcessingConfiguration, given.ProcessingConfiguration, d.RoleARN)
	if backup := given.backup(); backup != nil {
		old := stored.S3BackupDescription
		if old == nil {
			old = &types.S3DestinationDescription{}
		}
		d.S3BackupDescription = mergePlain(old, backup)
	}
	return d
}

// mergePlain merges what every S3 destination has.
func mergePlain(stored, given *types.S3DestinationDescription) *types.S3DestinationDescription {
	hints := given.BufferingHints
	if hints != nil && hints.SizeInMBs == nil && hints.IntervalInSeconds == nil {
		hints = nil
	}
	return &types.S3DestinationDescription{
		RoleARN:           either(given.RoleARN, stored.RoleARN),
		BucketARN:         either(given.BucketARN, stored.BucketARN),
		Prefix:            either(given.Prefix, stored.Prefix),
		ErrorOutputPrefix: either(given.ErrorOutputPrefix, stored.ErrorOutputPrefix),
		CompressionFormat: either(given.CompressionFormat, stored.CompressionFormat, types.CompressionFormatUncompressed),
		BufferingHints: either(hints, stored.BufferingHints,
			&types.BufferingHints{SizeInMBs: aws.Int32(5), IntervalInSeconds: aws.Int32(300)}),
		EncryptionConfiguration: either(given.EncryptionConfiguration, stored.EncryptionConfiguration,
			&types.EncryptionConfiguration{NoEncryptionConfig: types.NoEncryptionConfigNoEncryption}),
		CloudWatchLoggingOptions: mergeLogging(stored.CloudWatchLoggingOptions, given.CloudWatchLoggingOptions),
	}
}

func mergeLogging(stored, given *types.CloudWatchLoggingOptions) *types.CloudWatchLoggingOptions {
	stored, given = orZero(stored), orZero(given)
	return &types.CloudWatchLoggingOptions{
		Enabled:       either(given.Enabled, stored.Enabled, aws.Bool(false)),
		LogGroupName:  either(given.LogGroupName, stored.LogGroupName),
		LogStreamName: either(given.LogStreamName, stored.LogStreamName),
	}
}

// mergePartitioning keeps an absent configuration absent: clients tell it from a disabled one.
func mergePartitioning(stored, given *types.DynamicPartitioningConfiguration) *types.DynamicPartitioningConfiguration {
	if given == nil {
		return stored
	}
	stored = orZero(stored)
	retry := either(given.RetryOptions, stored.RetryOptions, &types.RetryOptions{})
	return &types.DynamicPartitioningConfiguration{
		Enabled:      either(given.Enabled, stored.Enabled, aws.Bool(false)),
		RetryOptions: &types.RetryOptions{DurationInSeconds: either(retry.DurationInSeconds, aws.Int32(300))},
	}
}

// mergeConversion fills in what the service computes of a schema. An omitted Enabled means true.
func mergeConversion(key stream.Key, stored, given *types.DataFormatConversionConfiguration) *types.DataFormatConversionConfiguration {
	if given == nil {
		return stored
	}
	stored = orZero(stored)
	merged := &types.DataFormatConversionConfiguration{
		Enabled:                   either(given.Enabled, aws.Bool(true)),
		InputFormatConfiguration:  either(given.InputFormatConfiguration, stored.InputFormatConfiguration),
		OutputFormatConfiguration: either(given.OutputFormatConfiguration, stored.OutputFormatConfiguration),
		SchemaConfiguration:       stored.SchemaConfiguration,
	}
	if g := given.SchemaConfiguration; g != nil {
		s := orZero(stored.SchemaConfiguration)
		merged.SchemaConfiguration = &types.SchemaConfiguration{
			RoleARN:      either(g.RoleARN, s.RoleARN),
			DatabaseName: either(g.DatabaseName, s.DatabaseName),
			TableName:    either(g.TableName, s.TableName),
			CatalogId:    either(g.CatalogId, s.CatalogId, &key.Account),
			Region:       either(g.Region, s.Region, &key.Region),
			VersionId:    either(g.VersionId, s.VersionId, aws.String("LATEST")),
		}
	}
	return merged
}

// either returns the first value that is there.
func either[T comparable](values ...T) (value T) {
	for _, v := range values {
		if v != value {
			return v
		}
	}
	return value
}

// orZero returns what p points to, or a zero value.
func orZero[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}
