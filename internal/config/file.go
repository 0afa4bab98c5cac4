package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document reads YAML into a configuration and notes every problem it meets.
type document struct {
	name     string   // file's name, or the variable that the text is from
	lines    bool     // problems name the line
	known    []string // all keys, and those of sections
	problems []error
}

func (d *document) problem(n *yaml.Node, format string, args ...any) {
	at := d.name
	if d.lines {
		at = fmt.Sprintf("%s:%d", d.name, n.Line)
	}
	d.problems = append(d.problems, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

// parse returns the top node of a text that holds one document, or nil if it holds none.
func (d *document) parse(text []byte) *yaml.Node {
	var root, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&root); err != nil {
		if !errors.Is(err, io.EOF) {
			d.syntax(err)
		}
		return nil
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		d.problem(&root, "more than one document; want one")
	}
	return root.Content[0]
}

var (
	syntaxLine   = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	anchorSyntax = regexp.MustCompile(`anchor '.*'`)
)

// syntax notes what the YAML library says of a text that is no YAML. A name of an anchor is left out: more likely it is
// a secret that begins with an asterisk and is not in quotes.
func (d *document) syntax(err error) {
	line, text := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	text = anchorSyntax.ReplaceAllString(text, "anchor (a text that begins with * or & needs quotes)")
	d.problem(&yaml.Node{Line: line}, "is not YAML: %s", text)
}

// section fills a struct from a mapping. Keys without a value keep what the struct has.
func (d *document) section(n *yaml.Node, v reflect.Value, path string) {
	d.mapping(n, v.Type(), path, func(key string, k, value *yaml.Node) {
		full := strings.TrimPrefix(path+"."+key, ".")
		for _, f := range reflect.VisibleFields(v.Type()) {
			if name, ok := f.Tag.Lookup("key"); ok && name == key {
				d.value(value, v.FieldByIndex(f.Index), full)
				return
			}
		}
		d.problem(k, "unknown key %q; the nearest known key is %q", full, nearest(pattern(full), d.known))
	})
}

// value fills a field of any type.
func (d *document) value(n *yaml.Node, v reflect.Value, path string) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if v.Type() == documentType {
		text, err := yaml.Marshal(n)
		if err != nil {
			d.problem(n, "%s: cannot be taken over: %s", path, err)
		}
		v.SetString(string(text))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.section(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		d.mapping(n, v.Type(), path, func(key string, _, value *yaml.Node) {
			entry := reflect.New(v.Type().Elem()).Elem()
			d.value(value, entry, path+"["+key+"]")
			v.SetMapIndex(reflect.ValueOf(key), entry)
		})
	default:
		d.scalar(n, v, path)
	}
}

func (d *document) scalar(n *yaml.Node, v reflect.Value, path string) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.problem(n, "%s: is a %s; want %s", path, kind(n), form(v.Type()))
	case !setScalar(v, n.Value):
		d.problem(n, "%s: %q is wrong; want %s", path, n.Value, form(v.Type()))
	}
}

func (d *document) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "%s: is a %s; want %s", path, kind(n), form(v.Type()))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		entry := v.Index(i)
		if entry.Kind() == reflect.Struct {
			setDefaults(entry)
		}
		d.value(item, entry, fmt.Sprintf("%s[%d]", path, i))
	}
}

// mapping calls each for the pairs of a mapping, and notes what is none and what is given twice.
func (d *document) mapping(n *yaml.Node, t reflect.Type, path string, each func(key string, k, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		if path == "" {
			path = "the file"
		}
		d.problem(n, "%s: is a %s; want %s", path, kind(n), form(t))
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		if seen[k.Value] {
			d.problem(k, "key %q is given twice", strings.TrimPrefix(path+"."+k.Value, "."))
			continue
		}
		seen[k.Value] = true
		each(k.Value, k, value)
	}
}

func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "section"
	case yaml.SequenceNode:
		return "list"
	}
	return "plain value"
}

var entryIndex = regexp.MustCompile(`\[\d+\]`)

// pattern makes the key of a list's entry the one under which it is known: auth.keys[3].account is auth.keys[].account.
func pattern(path string) string { return entryIndex.ReplaceAllString(path, "[]") }

// knownKeys lists the keys of settings and of the sections they are in.
func knownKeys(list []setting) (keys []string) {
	seen := make(map[string]bool)
	for _, s := range list {
		for i, c := range s.key {
			if section := s.key[:i]; c == '.' && !strings.HasSuffix(section, "[]") && !seen[section] {
				seen[section] = true
				keys = append(keys, section)
			}
		}
		keys = append(keys, s.key)
		keys = append(keys, knownKeys(s.entries())...)
	}
	return keys
}

// nearest returns the name with the least edit distance, where a section that was left out does not count.
func nearest(name string, known []string) (best string) {
	least := -1
	for _, k := range known {
		d := distance(name, k)
		if strings.HasSuffix(k, "."+name) {
			d = 0
		}
		if least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, remove or replace to make one text of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
