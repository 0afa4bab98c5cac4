package config

import (
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setting is one field of a configuration that a user can set.
type setting struct {
	key     string // "auth.mode"; the fields of a list's entries are "auth.keys[].account"
	index   []int  // of the field, from the top; nil in a list's entries
	typ     reflect.Type
	initial string // default
	help    string
	allowed []string
	min     string
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
	secretType   = reflect.TypeFor[Secret]()
	documentType = reflect.TypeFor[Document]()
)

// settings lists the settings of a struct in the order of its fields, those of sections in their place.
func settings(t reflect.Type, prefix string, index []int) (list []setting) {
	for _, f := range reflect.VisibleFields(t) {
		name, ok := f.Tag.Lookup("key")
		if !ok {
			continue
		}
		at := append(index[:len(index):len(index)], f.Index...)
		if f.Type.Kind() == reflect.Struct {
			list = append(list, settings(f.Type, prefix+name+".", at)...)
			continue
		}
		s := setting{
			key: prefix + name, index: at, typ: f.Type,
			initial: f.Tag.Get("default"), help: f.Tag.Get("help"), min: f.Tag.Get("min"),
		}
		if allowed := f.Tag.Get("allowed"); allowed != "" {
			s.allowed = strings.Split(allowed, "|")
		}
		list = append(list, s)
	}
	return list
}

// entries lists the settings of one entry of a list of structs; they are nobody's but the list's.
func (s setting) entries() []setting {
	if s.typ.Kind() != reflect.Slice || s.typ.Elem().Kind() != reflect.Struct {
		return nil
	}
	return settings(s.typ.Elem(), s.key+"[].", nil)
}

var (
	flagSpelling        = strings.NewReplacer(".", "-", "_", "-")
	environmentSpelling = strings.NewReplacer(".", "_")
)

// flag returns the name of the setting's flag; a list or map of more than texts has none.
func (s setting) flag() (name string, ok bool) {
	composite := s.typ.Kind() == reflect.Map || len(s.entries()) > 0 || s.typ == reflect.SliceOf(documentType)
	return "--" + flagSpelling.Replace(s.key), !composite
}

// variable returns the name of the setting's environment variable.
func (s setting) variable() string {
	return "FIREHOSE_" + strings.ToUpper(environmentSpelling.Replace(s.key))
}

// want says in words what may be written for the setting.
func (s setting) want() string {
	text := form(s.typ)
	if s.allowed != nil {
		text = strings.Join(s.allowed, " or ")
	}
	switch s.min {
	case "":
	case "1ns":
		text += ", more than 0s"
	default:
		text += ", at least " + s.min
	}
	return text
}

// form says in words what may be written for a type.
func form(t reflect.Type) string {
	switch t {
	case durationType:
		return "a duration such as 200ms, 30s or 72h"
	case bytesType:
		return "a size such as 64MiB or 5MB"
	case secretType:
		return "a secret, or file:PATH, or env:NAME"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "a list of entries with " + names(t.Elem())
		}
		if t.Elem() == documentType {
			return "a list of documents"
		}
		return "a list of texts"
	case reflect.Map:
		return "a map from names to " + form(t.Elem())
	case reflect.Struct:
		return "a section with " + names(t)
	}
	return "a text"
}

// names lists the keys of a section.
func names(t reflect.Type) string {
	var list []string
	for _, f := range reflect.VisibleFields(t) {
		if name, ok := f.Tag.Lookup("key"); ok {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// setScalar sets a value of one of the plain types from its text, or returns false.
func setScalar(v reflect.Value, text string) bool {
	switch v.Type() {
	case durationType:
		d, err := time.ParseDuration(text)
		v.SetInt(int64(d))
		return err == nil
	case bytesType:
		b, err := ParseBytes(text)
		v.SetInt(int64(b))
		return err == nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return true
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err == nil
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err == nil
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		v.SetFloat(n)
		return err == nil
	}
	panic("config: no setting can be of type " + v.Type().String())
}

// scalarText writes a value of a plain type as setScalar reads it. Secrets are hidden.
func scalarText(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		text := value.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	case Bytes:
		return value.String()
	case Secret:
		return value.String()
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return v.String()
}

// setDefaults fills a struct with the defaults of its settings. A default that is wrong is a fault of the program.
func setDefaults(v reflect.Value) {
	for _, s := range settings(v.Type(), "", nil) {
		if s.initial != "" && !setScalar(v.FieldByIndex(s.index), s.initial) {
			panic("config: the default of " + s.key + " is not " + s.want())
		}
	}
}
