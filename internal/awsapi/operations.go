package awsapi

import (
	"fmt"
	"time"

	"firehose/internal/awsapi/model"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// operations is the table of the API's operations.
func operations(h *Handler) map[string]operation {
	return map[string]operation{
		"PutRecord":                     {putBodyMax, h.putRecord},
		"PutRecordBatch":                {putBodyMax, h.putRecordBatch},
		"CreateDeliveryStream":          control("CreateDeliveryStream", h.createDeliveryStream),
		"DescribeDeliveryStream":        control("DescribeDeliveryStream", h.describeDeliveryStream),
		"ListDeliveryStreams":           control("ListDeliveryStreams", h.listDeliveryStreams),
		"UpdateDestination":             control("UpdateDestination", h.updateDestination),
		"DeleteDeliveryStream":          control("DeleteDeliveryStream", h.deleteDeliveryStream),
		"StartDeliveryStreamEncryption": control("StartDeliveryStreamEncryption", h.startDeliveryStreamEncryption),
		"StopDeliveryStreamEncryption":  control("StopDeliveryStreamEncryption", h.stopDeliveryStreamEncryption),
		"TagDeliveryStream":             control("TagDeliveryStream", h.tagDeliveryStream),
		"UntagDeliveryStream":           control("UntagDeliveryStream", h.untagDeliveryStream),
		"ListTagsForDeliveryStream":     control("ListTagsForDeliveryStream", h.listTagsForDeliveryStream),
	}
}

// empty is the output of operations that answer nothing.
type empty struct{}

// control makes an operation of a function from its typed input to its typed output; the input meets all constraints of
// the model.
func control[In any](name string, run func(*call, *In) (output any, err error)) operation {
	shape := model.Operations()[name]
	return operation{controlBodyMax, func(c *call) ([]byte, error) {
		tree, err := decode(shape, c.body)
		if err != nil {
			return nil, err
		}
		in := new(In)
		if err := fromTree(tree, in); err != nil {
			return nil, fmt.Errorf("read input of %s: %w", name, err)
		}
		output, err := run(c, in)
		if err != nil {
			return nil, err
		}
		return marshal(output)
	}}
}

// decode reads a body and checks it against the model.
func decode(shape *model.Shape, body []byte) (map[string]any, error) {
	tree, err := model.Decode(shape, body)
	if err != nil {
		return nil, err
	}
	if err := preempt(tree); err != nil {
		return nil, err
	}
	restore := hideEmptyNames(tree)
	violations := model.Validate(shape, tree)
	restore()
	if violations != nil {
		return nil, &Error{"ValidationException", model.Message(violations)}
	}
	return tree, nil
}

// jsonForm is how typed values are written: absent members left out, empty lists kept, names sorted where they are a
// map's, times as seconds since 1970 with milliseconds.
var jsonForm = json.JoinOptions(
	json.OmitZeroStructFields(true),
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, t time.Time) error {
		return e.WriteToken(jsontext.Float(float64(t.UnixMilli()) / 1000))
	})),
)

func marshal(value any) ([]byte, error) { return json.Marshal(value, jsonForm) }

// fromTree fills a typed value from a tree of the model.
func fromTree(tree map[string]any, value any) error {
	text, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}
