package filter

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"firehose/internal/jsonscan"
)

type kind byte

const (
	missing kind = iota
	null
	boolean
	number
	text
	list
	object
)

// value is what predicates compare: a member of an event, or a constant of the configuration.
type value struct {
	kind kind
	data []byte  // what a string reads as, a boolean or number as it is spelled, the JSON of an object or array
	list []value // the elements of an array that has no JSON
}

// valueOf reads JSON that was scanned. It copies only strings with escapes.
func valueOf(doc []byte) value {
	switch doc[0] {
	case '"':
		if plain := doc[1 : len(doc)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
			return value{kind: text, data: plain}
		}
		return value{kind: text, data: jsonscan.AppendText(nil, doc)}
	case '{':
		return value{kind: object, data: doc}
	case '[':
		return value{kind: list, data: doc}
	case 't', 'f':
		return value{kind: boolean, data: doc}
	case 'n':
		return value{kind: null}
	}
	return value{kind: number, data: doc}
}

func textValue(s string) value { return value{kind: text, data: []byte(s)} }

func listValue(elements []value) value { return value{kind: list, list: elements} }

// json writes a value as JSON.
func (v value) json() json.RawMessage {
	switch v.kind {
	case missing:
		return nil
	case null:
		return json.RawMessage("null")
	case text:
		quoted, err := json.Marshal(string(v.data))
		if err != nil {
			panic("filter: " + err.Error()) // a string has always a JSON
		}
		return quoted
	case list:
		if v.data == nil {
			elements := []byte{'['}
			for i, e := range v.list {
				if i > 0 {
					elements = append(elements, ',')
				}
				elements = append(elements, e.json()...)
			}
			return append(elements, ']')
		}
	}
	return slices.Clone(v.data)
}

// elements walks an array.
type elements struct {
	doc  []byte // the rest of an array in JSON
	list []value
}

func (v value) elements() elements {
	if v.data != nil {
		return elements{doc: v.data[1 : len(v.data)-1]}
	}
	return elements{list: v.list}
}

// next returns false after the last element.
func (e *elements) next() (value, bool) {
	if len(e.list) > 0 {
		first := e.list[0]
		e.list = e.list[1:]
		return first, true
	}
	if doc := e.nextJSON(); doc != nil {
		return valueOf(doc), true
	}
	return value{}, false
}

// nextJSON returns the next element of an array in JSON, or nil.
func (e *elements) nextJSON() []byte {
	i := 0
	for i < len(e.doc) && (e.doc[i] <= ' ' || e.doc[i] == ',') {
		i++
	}
	start, depth := i, 0
	for ; i < len(e.doc); i++ {
		switch e.doc[i] {
		case '"':
			for i++; e.doc[i] != '"'; i++ {
				if e.doc[i] == '\\' {
					i++
				}
			}
			continue
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
			continue
		}
		if c := e.doc[i]; depth == 0 && (c == ',' || c <= ' ') {
			break
		} else {
			continue
		}
	}
	if start == len(e.doc) {
		return nil
	}
	element := e.doc[start:i]
	e.doc = e.doc[i:]
	return element
}

// any says whether a test holds for a value, or for one element of an array.
func (v value) any(test func(value) bool) bool {
	if v.kind != list {
		return test(v)
	}
	for all := v.elements(); ; {
		e, ok := all.next()
		if !ok || e.kind != list && test(e) {
			return ok
		}
	}
}

// equal is = of two values that are there. An array equals what one of its elements equals.
func equal(a, b value, fold bool) bool {
	switch {
	case a.kind == list && b.kind == list:
		return bytes.Equal(appendKey(nil, a, fold), appendKey(nil, b, fold))
	case a.kind == list:
		return a.any(func(e value) bool { return equal(e, b, fold) })
	case b.kind == list:
		return b.any(func(e value) bool { return equal(a, e, fold) })
	case a.kind == object && b.kind == object:
		return bytes.Equal(appendKey(nil, a, fold), appendKey(nil, b, fold))
	case a.kind <= null || b.kind <= null || a.kind == object || b.kind == object:
		return a.kind == null && b.kind == null
	}
	m, ok := a.numeral()
	n, too := b.numeral()
	if ok || too {
		return ok && too && compareNumerals(m, n) == 0
	}
	return bytes.Equal(a.data, b.data) || fold && bytes.EqualFold(a.data, b.data)
}

// order compares two values that are no arrays. It returns false where neither is before the other.
func order(a, b value) (int, bool) {
	m, ok := a.numeral()
	n, too := b.numeral()
	switch {
	case ok && too:
		return compareNumerals(m, n), true
	case ok || too || a.kind != text || b.kind != text:
		return 0, false
	}
	return bytes.Compare(a.data, b.data), true
}

// nestedMax is how deep arrays in arrays are compared whatever their order. What lies deeper must be spelled the same, so
// that no event makes a comparison take longer than some walks over it.
const nestedMax = 20

// appendKey appends a text that is the same for values that are equal, of arrays whatever their order.
func appendKey(dst []byte, v value, fold bool) []byte { return appendNestedKey(dst, v, fold, 0) }

func appendNestedKey(dst []byte, v value, fold bool, depth int) []byte {
	switch v.kind {
	case null:
		return append(dst, 'z', 0)
	case object:
		var members any
		d := json.NewDecoder(bytes.NewReader(v.data))
		d.UseNumber()
		if err := d.Decode(&members); err != nil {
			panic("filter: " + err.Error()) // it was scanned
		}
		sorted, err := json.Marshal(members)
		if err != nil {
			panic("filter: " + err.Error()) // it was decoded
		}
		return append(append(append(dst, 'o'), sorted...), 0)
	case list:
		if depth == nestedMax {
			return append(append(append(dst, 'd'), v.json()...), 0)
		}
		var keys [][]byte
		for all := v.elements(); ; {
			e, ok := all.next()
			if !ok {
				break
			}
			keys = append(keys, appendNestedKey(nil, e, fold, depth+1))
		}
		slices.SortFunc(keys, bytes.Compare)
		dst = append(dst, '[')
		for _, key := range keys {
			dst = append(dst, key...)
		}
		return append(dst, ']', 0)
	}
	if n, ok := v.numeral(); ok {
		return append(n.appendKey(append(dst, 'n')), 0)
	}
	data := v.data
	if fold {
		data = bytes.ToLower(data)
	}
	return append(append(append(dst, 's'), data...), 0)
}
