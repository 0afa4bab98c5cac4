package preview

import (
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/filter"
)

// shownValue is a value of the event as it may be shown: as masks leave it where it stands.
//
// The masks see an event that holds the value alone, at its path. So they do to it what they do in the whole event, and an
// array's elements and components of a masked object are theirs to judge. What they took out, and what cannot be found again,
// is told by three stars.
func (r *run) shownValue(names []string, value json.RawMessage) json.RawMessage {
	if value == nil {
		return nil
	}
	if len(names) == 0 { // all of the event
		return orHidden(r.steps.Shown(value))
	}
	whole := []byte(value)
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] == filter.Each {
			whole = append(append([]byte{'['}, whole...), ']')
			continue
		}
		name, err := jsontext.AppendQuote([]byte{'{'}, names[i])
		if err != nil {
			return hidden()
		}
		whole = append(append(append(name, ':'), whole...), '}')
	}
	return orHidden(dig(r.steps.Shown(whole), names))
}

// dig returns what stands at a path that leads through the only member of each object and the only element of each array.
func dig(whole []byte, names []string) []byte {
	for _, name := range names {
		if name == filter.Each {
			var elements []json.RawMessage
			if json.Unmarshal(whole, &elements) != nil || len(elements) != 1 {
				return nil
			}
			whole = elements[0]
			continue
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(whole, &members) != nil || len(members) != 1 {
			return nil
		}
		for _, only := range members { // a name that is not UTF-8 does not come back the same
			whole = only
		}
	}
	return whole
}

func hidden() json.RawMessage { return json.RawMessage(`"***"`) }

func orHidden(value []byte) json.RawMessage {
	if value == nil {
		return hidden()
	}
	return value
}
