package native

import (
	"encoding"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"firehose/internal/config"
)

// field is a key of a section: a field of its struct, with what the tags say.
type field struct {
	key      string
	index    int
	typ      reflect.Type
	initial  string // default
	help     string
	allowed  []string
	min, max string
	required bool
	form     string
	id       string // of a list of sections: the key that names an entry
}

// fields returns the keys of a section in the order of its struct. Sections that are configurations of other packages have
// tags of JSON only.
func fields(t reflect.Type) (list []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("key")
		if key == "" {
			key, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if key == "" || key == "-" {
			continue
		}
		one := field{
			key: key, index: i, typ: f.Type, initial: f.Tag.Get("default"), help: f.Tag.Get("help"),
			min: f.Tag.Get("min"), max: f.Tag.Get("max"), required: f.Tag.Get("required") == "true", form: f.Tag.Get("form"), id: f.Tag.Get("id"),
		}
		if allowed := f.Tag.Get("allowed"); allowed != "" {
			one.allowed = strings.Split(allowed, "|")
		}
		list = append(list, one)
	}
	return list
}

func keysOf(t reflect.Type) (keys []string) {
	for _, f := range fields(t) {
		keys = append(keys, f.key)
	}
	return keys
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[config.Bytes]()
	secretType   = reflect.TypeFor[Secret]()
	headerType   = reflect.TypeFor[Header]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// textForm is what a text must look like.
type textForm struct {
	pattern string
	want    string
	judge   func(string) string // says what is wrong that the pattern does not find; nil for nothing
}

var textForms = map[string]textForm{
	"start":     {`^(now|oldest|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))$`, "now, oldest, or a time such as 2026-02-03T04:05:06Z", nil},
	"stream":    {`^[a-zA-Z0-9_.-]{1,64}$`, "1 to 64 letters, digits, dots, underscores and hyphens", nil},
	"id":        {`^[a-z0-9][a-z0-9_-]{0,62}$`, "1 to 63 small letters, digits, underscores and hyphens", nil},
	"path":      {`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$`, "a path of names with dots between them, such as metadata.price", nil},
	"bucket":    {`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`, "3 to 63 small letters, digits, dots and hyphens", nil},
	"function":  {`^(arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9$_-]+)?|[a-zA-Z0-9_-]{1,64})$`, "the ARN of a function, or its name", nil},
	"extension": {`^\.[0-9a-z!_.*'()-]{1,127}$`, "a dot and small letters, digits or !-_.*'()", nil},
	"kms_key":   {`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+$`, "the ARN of a key or alias", nil},
	"url":       {`^https?://[^@/?#\s]+([/?#]\S*)?$`, "a URL such as https://host/path, without user and password", judgeURL},
	"secret":    {`^(\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:.+)$`, "a reference: ${NAME} for a variable of the server's environment, or file:PATH", nil},
}

func (f textForm) matches(value string) bool { return f.problem(value) == "" }

// problem says what is wrong with a text, or nothing. It does not show the text.
func (f textForm) problem(value string) string {
	switch {
	case !regexp.MustCompile(f.pattern).MatchString(value):
		return "is wrong; want " + f.want
	case f.judge != nil:
		return f.judge(value)
	}
	return ""
}

// want says in words what may be written for a field.
func (f field) want() string {
	want := wantOf(f.typ)
	if f.form != "" {
		want = textForms[f.form].want
	}
	if f.allowed != nil {
		want = "one of " + strings.Join(f.allowed, ", ")
	}
	switch {
	case f.min != "" && f.max != "":
		want += ", from " + f.min + " to " + f.max
	case f.min != "":
		want += ", at least " + f.min
	case f.max != "":
		want += ", at most " + f.max
	}
	return want
}

// wantOf says in words what may be written for a type.
func wantOf(t reflect.Type) string {
	switch t {
	case durationType:
		return "a duration such as 30s, 5m or 24h"
	case bytesType:
		return "a size such as 64MiB or 5MB"
	case secretType:
		return textForms["secret"].want
	}
	switch t.Kind() {
	case reflect.Interface:
		return "a value of any kind"
	case reflect.Pointer:
		return wantOf(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "a list of sections with " + strings.Join(keysOf(t.Elem()), ", ")
		}
		return "a list of texts"
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return "a section of names and values"
		}
		return "a section of names and texts"
	case reflect.Struct:
		return "a section with " + strings.Join(keysOf(t), ", ")
	}
	return "a text"
}

// kindsOf returns what a value of a plain type may be written as.
func kindsOf(t reflect.Type) []kind {
	switch {
	case t == durationType:
		return []kind{kindText}
	case t == bytesType:
		return []kind{kindText, kindNumber}
	case reflect.PointerTo(t).Implements(textType):
		return []kind{kindText}
	case t.Kind() == reflect.Bool:
		return []kind{kindBool}
	case t.Kind() == reflect.Int:
		return []kind{kindNumber}
	}
	return []kind{kindText}
}

// setScalar sets a value of a plain type from its text, or returns false.
func setScalar(v reflect.Value, value string) bool {
	switch v.Type() {
	case durationType:
		d, err := time.ParseDuration(value)
		v.SetInt(int64(d))
		return err == nil
	case bytesType:
		b, err := config.ParseBytes(value)
		v.SetInt(int64(b))
		return err == nil
	}
	if reads := v.Addr(); reads.Type().Implements(textType) {
		return reads.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(value)) == nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(value)
		return true
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		v.SetBool(b)
		return err == nil
	case reflect.Int:
		n, err := strconv.Atoi(value)
		v.SetInt(int64(n))
		return err == nil
	}
	panic("native: no key can be of type " + v.Type().String())
}

// scalarTree writes a value of a plain type.
func scalarTree(v reflect.Value) *tree {
	switch value := v.Interface().(type) {
	case time.Duration:
		return &tree{kind: kindText, text: durationText(value)}
	case config.Bytes:
		return &tree{kind: kindText, text: value.String()}
	}
	if v.Type().Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		written, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			panic("native: " + err.Error()) // it was read from a text
		}
		return quoted(string(written))
	}
	switch v.Kind() {
	case reflect.Bool:
		return &tree{kind: kindBool, text: strconv.FormatBool(v.Bool())}
	case reflect.Int:
		return &tree{kind: kindNumber, text: strconv.FormatInt(v.Int(), 10)}
	}
	return &tree{kind: kindText, text: v.String()}
}

// durationText writes 5m in place of 5m0s.
func durationText(d time.Duration) string {
	out := d.String()
	if strings.HasSuffix(out, "m0s") {
		out = strings.TrimSuffix(out, "0s")
	}
	if strings.HasSuffix(out, "h0m") {
		out = strings.TrimSuffix(out, "0m")
	}
	return out
}

// within says whether a number is between the least and the largest of its field.
func (f field) within(v reflect.Value) bool {
	limit := func(value string) int64 {
		bound := reflect.New(f.typ).Elem()
		if !setScalar(bound, value) {
			panic("native: " + f.key + ": " + value + " is not of the field's type")
		}
		return bound.Int()
	}
	return (f.min == "" || v.Int() >= limit(f.min)) && (f.max == "" || v.Int() <= limit(f.max))
}
