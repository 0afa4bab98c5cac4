package awsapi

import (
	"strings"

	"firehose/internal/objectkey"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// The least size for partitioning and for format conversion, and the shortest interval for partitioning and for a backup.
const (
	largeSizeInMBs      = 64
	longIntervalSeconds = 60
)

// checkS3 finds what Amazon refuses about an S3 destination: stored is what was there before (a zero description at
// creation), given what the request holds, and merged the outcome. Messages are the service's where they are known.
func checkS3(stored *extendedS3, given *s3Given, merged *extendedS3) error {
	if err := checkPlain(reduced(&given.ExtendedS3DestinationDescription), reduced(merged)); err != nil {
		return err
	}
	if err := checkBackup(stored, given, merged); err != nil {
		return err
	}
	if err := checkPartitioning(stored, merged); err != nil {
		return err
	}
	if err := checkPrefixes(merged); err != nil {
		return err
	}
	if given.ProcessingConfiguration != nil {
		around := surroundings{exists: stored.RoleARN != nil, partitioned: partitioned(merged)}
		if err := checkProcessing(stored.ProcessingConfiguration, given.ProcessingConfiguration, merged.ProcessingConfiguration, around); err != nil {
			return err
		}
	}
	if err := checkPartitionKeys(merged); err != nil {
		return err
	}
	return checkConversion(given, merged)
}

var errHalfHinted = invalidArgument("If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa.")

// checkPlain checks what every S3 destination has.
func checkPlain(given, merged *plainS3) error {
	if h := given.BufferingHints; h != nil && (h.SizeInMBs == nil) != (h.IntervalInSeconds == nil) {
		return errHalfHinted
	}
	if e := given.EncryptionConfiguration; e != nil && (e.NoEncryptionConfig == "") == (e.KMSEncryptionConfig == nil) {
		return invalidArgument("Exactly one of NoEncryptionConfig or KMSEncryptionConfig must be specified")
	}
	return checkLogging(merged.CloudWatchLoggingOptions)
}

func checkLogging(merged *types.CloudWatchLoggingOptions) error {
	switch {
	case !*merged.Enabled:
	case aws.ToString(merged.LogGroupName) == "":
		return invalidArgument("CloudWatch Log Group Name is required if CloudWatch Logging is enabled")
	case aws.ToString(merged.LogStreamName) == "":
		return invalidArgument("CloudWatch Log Stream Name is required if CloudWatch Logging is enabled")
	}
	return nil
}

func checkBackup(stored *extendedS3, given *s3Given, merged *extendedS3) error {
	const enabled = types.S3BackupModeEnabled
	backup := merged.S3BackupDescription
	switch {
	case stored.S3BackupMode == enabled && merged.S3BackupMode != enabled:
		return invalidArgument("Disabling S3 backup is not currently supported.")
	case backup == nil && merged.S3BackupMode == enabled,
		backup != nil && (backup.RoleARN == nil || backup.BucketARN == nil):
		return invalidArgument("S3 backup destination configuration is required when enabling S3 backup.")
	case backup == nil:
		return nil
	}
	if g := given.backup(); g != nil {
		if err := checkPlain(g, backup); err != nil {
			return err
		}
	}
	if *backup.BufferingHints.IntervalInSeconds < longIntervalSeconds {
		return invalidArgument("BufferingHints.IntervalInSeconds must be at least %d for S3 backup.", longIntervalSeconds)
	}
	return nil
}

// checkPrefixes checks the time zone and the prefixes of the destination and of its backup.
func checkPrefixes(d *extendedS3) error {
	if _, err := compilePrefix(d); err != nil {
		return invalidArgument("%s", err)
	}
	if b := d.S3BackupDescription; b != nil {
		return checkPlainPrefixes(b)
	}
	return nil
}

// checkPlainPrefixes checks the prefixes of a destination that has nothing but them.
func checkPlainPrefixes(d *plainS3) error {
	if _, _, err := objectkey.Compile(aws.ToString(d.Prefix), aws.ToString(d.ErrorOutputPrefix), objectkey.Options{}); err != nil {
		return invalidArgument("%s", err)
	}
	return nil
}

// checkEncryption checks a wanted server-side encryption of a stream.
func checkEncryption(key stream.Key, streamType string, in *types.DeliveryStreamEncryptionConfigurationInput) error {
	arn := aws.ToString(in.KeyARN)
	switch customer := in.KeyType == types.KeyTypeCustomerManagedCmk; {
	case streamType != string(types.DeliveryStreamTypeDirectPut) && streamType != string(types.DeliveryStreamTypeDatabaseAsSource):
		return invalidArgument("Server side encryption from firehose is only allowed for direct put delivery streams and database as a source delivery streams")
	case customer && arn == "":
		return invalidArgument("KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK")
	case !customer && arn != "":
		return invalidArgument("KeyARN cannot be specified when KeyType is AWS_OWNED_CMK")
	case customer && arnRegion(arn) != key.Region:
		return invalidArgument("Cross-region keys are not allowed for SSE. Please provide CMKs in the same region as firehose")
	}
	return nil
}

// arnRegion returns the region of an ARN.
func arnRegion(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}
