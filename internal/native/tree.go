package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// tree is a value of YAML or JSON, without what only one of them has: aliases are replaced by what they stand for, numbers
// are written as JSON writes them, and comments are gone. It is immutable once read.
type tree struct {
	kind   kind
	text   string // of a text, a number, true or false
	keys   []string
	values []*tree // of a mapping, in the order of keys, or of a list
}

// kind is what a tree is.
type kind string

// The kinds are named as problems name them.
const (
	kindNull    kind = "empty value"
	kindBool    kind = "truth value"
	kindNumber  kind = "number"
	kindText    kind = "text"
	kindList    kind = "list"
	kindMapping kind = "section"
)

// get returns the value of a key, or nil.
func (t *tree) get(key string) *tree {
	for i, k := range t.keys {
		if k == key {
			return t.values[i]
		}
	}
	return nil
}

// value returns the tree as encoding/json gives values, but for whole numbers that a float64 cannot hold: they are
// json.Number.
func (t *tree) value() any {
	switch t.kind {
	case kindNull:
		return nil
	case kindBool:
		return t.text == "true"
	case kindText:
		return t.text
	case kindNumber:
		value, err := strconv.ParseFloat(t.text, 64)
		if whole, failed := strconv.ParseInt(t.text, 10, 64); err != nil || failed == nil && int64(value) != whole {
			return json.Number(t.text)
		}
		return value
	case kindList:
		all := []any{}
		for _, v := range t.values {
			all = append(all, v.value())
		}
		return all
	}
	all := map[string]any{}
	for i, key := range t.keys {
		all[key] = t.values[i].value()
	}
	return all
}

// treeOf is the reverse of value.
func treeOf(value any) *tree {
	written, err := json.Marshal(value)
	if err != nil {
		panic("native: " + err.Error()) // it was read from a document
	}
	t, err := readJSON(written)
	if err != nil {
		panic("native: " + err.Error())
	}
	return t
}

// The most that a text may hold: aliases can make a small one large.
const (
	nodesMax = 20_000
	depthMax = 64
)

// Form is how a document is written.
type Form int

// The forms. JSON is read as JSON, since YAML does not have all of its escapes.
const (
	YAML Form = iota
	JSON
)

// readTrees reads all documents of a text. JSON holds one.
func readTrees(source []byte, form Form) ([]*tree, error) {
	if form == JSON {
		t, err := readJSON(source)
		return []*tree{t}, err
	}
	var trees []*tree
	for decoder := yaml.NewDecoder(bytes.NewReader(source)); ; {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			return trees, nil
		}
		if err != nil {
			return nil, notYAML(source, err)
		}
		t, err := FromYAML(root.Content[0])
		if err != nil {
			return nil, err
		}
		if t.tree.kind != kindNull { // a separator with nothing behind it
			trees = append(trees, t.tree)
		}
	}
}

// notYAML says why a text is no YAML; of one that begins as JSON also why it is no JSON, which is what it was meant to be.
func notYAML(source []byte, why error) error {
	err := fmt.Errorf("not YAML: %s", strings.TrimPrefix(why.Error(), "yaml: "))
	if jsonStart.Match(source) {
		if _, failed := readJSON(source); failed != nil {
			err = fmt.Errorf("%w, and %w", failed, err)
		}
	}
	return err
}

// Given is a document that was read as YAML and not looked at yet.
type Given struct{ tree *tree }

// FromYAML takes over a node of a larger file.
func FromYAML(n *yaml.Node) (Given, error) {
	r := yamlReader{}
	t, err := r.read(n, 0)
	return Given{t}, err
}

// yamlReader makes a tree of YAML's nodes.
type yamlReader struct{ nodes int }

func (r *yamlReader) read(n *yaml.Node, depth int) (*tree, error) {
	if r.nodes++; r.nodes > nodesMax || depth > depthMax {
		return nil, fmt.Errorf("line %d: the document has more than %d values or is nested deeper than %d", n.Line, nodesMax, depthMax)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.read(n.Alias, depth+1)
	case yaml.ScalarNode:
		return scalarOf(n)
	}
	t := &tree{kind: kindList}
	if n.Kind == yaml.MappingNode {
		t.kind = kindMapping
	}
	for i, child := range n.Content {
		if t.kind == kindMapping && i%2 == 0 {
			if child.ShortTag() == "!!merge" {
				return nil, fmt.Errorf("line %d: merging with << is not known; an alias may stand for a whole value only", child.Line)
			}
			if child.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: a key must be a plain text", child.Line)
			}
			if t.get(child.Value) != nil {
				return nil, fmt.Errorf("line %d: key %q is given twice", child.Line, child.Value)
			}
			t.keys = append(t.keys, child.Value)
			continue
		}
		value, err := r.read(child, depth+1)
		if err != nil {
			return nil, err
		}
		t.values = append(t.values, value)
	}
	return t, nil
}

