package fromjson

import (
	"math"

	"firehose/internal/columns"
)

var specialFloats = map[string]float64{
	"NaN": math.NaN(), "Infinity": math.Inf(1), "+Infinity": math.Inf(1), "-Infinity": math.Inf(-1),
}

// inputSizeMax bounds how much of a value an error shows.
const inputSizeMax = 256

func mismatch(text string) error {
	return &Error{MalformedData, "Data does not match the schema. " + text}
}

// unfit says that the value at p is none for a column that is not nested.
func (r *Reader) unfit(n *node, p int) error {
	end, err := skip(r.data, p, n.depth)
	if err != nil {
		return err
	}
	text, token := r.data[p:end], "VALUE_NUMBER_INT"
	switch text[0] {
	case '"':
		token = "VALUE_STRING"
		text = r.unescaped(text[1:len(text)-1], escaped)
	case 't':
		token = "VALUE_TRUE"
	case 'f':
		token = "VALUE_FALSE"
	case '{':
		token = "START_OBJECT"
	case '[':
		token = "START_ARRAY"
	}
	if !r.openX && token != "VALUE_NUMBER_INT" {
		switch n.form {
		case formNumber:
			return mismatch("Current token (" + token + ") not numeric, can not use numeric value accessors")
		case formBoolean:
			return mismatch("Current token (" + token + ") not of boolean type")
		case formText:
			return mismatch("Current token (" + token + ") not of a type that has text")
		}
	}
	return notFor(text)
}

// notFor says that a text stands for no value of its column.
func notFor(text []byte) error {
	mark := ""
	if len(text) > inputSizeMax {
		text, mark = text[:inputSizeMax], "…"
	}
	return mismatch(`For input string: "` + string(appendValid(nil, text)) + mark + `"`)
}

// unfitNested says that the value at p is none for a nested column.
func unfitNested(n *node) error {
	if n.kind == columns.Array {
		return mismatch("java.io.IOException: Start of Array expected")
	}
	return mismatch("java.io.IOException: Start of Object expected")
}

// notObject says that a record has another value than an object at its top.
func (r *Reader) notObject() error {
	if r.openX {
		return &Error{MalformedData, "One or more fields have incorrect format. Exception when validating field (root)"}
	}
	return mismatch("java.io.IOException: Start of Object expected")
}
