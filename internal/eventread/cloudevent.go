package eventread

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// noCloudEvent says what an object lacks to be a CloudEvent of version 1.0 (its specification, sections 3.1 and of the JSON
// format 3.1), or nothing. What its other members say is its producer's business.
func noCloudEvent(object []byte) string {
	var event struct {
		Version jsontext.Value `json:"specversion"`
		ID      jsontext.Value `json:"id"`
		Source  jsontext.Value `json:"source"`
		Type    jsontext.Value `json:"type"`
		Data    jsontext.Value `json:"data"`
		Base64  jsontext.Value `json:"data_base64"`
	}
	if err := json.Unmarshal(object, &event, jsontext.AllowDuplicateNames(true)); err != nil {
		return plainly(err)
	}
	if string(event.Version) != `"1.0"` {
		return `specversion is not "1.0"`
	}
	for _, required := range []struct {
		name  string
		value jsontext.Value
	}{{"id", event.ID}, {"source", event.Source}, {"type", event.Type}} {
		if required.value.Kind() != '"' || string(required.value) == `""` {
			return required.name + " is missing; a CloudEvent has id, source, type and specversion, which are texts and not empty"
		}
	}
	if event.Data != nil && event.Base64 != nil {
		return "both data and data_base64 are there; want one of them"
	}
	return ""
}
