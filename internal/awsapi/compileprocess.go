package awsapi

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"firehose/internal/objectkey"
	"firehose/internal/process"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// ActivePartitionsMax is the service's quota of partitions that are open at once. Whoever runs a stream may set another.
const ActivePartitionsMax = 500

// compileProcess derives what is done to records, but for partition keys. Processors that are not enabled do nothing. The
// parameters are those of a document, canonical and checked.
func compileProcess(c *types.ProcessingConfiguration) (p process.Config, err error) {
	for _, each := range running(c) {
		value := func(name types.ProcessorParameterName) string { return aws.ToString(parameterValue(each, name)) }
		switch each.Type {
		case types.ProcessorTypeDecompression:
			p.Decompress = true
		case types.ProcessorTypeCloudWatchLogProcessing:
			p.Messages = strings.EqualFold(value(types.ProcessorParameterNameDataMessageExtraction), "true")
		case types.ProcessorTypeRecordDeAggregation:
			p.Split = &process.Split{JSON: value(types.ProcessorParameterNameSubRecordType) == "JSON"}
			if !p.Split.JSON {
				p.Split.Delimiter, err = decodeDelimiter(value(types.ProcessorParameterNameDelimiter))
			}
		case types.ProcessorTypeLambda:
			p.Lambda, err = compileLambda(each)
		}
		if err != nil {
			return process.Config{}, fmt.Errorf("processor %s: %w", each.Type, err)
		}
	}
	return p, nil
}

// running returns the processors that run.
func running(c *types.ProcessingConfiguration) []types.Processor {
	if c := orZero(c); aws.ToBool(c.Enabled) {
		return c.Processors
	}
	return nil
}

// runningProcessor returns the processor of a type that runs, or nil.
func runningProcessor(c *types.ProcessingConfiguration, t types.ProcessorType) *types.Processor {
	for _, p := range running(c) {
		if p.Type == t {
			return &p
		}
	}
	return nil
}

// decodeDelimiter reads the base64 of what stands between records.
func decodeDelimiter(text string) (string, error) {
	delimiter, err := base64.StdEncoding.DecodeString(text)
	if err == nil && len(delimiter) == 0 {
		err = fmt.Errorf("empty delimiter")
	}
	return string(delimiter), err
}

func compileLambda(p types.Processor) (*process.Lambda, error) {
	number := func(name types.ProcessorParameterName, reads *float64) (err error) {
		*reads, err = strconv.ParseFloat(aws.ToString(parameterValue(p, name)), 64)
		return err
	}
	var retries, size, interval float64
	for _, err := range []error{
		number(types.ProcessorParameterNameLambdaNumberOfRetries, &retries),
		number(types.ProcessorParameterNameBufferSizeInMb, &size),
		number(types.ProcessorParameterNameBufferIntervalInSeconds, &interval),
	} {
		if err != nil {
			return nil, err
		}
	}
	return &process.Lambda{
		ARN:      aws.ToString(parameterValue(p, types.ProcessorParameterNameLambdaArn)),
		Retries:  int(retries),
		Size:     int64(size * (1 << 20)),
		Interval: time.Duration(interval * float64(time.Second)),
	}, nil
}

// compilePartition derives where partition keys come from, or nil if there are none; which keys there are is the prefix's to
// say.
func compilePartition(d *extendedS3) (*process.Partition, error) {
	if !partitioned(d) {
		return nil, nil
	}
	prefix, err := compilePrefix(d)
	if err != nil {
		return nil, err
	}
	return &process.Partition{
		Query:      query(d),
		QueryKeys:  prefix.QueryKeys(),
		LambdaKeys: prefix.LambdaKeys(),
		ActiveMax:  ActivePartitionsMax,
	}, nil
}

// query returns the text of the query for partition keys, or nothing if none runs.
func query(d *extendedS3) string {
	if p := runningProcessor(d.ProcessingConfiguration, types.ProcessorTypeMetadataExtraction); p != nil {
		return aws.ToString(parameterValue(*p, types.ProcessorParameterNameMetadataExtractionQuery))
	}
	return ""
}

// compilePrefix compiles the prefixes of a destination. The text of the error is the service's message.
func compilePrefix(d *extendedS3) (*objectkey.Template, error) {
	location, err := objectkey.ParseZone(aws.ToString(d.CustomTimeZone))
	if err != nil {
		return nil, err
	}
	options := objectkey.Options{DynamicPartitioning: partitioned(d), Location: location}
	prefix, _, err := objectkey.Compile(aws.ToString(d.Prefix), aws.ToString(d.ErrorOutputPrefix), options)
	return prefix, err
}
