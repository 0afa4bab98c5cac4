package awsapi

import (
	"cmp"

	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// The two descriptions of an S3 destination. The extended one holds everything, and is what is stored.
type (
	extendedS3 = types.ExtendedS3DestinationDescription
	plainS3    = types.S3DestinationDescription
)

// s3Given is an S3 destination as a request gives it. All four request shapes (S3 and ExtendedS3, configuration and
// update) have their members among these; those of the plain one are fewer.
type s3Given struct {
	types.ExtendedS3DestinationDescription
	S3BackupConfiguration *plainS3
	S3BackupUpdate        *plainS3
}

// backup is the backup's destination as the request gives it, or nil.
func (g *s3Given) backup() *plainS3 {
	if g.S3BackupConfiguration != nil {
		return g.S3BackupConfiguration
	}
	return g.S3BackupUpdate
}

// kind covers both shapes, which are the same destination.
func (*s3Given) kind() string { return "S3" }

func (g *s3Given) apply(key stream.Key, doc *document) error {
	stored := orZero(doc.Destination.ExtendedS3DestinationDescription)
	merged := merge(key, stored, g)
	if err := checkS3(stored, g, merged); err != nil {
		return err
	}
	doc.Destination.ExtendedS3DestinationDescription = merged
	return nil
}

// reduced is the plain S3 description of a destination: the same values, and none of what only the extended one has.
func reduced(d *extendedS3) *plainS3 {
	return &plainS3{
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
func merge(key stream.Key, stored *extendedS3, given *s3Given) *extendedS3 {
	plain := mergePlain(reduced(stored), reduced(&given.ExtendedS3DestinationDescription))
	d := &extendedS3{
		RoleARN:                  plain.RoleARN,
		BucketARN:                plain.BucketARN,
		Prefix:                   plain.Prefix,
		ErrorOutputPrefix:        plain.ErrorOutputPrefix,
		BufferingHints:           plain.BufferingHints,
		CompressionFormat:        plain.CompressionFormat,
		EncryptionConfiguration:  plain.EncryptionConfiguration,
		CloudWatchLoggingOptions: plain.CloudWatchLoggingOptions,

		S3BackupMode:        cmp.Or(given.S3BackupMode, stored.S3BackupMode, types.S3BackupModeDisabled),
		S3BackupDescription: stored.S3BackupDescription,
		FileExtension:       cmp.Or(given.FileExtension, stored.FileExtension),
		CustomTimeZone:      cmp.Or(given.CustomTimeZone, stored.CustomTimeZone),

		DataFormatConversionConfiguration: mergeConversion(key, stored.DataFormatConversionConfiguration, given.DataFormatConversionConfiguration),
		DynamicPartitioningConfiguration:  mergePartitioning(stored.DynamicPartitioningConfiguration, given.DynamicPartitioningConfiguration),
	}
	d.ProcessingConfiguration = mergeProcessing(stored.ProcessingConfiguration, given.ProcessingConfiguration, d.RoleARN)
	if stored.BufferingHints == nil && !hinted(given.BufferingHints) && converted(d) {
		d.BufferingHints = &types.BufferingHints{SizeInMBs: aws.Int32(convertedSizeInMBs), IntervalInSeconds: aws.Int32(300)}
	}
	if backup := given.backup(); backup != nil {
		old := stored.S3BackupDescription
		if old == nil {
			old = &plainS3{}
		}
		d.S3BackupDescription = mergePlain(old, backup)
	}
	return d
}

// mergePlain merges what every S3 destination has.
func mergePlain(stored, given *plainS3) *plainS3 {
	hints := given.BufferingHints
	if !hinted(hints) {
		hints = nil
	}
	return &plainS3{
		RoleARN:           cmp.Or(given.RoleARN, stored.RoleARN),
		BucketARN:         cmp.Or(given.BucketARN, stored.BucketARN),
		Prefix:            cmp.Or(given.Prefix, stored.Prefix),
		ErrorOutputPrefix: cmp.Or(given.ErrorOutputPrefix, stored.ErrorOutputPrefix),
		CompressionFormat: cmp.Or(given.CompressionFormat, stored.CompressionFormat, types.CompressionFormatUncompressed),
		BufferingHints: cmp.Or(hints, stored.BufferingHints,
			&types.BufferingHints{SizeInMBs: aws.Int32(5), IntervalInSeconds: aws.Int32(300)}),
		EncryptionConfiguration: cmp.Or(given.EncryptionConfiguration, stored.EncryptionConfiguration,
			&types.EncryptionConfiguration{NoEncryptionConfig: types.NoEncryptionConfigNoEncryption}),
		CloudWatchLoggingOptions: mergeLogging(stored.CloudWatchLoggingOptions, given.CloudWatchLoggingOptions),
	}
}

// hinted says whether hints hold any.
func hinted(h *types.BufferingHints) bool {
	return h != nil && (h.SizeInMBs != nil || h.IntervalInSeconds != nil)
}

func mergeLogging(stored, given *types.CloudWatchLoggingOptions) *types.CloudWatchLoggingOptions {
	stored, given = orZero(stored), orZero(given)
	return &types.CloudWatchLoggingOptions{
		Enabled:       cmp.Or(given.Enabled, stored.Enabled, aws.Bool(false)),
		LogGroupName:  cmp.Or(given.LogGroupName, stored.LogGroupName),
		LogStreamName: cmp.Or(given.LogStreamName, stored.LogStreamName),
	}
}

// mergePartitioning keeps an absent configuration absent: clients tell it from a disabled one.
func mergePartitioning(stored, given *types.DynamicPartitioningConfiguration) *types.DynamicPartitioningConfiguration {
	if given == nil {
		return stored
	}
	stored = orZero(stored)
	retry := cmp.Or(given.RetryOptions, stored.RetryOptions, &types.RetryOptions{})
	return &types.DynamicPartitioningConfiguration{
		Enabled:      cmp.Or(given.Enabled, stored.Enabled, aws.Bool(false)),
		RetryOptions: &types.RetryOptions{DurationInSeconds: cmp.Or(retry.DurationInSeconds, aws.Int32(300))},
	}
}

// mergeConversion fills in what the service computes of a schema. An omitted Enabled means true.
func mergeConversion(key stream.Key, stored, given *types.DataFormatConversionConfiguration) *types.DataFormatConversionConfiguration {
	if given == nil {
		return stored
	}
	stored = orZero(stored)
	merged := &types.DataFormatConversionConfiguration{
		Enabled:                   cmp.Or(given.Enabled, aws.Bool(true)),
		InputFormatConfiguration:  cmp.Or(given.InputFormatConfiguration, stored.InputFormatConfiguration),
		OutputFormatConfiguration: cmp.Or(given.OutputFormatConfiguration, stored.OutputFormatConfiguration),
		SchemaConfiguration:       stored.SchemaConfiguration,
	}
	if g := given.SchemaConfiguration; g != nil {
		s := orZero(stored.SchemaConfiguration)
		merged.SchemaConfiguration = &types.SchemaConfiguration{
			RoleARN:      cmp.Or(g.RoleARN, s.RoleARN),
			DatabaseName: cmp.Or(g.DatabaseName, s.DatabaseName),
			TableName:    cmp.Or(g.TableName, s.TableName),
			CatalogId:    cmp.Or(g.CatalogId, s.CatalogId, &key.Account),
			Region:       cmp.Or(g.Region, s.Region, &key.Region),
			VersionId:    cmp.Or(g.VersionId, s.VersionId, aws.String("LATEST")),
		}
	}
	return merged
}

// orZero returns what p points to, or a zero value.
func orZero[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}
