package fromjson

import "firehose/internal/columns"

// object appends the struct at p.
func (r *Reader) object(n *node, v *columns.Vector, p int) (end int, err error) {
	before := v.Children[0].Len()
	switch c := at(r.data, p); {
	case c == '{':
		end, err = r.members(n, v, p, before)
	case c == '[' && r.openX:
		end, err = r.positions(n, v, p)
	default:
		return r.blank(n, v, p)
	}
	for _, child := range v.Children {
		if child.Len() == before {
			child.AppendNull()
		}
	}
	v.Present = append(v.Present, true)
	return end, err
}

// blank appends a null for the empty string that OpenX takes for a nested value.
func (r *Reader) blank(n *node, v *columns.Vector, p int) (int, error) {
	if r.openX && at(r.data, p) == '"' && at(r.data, p+1) == '"' {
		v.AppendNull()
		return p + 2, nil
	}
	if _, err := skip(r.data, p, n.depth); err != nil {
		return p, err
	}
	return p, unfitNested(n)
}

// members reads the members of an object into the fields that they belong to, each of which had so many entries before.
func (r *Reader) members(n *node, v *columns.Vector, p, before int) (int, error) {
	data := r.data
	if p = space(data, p+1); at(data, p) == '}' {
		return p + 1, nil
	}
	last := int32(0)
	for {
		var field int
		var err error
		this := n.members[last].next
		if m := &n.members[this]; this > 0 && len(data)-p >= len(m.token) && string(data[p:p+len(m.token)]) == string(m.token) {
			p, field, last = p+len(m.token), m.field, this
		} else if p, field, last, err = r.lookUp(n, p, last); err != nil {
			return p, err
		}
		if p, err = colon(data, p); err != nil {
			return p, err
		}
		if field < 0 {
			p, err = skip(data, p, n.depth+1)
		} else {
			p, err = r.field(n, v, p, field, before)
		}
		if err != nil {
			return p, err
		}
		var more bool
		if p, more, err = comma(data, p, '}'); !more {
			return p, err
		}
	}
}

// field reads the value at p into a field, and into those that read the same member.
func (r *Reader) field(n *node, v *columns.Vector, p, field, before int) (end int, err error) {
	for ; field >= 0 && err == nil; field = n.also[field] {
		child := v.Children[field]
		if child.Len() > before {
			pop(child) // of several members of one name the last counts
		}
		end, err = r.value(n.children[field], child, p)
	}
	return end, err
}

// lookUp reads the name at p, finds its field, or -1, and remembers that it followed the member last. It returns the member
// that the next name will follow.
func (r *Reader) lookUp(n *node, p int, last int32) (end, field int, this int32, err error) {
	end, has, err := scanString(r.data, p)
	if err != nil {
		return p, -1, last, err
	}
	text := r.data[p+1 : end-1]
	if this, known := n.spelled[string(text)]; known {
		n.members[last].next = this
		return end, n.members[this].field, this, nil
	}
	r.name = n.names.compared(r.name[:0], r.unescaped(text, has))
	field, known := n.fields[string(r.name)]
	if !known {
		field = -1
	}
	if len(n.members) == membersMax || len(text) > memberSizeMax {
		return end, field, last, nil
	}
	this = int32(len(n.members))
	n.members = append(n.members, member{token: append([]byte(nil), r.data[p:end]...), field: field})
	n.spelled[string(text)] = this
	n.members[last].next = this
	return end, field, this, nil
}

// positions reads the elements of an array into the fields of a struct, one after the other.
func (r *Reader) positions(n *node, v *columns.Vector, p int) (int, error) {
	data := r.data
	if p = space(data, p+1); at(data, p) == ']' {
		return p + 1, nil
	}
	for i := 0; ; i++ {
		var err error
		if i < len(v.Children) {
			p, err = r.value(n.children[i], v.Children[i], p)
		} else {
			p, err = skip(data, p, n.depth+1)
		}
		if err != nil {
			return p, err
		}
		var more bool
		if p, more, err = comma(data, p, ']'); !more {
			return p, err
		}
	}
}

// list appends the array at p.
func (r *Reader) list(n *node, v *columns.Vector, p int) (end int, err error) {
	switch c := at(r.data, p); {
	case c == '[':
		end, err = r.elements(n.children[0], v.Children[0], p)
	case r.openX && !(c == '"' && at(r.data, p+1) == '"'):
		end, err = r.value(n.children[0], v.Children[0], p)
	default:
		return r.blank(n, v, p)
	}
	v.Ends = append(v.Ends, v.Children[0].Len())
	v.Present = append(v.Present, true)
	return end, err
}

func (r *Reader) elements(n *node, v *columns.Vector, p int) (int, error) {
	if p = space(r.data, p+1); at(r.data, p) == ']' {
		return p + 1, nil
	}
	for {
		var err error
		if p, err = r.value(n, v, p); err != nil {
			return p, err
		}
		var more bool
		if p, more, err = comma(r.data, p, ']'); !more {
			return p, err
		}
	}
}

// mapping appends the map at p.
func (r *Reader) mapping(n *node, v *columns.Vector, p int) (int, error) {
	if at(r.data, p) != '{' {
		return r.blank(n, v, p)
	}
	keys, values := v.Children[0], v.Children[1]
	before := keys.Len()
	end, err := r.entries(n, keys, values, p)
	if values.Len() < keys.Len() {
		values.AppendNull()
	}
	if keys.Len()-before > 1 && err == nil {
		r.unify(keys, values, before)
	}
	v.Ends = append(v.Ends, keys.Len())
	v.Present = append(v.Present, true)
	return end, err
}

func (r *Reader) entries(n *node, keys, values *columns.Vector, p int) (int, error) {
	data := r.data
	if p = space(data, p+1); at(data, p) == '}' {
		return p + 1, nil
	}
	for {
		end, has, err := scanString(data, p)
		if err != nil {
			return p, err
		}
		key, name := n.children[0], data[p+1:end-1]
		if key.form == formText {
			key.appendText(keys, name, has)
		} else if name = r.unescaped(name, has); !r.fromText(key, keys, name) {
			return p, notFor(name)
		}
		if p, err = colon(data, end); err != nil {
			return p, err
		}
		if p, err = r.value(n.children[1], values, p); err != nil {
			return p, err
		}
		var more bool
		if p, more, err = comma(data, p, '}'); !more {
			return p, err
		}
	}
}
