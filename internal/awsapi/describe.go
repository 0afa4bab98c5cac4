package awsapi

import (
	"strconv"

	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// describeInput is DescribeDeliveryStream's input. Its members for paging are valid and have no effect: a stream has one
// destination.
type describeInput struct {
	DeliveryStreamName string
}

func (h *Handler) describeDeliveryStream(c *call, in *describeInput) (any, error) {
	s, err := h.streams.Get(c.key(in.DeliveryStreamName))
	if err != nil {
		return nil, err
	}
	description, err := describe(&s)
	if err != nil {
		return nil, err
	}
	return map[string]any{"DeliveryStreamDescription": description}, nil
}

func describe(s *stream.Stream) (*types.DeliveryStreamDescription, error) {
	source, destinations, err := describeDocument(s)
	if err != nil {
		return nil, err
	}
	d := &types.DeliveryStreamDescription{
		DeliveryStreamName:   &s.Name,
		DeliveryStreamARN:    aws.String(s.Key.ARN()),
		DeliveryStreamStatus: types.DeliveryStreamStatus(s.Status),
		DeliveryStreamType:   types.DeliveryStreamType(s.Type),
		FailureDescription:   describeFailure(s.Failure),
		VersionId:            aws.String(strconv.Itoa(s.Version)),
		CreateTimestamp:      &s.Created,
		Source:               source,
		Destinations:         destinations,
		HasMoreDestinations:  aws.Bool(false),

		DeliveryStreamEncryptionConfiguration: describeEncryption(&s.Encryption),
	}
	if !s.Updated.IsZero() {
		d.LastUpdateTimestamp = &s.Updated
	}
	return d, nil
}

// describeDocument shows what a stream's document says.
func describeDocument(s *stream.Stream) (*types.SourceDescription, []types.DestinationDescription, error) {
	if isNative(s) {
		destinations, err := describeNative(s)
		return nil, destinations, err
	}
	doc, err := parseDocument(s.Document())
	if err != nil {
		return nil, nil, err
	}
	destination := doc.Destination
	doc.declared().describe(&destination)
	return doc.Source, []types.DestinationDescription{destination}, nil
}

// describeEncryption shows a stream's encryption; one that is disabled has no key.
func describeEncryption(e *stream.Encryption) *types.DeliveryStreamEncryptionConfiguration {
	if e.Status == "" || e.Status == stream.EncryptionDisabled {
		return &types.DeliveryStreamEncryptionConfiguration{Status: types.DeliveryStreamEncryptionStatusDisabled}
	}
	d := &types.DeliveryStreamEncryptionConfiguration{
		Status:             types.DeliveryStreamEncryptionStatus(e.Status),
		KeyType:            types.KeyType(e.KeyType),
		FailureDescription: describeFailure(e.Failure),
	}
	if e.KeyARN != "" {
		d.KeyARN = &e.KeyARN
	}
	return d
}

func describeFailure(f *stream.Failure) *types.FailureDescription {
	if f == nil {
		return nil
	}
	return &types.FailureDescription{Type: types.DeliveryStreamFailureType(f.Type), Details: &f.Details}
}
