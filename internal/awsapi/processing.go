package awsapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// mergeProcessing replaces the stored processors whole and puts the new ones into the form in which they are described.
// An omitted Enabled stays what it was.
func mergeProcessing(stored, given *types.ProcessingConfiguration, role *string) *types.ProcessingConfiguration {
	if given == nil {
		return stored
	}
	merged := &types.ProcessingConfiguration{
		Enabled:    cmp.Or(given.Enabled, orZero(stored).Enabled, aws.Bool(false)),
		Processors: []types.Processor{},
	}
	for _, p := range given.Processors {
		merged.Processors = append(merged.Processors, types.Processor{Type: p.Type, Parameters: canonicalParameters(p, role)})
	}
	return merged
}

// canonicalParameters completes and orders the parameters of a processor as the service shows them.
func canonicalParameters(p types.Processor, role *string) []types.ProcessorParameter {
	parameters := append([]types.ProcessorParameter{}, p.Parameters...)
	switch p.Type {
	case types.ProcessorTypeLambda:
		return lambdaParameters(parameters, role)
	case types.ProcessorTypeAppendDelimiterToRecord:
		return []types.ProcessorParameter{}
	case types.ProcessorTypeDecompression:
		if parameterValue(p, types.ProcessorParameterNameCompressionFormat) == nil {
			parameters = append(parameters, parameter(types.ProcessorParameterNameCompressionFormat, "GZIP"))
		}
	case types.ProcessorTypeCloudWatchLogProcessing:
		for i := range parameters {
			if parameters[i].ParameterName == types.ProcessorParameterNameDataMessageExtraction {
				parameters[i].ParameterValue = aws.String(strings.ToLower(*parameters[i].ParameterValue))
			}
		}
	}
	return parameters
}

// lambdaParameters puts the five parameters of a Lambda processor first, in their fixed order, defaults filled in.
func lambdaParameters(given []types.ProcessorParameter, role *string) []types.ProcessorParameter {
	five := []types.ProcessorParameter{
		{ParameterName: types.ProcessorParameterNameLambdaArn},
		parameter(types.ProcessorParameterNameLambdaNumberOfRetries, "3"),
		{ParameterName: types.ProcessorParameterNameRoleArn, ParameterValue: role},
		parameter(types.ProcessorParameterNameBufferSizeInMb, "1"),
		parameter(types.ProcessorParameterNameBufferIntervalInSeconds, "60"),
	}
	var others []types.ProcessorParameter
	for _, g := range given {
		i := slices.IndexFunc(five, func(p types.ProcessorParameter) bool { return p.ParameterName == g.ParameterName })
		if i < 0 {
			others = append(others, g)
			continue
		}
		five[i].ParameterValue = g.ParameterValue
	}
	five = slices.DeleteFunc(five, func(p types.ProcessorParameter) bool { return p.ParameterValue == nil })
	return append(five, others...)
}

func parameter(name types.ProcessorParameterName, value string) types.ProcessorParameter {
	return types.ProcessorParameter{ParameterName: name, ParameterValue: &value}
}

// parameterValue returns a processor's parameter, or nil.
func parameterValue(p types.Processor, name types.ProcessorParameterName) *string {
	for _, parameter := range p.Parameters {
		if parameter.ParameterName == name {
			return parameter.ParameterValue
		}
	}
	return nil
}
