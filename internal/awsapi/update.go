package awsapi

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"firehose/internal/stream"

	"github.com/go-json-experiment/json/jsontext"
)

// updateInput is UpdateDestination's input: what is built with its type, the rest by its presence.
type updateInput struct {
	DeliveryStreamName             string
	CurrentDeliveryStreamVersionId string
	DestinationId                  string

	S3DestinationUpdate         *s3Given
	ExtendedS3DestinationUpdate *s3Given

	RedshiftDestinationUpdate                   jsontext.Value
	ElasticsearchDestinationUpdate              jsontext.Value
	AmazonopensearchserviceDestinationUpdate    jsontext.Value
	AmazonOpenSearchServerlessDestinationUpdate jsontext.Value
	SplunkDestinationUpdate                     jsontext.Value
	HttpEndpointDestinationUpdate               *httpGiven
	SnowflakeDestinationUpdate                  jsontext.Value
	IcebergDestinationUpdate                    jsontext.Value
}

// updates returns the kinds of destination that updates are given for.
func (in *updateInput) updates() (kinds []string) {
	for _, u := range []struct {
		kind  string
		given bool
	}{
		{"S3", in.S3DestinationUpdate != nil},
		{"ExtendedS3", in.ExtendedS3DestinationUpdate != nil},
		{"Redshift", in.RedshiftDestinationUpdate != nil},
		{"Elasticsearch", in.ElasticsearchDestinationUpdate != nil},
		{"Amazonopensearchservice", in.AmazonopensearchserviceDestinationUpdate != nil},
		{"AmazonOpenSearchServerless", in.AmazonOpenSearchServerlessDestinationUpdate != nil},
		{"Splunk", in.SplunkDestinationUpdate != nil},
		{"HttpEndpoint", in.HttpEndpointDestinationUpdate != nil},
		{"Snowflake", in.SnowflakeDestinationUpdate != nil},
		{"Iceberg", in.IcebergDestinationUpdate != nil},
	} {
		if u.given {
			kinds = append(kinds, u.kind)
		}
	}
	return kinds
}

// errUnchanged ends an update that would change nothing; it is no failure.
var errUnchanged = errors.New("nothing to change")

// updateDestination changes a destination. An update that leaves all as it was succeeds and does not count as a version.
func (h *Handler) updateDestination(c *call, in *updateInput) (any, error) {
	key := c.key(in.DeliveryStreamName)
	if err := h.checkTableOfUpdate(c, key, in); err != nil {
		return nil, err
	}
	_, err := h.streams.Update(c.ctx, key, func(s *stream.Stream) error {
		text, err := in.apply(s)
		if err != nil {
			return err
		}
		s.Version++
		s.Documents[s.Version] = text
		s.Updated = h.Now().UTC()
		return nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return nil, err
	}
	return empty{}, nil
}

// checkTableOfUpdate looks for the table of a conversion that the update changes. Asking a catalogue takes its time, and
// nobody else may change a stream while Update works on it, so this comes before. The version that the request names says
// that it is the same document.
func (h *Handler) checkTableOfUpdate(c *call, key stream.Key, in *updateInput) error {
	if h.Tables == nil {
		return nil
	}
	s, err := h.streams.Get(key)
	if err != nil {
		return err
	}
	text, err := in.apply(&s)
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return err
	}
	before, err := parseDocument(s.Document())
	if err != nil {
		return err
	}
	after, err := parseDocument(text)
	if err != nil {
		return err
	}
	old, changed := orZero(before.Destination.ExtendedS3DestinationDescription), orZero(after.Destination.ExtendedS3DestinationDescription)
	if reflect.DeepEqual(old.DataFormatConversionConfiguration, changed.DataFormatConversionConfiguration) {
		return nil
	}
	return h.checkTable(c.ctx, changed)
}

// checkTarget checks status, version, destination and that there is one update, in the service's order.
func (in *updateInput) checkTarget(s *stream.Stream) error {
	if s.Status != stream.Active {
		return wrongStatus("update", s)
	}
	if isNative(s) {
		return changedElsewhere(s)
	}
	if current := strconv.Itoa(s.Version); in.CurrentDeliveryStreamVersionId != current {
		return &Error{"ConcurrentModificationException", fmt.Sprintf(
			"Cannot update firehose: %s since the current version id: %s and specified version id: %s do not match",
			s.Name, current, in.CurrentDeliveryStreamVersionId)}
	}
	if in.DestinationId != destinationID {
		return invalidArgument("Destination Id %s not found", in.DestinationId)
	}
	switch kinds := in.updates(); {
	case len(kinds) == 0:
		return invalidArgument("At least one destination or source configuration update must be provided")
	case len(kinds) > 1:
		return invalidArgument("Exactly one destination configuration is supported for a Firehose")
	}
	return nil
}

// wanted returns the destination that is given, which must be of the kind that is declared.
func (in *updateInput) wanted(doc *document) (wanted, error) {
	given, to := in.updates()[0], wanted(nil)
	if s3 := cmp.Or(in.ExtendedS3DestinationUpdate, in.S3DestinationUpdate); s3 != nil {
		to = s3
	} else if http := in.HttpEndpointDestinationUpdate; http != nil {
		to = http
	}
	switch is := doc.declared().kind(); {
	case to != nil && to.kind() == is:
		return to, nil
	case given == "Redshift" && is == "S3":
		return nil, unsupported("RedshiftDestinationUpdate") // Amazon allows it
	case given == "S3" || given == "ExtendedS3":
		given = is
	}
	return nil, invalidArgument("Changing the destination type to or from %s is not supported at this time.", given)
}

// apply merges the update into a stream's document and checks the outcome. It returns errUnchanged when they mean the
// same.
func (in *updateInput) apply(s *stream.Stream) ([]byte, error) {
	if err := in.checkTarget(s); err != nil {
		return nil, err
	}
	doc, err := parseDocument(s.Document())
	if err != nil {
		return nil, err
	}
	to, err := in.wanted(&doc)
	if err != nil {
		return nil, err
	}
	// The stored text may have been written again in another form; what it says is compared.
	before, err := marshal(&doc)
	if err != nil {
		return nil, err
	}
	if err := to.apply(s.Key, &doc); err != nil {
		return nil, err
	}
	after, err := marshal(&doc)
	if err == nil && bytes.Equal(before, after) {
		err = errUnchanged
	}
	return after, err
}
