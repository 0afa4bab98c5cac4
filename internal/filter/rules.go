package filter

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// RuleSet is rules joined by and or or. A set without rules passes everything.
type RuleSet struct {
	Op    string `json:"op" yaml:"op"`
	Rules []Rule `json:"rules" yaml:"rules"`
}

// Rule is a comparison, or a set of rules of its own. A comparison with a RuleSet holds if both do.
type Rule struct {
	LHV     string   `json:"lhv,omitempty" yaml:"lhv,omitempty"` // a path: lead_data.state
	Op      string   `json:"op,omitempty" yaml:"op,omitempty"`   // an operator in words, or and/or of a set
	RHV     any      `json:"rhv,omitempty" yaml:"rhv,omitempty"` // a text, number, boolean, or list of them
	RuleSet *RuleSet `json:"rule_set,omitempty" yaml:"rule_set,omitempty"`
	Rules   []Rule   `json:"rules,omitempty" yaml:"rules,omitempty"`
}

func (c *compiler) ruleSet(at string, set RuleSet, depth int) node {
	if depth > nestingMax {
		c.failed(at, "", -1, fmt.Sprintf("nesting deeper than %d", nestingMax))
		return constant(no)
	}
	var nodes []node
	for i, rule := range set.Rules {
		nodes = append(nodes, c.rule(fmt.Sprintf("%s.rules[%d]", at, i), rule, depth))
	}
	switch strings.ToLower(set.Op) {
	case "and":
		return all(nodes)
	case "or":
		return anyOf(nodes)
	}
	c.failed(at+".op", set.Op, -1, "allowed are and, or")
	return constant(no)
}

func (c *compiler) rule(at string, rule Rule, depth int) node {
	if rule.LHV == "" && rule.Rules != nil {
		return c.ruleSet(at, RuleSet{rule.Op, rule.Rules}, depth+1)
	}
	var nodes all
	if rule.LHV != "" || rule.RuleSet == nil {
		nodes = append(nodes, c.comparison(at, rule))
	}
	if rule.RuleSet != nil {
		nodes = append(nodes, c.ruleSet(at+".rule_set", *rule.RuleSet, depth+1))
	}
	return nodes
}

// ruleOperators are the operators in words. All that compare texts do so whatever the case.
var ruleOperators = map[string]func(r *ruleParser) node{
	"is equal to":                 func(r *ruleParser) node { return r.order("=") },
	"is not equal to":             func(r *ruleParser) node { return r.order("!=") },
	"is less than":                func(r *ruleParser) node { return r.order("<") },
	"is less than or equal to":    func(r *ruleParser) node { return r.order("<=") },
	"is greater than":             func(r *ruleParser) node { return r.order(">") },
	"is greater than or equal to": func(r *ruleParser) node { return r.order(">=") },
	"is between":                  func(r *ruleParser) node { return r.test(r.between(), false) },
	"is not between":              func(r *ruleParser) node { return r.test(r.between(), true) },
	"includes":                    func(r *ruleParser) node { return r.test(ofText(containsFold(r.word())), false) },
	"does not include":            func(r *ruleParser) node { return r.test(ofText(containsFold(r.word())), true) },
	"is included in":              func(r *ruleParser) node { return r.test(oneOf(r.list(), true), false) },
	"is not included in":          func(r *ruleParser) node { return r.test(oneOf(r.list(), true), true) },
	"is blank":                    func(r *ruleParser) node { return r.c.blank(r.field, false) },
	"is not blank":                func(r *ruleParser) node { return r.c.blank(r.field, true) },
	"format is valid":             func(r *ruleParser) node { return r.test(r.format(), false) },
	"format is not valid":         func(r *ruleParser) node { return r.test(r.format(), true) },
	"matches pattern":             func(r *ruleParser) node { return r.test(r.pattern(), false) },
	"does not match pattern":      func(r *ruleParser) node { return r.test(r.pattern(), true) },
	"is true":                     func(r *ruleParser) node { return r.test(ofText(isTruth("true")), false) },
	"is false":                    func(r *ruleParser) node { return r.test(ofText(isTruth("false")), false) },
}

// ruleParser compiles one comparison.
type ruleParser struct {
	c     *compiler
	path  []string
	field *field
	op    string
	rhv   any
}

