// Package model holds what the published model of Amazon Data Firehose says about requests: their members, the types
// of these, and the constraints on their values.
//
// It is one table, model.txt, which a person can read, and three small machines over it: Parse reads the table, Decode
// turns a body into a tree of values of the right types, Validate lists the constraints that a tree breaks, with the paths
// and the words of the service. What combinations of values mean is no business of this package.
package model

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
)

// Kind is the type of a shape's values.
type Kind string

// The kinds, by their words in the table. Enum is a string with a set of values.
const (
	Structure Kind = "structure"
	List      Kind = "list"
	Map       Kind = "map"
	String    Kind = "string"
	Enum      Kind = "enum"
	Integer   Kind = "integer"
	Double    Kind = "double"
	Blob      Kind = "blob"
	Boolean   Kind = "boolean"
	Timestamp Kind = "timestamp"
)

// Shape is a named type with its constraints.
type Shape struct {
	Name    string
	Kind    Kind
	Members []Member // of a structure, in the order in which violations are reported
	Element *Shape   // of a list
	Key     *Shape   // of a map
	Value   *Shape   // of a map
	Values  []string // of an enum, in the order in which they are printed
	Min     int64    // length of strings, lists and blobs, value of numbers; math.MinInt64 for none
	Max     int64    // math.MaxInt64 for none
	Pattern *Pattern // of a string; nil for none
}

// Member is a member of a structure.
type Member struct {
	Name     string
	Required bool
	Shape    *Shape
}

// Member returns the member of a structure with the given name, or nil.
func (s *Shape) Member(name string) *Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}

//go:embed model.txt
var table string

// Operations returns the structures of the requests by the operations' names. Nobody may change them.
var Operations = sync.OnceValue(func() map[string]*Shape {
	operations, err := Parse(table)
	if err != nil {
		panic(err)
	}
	return operations
})

// Parse reads a table in the form that model.txt describes at its head.
func Parse(text string) (map[string]*Shape, error) {
	p := parser{shapes: map[string]*Shape{}, defined: map[string]bool{}, operations: map[string]*Shape{}}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("model line %d: %w", i+1, err)
		}
	}
	for name := range p.shapes {
		if !p.defined[name] {
			return nil, fmt.Errorf("model: shape %s is used but not defined", name)
		}
	}
	return p.operations, nil
}

type parser struct {
	shapes     map[string]*Shape
	defined    map[string]bool
	operations map[string]*Shape
	structure  *Shape // that the indented lines belong to
}

// shape returns the shape of a name, which may be defined further down.
func (p *parser) shape(name string) *Shape {
	s := p.shapes[name]
	if s == nil {
		s = &Shape{Name: name, Min: math.MinInt64, Max: math.MaxInt64}
		p.shapes[name] = s
	}
	return s
}

func (p *parser) line(line string) error {
	if member, ok := strings.CutPrefix(line, "  "); ok {
		name, shape, ok := strings.Cut(member, " ")
		if !ok || p.structure == nil {
			return fmt.Errorf("member %q: want a name and a shape below a structure", member)
		}
		name, required := strings.CutSuffix(name, "!")
		p.structure.Members = append(p.structure.Members, Member{Name: name, Required: required, Shape: p.shape(shape)})
		return nil
	}
	kind, rest, _ := strings.Cut(line, " ")
	name, rest, _ := strings.Cut(rest, " ")
	if name == "" {
		return fmt.Errorf("%q: want a name", line)
	}
	switch kind {
	case "operation":
		p.operations[name] = p.shape(rest)
		return nil
	case "prints":
		return p.prints(name, rest)
	}
	if p.defined[name] {
		return fmt.Errorf("shape %s is defined twice", name)
	}
	p.defined[name] = true
	s := p.shape(name)
	s.Kind = Kind(kind)
	return p.define(s, rest)
}

func (p *parser) prints(name, pattern string) error {
	s := p.shapes[name]
	if s == nil || s.Pattern == nil {
		return fmt.Errorf("prints %s: no such pattern", name)
	}
	s.Pattern.text = pattern
	return nil
}

// define reads what stands behind a shape's name.
func (p *parser) define(s *Shape, rest string) (err error) {
	first, behind, _ := strings.Cut(rest, " ")
	switch s.Kind {
	case Structure:
		p.structure = s
	case Boolean, Timestamp:
	case Enum:
		s.Values = strings.Fields(rest)
	case List:
		s.Element = p.shape(first)
		err = s.bounds(behind)
	case Map:
		s.Key, s.Value = p.shape(first), p.shape(behind)
	case Integer, Double, Blob:
		err = s.bounds(rest)
	case String:
		if err = s.bounds(first); err == nil && behind != "" {
			s.Pattern, err = compilePattern(behind)
		}
	default:
		err = fmt.Errorf("shape %s: unknown kind %q", s.Name, s.Kind)
	}
	return err
}

// bounds reads MIN..MAX; either may be missing, and so may all of it.
func (s *Shape) bounds(text string) (err error) {
	if text == "" {
		return nil
	}
	low, high, ok := strings.Cut(text, "..")
	if !ok {
		return fmt.Errorf("shape %s: bounds %q: want MIN..MAX", s.Name, text)
	}
	if low != "" {
		if s.Min, err = strconv.ParseInt(low, 10, 64); err != nil {
			return fmt.Errorf("shape %s: %w", s.Name, err)
		}
	}
	if high != "" {
		if s.Max, err = strconv.ParseInt(high, 10, 64); err != nil {
			return fmt.Errorf("shape %s: %w", s.Name, err)
		}
	}
	return nil
}
