package config

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Print writes the configuration as YAML that Load reads, with each setting's help as a comment and all secrets hidden.
// What an empty value stands for is written out.
func (c Config) Print(w io.Writer) error {
	c.Store = c.ObjectStore()
	if c.Encryption.MasterKey == "" {
		c.Encryption.MasterKeyFile = c.MasterKeyFile()
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(node(reflect.ValueOf(c), true)); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return encoder.Close()
}

// node makes the YAML of a value. The entries of lists have no comments, which would be the same for each.
func node(v reflect.Value, commented bool) *yaml.Node {
	switch v.Kind() {
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range reflect.VisibleFields(v.Type()) {
			if name, ok := f.Tag.Lookup("key"); ok {
				key := scalarNode(name)
				if commented {
					key.HeadComment = f.Tag.Get("help")
				}
				n.Content = append(n.Content, key, node(v.FieldByIndex(f.Index), commented))
			}
		}
		return n
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			n.Content = append(n.Content, node(v.Index(i), false))
		}
		return n
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
			return strings.Compare(a.String(), b.String())
		}) {
			n.Content = append(n.Content, scalarNode(key.String()), node(v.MapIndex(key), false))
		}
		return n
	case reflect.String:
		if v.Type() == documentType {
			return documentNode(v.String())
		}
		return scalarNode(scalarText(v))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: scalarText(v)}
}

// documentNode shows a document as it was given.
func documentNode(text string) *yaml.Node {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil || len(n.Content) == 0 {
		return scalarNode(text)
	}
	return n.Content[0]
}

func scalarNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// Usage writes the flags with their help, for a command's --help.
func Usage(w io.Writer, switches ...Switch) error {
	var text strings.Builder
	line := func(flag, help string) { fmt.Fprintf(&text, "  %s\n        %s\n", flag, help) }
	line("--config FILE", "YAML file of settings.")
	for _, s := range switches {
		line("--"+s.Name, s.Help)
	}
	for _, s := range settings(reflect.TypeFor[Config](), "", nil) {
		if flag, ok := s.flag(); ok {
			line(flag+" "+usageValue(s), s.help)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// usageValue shows the default, or what else may stand after the flag.
func usageValue(s setting) string {
	switch {
	case s.allowed != nil && s.initial != "":
		return strings.Join(s.allowed, "|") + " (" + s.initial + ")"
	case s.allowed != nil:
		return strings.Join(s.allowed, "|")
	case s.initial != "":
		return "(" + s.initial + ")"
	}
	return "TEXT"
}

const referenceHead = `# Configuration

Generated from the source; do not edit.

Every setting has a key in the YAML file that ` + "`--config FILE` or `FIREHOSE_CONFIG`" + ` names, an environment
variable and, unless it is a list or a map, a flag. A flag beats the environment, the environment beats the file, the
file beats the default. An empty environment variable and a key without a value count as not given. Lists and maps are
replaced whole; in the environment they are written as YAML or JSON.

A key, flag or variable that is no setting is an error that names its place and the nearest setting. (A variable that
begins with ` + "`FIREHOSE_`" + ` is refused only when it differs from a setting's in one or two letters.)
` + "`firehose serve --print-config`" + ` prints the configuration in effect, with secrets hidden.

Durations are written as 200ms, 30s, 5m or 72h. Sizes are a number and a unit: KiB, MiB, GiB and TiB are powers of 1,024;
kB, MB, GB and TB are powers of 1,000; no unit is bytes. A secret is the text itself, ` + "`file:PATH`" + ` for the content
of a file without its line end, or ` + "`env:NAME`" + ` for the value of another environment variable. Prefer those two: a flag
is seen by everybody on the machine.
`

// Reference writes the reference page: a Markdown table of the settings for each section.
func Reference(w io.Writer) error {
	var text strings.Builder
	text.WriteString(referenceHead)
	section := "-"
	for _, s := range settings(reflect.TypeFor[Config](), "", nil) {
		name, _, nested := strings.Cut(s.key, ".")
		if !nested {
			name = "top level"
		}
		if name != section {
			section = name
			fmt.Fprintf(&text, "\n## %s\n\n| key | flag, variable | default | allowed | meaning |\n| --- | --- | --- | --- | --- |\n", name)
		}
		flags := code(s.variable())
		if flag, ok := s.flag(); ok {
			flags = code(flag) + "<br>" + flags
		}
		referenceRow(&text, s, flags)
		for _, entry := range s.entries() {
			referenceRow(&text, entry, "")
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func referenceRow(w io.Writer, s setting, flags string) {
	fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", code(s.key), flags, code(s.initial), s.want(), s.help)
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
