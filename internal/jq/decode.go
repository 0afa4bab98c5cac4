package jq

import (
	"bytes"
	"unicode/utf8"

	"firehose/internal/jsonscan"
)

// decode makes of a JSON value what gojq works on. The text was scanned, so it is known to be right.
func decode(text []byte) any {
	d := decoder{text}
	return d.value()
}

// decoder reads values from the front of its text.
type decoder struct{ text []byte }

// next skips white space and returns the byte after it.
func (d *decoder) next() byte {
	i := 0
	for d.text[i] <= ' ' {
		i++
	}
	d.text = d.text[i:]
	return d.text[0]
}

func (d *decoder) skip(n int) { d.text = d.text[n:] }

func (d *decoder) value() any {
	switch d.next() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return d.string()
	case 't':
		d.skip(4)
		return true
	case 'f':
		d.skip(5)
		return false
	case 'n':
		d.skip(4)
		return nil
	}
	end := bytes.IndexAny(d.text, ",]} \t\r\n")
	if end < 0 {
		end = len(d.text)
	}
	f := parseNumber(d.text[:end])
	d.skip(end)
	return f
}

func (d *decoder) object() any {
	object := map[string]any{}
	for d.skip(1); d.next() != '}'; {
		if d.text[0] == ',' {
			d.skip(1)
			d.next()
		}
		name := d.string()
		d.next() // the colon
		d.skip(1)
		object[name] = d.value() // the last of a name counts
	}
	d.skip(1)
	return object
}

func (d *decoder) array() any {
	array := []any{}
	for d.skip(1); d.next() != ']'; {
		if d.text[0] == ',' {
			d.skip(1)
		}
		array = append(array, d.value())
	}
	d.skip(1)
	return array
}

func (d *decoder) string() string {
	end, plain := 1, true
	for ; d.text[end] != '"'; end++ {
		if c := d.text[end]; c == '\\' {
			plain = false
			end++
		} else if c >= utf8.RuneSelf {
			plain = false
		}
	}
	quoted := d.text[:end+1]
	d.skip(end + 1)
	if plain {
		return string(quoted[1:end])
	}
	return string(jsonscan.AppendText(nil, quoted))
}
