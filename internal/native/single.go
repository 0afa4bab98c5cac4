package native

import (
	"slices"
	"strings"
)

// ParseDestination reads a document for one of its destinations: the whole of one, of which id is chosen (or the only one, if
// it is empty), or a destination alone, which stands as that of a stream of the given name.
func ParseDestination(source []byte, form Form, name, id string) (*Document, *Destination, error) {
	trees, err := readTrees(source, form)
	if err != nil {
		return nil, nil, Problems{{Message: err.Error()}}
	}
	if len(trees) != 1 || trees[0].kind != kindMapping {
		return nil, nil, Problems{{Message: "want one destination, or one document with destinations"}}
	}
	t := trees[0]
	alone := isAlone(t)
	if alone {
		list := &tree{kind: kindList, values: []*tree{t}}
		t = &tree{kind: kindMapping, keys: []string{"destinations"}, values: []*tree{list}}
	}
	if t.get("name") == nil {
		t = &tree{kind: kindMapping, keys: append([]string{"name"}, t.keys...), values: append([]*tree{{kind: kindText, text: name}}, t.values...)}
	}
	d, problems := parse(t)
	if alone {
		for i := range problems {
			problems[i].Path = strings.TrimPrefix(problems[i].Path, "destinations[0].")
		}
	}
	if problems != nil {
		return nil, nil, problems
	}
	var ids []string
	for i := range d.Destinations {
		ids = append(ids, d.Destinations[i].ID)
	}
	at := slices.Index(ids, id)
	switch {
	case id == "" && len(ids) == 1:
		at = 0
	case id == "":
		problems.add("destinations", "", "are several, %s; want one", strings.Join(ids, ", "))
		return nil, nil, problems
	case at < 0:
		problems.add("destinations", id, "is the id of none; there are %s", strings.Join(ids, ", "))
		return nil, nil, problems
	}
	return d, &d.Destinations[at], nil
}

// IsDestination says whether a text is a destination alone and not a whole document.
func IsDestination(source []byte, form Form) bool {
	trees, err := readTrees(source, form)
	return err == nil && len(trees) == 1 && isAlone(trees[0])
}

func isAlone(t *tree) bool {
	return t.kind == kindMapping && t.get("destinations") == nil && t.get("type") != nil
}