func scalarOf(n *yaml.Node) (*tree, error) {
	switch n.ShortTag() {
	case "!!null":
		return &tree{kind: kindNull}, nil
	case "!!bool":
		value, err := strconv.ParseBool(strings.ToLower(n.Value))
		return &tree{kind: kindBool, text: strconv.FormatBool(value)}, err
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return &tree{kind: kindNumber, text: n.Value}, nil
		}
		var value float64
		if err := n.Decode(&value); err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
			return nil, fmt.Errorf("line %d: %q is a number that JSON cannot write", n.Line, n.Value)
		}
		return &tree{kind: kindNumber, text: strconv.FormatFloat(value, 'g', -1, 64)}, nil
	case "!!str", "!!timestamp":
		return &tree{kind: kindText, text: n.Value}, nil
	}
	return nil, fmt.Errorf("line %d: values with the tag %s are not known", n.Line, n.Tag)
}

// readJSON reads the one value of a text.
func readJSON(source []byte) (*tree, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(source))
	nodes := 0
	t, err := readJSONValue(decoder, &nodes)
	if err != nil {
		return nil, fmt.Errorf("not JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return nil, fmt.Errorf("not JSON: there is more behind the document")
	}
	return t, nil
}

func readJSONValue(decoder *jsontext.Decoder, nodes *int) (*tree, error) {
	if *nodes++; *nodes > nodesMax || decoder.StackDepth() > depthMax {
		return nil, fmt.Errorf("the document has more than %d values or is nested deeper than %d", nodesMax, depthMax)
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case 'n':
		return &tree{kind: kindNull}, nil
	case 't', 'f':
		return &tree{kind: kindBool, text: token.String()}, nil
	case '0':
		return &tree{kind: kindNumber, text: token.String()}, nil
	case '"':
		return &tree{kind: kindText, text: token.String()}, nil
	}
	t, end := &tree{kind: kindMapping}, jsontext.Kind('}')
	if token.Kind() == '[' {
		t.kind, end = kindList, ']'
	}
	for decoder.PeekKind() != end {
		if t.kind == kindMapping {
			key, err := decoder.ReadToken()
			if err != nil {
				return nil, err
			}
			t.keys = append(t.keys, key.String())
		}
		value, err := readJSONValue(decoder, nodes)
		if err != nil {
			return nil, err
		}
		t.values = append(t.values, value)
	}
	_, err = decoder.ReadToken()
	return t, err
}

// json appends the tree as JSON.
func (t *tree) json(dst []byte) []byte {
	switch t.kind {
	case kindNull:
		return append(dst, "null"...)
	case kindBool, kindNumber:
		return append(dst, t.text...)
	case kindText:
		dst, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(t.text, "\uFFFD"))
		return dst
	case kindList:
		dst = append(dst, '[')
		for i, v := range t.values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.json(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i, v := range t.values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(t.keys[i], "\uFFFD"))
		dst = v.json(append(dst, ':'))
	}
	return append(dst, '}')
}

// yamlTag is the tag that tells the writer of YAML which texts need quotes.
var yamlTag = map[kind]string{kindNull: "!!null", kindBool: "!!bool", kindText: "!!str"}

// yamlNode makes a node of YAML.
func (t *tree) yamlNode() *yaml.Node {
	switch t.kind {
	case kindList, kindMapping:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if t.kind == kindMapping {
			n.Kind = yaml.MappingNode
		}
		if len(t.values) == 0 {
			n.Style = yaml.FlowStyle
		}
		for i, v := range t.values {
			if t.kind == kindMapping {
				n.Content = append(n.Content, (&tree{kind: kindText, text: t.keys[i]}).yamlNode())
			}
			n.Content = append(n.Content, v.yamlNode())
		}
		return n
	case kindNull:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case kindNumber:
		tag := "!!int"
		if strings.ContainsAny(t.text, ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: t.text}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: yamlTag[t.kind], Value: t.text}
}

// write writes the tree in a form, for people.
func (t *tree) write(form Form) ([]byte, error) {
	if form == JSON {
		var indented bytes.Buffer
		err := json.Indent(&indented, t.json(nil), "", "  ")
		indented.WriteByte('\n')
		return indented.Bytes(), err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(t.yamlNode()); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), encoder.Close()
}

var jsonStart = regexp.MustCompile(`^\s*[{\[]`)

// Guess tells JSON from YAML by how a text begins.
func Guess(source []byte) Form {
	if jsonStart.Match(source) && json.Valid(source) {
		return JSON
	}
	return YAML
}
