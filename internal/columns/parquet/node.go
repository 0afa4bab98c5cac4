package parquet

import (
	"slices"

	"firehose/internal/columns"
)

// node is a part of the table's type, with the place in the vector up to which it is written.
type node struct {
	kind     columns.Kind
	required bool  // keys of maps are never null and have no level of their own
	above    int16 // the definition level that says: there is an entry here, null or not
	present  int16 // the definition level of an entry that is present
	repeats  int16 // the repetition level of a list's or map's second element, and of all below it
	children []*node
	leaf     *leaf // of what is not nested

	vector *columns.Vector // nil between calls of Write
	entry  int             // entries of the vector that are done
	value  int             // and how many of them were present

	// Memory for the levels of a step: those of the entries, and of a list or map those of its elements.
	defined, elementDefinitions, elementRepetitions []int16
}

// newNode returns the node of a type and those below it, and adds the leaves in the order of the file's columns.
func newNode(t *columns.Type, required bool, above, repeats int16, leaves *[]*node) *node {
	n := &node{kind: t.Kind, required: required, above: above, present: above + 1, repeats: repeats}
	if required {
		n.present = above
	}
	switch t.Kind {
	case columns.Struct:
		for _, f := range t.Fields {
			n.children = append(n.children, newNode(f.Type, false, n.present, repeats, leaves))
		}
	case columns.Array, columns.Map:
		n.repeats++
		for _, f := range t.Fields {
			key := t.Kind == columns.Map && len(n.children) == 0
			n.children = append(n.children, newNode(f.Type, key, n.present+1, n.repeats, leaves))
		}
	default:
		n.leaf = newLeaf(t, n.present)
		*leaves = append(*leaves, n)
	}
	return n
}

// bind sets the node and those below it to the beginning of a vector, or lets go of it, if it is nil.
func (n *node) bind(v *columns.Vector) {
	n.vector, n.entry, n.value = v, 0, 0
	for i, c := range n.children {
		if v == nil {
			c.bind(nil)
		} else {
			c.bind(v.Children[i])
		}
	}
}

// write writes the entries that levels ask for: one for each level that is n.above.
func (n *node) write(definitions, repetitions []int16) error {
	first := n.value
	definitions = n.define(definitions)
	switch n.kind {
	case columns.Struct:
	case columns.Array, columns.Map:
		definitions, repetitions = n.repeat(first, definitions, repetitions)
	default:
		return n.leaf.write(n.vector, first, n.value, definitions, repetitions)
	}
	for _, c := range n.children {
		if err := c.write(definitions, repetitions); err != nil {
			return err
		}
	}
	return nil
}

// define returns the levels with those raised whose entry is present. The result is valid until the next call.
func (n *node) define(levels []int16) []int16 {
	if n.required {
		for _, level := range levels {
			if level == n.above {
				n.entry++
			}
		}
		n.value = n.entry
		return levels
	}
	defined := slices.Grow(n.defined[:0], len(levels))[:len(levels)]
	n.defined = defined
	entries := n.vector.Present[n.entry:]
	entry, value := 0, 0
	for i, level := range levels {
		if level == n.above {
			if entries[entry] {
				level++
				value++
			}
			entry++
		}
		defined[i] = level
	}
	n.entry += entry
	n.value += value
	return defined
}

// repeat returns the levels of the elements of the lists from the value first on: a list that is empty or null has one
// entry there too, whose level says so. The results are valid until the next call.
func (n *node) repeat(first int, definitions, repetitions []int16) (elementDefinitions, elementRepetitions []int16) {
	ends, begin := n.vector.Ends, 0
	if first > 0 {
		begin = ends[first-1]
	}
	elementDefinitions, elementRepetitions = n.elementDefinitions[:0], n.elementRepetitions[:0]
	for i, level := range definitions {
		elements := 0
		if level == n.present {
			elements = ends[first] - begin
			begin = ends[first]
			first++
		}
		if elements > 0 {
			level++
		}
		elementDefinitions, elementRepetitions = append(elementDefinitions, level), append(elementRepetitions, repetitions[i])
		for ; elements > 1; elements-- {
			elementDefinitions, elementRepetitions = append(elementDefinitions, level), append(elementRepetitions, n.repeats)
		}
	}
	n.elementDefinitions, n.elementRepetitions = elementDefinitions, elementRepetitions
	return elementDefinitions, elementRepetitions
}
