package fromjson

import (
	"strings"

	"firehose/internal/columns"
)

// value appends the value at p to v and returns where it ends. If it cannot, it leaves v either as it was or with one entry
// that is whole, whatever it holds: so what a record that fails has appended so far can be taken back entry by entry.
func (r *Reader) value(n *node, v *columns.Vector, p int) (int, error) {
	if at(r.data, p) == 'n' {
		end, err := literal(r.data, p, "null")
		if err == nil {
			v.AppendNull()
		}
		return end, err
	}
	if n.form != formNested {
		return r.scalar(n, v, p)
	}
	switch n.kind {
	case columns.Struct:
		return r.object(n, v, p)
	case columns.Map:
		return r.mapping(n, v, p)
	}
	return r.list(n, v, p)
}

// scalar appends a value that is not nested.
func (r *Reader) scalar(n *node, v *columns.Vector, p int) (int, error) {
	switch c := at(r.data, p); c {
	case '"':
		end, has, err := scanString(r.data, p)
		if err != nil {
			return p, err
		}
		if n.form == formText {
			n.appendText(v, r.data[p+1:end-1], has)
			return end, nil
		}
		if (r.openX || n.form == formDate || n.form == formTimestamp) && r.fromText(n, v, r.unescaped(r.data[p+1:end-1], has)) {
			return end, nil
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		number, end, err := scanNumber(r.data, p, false)
		switch {
		case err != nil:
			return p, err
		case n.form == formText:
			n.appendText(v, number.text, 0)
			return end, nil
		case n.form == formNumber && n.appendNumber(v, &number),
			n.form == formTimestamp && r.openX && appendEpoch(v, &number),
			n.form == formTimestamp && !r.openX && r.fromText(n, v, number.text):
			return end, nil
		}
	case 't', 'f':
		end, err := literal(r.data, p, boolean(c))
		if err != nil {
			return p, err
		}
		if n.form == formText || n.form == formBoolean {
			r.fromText(n, v, r.data[p:end])
			return end, nil
		}
	case '{', '[':
		if n.form == formText && r.openX {
			end, err := skip(r.data, p, n.depth)
			if err == nil {
				n.appendText(v, r.data[p:end], nonASCII)
			}
			return end, err
		}
	}
	return p, r.unfit(n, p)
}

func boolean(first byte) string {
	if first == 't' {
		return "true"
	}
	return "false"
}

// fromText appends what a string, a name of a map, or the text of a number stands for; if nothing, it returns false.
func (r *Reader) fromText(n *node, v *columns.Vector, text []byte) bool {
	switch n.form {
	case formText:
		n.appendText(v, text, nonASCII)
		return true
	case formBoolean:
		yes := strings.EqualFold(string(text), "true")
		if !yes && !strings.EqualFold(string(text), "false") {
			return false
		}
		v.Ints = append(v.Ints, 0)
		if yes {
			v.Ints[len(v.Ints)-1] = 1
		}
		v.Present = append(v.Present, true)
		return true
	case formDate:
		days, rest, ok := parseDate(text, true)
		return ok && len(rest) == 0 && appendInt(v, days)
	case formTimestamp:
		return r.appendTimestamp(v, text)
	}
	if (n.kind == columns.Float || n.kind == columns.Double) && len(text) > 0 && text[len(text)-1] > '9' {
		f, special := specialFloats[string(text)]
		return special && appendFloat(v, f)
	}
	number, end, err := scanNumber(text, 0, true)
	return err == nil && end == len(text) && n.appendNumber(v, &number)
}

// appendNumber appends a number to a column of numbers, if it fits.
func (n *node) appendNumber(v *columns.Vector, number *number) bool {
	switch n.kind {
	case columns.Float:
		return appendFloat(v, float64(float32(number.float())))
	case columns.Double:
		return appendFloat(v, number.float())
	case columns.Decimal:
		d, ok := number.decimal(n.scale, n.limit)
		if ok {
			v.Decimals = append(v.Decimals, d)
			v.Present = append(v.Present, true)
		}
		return ok
	}
	i, ok := number.whole()
	return ok && n.low <= i && i <= n.high && appendInt(v, i)
}

func appendInt(v *columns.Vector, i int64) bool {
	v.Ints = append(v.Ints, i)
	v.Present = append(v.Present, true)
	return true
}

func appendFloat(v *columns.Vector, f float64) bool {
	v.Floats = append(v.Floats, f)
	v.Present = append(v.Present, true)
	return true
}
