package awsapi

import (
	"strconv"
	"time"

	"firehose/internal/destination"
	"firehose/internal/destination/httpendpoint"
	"firehose/internal/destination/s3"
	"firehose/internal/destination/webhook"
	"firehose/internal/eventbody"
	"firehose/internal/native"
	"firehose/internal/process"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// isNative says whether a stream is declared in the product's own language. Amazon's API shows it as far as its words go, and
// does not change it.
func isNative(s *stream.Stream) bool { return s.Language == native.Language }

// describeNative shows the destinations of a native stream as this API would have declared them. What it has no words for
// (filters, masks, formats, fields in keys) is left out, and so is every credential.
func describeNative(s *stream.Stream) ([]types.DestinationDescription, error) {
	spec, err := native.Compile(s.Key, s.Document())
	if err != nil {
		return nil, err
	}
	destinations := []types.DestinationDescription{}
	for _, d := range spec.Deliveries {
		if r, ok := d.Destination.(destination.Referrer); ok {
			d.Destination = r.Unresolved()
		}
		shown := types.DestinationDescription{DestinationId: aws.String(d.ID)}
		switch config := d.Destination.(type) {
		case s3.Config:
			shown.ExtendedS3DestinationDescription = describeBucket(s.Key, d, config)
			shown.S3DestinationDescription = reduced(shown.ExtendedS3DestinationDescription)
		case httpendpoint.Config:
			shown.HttpEndpointDestinationDescription = describeEndpoint(s.Key, d, config)
		case webhook.Config:
			shown.HttpEndpointDestinationDescription = describeWebhook(s.Key, d, config)
		}
		destinations = append(destinations, shown)
	}
	return destinations, nil
}

// nativeRole stands for the server's own credentials: Amazon requires a role, and a native stream has none.
func nativeRole(key stream.Key) *string {
	return aws.String("arn:aws:iam::" + key.Account + ":role/firehose")
}

// up divides and rounds up.
func up[T int64 | time.Duration](value, unit T) *int32 {
	return aws.Int32(int32((value + unit - 1) / unit))
}

// describeBucket shows a delivery to S3.
func describeBucket(key stream.Key, d stream.Delivery, config s3.Config) *extendedS3 {
	shown := &extendedS3{
		RoleARN:                  nativeRole(key),
		BucketARN:                aws.String(config.Target()),
		Prefix:                   aws.String(config.Prefix),
		ErrorOutputPrefix:        aws.String(config.ErrorPrefix),
		CompressionFormat:        types.CompressionFormat(config.Compression),
		BufferingHints:           &types.BufferingHints{SizeInMBs: up(d.Buffer.Size, 1<<20), IntervalInSeconds: up(d.Buffer.Interval, time.Second)},
		EncryptionConfiguration:  &types.EncryptionConfiguration{NoEncryptionConfig: types.NoEncryptionConfigNoEncryption},
		CloudWatchLoggingOptions: &types.CloudWatchLoggingOptions{Enabled: aws.Bool(false)},
		S3BackupMode:             types.S3BackupModeDisabled,
		ProcessingConfiguration:  describeFunction(d.Process.Lambda),
	}
	if config.Events != nil {
		shown.CompressionFormat = eventCompressions[config.Events.Body.Compression]
		shown.Prefix = nil // the key is in another language
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

// describeFunction shows the function of a delivery; nil without one.
func describeFunction(l *process.Lambda) *types.ProcessingConfiguration {
	if l == nil {
		return nil
	}
	parameter := func(name types.ProcessorParameterName, value string) types.ProcessorParameter {
		return types.ProcessorParameter{ParameterName: name, ParameterValue: &value}
	}
	return &types.ProcessingConfiguration{Enabled: aws.Bool(true), Processors: []types.Processor{{Type: types.ProcessorTypeLambda, Parameters: []types.ProcessorParameter{
		parameter(types.ProcessorParameterNameLambdaArn, l.ARN),
		parameter(types.ProcessorParameterNameLambdaNumberOfRetries, strconv.Itoa(l.Retries)),
		parameter(types.ProcessorParameterNameBufferSizeInMb, strconv.FormatFloat(float64(l.Size)/(1<<20), 'g', 4, 64)),
		parameter(types.ProcessorParameterNameBufferIntervalInSeconds, strconv.Itoa(int(*up(l.Interval, time.Second)))),
	}}}}
}

// eventCompressions are those of events that Amazon has a word for. Its Snappy is another container than that of events.
var eventCompressions = map[eventbody.Compression]types.CompressionFormat{
	eventbody.None: types.CompressionFormatUncompressed,
	eventbody.Gzip: types.CompressionFormatGzip,
	eventbody.Zip:  types.CompressionFormatZip,
}

// describeEndpoint shows a delivery to an HTTP endpoint. How long it is tried again, which is without end, has no word.
func describeEndpoint(key stream.Key, d stream.Delivery, config httpendpoint.Config) *httpEndpoint {
	shown := describeHTTP(key, d, config.URL, config.Errors)
	if config.Gzip {
		shown.RequestConfiguration.ContentEncoding = types.ContentEncodingGzip
	}
	for _, a := range config.Attributes {
		shown.RequestConfiguration.CommonAttributes = append(shown.RequestConfiguration.CommonAttributes,
			types.HttpEndpointCommonAttribute{AttributeName: aws.String(a.Name), AttributeValue: aws.String(a.Value)})
	}
	return shown
}

// describeWebhook shows a delivery to a webhook, which speaks another protocol, by the nearest that Amazon has. Paths of
// webhooks often are what keeps others out, so only the beginning of the address is shown.
func describeWebhook(key stream.Key, d stream.Delivery, config webhook.Config) *httpEndpoint {
	shown := describeHTTP(key, d, config.Target(), config.Errors)
	if config.Format != nil && config.Format.Compression == eventbody.Gzip {
		shown.RequestConfiguration.ContentEncoding = types.ContentEncodingGzip
	}
	return shown
}

// describeHTTP shows what all deliveries over HTTP have: the address, under the destination's name, and the bucket of error
// outputs if there is one.
func describeHTTP(key stream.Key, d stream.Delivery, url string, failed destination.Config) *httpEndpoint {
	shown := &httpEndpoint{
		RoleARN:                  nativeRole(key),
		EndpointConfiguration:    &types.HttpEndpointDescription{Name: aws.String(d.ID), Url: aws.String(url)},
		BufferingHints:           &types.HttpEndpointBufferingHints{SizeInMBs: up(d.Buffer.Size, 1<<20), IntervalInSeconds: up(d.Buffer.Interval, time.Second)},
		CloudWatchLoggingOptions: &types.CloudWatchLoggingOptions{Enabled: aws.Bool(false)},
		RequestConfiguration:     &types.HttpEndpointRequestConfiguration{ContentEncoding: types.ContentEncodingNone, CommonAttributes: []types.HttpEndpointCommonAttribute{}},
		S3BackupMode:             types.HttpEndpointS3BackupModeFailedDataOnly,
		ProcessingConfiguration:  describeFunction(d.Process.Lambda),
	}
	if bucket, ok := failed.(s3.Config); ok {
		shown.S3DestinationDescription = reduced(describeBucket(key, d, bucket))
	}
	return shown
}

// changedElsewhere refuses to change a native stream's destination.
func changedElsewhere(s *stream.Stream) *Error {
	return invalidArgument("Firehose %s was declared as a document of this server's own API; change it there: PUT /v1/streams/%s", s.Name, s.Name)
}
