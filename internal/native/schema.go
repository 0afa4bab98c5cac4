package native

import (
	"reflect"
	"slices"
	"strings"
)

// Schema returns the language as JSON Schema, for editors. It is as strict about names and forms as the parser; limits of
// sizes and durations, which JSON Schema has no words for, are in the descriptions.
func Schema() ([]byte, error) {
	s := sectionSchema(reflect.TypeFor[Document](), nil)
	head := object(
		"$schema", quoted("https://json-schema.org/draft/2020-12/schema"),
		"title", quoted("Firehose stream"),
		"description", quoted("A stream of Firehose: what it takes, and where its events go."),
	)
	head.keys, head.values = append(head.keys, s.keys...), append(head.values, s.values...)
	return head.write(JSON)
}

func quoted(value string) *tree { return &tree{kind: kindText, text: value} }

// object makes a mapping of names and values in turn.
func object(pairs ...any) *tree {
	t := &tree{kind: kindMapping}
	for i := 0; i < len(pairs); i += 2 {
		t.keys = append(t.keys, pairs[i].(string))
		t.values = append(t.values, pairs[i+1].(*tree))
	}
	return t
}

func texts(values []string) *tree {
	t := &tree{kind: kindList}
	for _, v := range values {
		t.values = append(t.values, quoted(v))
	}
	return t
}

func (t *tree) set(key string, value *tree) {
	t.keys = append(t.keys, key)
	t.values = append(t.values, value)
}

// sectionSchema is the schema of a struct. The sections around it are not written again inside of it, where anything is
// allowed then.
func sectionSchema(section reflect.Type, around []reflect.Type) *tree {
	if slices.Contains(around, section) {
		return object("type", quoted("object"))
	}
	around = append(around[:len(around):len(around)], section)
	properties := &tree{kind: kindMapping}
	var required []string
	for _, f := range fields(section) {
		properties.set(f.key, f.schema(around))
		if f.required {
			required = append(required, f.key)
		}
	}
	s := object("type", quoted("object"), "additionalProperties", &tree{kind: kindBool, text: "false"}, "properties", properties)
	if required != nil {
		s.set("required", texts(required))
	}
	return s
}

// schema is the schema of a field. A key without a value counts as not given, so null is allowed unless it is required.
func (f field) schema(around []reflect.Type) *tree {
	s := typeSchema(f.typ, around)
	switch {
	case f.allowed != nil:
		s.set("enum", texts(f.allowed))
	case f.form != "":
		s.set("pattern", quoted(textForms[f.form].pattern))
	}
	if f.typ.Kind() == reflect.Int && f.min != "" {
		s.set("minimum", &tree{kind: kindNumber, text: f.min})
	}
	if f.typ.Kind() == reflect.Int && f.max != "" {
		s.set("maximum", &tree{kind: kindNumber, text: f.max})
	}
	if f.required && f.typ.Kind() == reflect.Slice {
		s.set("minItems", &tree{kind: kindNumber, text: "1"})
	}
	if !f.required && s.get("type") != nil { // a key without a value is one that is not given
		at := slices.Index(s.keys, "type")
		s.values[at] = &tree{kind: kindList, values: append(listed(s.values[at]), quoted("null"))}
		if f.allowed != nil {
			enum := s.get("enum")
			enum.values = append(enum.values, &tree{kind: kindNull})
		}
	}
	help := f.help
	if f.min != "" || f.max != "" {
		help += " Want " + f.want() + "."
	}
	if help != "" {
		s.set("description", quoted(help))
	}
	if f.initial != "" {
		v := reflect.New(f.typ).Elem()
		setScalar(v, f.initial)
		s.set("default", scalarTree(v))
	}
	return s
}

func listed(t *tree) []*tree {
	if t.kind == kindList {
		return slices.Clone(t.values)
	}
	return []*tree{t}
}

// typeSchema is the schema of a type.
func typeSchema(t reflect.Type, around []reflect.Type) *tree {
	switch t {
	case durationType:
		return object("type", quoted("string"), "pattern", quoted(`^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|^0$`))
	case bytesType:
		return object("type", texts([]string{"string", "integer"}), "pattern", quoted(`^[0-9]+(\.[0-9]+)? *([KMGT]i?B|kB|B)?$`), "minimum", &tree{kind: kindNumber, text: "0"})
	case secretType:
		return object("type", quoted("string"), "pattern", quoted(textForms["secret"].pattern))
	}
	switch t.Kind() {
	case reflect.Interface:
		return &tree{kind: kindMapping}
	case reflect.Pointer:
		return typeSchema(t.Elem(), around)
	case reflect.Struct:
		return sectionSchema(t, around)
	case reflect.Slice:
		return object("type", quoted("array"), "items", typeSchema(t.Elem(), around))
	case reflect.Map:
		return object("type", quoted("object"), "additionalProperties", typeSchema(t.Elem(), around))
	case reflect.Bool:
		return object("type", quoted("boolean"))
	case reflect.Int:
		return object("type", quoted("integer"))
	}
	return object("type", quoted("string"))
}

// Reference returns the tables of the reference page: one for each section of the language.
func Reference() string {
	var page strings.Builder
	referenceSection(&page, "Document", "", reflect.TypeFor[Document](), nil)
	return page.String()
}

// referenceSection writes the table of a section, and then those of the sections in it.
func referenceSection(page *strings.Builder, title, path string, section reflect.Type, around []reflect.Type) {
	around = append(around[:len(around):len(around)], section)
	page.WriteString("\n## " + title + "\n\n| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range fields(section) {
		initial := ""
		switch {
		case f.required:
			initial = "required"
		case f.initial != "":
			initial = "`" + f.initial + "`"
		}
		want := strings.ReplaceAll(f.want(), "|", `\|`)
		if inner := sectionOf(f.typ); inner != nil && !slices.Contains(around, inner) {
			want = "see [below](#" + strings.NewReplacer(".", "", "[]", "").Replace(joinPath(path, f)) + ")"
		}
		page.WriteString("| `" + joinPath(path, f) + "` | " + initial + " | " + want + " | " + f.help + " |\n")
	}
	for _, f := range fields(section) {
		if inner := sectionOf(f.typ); inner != nil && !slices.Contains(around, inner) {
			referenceSection(page, joinPath(path, f), joinPath(path, f), inner, around)
		}
	}
}

func joinPath(path string, f field) string {
	if f.typ.Kind() == reflect.Slice && sectionOf(f.typ) != nil {
		return join(path, f.key) + "[]"
	}
	return join(path, f.key)
}

// sectionOf returns the struct that a field holds, once or in a list, or nil.
func sectionOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || len(fields(t)) == 0 {
		return nil
	}
	return t
}
