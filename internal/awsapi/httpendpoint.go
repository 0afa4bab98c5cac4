package awsapi

import (
	"cmp"
	"time"

	"firehose/internal/config"
	"firehose/internal/destination/httpendpoint"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// httpEndpoint is the description of an HTTP endpoint. It has no access key.
type httpEndpoint = types.HttpEndpointDestinationDescription

// httpGiven is an HTTP endpoint as a request gives it, to create or to change one.
type httpGiven struct {
	RoleARN                     *string
	EndpointConfiguration       *types.HttpEndpointConfiguration
	BufferingHints              *types.HttpEndpointBufferingHints
	CloudWatchLoggingOptions    *types.CloudWatchLoggingOptions
	RequestConfiguration        *types.HttpEndpointRequestConfiguration
	ProcessingConfiguration     *types.ProcessingConfiguration
	RetryOptions                *types.HttpEndpointRetryOptions
	S3BackupMode                types.HttpEndpointS3BackupMode
	SecretsManagerConfiguration *types.SecretsManagerConfiguration
	S3Configuration             *plainS3
	S3Update                    *plainS3
}

func (*httpGiven) kind() string { return "HttpEndpoint" }

// bucket is the S3 destination as the request gives it.
func (g *httpGiven) bucket() *plainS3 { return orZero(cmp.Or(g.S3Configuration, g.S3Update)) }

// apply merges as merge does for S3; of the endpoint and of the request's configuration each member by itself, so that an
// update without the access key, which nobody is shown, keeps it.
func (g *httpGiven) apply(_ stream.Key, doc *document) error {
	stored := orZero(doc.Destination.HttpEndpointDestinationDescription)
	merged := g.merge(stored)
	endpoint := orZero(g.EndpointConfiguration)
	key := doc.Secrets.AccessKey
	if endpoint.AccessKey != nil {
		key = *endpoint.AccessKey
	}
	if err := checkHTTP(stored, g, merged, key); err != nil {
		return err
	}
	doc.Destination.HttpEndpointDestinationDescription, doc.Secrets.AccessKey = merged, key
	return nil
}

func (g *httpGiven) merge(stored *httpEndpoint) *httpEndpoint {
	hints := g.BufferingHints
	if hints != nil && hints.SizeInMBs == nil && hints.IntervalInSeconds == nil {
		hints = nil
	}
	endpoint, storedEndpoint := orZero(g.EndpointConfiguration), orZero(stored.EndpointConfiguration)
	merged := &httpEndpoint{
		RoleARN: cmp.Or(g.RoleARN, stored.RoleARN),
		EndpointConfiguration: &types.HttpEndpointDescription{
			Url:  cmp.Or(endpoint.Url, storedEndpoint.Url),
			Name: cmp.Or(endpoint.Name, storedEndpoint.Name),
		},
		BufferingHints: cmp.Or(hints, stored.BufferingHints,
			&types.HttpEndpointBufferingHints{SizeInMBs: aws.Int32(5), IntervalInSeconds: aws.Int32(300)}),
		CloudWatchLoggingOptions: mergeLogging(stored.CloudWatchLoggingOptions, g.CloudWatchLoggingOptions),
		RequestConfiguration:     mergeRequest(stored.RequestConfiguration, g.RequestConfiguration),
		RetryOptions: &types.HttpEndpointRetryOptions{
			DurationInSeconds: cmp.Or(orZero(g.RetryOptions).DurationInSeconds, orZero(stored.RetryOptions).DurationInSeconds, aws.Int32(300)),
		},
		S3BackupMode:                cmp.Or(g.S3BackupMode, stored.S3BackupMode, types.HttpEndpointS3BackupModeFailedDataOnly),
		S3DestinationDescription:    mergePlain(orZero(stored.S3DestinationDescription), g.bucket()),
		SecretsManagerConfiguration: cmp.Or(g.SecretsManagerConfiguration, stored.SecretsManagerConfiguration),
	}
	if aws.ToString(merged.EndpointConfiguration.Name) == "" {
		merged.EndpointConfiguration.Name = nil
	}
	merged.ProcessingConfiguration = mergeProcessing(stored.ProcessingConfiguration, g.ProcessingConfiguration, merged.RoleARN)
	return merged
}

func mergeRequest(stored, given *types.HttpEndpointRequestConfiguration) *types.HttpEndpointRequestConfiguration {
	stored, given = orZero(stored), orZero(given)
	merged := &types.HttpEndpointRequestConfiguration{
		ContentEncoding:  cmp.Or(given.ContentEncoding, stored.ContentEncoding, types.ContentEncodingNone),
		CommonAttributes: []types.HttpEndpointCommonAttribute{},
	}
	switch {
	case given.CommonAttributes != nil:
		merged.CommonAttributes = given.CommonAttributes
	case stored.CommonAttributes != nil:
		merged.CommonAttributes = stored.CommonAttributes
	}
	return merged
}

// checkHTTP finds what Amazon refuses about an HTTP endpoint.
func checkHTTP(stored *httpEndpoint, given *httpGiven, merged *httpEndpoint, accessKey string) error {
	exists := stored.EndpointConfiguration != nil
	if h := given.BufferingHints; h != nil && (h.SizeInMBs == nil) != (h.IntervalInSeconds == nil) {
		return errHalfHinted
	}
	if err := checkLogging(merged.CloudWatchLoggingOptions); err != nil {
		return err
	}
	if err := checkAttributes(merged.RequestConfiguration.CommonAttributes); err != nil {
		return err
	}
	if given.ProcessingConfiguration != nil {
		around := surroundings{exists: exists, other: true}
		if err := checkProcessing(stored.ProcessingConfiguration, given.ProcessingConfiguration, merged.ProcessingConfiguration, around); err != nil {
			return err
		}
	}
	if err := checkPlain(given.bucket(), merged.S3DestinationDescription); err != nil {
		return err
	}
	if err := checkPlainPrefixes(merged.S3DestinationDescription); err != nil {
		return err
	}
	if stored.S3BackupMode == types.HttpEndpointS3BackupModeAllData && merged.S3BackupMode != stored.S3BackupMode {
		return invalidArgument("Disabling S3 backup is not currently supported.")
	}
	if aws.ToBool(orZero(merged.SecretsManagerConfiguration).Enabled) {
		if exists {
			return unsupported("HttpEndpointDestinationUpdate.SecretsManagerConfiguration")
		}
		return unsupported("HttpEndpointDestinationConfiguration.SecretsManagerConfiguration")
	}
	if err := (httpendpoint.Config{URL: aws.ToString(merged.EndpointConfiguration.Url), AccessKey: config.Secret(accessKey)}).Validate(); err != nil {
		return invalidArgument("HttpEndpointConfiguration is not valid: %s.", err)
	}
	return nil
}

func checkAttributes(attributes []types.HttpEndpointCommonAttribute) error {
	seen := map[string]bool{}
	for _, a := range attributes {
		if name := aws.ToString(a.AttributeName); seen[name] {
			return invalidArgument("Http Endpoint Common Attributes have duplicate name %s", name)
		}
		seen[aws.ToString(a.AttributeName)] = true
	}
	return nil
}

// httpDeclared is an HTTP endpoint of a document.
type httpDeclared struct {
	*httpEndpoint
	accessKey string
}

func (*httpDeclared) kind() string { return "HttpEndpoint" }

func (d *httpDeclared) complete() bool {
	hints, endpoint := orZero(d.BufferingHints), orZero(d.EndpointConfiguration)
	return endpoint.Url != nil && hints.SizeInMBs != nil && hints.IntervalInSeconds != nil &&
		d.CloudWatchLoggingOptions != nil && d.RequestConfiguration != nil && orZero(d.RetryOptions).DurationInSeconds != nil &&
		d.S3DestinationDescription != nil && complete(d.S3DestinationDescription)
}

func (d *httpDeclared) processing() *types.ProcessingConfiguration { return d.ProcessingConfiguration }

// describe has nothing to add.
func (*httpDeclared) describe(*types.DestinationDescription) {}

// compile derives the delivery to the endpoint, whose error outputs go to the bucket, and for AllData another one to the
// same bucket.
func (d *httpDeclared) compile(key stream.Key) ([]stream.Delivery, error) {
	_, bucket := compileS3(d.S3DestinationDescription)
	endpoint := httpendpoint.Config{
		URL:       aws.ToString(d.EndpointConfiguration.Url),
		AccessKey: config.Secret(d.accessKey),
		Gzip:      d.RequestConfiguration.ContentEncoding == types.ContentEncodingGzip,
		SourceARN: key.ARN(),
		Errors:    bucket,
	}
	for _, a := range d.RequestConfiguration.CommonAttributes {
		endpoint.Attributes = append(endpoint.Attributes, httpendpoint.Attribute{Name: aws.ToString(a.AttributeName), Value: aws.ToString(a.AttributeValue)})
	}
	delivery := stream.Delivery{
		ID: destinationID,
		Buffer: stream.Buffer{
			Size:     httpendpoint.SizeMax(int64(*d.BufferingHints.SizeInMBs) << 20),
			Interval: time.Duration(*d.BufferingHints.IntervalInSeconds) * time.Second,
			Count:    httpendpoint.RecordsMax,
		},
		Destination: endpoint,
		Logging:     compileLogging(d.CloudWatchLoggingOptions),
		RetryFor:    max(time.Duration(*d.RetryOptions.DurationInSeconds)*time.Second, 1), // no duration is a single try here
	}
	var err error
	if delivery.Process, err = compileProcess(d.ProcessingConfiguration); err != nil {
		return nil, err
	}
	deliveries := []stream.Delivery{delivery}
	if d.S3BackupMode == types.HttpEndpointS3BackupModeAllData {
		deliveries = append(deliveries, compileBackup(d.S3DestinationDescription))
	}
	return deliveries, nil
}
