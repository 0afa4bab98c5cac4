package awsapi

import (
	"slices"

	"firehose/internal/jq"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// checkPartitioning checks what dynamic partitioning asks of the rest of a destination.
func checkPartitioning(stored, merged *extendedS3) error {
	exists := stored.RoleARN != nil
	if exists && partitioned(stored) != partitioned(merged) {
		return invalidArgument("Dynamic Partitioning cannot be enabled or disabled on an existing delivery stream.")
	}
	if !partitioned(merged) {
		return nil
	}
	if *merged.BufferingHints.SizeInMBs < largeSizeInMBs {
		return invalidArgument("BufferingHints.SizeInMBs must be at least %d when Dynamic Partitioning is enabled.", largeSizeInMBs)
	}
	if *merged.BufferingHints.IntervalInSeconds < longIntervalSeconds {
		return invalidArgument("BufferingHints.IntervalInSeconds must be at least %d when Dynamic Partitioning is enabled.", longIntervalSeconds)
	}
	return nil
}

// partitioned says whether dynamic partitioning is on.
func partitioned(d *extendedS3) bool {
	return aws.ToBool(orZero(d.DynamicPartitioningConfiguration).Enabled)
}

// checkPartitionKeys checks that the prefix and those who give the keys agree: every key in the prefix has its source, and
// every key of the query its place. It comes after the checks of prefix and processors. The service's quota of 50 keys
// needs no check: a prefix has no room for them.
func checkPartitionKeys(d *extendedS3) error {
	if !partitioned(d) {
		return nil
	}
	prefix, err := compilePrefix(d)
	if err != nil {
		return invalidArgument("%s", err)
	}
	queryKeys, lambdaKeys := prefix.QueryKeys(), prefix.LambdaKeys()
	if len(lambdaKeys) > 0 && runningProcessor(d.ProcessingConfiguration, types.ProcessorTypeLambda) == nil {
		return invalidArgument("S3 Prefix can't contain partitionKeyFromLambda keys when no Lambda processor is present")
	}
	var keys []string
	if text := query(d); text != "" {
		compiled, err := jq.Compile(text)
		if err != nil {
			return invalidArgument("MetaDataExtraction JQ Query is invalid: %s", err)
		}
		keys = compiled.Keys()
	}
	for _, key := range keys {
		if !slices.Contains(queryKeys, key) {
			return invalidArgument("MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression")
		}
	}
	for _, key := range queryKeys {
		if !slices.Contains(keys, key) {
			return invalidArgument("S3 Prefix expression can't contain keys that are not present in the MetaDataExtraction JQ Query")
		}
	}
	return nil
}
