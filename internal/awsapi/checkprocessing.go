package awsapi

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

const processorsMax = 5

// surroundings is what the check of processors needs to know of the rest of a destination.
type surroundings struct {
	exists      bool // the destination is changed, not made
	partitioned bool // by dynamic partitioning
	other       bool // it is no S3 destination
}

// checkProcessing checks processors as a request gives them, if they are to run: stored is what was there before.
func checkProcessing(stored, given, merged *types.ProcessingConfiguration, around surroundings) error {
	if !*merged.Enabled {
		return nil
	}
	if n := len(given.Processors); n < 1 || n > processorsMax {
		return invalidArgument("A maximum of %d and a minimum of 1 processor needs to be supplied when processing is enabled.", processorsMax)
	}
	count := map[types.ProcessorType]int{}
	for _, p := range given.Processors {
		count[p.Type]++
	}
	for _, p := range given.Processors {
		if count[p.Type] > 1 && p.Type != types.ProcessorTypeAppendDelimiterToRecord { // which means the same twice
			return invalidArgument("Cannot have more than 1 %s processor.", p.Type)
		}
	}
	for _, p := range given.Processors {
		if err := checkProcessor(p, around); err != nil {
			return err
		}
	}
	decompression := count[types.ProcessorTypeDecompression] > 0
	if !decompression && count[types.ProcessorTypeCloudWatchLogProcessing] > 0 {
		return invalidArgument("CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor")
	}
	if decompression && around.exists && !runs(stored, types.ProcessorTypeLambda) && !runs(stored, types.ProcessorTypeDecompression) {
		return invalidArgument("Enabling source decompression is not supported for existing stream with no Lambda function attached.")
	}
	return nil
}

// runs says whether a configuration has a processor of a type.
func runs(c *types.ProcessingConfiguration, t types.ProcessorType) bool {
	for _, p := range orZero(c).Processors {
		if p.Type == t {
			return true
		}
	}
	return false
}

func checkProcessor(p types.Processor, around surroundings) error {
	switch p.Type {
	case types.ProcessorTypeLambda:
		return checkLambda(p)
	case types.ProcessorTypeMetadataExtraction:
		if !around.partitioned {
			return invalidArgument("class com.amazonaws.services.firehose.internal.model.MetadataExtractionProcessor can only be present when Dynamic Partitioning is enabled.")
		}
		if aws.ToString(parameterValue(p, types.ProcessorParameterNameJsonParsingEngine)) != "JQ-1.6" {
			return invalidArgument("MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6")
		}
		if aws.ToString(parameterValue(p, types.ProcessorParameterNameMetadataExtractionQuery)) == "" {
			return invalidArgument("MetadataExtractionQuery is required when MetadataExtraction processor is used.")
		}
	case types.ProcessorTypeRecordDeAggregation:
		return checkDeAggregation(p, around.partitioned)
	case types.ProcessorTypeAppendDelimiterToRecord:
		if around.other {
			return invalidArgument("Processor %s is not supported for this destination.", p.Type)
		}
	case types.ProcessorTypeDecompression:
		if format := parameterValue(p, types.ProcessorParameterNameCompressionFormat); format != nil && *format != "GZIP" {
			return invalidArgument("CompressionFormat has to be GZIP")
		}
	case types.ProcessorTypeCloudWatchLogProcessing:
		switch strings.ToLower(aws.ToString(parameterValue(p, types.ProcessorParameterNameDataMessageExtraction))) {
		case "true", "false":
		default:
			return invalidArgument("Invalid parameter value for DataMessageExtraction. Allowed values are True and False.")
		}
	}
	return nil
}

func checkDeAggregation(p types.Processor, partitioned bool) error {
	if !partitioned {
		return invalidArgument("class com.amazonaws.services.firehose.internal.model.RecordDeAggregationProcessor can only be present when Dynamic Partitioning is enabled.")
	}
	switch aws.ToString(parameterValue(p, types.ProcessorParameterNameSubRecordType)) {
	case "JSON":
	case "DELIMITED":
		delimiter := parameterValue(p, types.ProcessorParameterNameDelimiter)
		if delimiter == nil {
			return invalidArgument("Delimiter should be present for DELIMITED")
		}
		if _, err := decodeDelimiter(*delimiter); err != nil {
			return invalidArgument("Delimiter should be encoded in base64 for DELIMITED")
		}
	default:
		return invalidArgument("SubRecordType has to be one of JSON, DELIMITED")
	}
	return nil
}

func checkLambda(p types.Processor) error {
	size := parameterValue(p, types.ProcessorParameterNameBufferSizeInMb)
	interval := parameterValue(p, types.ProcessorParameterNameBufferIntervalInSeconds)
	switch {
	case parameterValue(p, types.ProcessorParameterNameLambdaArn) == nil:
		return invalidArgument("LambdaArn is required when Lambda processor is used.")
	case !wholeWithin(parameterValue(p, types.ProcessorParameterNameLambdaNumberOfRetries), 0, 300):
		return invalidArgument("Number of retries for lambda must be between 0 and 300.")
	case !within(size, 0.2, 3):
		return invalidArgument("BufferSizeInMBs for lambda processor must be between 0.2 and 3.")
	case !wholeWithin(interval, 0, 900):
		return invalidArgument("BufferIntervalInSeconds for lambda processor must be between 0 and 900.")
	case (size == nil) != (interval == nil):
		return invalidArgument("Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure buffering for lambda processor.")
	}
	return nil
}

// within says whether a text is a number within bounds, or absent.
func within(text *string, low, high float64) bool {
	if text == nil {
		return true
	}
	f, err := strconv.ParseFloat(*text, 64)
	return err == nil && low <= f && f <= high
}

// wholeWithin says whether a text is a whole number within bounds, or absent.
func wholeWithin(text *string, low, high int) bool {
	if text == nil {
		return true
	}
	n, err := strconv.Atoi(*text)
	return err == nil && low <= n && n <= high
}
