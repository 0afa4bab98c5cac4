package native

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Change is one difference between two documents.
type Change struct {
	Path string          `json:"path"`           // such as destinations[lake].batch.size
	From json.RawMessage `json:"from,omitempty"` // as JSON; nothing if it is new
	To   json.RawMessage `json:"to,omitempty"`   // nothing if it is taken away
}

// Changes lists what becomes different when d takes the place of before, which may be nil. Defaults are filled in on both
// sides, so that writing one out is no change.
func (d *Document) Changes(before *Document) []Change {
	if before == nil {
		return []Change{{To: d.full().json(nil)}}
	}
	var list []Change
	compare(before.full(), d.full(), "", &list)
	return list
}

// compare adds the differences of two values, one of which may be nil.
func compare(from, to *tree, path string, list *[]Change) {
	switch {
	case from == nil || to == nil:
		*list = append(*list, Change{Path: path, From: raw(from), To: raw(to)})
	case from.kind == kindMapping && to.kind == kindMapping:
		for i, key := range to.keys {
			compare(from.get(key), to.values[i], join(path, key), list)
		}
		for i, key := range from.keys {
			if to.get(key) == nil {
				compare(from.values[i], nil, join(path, key), list)
			}
		}
	case entries(from) != nil && entries(to) != nil:
		compare(entries(from), entries(to), path, list)
	case !bytes.Equal(from.json(nil), to.json(nil)):
		*list = append(*list, Change{Path: path, From: raw(from), To: raw(to)})
	}
}

// entries makes a mapping of a list of sections that have an id, so that they are compared by it, wherever they stand.
func entries(t *tree) *tree {
	if t.kind != kindList || len(t.values) == 0 {
		return nil
	}
	by := &tree{kind: kindMapping, values: t.values}
	for _, v := range t.values {
		if v.kind != kindMapping || v.get("id") == nil {
			return nil
		}
		by.keys = append(by.keys, fmt.Sprintf("[%s]", v.get("id").text))
	}
	return by
}

func raw(t *tree) json.RawMessage {
	if t == nil {
		return nil
	}
	return t.json(nil)
}
