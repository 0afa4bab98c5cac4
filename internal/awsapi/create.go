package awsapi

import (
	"cmp"
	"encoding/json"
	"errors"

	"firehose/internal/record"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/go-json-experiment/json/jsontext"
)

// createInput is CreateDeliveryStream's input: what is built with its type, the rest by its presence.
type createInput struct {
	DeliveryStreamName string
	DeliveryStreamType string

	DirectPutSourceConfiguration     *types.DirectPutSourceConfiguration
	KinesisStreamSourceConfiguration jsontext.Value
	MSKSourceConfiguration           jsontext.Value
	DatabaseSourceConfiguration      jsontext.Value

	S3DestinationConfiguration                      *s3Given
	ExtendedS3DestinationConfiguration              *s3Given
	RedshiftDestinationConfiguration                jsontext.Value
	ElasticsearchDestinationConfiguration           jsontext.Value
	AmazonopensearchserviceDestinationConfiguration jsontext.Value
	SplunkDestinationConfiguration                  jsontext.Value
	HttpEndpointDestinationConfiguration            *httpGiven

	AmazonOpenSearchServerlessDestinationConfiguration jsontext.Value
	SnowflakeDestinationConfiguration                  jsontext.Value
	IcebergDestinationConfiguration                    jsontext.Value

	DeliveryStreamEncryptionConfigurationInput *types.DeliveryStreamEncryptionConfigurationInput

	Tags []types.Tag
}

// destinations returns the names of the destinations that are given.
func (in *createInput) destinations() (names []string) {
	for _, d := range []struct {
		name  string
		given bool
	}{
		{"S3DestinationConfiguration", in.S3DestinationConfiguration != nil},
		{"ExtendedS3DestinationConfiguration", in.ExtendedS3DestinationConfiguration != nil},
		{"RedshiftDestinationConfiguration", in.RedshiftDestinationConfiguration != nil},
		{"ElasticsearchDestinationConfiguration", in.ElasticsearchDestinationConfiguration != nil},
		{"AmazonopensearchserviceDestinationConfiguration", in.AmazonopensearchserviceDestinationConfiguration != nil},
		{"SplunkDestinationConfiguration", in.SplunkDestinationConfiguration != nil},
		{"HttpEndpointDestinationConfiguration", in.HttpEndpointDestinationConfiguration != nil},
		{"AmazonOpenSearchServerlessDestinationConfiguration", in.AmazonOpenSearchServerlessDestinationConfiguration != nil},
		{"SnowflakeDestinationConfiguration", in.SnowflakeDestinationConfiguration != nil},
		{"IcebergDestinationConfiguration", in.IcebergDestinationConfiguration != nil},
	} {
		if d.given {
			names = append(names, d.name)
		}
	}
	return names
}

func (h *Handler) createDeliveryStream(c *call, in *createInput) (any, error) {
	key := c.key(in.DeliveryStreamName)
	if _, err := h.streams.Get(key); err == nil {
		return nil, alreadyExists(key)
	}
	in.DeliveryStreamType = cmp.Or(in.DeliveryStreamType, string(types.DeliveryStreamTypeDirectPut))
	doc, err := in.document(key)
	if err != nil {
		return nil, err
	}
	if err := h.checkTable(c.ctx, orZero(doc.Destination.ExtendedS3DestinationDescription)); err != nil {
		return nil, err
	}
	text, err := marshal(doc)
	if err != nil {
		return nil, err
	}
	s := stream.Stream{
		Key: key, ID: record.NewStreamID(), Type: in.DeliveryStreamType, Status: stream.Creating,
		Version: 1, Language: Language, Documents: map[int]json.RawMessage{1: text},
		Created: h.Now().UTC(), Tags: tagMap(in.Tags), Encryption: stream.Encryption{Status: stream.EncryptionDisabled},
	}
	if e := in.DeliveryStreamEncryptionConfigurationInput; e != nil {
		startEncryption(&s.Encryption, e)
	}
	if err := h.streams.Create(c.ctx, s); errors.Is(err, stream.ErrQuota) {
		return nil, h.quotaExceeded(key)
	} else if err != nil {
		return nil, err
	}
	return map[string]any{"DeliveryStreamARN": key.ARN()}, nil
}

