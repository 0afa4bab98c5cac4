package native

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// decoder reads a tree into a document and notes every problem that it meets.
type decoder struct{ problems Problems }

func (d *decoder) add(path, value, format string, args ...any) {
	d.problems.add(path, value, format, args...)
}

// defaulter is a section whose defaults depend on what is given.
type defaulter interface {
	defaults(given *tree)
}

// section fills a struct from a mapping. What is not given has its default.
func (d *decoder) section(t *tree, v reflect.Value, path string) {
	setDefaults(v)
	if t.kind != kindMapping {
		d.add(path, "", "is a %s; want %s", t.kind, wantOf(v.Type()))
		return
	}
	if s, ok := v.Addr().Interface().(defaulter); ok {
		s.defaults(t)
	}
	known := map[string]field{}
	for _, f := range fields(v.Type()) {
		known[f.key] = f
		if value := t.get(f.key); f.required && (value == nil || value.kind == kindNull) {
			d.add(join(path, f.key), "", "is missing; want %s", f.want())
		}
	}
	for i, key := range t.keys {
		f, ok := known[key]
		switch {
		case !ok:
			d.add(join(path, key), "", "unknown key; %s", nearestKey(key, keysOf(v.Type())))
		case t.values[i].kind != kindNull: // a key without a value is one that is not given
			d.value(t.values[i], v.Field(f.index), join(path, key), f)
		}
	}
}

// nearestKey says which key may have been meant, or which there are.
func nearestKey(key string, known []string) string {
	if near := nearest(key, known); near != "" {
		return fmt.Sprintf("the nearest known key is %q", near)
	}
	return "known are " + strings.Join(known, ", ")
}

func join(path, key string) string {
	if path == "" || key == "" || strings.HasPrefix(key, "[") { // an entry of a list
		return path + key
	}
	return path + "." + key
}

// setDefaults fills a struct with the defaults of its fields, and those of the sections that are always there.
func setDefaults(v reflect.Value) {
	for _, f := range fields(v.Type()) {
		at := v.Field(f.index)
		switch {
		case f.typ.Kind() == reflect.Pointer:
		case f.typ.Kind() == reflect.Struct:
			setDefaults(at)
		case f.initial != "" && !setScalar(at, f.initial):
			panic("native: the default of " + f.key + " is not " + f.want())
		}
	}
}

// value fills a field of any type.
func (d *decoder) value(t *tree, v reflect.Value, path string, f field) {
	switch {
	case v.Kind() == reflect.Interface:
		v.Set(reflect.ValueOf(t.value()))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.section(t, v.Elem(), path)
	case v.Kind() == reflect.Struct:
		d.inner(t, v, path)
	case v.Kind() == reflect.Slice:
		d.list(t, v, path, f)
	case v.Kind() == reflect.Map:
		d.names(t, v, path, f)
	default:
		d.scalar(t, v, path, f)
	}
}

// inner fills a section that is always there and whose defaults are set.
func (d *decoder) inner(t *tree, v reflect.Value, path string) {
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	d.section(t, v, path)
	for _, f := range fields(v.Type()) { // defaults that a preset gave beat those of the tags
		if given := t.get(f.key); given == nil || given.kind == kindNull {
			v.Field(f.index).Set(before.Field(f.index))
		}
	}
}

func (d *decoder) list(t *tree, v reflect.Value, path string, f field) {
	if t.kind != kindList {
		d.add(path, "", "is a %s; want %s", t.kind, f.want())
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(t.values), len(t.values)))
	for i, value := range t.values {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v.Index(i).Kind() == reflect.Struct {
			d.section(value, v.Index(i), at)
		} else {
			d.value(value, v.Index(i), at, field{typ: v.Type().Elem()})
		}
	}
}

// names fills a map.
func (d *decoder) names(t *tree, v reflect.Value, path string, f field) {
	if t.kind != kindMapping {
		d.add(path, "", "is a %s; want %s", t.kind, f.want())
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i, key := range t.keys {
		entry := reflect.New(v.Type().Elem()).Elem()
		d.value(t.values[i], entry, path+"["+key+"]", field{typ: v.Type().Elem()})
		v.SetMapIndex(reflect.ValueOf(key), entry)
	}
}

// scalar fills a field of a plain type. The value of a secret is in no problem.
func (d *decoder) scalar(t *tree, v reflect.Value, path string, f field) {
	shown := t.text
	if f.typ == secretType || f.typ == headerType || f.form == "url" { // an address may have a password in it
		shown = ""
	}
	if !slices.Contains(kindsOf(f.typ), t.kind) {
		hint := ""
		if t.kind != kindMapping && t.kind != kindList && kindsOf(f.typ)[0] == kindText {
			hint = " (a text that looks like something else needs quotes)"
		}
		d.add(path, shown, "is a %s; want %s%s", t.kind, f.want(), hint)
		return
	}
	ok := setScalar(v, t.text)
	if ok && f.allowed != nil {
		ok = slices.Contains(f.allowed, t.text)
	}
	if ok && f.form != "" {
		if problem := textForms[f.form].problem(t.text); problem != "" {
			d.add(path, shown, "%s", problem)
			return
		}
	}
	if ok && f.typ == secretType {
		ok = textForms["secret"].matches(t.text)
	}
	if ok && v.CanInt() {
		ok = f.within(v)
	}
	if !ok {
		message := "is wrong; want " + f.want()
		if near := nearest(t.text, f.allowed); near != "" {
			message += fmt.Sprintf("; the nearest is %q", near)
		}
		d.add(path, shown, "%s", message)
	}
}

// encode writes a struct as a tree with all that is in force. Empty texts, lists, durations without a default, and sections
// that are not given are left out.
func encode(v reflect.Value) *tree {
	t := &tree{kind: kindMapping}
	for _, f := range fields(v.Type()) {
		if v.Field(f.index).IsZero() && f.typ == durationType && f.initial == "" {
			continue
		}
		if value := encodeValue(v.Field(f.index)); value != nil {
			t.keys = append(t.keys, f.key)
			t.values = append(t.values, value)
		}
	}
	return t
}

func encodeValue(v reflect.Value) *tree {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return treeOf(v.Interface())
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return encode(v.Elem())
	case reflect.Struct:
		return encode(v)
	case reflect.Slice:
		t := &tree{kind: kindList}
		for i := range v.Len() {
			t.values = append(t.values, encodeEntry(v.Index(i)))
		}
		return emptyIsNil(t)
	case reflect.Map:
		t := &tree{kind: kindMapping}
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
			return strings.Compare(a.String(), b.String())
		}) {
			t.keys = append(t.keys, key.String())
			t.values = append(t.values, encodeEntry(v.MapIndex(key)))
		}
		return emptyIsNil(t)
	case reflect.String:
		if v.String() == "" {
			return nil
		}
	}
	return scalarTree(v)
}

// encodeEntry encodes a value of a list or of a mapping with free keys, where an empty one is not the same as none.
func encodeEntry(v reflect.Value) *tree {
	if v.Kind() == reflect.String {
		return scalarTree(v)
	}
	return encodeValue(v)
}

func emptyIsNil(t *tree) *tree {
	if len(t.values) == 0 {
		return nil
	}
	return t
}
