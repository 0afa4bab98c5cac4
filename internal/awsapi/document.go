package awsapi

import (
	"fmt"

	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/go-json-experiment/json"
)

// The identity of a stream's one destination, and what stands behind it in that of its backup's delivery.
const (
	destinationID = "destinationId-000000000001"
	backupSuffix  = "-backup"
)

// document is what is stored of a stream's declaration: what DescribeDeliveryStream shows, in full.
type document struct {
	Source      *types.SourceDescription
	Destination types.DestinationDescription
	Secrets     secrets `json:",omitzero"` // which no description shows, and stream.Shown leaves out
}

// secrets are the values of a declaration that must come back to nobody.
type secrets struct {
	AccessKey string `json:",omitzero"` // of an HTTP endpoint
}

// wanted is a destination as a request gives it. There is one type for each kind of destination.
type wanted interface {
	// kind is the word for the kind in the names of the API's members: "HttpEndpoint".
	kind() string

	// apply merges what is given into the destination of a document and checks the outcome. Creating a stream is applying to
	// a document that has none yet. On an error the document is as it was.
	apply(key stream.Key, doc *document) error
}

// declared is a destination as a document holds it, in canonical form, all defaults filled in. There is one type for each
// kind of destination.
type declared interface {
	// kind is the word that wanted has for it.
	kind() string

	// complete says whether there is what apply fills in.
	complete() bool

	// processing is what is done to records first.
	processing() *types.ProcessingConfiguration

	// compile derives what runs.
	compile(key stream.Key) ([]stream.Delivery, error)

	// describe adds to the stored description what follows from it.
	describe(*types.DestinationDescription)
}

// declared returns the destination of the document, or nil if it has none of a kind that is built.
func (d *document) declared() declared {
	if s3 := d.Destination.ExtendedS3DestinationDescription; s3 != nil {
		return (*s3Declared)(s3)
	}
	if http := d.Destination.HttpEndpointDestinationDescription; http != nil {
		return &httpDeclared{http, d.Secrets.AccessKey}
	}
	return nil
}

// parseDocument reads a stored document. It must be of this language and hold a destination.
func parseDocument(text []byte) (document, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return document{}, fmt.Errorf("read document: %w", err)
	}
	switch to := d.declared(); {
	case to == nil:
		return document{}, fmt.Errorf("read document: it has no destination")
	case !to.complete():
		return document{}, fmt.Errorf("read document: its %s destination is not complete", to.kind())
	}
	return d, nil
}

// Compile derives what runs from a stored document; it is the stream.Compile of this language.
func Compile(key stream.Key, text []byte) (stream.Spec, error) {
	doc, err := parseDocument(text)
	if err != nil {
		return stream.Spec{}, err
	}
	deliveries, err := doc.declared().compile(key)
	if err != nil {
		return stream.Spec{}, fmt.Errorf("read document: %w", err)
	}
	return stream.Spec{Deliveries: deliveries}, nil
}
