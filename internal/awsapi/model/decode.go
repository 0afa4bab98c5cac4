package model

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// SerializationError says that a body is not JSON, or that a value in it has another type than its member.
type SerializationError struct{ Message string }

func (e *SerializationError) Error() string { return e.Message }

// Decode reads a body as a structure. The tree holds map[string]any for structures and maps, []any for lists, string,
// int64, float64 (also for timestamps), bool and []byte.
//
// Members that the model does not know are left out, and so are those that are null; null among a list's elements or a
// map's values is nil. Names are compared exactly; of several members with one name the last counts. A list is read up to
// the first element that is too many. Errors are *SerializationError.
func Decode(s *Shape, body []byte) (map[string]any, error) {
	d := decoder{json: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))}
	if kind := d.json.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return nil, &SerializationError{"The request body is not a JSON object."}
	}
	tree, err := d.value(s)
	if err == nil {
		if _, err = d.json.ReadToken(); err == io.EOF {
			return tree.(map[string]any), nil
		}
		if err == nil {
			err = errors.New("data after the object")
		}
	}
	var serialization *SerializationError
	if !errors.As(err, &serialization) {
		serialization = &SerializationError{"The request body is not valid JSON: " + err.Error()}
	}
	return nil, serialization
}

// decoder walks over a body along the model.
type decoder struct {
	json *jsontext.Decoder
	path []string
}

func (d *decoder) value(s *Shape) (any, error) {
	kind := d.json.PeekKind()
	switch kind {
	case jsontext.KindInvalid:
		_, err := d.json.ReadToken()
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	case jsontext.KindNull:
		_, err := d.json.ReadToken()
		return nil, err
	}
	switch s.Kind {
	case Structure:
		return d.structure(s, kind)
	case Map:
		return d.mapping(s, kind)
	case List:
		return d.list(s, kind)
	case Boolean:
		if kind == jsontext.KindTrue || kind == jsontext.KindFalse {
			_, err := d.json.ReadToken()
			return kind == jsontext.KindTrue, err
		}
	case Integer, Double, Timestamp:
		return d.number(s, kind)
	default:
		return d.text(s, kind)
	}
	return nil, d.mismatch(s, kind)
}

func (d *decoder) structure(s *Shape, kind jsontext.Kind) (any, error) {
	if kind != jsontext.KindBeginObject {
		return nil, d.mismatch(s, kind)
	}
	tree := map[string]any{}
	return tree, d.members(func(name string) error {
		member := s.Member(name)
		if member == nil {
			return d.json.SkipValue()
		}
		value, err := d.value(member.Shape)
		if value != nil {
			tree[name] = value
		} else {
			delete(tree, name)
		}
		return err
	})
}

func (d *decoder) mapping(s *Shape, kind jsontext.Kind) (any, error) {
	if kind != jsontext.KindBeginObject {
		return nil, d.mismatch(s, kind)
	}
	tree := map[string]any{}
	return tree, d.members(func(name string) (err error) {
		tree[name], err = d.value(s.Value)
		return err
	})
}

// members reads an object; each is called with a member's name and must read its value.
func (d *decoder) members(each func(name string) error) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != jsontext.KindEndObject {
		token, err := d.json.ReadToken()
		if err != nil {
			return unexpectedEnd(err)
		}
		name := token.String()
		d.path = append(d.path, name)
		if err := each(name); err != nil {
			return unexpectedEnd(err)
		}
		d.path = d.path[:len(d.path)-1]
	}
	_, err := d.json.ReadToken()
	return err
}

func (d *decoder) list(s *Shape, kind jsontext.Kind) (any, error) {
	if kind != jsontext.KindBeginArray {
		return nil, d.mismatch(s, kind)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return nil, err
	}
	elements := []any{}
	for d.json.PeekKind() != jsontext.KindEndArray {
		if int64(len(elements)) > s.Max {
			if err := d.json.SkipValue(); err != nil {
				return nil, unexpectedEnd(err)
			}
			continue
		}
		d.path = append(d.path, strconv.Itoa(len(elements)+1), "member")
		value, err := d.value(s.Element)
		if err != nil {
			return nil, unexpectedEnd(err)
		}
		elements = append(elements, value)
		d.path = d.path[:len(d.path)-2]
	}
	_, err := d.json.ReadToken()
	return elements, err
}

func (d *decoder) number(s *Shape, kind jsontext.Kind) (any, error) {
	if kind == jsontext.KindString && s.Kind == Double {
		token, err := d.json.ReadToken()
		if err != nil {
			return nil, err
		}
		switch token.String() { // numbers that JSON has no other word for
		case "NaN", "Infinity", "-Infinity":
			return strconv.ParseFloat(token.String(), 64)
		}
	}
	if kind != jsontext.KindNumber {
		return nil, d.mismatch(s, kind)
	}
	raw, err := d.json.ReadValue()
	if err != nil {
		return nil, err
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return nil, d.mismatch(s, kind)
	}
	if s.Kind != Integer {
		return f, nil
	}
	if f != math.Trunc(f) || f < math.MinInt32 || f > math.MaxInt32 {
		return nil, d.mismatch(s, kind)
	}
	return int64(f), nil
}

func (d *decoder) text(s *Shape, kind jsontext.Kind) (any, error) {
	if kind != jsontext.KindString {
		return nil, d.mismatch(s, kind)
	}
	token, err := d.json.ReadToken()
	if err != nil {
		return nil, err
	}
	text := token.String()
	if s.Kind != Blob {
		return text, nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder would pass over
		return nil, &SerializationError{fmt.Sprintf("The value at '%s' is not base64.", lowerCamel(d.path))}
	}
	return data, nil
}

var jsonKinds = map[jsontext.Kind]string{
	jsontext.KindTrue:        "TRUE_VALUE",
	jsontext.KindFalse:       "FALSE_VALUE",
	jsontext.KindString:      "STRING_VALUE",
	jsontext.KindNumber:      "NUMBER_VALUE",
	jsontext.KindBeginObject: "Start of structure or map",
	jsontext.KindBeginArray:  "Start of list",
}

var wantedKinds = map[Kind]string{
	Structure: "structure", List: "list", Map: "map", String: "String", Enum: "String", Integer: "Integer",
	Double: "Double", Blob: "Blob", Boolean: "Boolean", Timestamp: "Timestamp",
}

func (d *decoder) mismatch(s *Shape, kind jsontext.Kind) error {
	if _, ok := jsonKinds[kind]; !ok { // the end of something that did not begin, or of the text
		_, err := d.json.ReadToken()
		return unexpectedEnd(err)
	}
	return &SerializationError{fmt.Sprintf("%s can not be converted to %s at '%s'",
		jsonKinds[kind], wantedKinds[s.Kind], lowerCamel(d.path))}
}

func unexpectedEnd(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
