package filter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Config is what users write. Of the parts that are given all must pass; without any every event passes.
type Config struct {
	// Include is a list of clauses, of which one must hold.
	Include []Clause `json:"include,omitempty" yaml:"include,omitempty"`
	// IncludeOnly is a list each by event type, outcome and metadata. Of each list that is given one line must hold.
	IncludeOnly *IncludeOnly `json:"include_only,omitempty" yaml:"include_only,omitempty"`
	// Expression is CEL over the event: event.metadata.price > 20 && event.event_type.startsWith("recipient.").
	Expression string `json:"expression,omitempty" yaml:"expression,omitempty"`
	// Rules is a set of rules as LeadConduit has them.
	Rules *RuleSet `json:"rules,omitempty" yaml:"rules,omitempty"`
	// Missing says what a comparison with a member that is missing does: no_match, the default, or skip.
	Missing string `json:"missing,omitempty" yaml:"missing,omitempty"`
	// TypeField is the path of the event type: event_type, or type in events without it, if nothing is said.
	TypeField string `json:"type_field,omitempty" yaml:"type_field,omitempty"`
}

// Clause holds if all that it has holds.
type Clause struct {
	Types   []string `json:"types,omitempty" yaml:"types,omitempty"`     // one of these, * is any run of characters
	Outcome []string `json:"outcome,omitempty" yaml:"outcome,omitempty"` // one of these
	Where   []string `json:"where,omitempty" yaml:"where,omitempty"`     // all of these conditions
}

// IncludeOnly has lines such as: Events where metadata.price > 20. A line may be nothing but a type or an outcome.
type IncludeOnly struct {
	EventType []string `json:"event_type,omitempty" yaml:"event_type,omitempty"`
	Outcome   []string `json:"outcome,omitempty" yaml:"outcome,omitempty"`
	Metadata  []string `json:"metadata,omitempty" yaml:"metadata,omitempty"`
}

// Error tells what is wrong in a Config. Compile joins several.
type Error struct {
	Path    string // in the Config: include[0].where[1]; empty for all of it
	Text    string // what stands there
	Offset  int    // in bytes of Text, or -1
	Problem string // with what is allowed
}

func (e *Error) Error() string {
	switch {
	case e.Path == "":
		return e.Problem
	case e.Offset >= 0:
		return fmt.Sprintf("%s: at offset %d of %q: %s", e.Path, e.Offset, e.Text, e.Problem)
	case e.Text != "":
		return fmt.Sprintf("%s: %q: %s", e.Path, e.Text, e.Problem)
	}
	return e.Path + ": " + e.Problem
}

// Bounds of a Config.
const (
	predicatesMax = 1_000  // of a filter
	nestingMax    = 100    // of parentheses and rule sets
	textMax       = 65_536 // bytes of an expression or condition
)

// part is one part of a Config: it passes if one of its clauses holds.
type part struct {
	name    string
	clauses []clause
}

type clause struct {
	name string
	node node
}

// compiler gathers the fields of all parts, to be found in one scan.
type compiler struct {
	types  [][]string // paths of the event type
	skip   bool
	paths  [][]string
	slots  map[string]int
	count  int // of predicates
	errs   []error
	native bool // in tests only it is false: then an expression is left to cel-go as it is
}

// Compile compiles a filter. An error is a list of *Error.
func Compile(config Config) (*Filter, error) { return compile(config, true) }