func (c *compiler) comparison(at string, rule Rule) (n node) {
	p := &parser{compiler: c, text: rule.LHV}
	r := &ruleParser{c: c, op: strings.ToLower(rule.Op), rhv: rule.RHV}
	if err := p.recover(func() { r.path = p.wholePath() }); err != nil {
		c.failed(at+".lhv", rule.LHV, err.offset, err.problem)
		return constant(no)
	}
	r.field = c.field(r.path)
	compile, known := ruleOperators[r.op]
	if !known {
		c.failed(at+".op", rule.Op, -1, "allowed are "+strings.Join(sortedOperators(), ", "))
		return constant(no)
	}
	if err := p.recover(func() { n = compile(r) }); err != nil {
		shown := ""
		if rule.RHV != nil {
			shown = fmt.Sprint(rule.RHV)
		}
		c.failed(at+".rhv", shown, -1, err.problem)
		return constant(no)
	}
	return n
}

func (r *ruleParser) fail(format string, args ...any) {
	panic(&syntaxError{-1, fmt.Sprintf(format, args...)})
}

func (r *ruleParser) test(test func(value) bool, negate bool) node {
	want := r.op
	if r.rhv != nil {
		want += " " + fmt.Sprint(r.rhv)
	}
	return r.c.predicate(r.field, want, test, negate)
}

func (r *ruleParser) order(op string) node {
	constant := r.constant(r.rhv)
	test, negate := comparison(op, true)
	return r.test(func(v value) bool { return test(v, constant) }, negate)
}

// constant takes what a decoder of JSON or YAML makes.
func (r *ruleParser) constant(rhv any) value {
	switch v := rhv.(type) {
	case string:
		return textValue(v)
	case bool:
		return value{kind: boolean, data: strconv.AppendBool(nil, v)}
	case int, int64, uint64:
		return value{kind: number, data: fmt.Append(nil, v)}
	case float64:
		return value{kind: number, data: strconv.AppendFloat(nil, v, 'f', -1, 64)}
	case json.Number:
		return value{kind: number, data: []byte(v)}
	case []any:
		var list []value
		for _, e := range v {
			list = append(list, r.constant(e))
		}
		return listValue(list)
	}
	r.fail("%s wants a text, a number, a boolean or a list of them", r.op)
	return value{}
}

func (r *ruleParser) word() string {
	v := r.constant(r.rhv)
	if v.kind == list || len(v.data) == 0 {
		r.fail("%s wants a text", r.op)
	}
	return string(v.data)
}

// span is two numbers with a hyphen between them: 10-20, or -5 - -1.
var span = regexp.MustCompile(`^\s*(-?\d+(?:\.\d+)?)\s*-\s*(-?\d+(?:\.\d+)?)\s*$`)

func (r *ruleParser) between() func(value) bool {
	v := r.constant(r.rhv)
	if v.kind == list && len(v.list) == 2 {
		return between(v.list[0], v.list[1])
	}
	ends := span.FindSubmatch(v.data)
	if ends == nil {
		r.fail("%s wants two numbers such as 10-20, or a list of two values", r.op)
	}
	low, high := value{kind: number, data: ends[1]}, value{kind: number, data: ends[2]}
	if c, ok := order(low, high); !ok || c > 0 {
		r.fail("%s wants the smaller number first, without leading zeros", r.op)
	}
	return between(low, high)
}

// list takes a list, or a text with commas.
func (r *ruleParser) list() []value {
	v := r.constant(r.rhv)
	if v.kind == list {
		return v.list
	}
	var items []value
	for item := range strings.SplitSeq(string(v.data), ",") {
		items = append(items, textValue(strings.TrimSpace(item)))
	}
	return items
}

func (r *ruleParser) format() func(value) bool {
	name := formatOf(r.path)
	if r.rhv != nil {
		name = r.word()
	}
	if formats[name] == nil {
		var known []string
		for f := range formats {
			known = append(known, f)
		}
		slices.Sort(known)
		r.fail("%s is told by the member's name or by rhv: %s", r.op, strings.Join(known, ", "))
	}
	return hasFormat(name)
}

// pattern takes a regular expression between slashes, or a glob in which * is any run of characters.
func (r *ruleParser) pattern() func(value) bool {
	text := r.word()
	if inner, ok := strings.CutPrefix(text, "/"); ok && strings.HasSuffix(inner, "/") {
		pattern, err := regexp.Compile("(?i)" + strings.TrimSuffix(inner, "/"))
		if err != nil {
			r.fail("%v; regular expressions are those of RE2", err)
		}
		return ofText(pattern.Match)
	}
	parts := strings.Split(text, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return ofText(regexp.MustCompile("(?is)^" + strings.Join(parts, ".*") + "$").Match)
}

func sortedOperators() []string {
	var names []string
	for name := range ruleOperators {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