// document checks what the input declares and writes it in canonical form.
func (in *createInput) document(key stream.Key) (*document, error) {
	destinations := in.destinations()
	if len(destinations) != 1 {
		return nil, invalidArgument("Exactly one destination configuration is supported for a Firehose")
	}
	if err := in.checkSource(destinations[0]); err != nil {
		return nil, err
	}
	if e := in.DeliveryStreamEncryptionConfigurationInput; e != nil {
		if err := checkEncryption(key, in.DeliveryStreamType, e); err != nil {
			return nil, err
		}
	}
	doc := &document{Source: in.source(), Destination: types.DestinationDescription{DestinationId: aws.String(destinationID)}}
	to := in.wanted()
	if to != nil {
		if err := to.apply(key, doc); err != nil {
			return nil, err
		}
	}
	if err := in.checkSourceBuilt(); err != nil {
		return nil, err
	}
	if to == nil {
		return nil, unsupported(destinations[0])
	}
	return doc, nil
}

// wanted returns the destination that is given, or nil if it is of a kind that is not built.
func (in *createInput) wanted() wanted {
	if s3 := cmp.Or(in.ExtendedS3DestinationConfiguration, in.S3DestinationConfiguration); s3 != nil {
		return s3
	}
	if http := in.HttpEndpointDestinationConfiguration; http != nil {
		return http
	}
	return nil
}

// checkSource finds what Amazon refuses about the stream's type and its source.
func (in *createInput) checkSource(destination string) error {
	kinesis, msk := in.KinesisStreamSourceConfiguration != nil, in.MSKSourceConfiguration != nil
	database, direct := in.DatabaseSourceConfiguration != nil, in.DirectPutSourceConfiguration != nil
	switch t := types.DeliveryStreamType(in.DeliveryStreamType); {
	case t == types.DeliveryStreamTypeKinesisStreamAsSource && !kinesis:
		return invalidArgument("KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.")
	case t != types.DeliveryStreamTypeKinesisStreamAsSource && kinesis:
		return invalidArgument("KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type")
	case t == types.DeliveryStreamTypeMSKAsSource && !msk:
		return invalidArgument("MSKSourceConfig is mandatory for MSK as Source stream type.")
	case t != types.DeliveryStreamTypeMSKAsSource && msk:
		return invalidArgument("MSKSourceConfig is only applicable for MSK as Source stream type.")
	case t == types.DeliveryStreamTypeDatabaseAsSource && !database:
		return invalidArgument("DatabaseSourceConfiguration is mandatory for Database as Source stream type.")
	case t == types.DeliveryStreamTypeDatabaseAsSource && destination != "IcebergDestinationConfiguration":
		return invalidArgument("IcebergDestinationConfiguration must be specified for Database as Source.")
	case t != types.DeliveryStreamTypeDatabaseAsSource && database:
		return invalidArgument("DatabaseSourceConfiguration is only applicable for Database as Source stream type.")
	case t != types.DeliveryStreamTypeDirectPut && direct:
		return invalidArgument("DirectPutSourceConfiguration is only applicable for DirectPut stream type.")
	}
	return nil
}

// checkSourceBuilt refuses the sources that nothing here reads yet.
func (in *createInput) checkSourceBuilt() error {
	switch {
	case in.KinesisStreamSourceConfiguration != nil:
		return unsupported("KinesisStreamSourceConfiguration")
	case in.MSKSourceConfiguration != nil:
		return unsupported("MSKSourceConfiguration")
	case in.DatabaseSourceConfiguration != nil:
		return unsupported("DatabaseSourceConfiguration")
	}
	return nil
}

// source describes the source. Plain DirectPut has none to describe.
func (in *createInput) source() *types.SourceDescription {
	if in.DirectPutSourceConfiguration == nil {
		return nil
	}
	return &types.SourceDescription{DirectPutSourceDescription: &types.DirectPutSourceDescription{
		ThroughputHintInMBs: in.DirectPutSourceConfiguration.ThroughputHintInMBs,
	}}
}