func compile(config Config, native bool) (*Filter, error) {
	c := &compiler{types: [][]string{{"event_type"}, {"type"}}, slots: map[string]int{}, native: native}
	switch config.Missing {
	case "", "no_match":
	case "skip":
		c.skip = true
	default:
		c.failed("missing", config.Missing, -1, "allowed are no_match and skip")
	}
	if config.TypeField != "" {
		p := &parser{compiler: c, text: config.TypeField}
		if err := p.recover(func() { c.types = [][]string{p.wholePath()} }); err != nil {
			c.failed("type_field", config.TypeField, err.offset, err.problem)
		}
	}
	parts := c.parts(config)
	if c.count > predicatesMax {
		c.failed("", "", -1, fmt.Sprintf("%d predicates, allowed are %d", c.count, predicatesMax))
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return newFilter(parts, c.paths), nil
}

func (c *compiler) failed(path, text string, offset int, problem string) {
	c.errs = append(c.errs, &Error{Path: path, Text: text, Offset: offset, Problem: problem})
}

func (c *compiler) parts(config Config) (parts []part) {
	add := func(name string, clauses ...clause) {
		if len(clauses) > 0 {
			parts = append(parts, part{name, clauses})
		}
	}
	var include []clause
	for i, one := range config.Include {
		name := fmt.Sprintf("include[%d]", i)
		include = append(include, clause{name, c.clause(name, one)})
	}
	add("include", include...)
	if only := config.IncludeOnly; only != nil {
		add("include_only.event_type", c.lines("include_only.event_type", only.EventType, c.typeIs)...)
		add("include_only.outcome", c.lines("include_only.outcome", only.Outcome, c.outcomeIs)...)
		add("include_only.metadata", c.lines("include_only.metadata", only.Metadata, nil)...)
	}
	if config.Expression != "" {
		add("expression", clause{"expression", c.expression("expression", config.Expression)})
	}
	if config.Rules != nil {
		add("rules", clause{"rules", c.ruleSet("rules", *config.Rules, 0)})
	}
	return parts
}

func (c *compiler) clause(name string, one Clause) node {
	var nodes all
	if len(one.Types) > 0 {
		nodes = append(nodes, c.typeIs(name+".types", one.Types...))
	}
	if len(one.Outcome) > 0 {
		nodes = append(nodes, c.outcomeIs(name+".outcome", one.Outcome...))
	}
	for i, text := range one.Where {
		nodes = append(nodes, c.condition(fmt.Sprintf("%s.where[%d]", name, i), text))
	}
	return nodes
}

// word is a line that is a value alone, since no condition is without spaces, comparisons and parentheses.
var word = regexp.MustCompile(`^[^\s"'=<>!()]+$`)

// lines compiles the lines of a section. A line of one word, where it makes sense, is given to is.
func (c *compiler) lines(name string, lines []string, is func(at string, words ...string) node) (clauses []clause) {
	for i, line := range lines {
		at := fmt.Sprintf("%s[%d]", name, i)
		if line = strings.TrimSpace(line); is != nil && word.MatchString(line) {
			clauses = append(clauses, clause{at, is(at, line)})
		} else {
			clauses = append(clauses, clause{at, c.condition(at, line)})
		}
	}
	return clauses
}

// typeIs is one of some patterns of event types.
func (c *compiler) typeIs(_ string, patterns ...string) node {
	return c.predicate(c.field([]string{"type"}), "is "+either(patterns), ofText(glob(patterns)), false)
}

func (c *compiler) outcomeIs(at string, outcomes ...string) node {
	var constants []value
	for _, o := range outcomes {
		if strings.Contains(o, "*") {
			c.failed(at, o, -1, "a star stands for other characters in event types only; list the outcomes, or write a condition with LIKE")
		}
		constants = append(constants, textValue(o))
	}
	return c.predicate(c.field([]string{"outcome"}), "is "+either(outcomes), oneOf(constants, false), false)
}

func either(list []string) string { return strings.Join(list, " or ") }

// field returns the field of a path. The name type alone stands for the event type.
func (c *compiler) field(names []string) *field {
	if len(names) == 1 && names[0] == "type" {
		f := &field{text: "type"}
		for _, path := range c.types {
			one := c.exactField(path)
			f.names, f.slots, f.rest = append(f.names, path), append(f.slots, one.slots...), one.rest
		}
		return f
	}
	return c.exactField(names)
}

func (c *compiler) exactField(names []string) *field {
	before, after, found := cutEach(names)
	f := &field{text: showPath(names), names: [][]string{names}, slots: []int{c.slot(before)}}
	if found {
		f.rest = newRest(after)
	}
	return f
}

// slot returns the place of a path in the scan.
func (c *compiler) slot(names []string) int {
	key := fmt.Sprintf("%q", names)
	slot, known := c.slots[key]
	if !known {
		slot = len(c.paths)
		c.slots[key] = slot
		c.paths = append(c.paths, names)
	}
	return slot
}

func (c *compiler) predicate(f *field, want string, test func(value) bool, negate bool) *predicate {
	c.count++
	return &predicate{field: f, want: want, test: test, negate: negate, absent: c.absent()}
}

func (c *compiler) absent() verdict {
	if c.skip {
		return skipped
	}
	return no
}

// exists is the predicate that a field is there.
func (c *compiler) exists(f *field) *predicate {
	p := c.predicate(f, "exists", func(value) bool { return true }, false)
	p.absent = no
	return p
}

// blank is the predicate that a field has nothing in it or is missing, or that it has something.
func (c *compiler) blank(f *field, negate bool) *predicate {
	p := c.predicate(f, "is blank", isBlank, negate)
	p.absent = verdictOf(!negate)
	if negate {
		p.want = "is not blank"
	}
	return p
}

// compare is the predicate of a field and a constant.
func (c *compiler) compare(f *field, op string, constant value, fold bool) node {
	test, negate := comparison(op, fold)
	return c.predicate(f, op+" "+string(constant.json()), func(v value) bool { return test(v, constant) }, negate)
}
