package filter

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Explanation says of one event whether it passes a filter, and why not. It holds what the event holds: a caller that
// masks fields puts the masked values into Found, of the path itself and of those below it, before it shows anything.
type Explanation struct {
	Passes bool              `json:"passes"`
	Parts  []PartExplanation `json:"parts,omitempty"`
	Error  string            `json:"error,omitempty"` // why the event could not be read or a predicate not evaluated
}

// PartExplanation is of one part of the Config, such as include. All parts must pass.
type PartExplanation struct {
	Name    string              `json:"name"`
	Passes  bool                `json:"passes"`
	Clauses []ClauseExplanation `json:"clauses"` // of which one must hold
}

// ClauseExplanation is of one clause: include[0].
type ClauseExplanation struct {
	Name    string    `json:"name"`
	Passes  bool      `json:"passes"`
	Skipped bool      `json:"skipped,omitempty"` // all that it compares is missing, and missing is skip
	Failed  []Finding `json:"failed,omitempty"`  // why it does not hold
}

// Finding is a predicate that kept an event from passing.
type Finding struct {
	Predicate string  `json:"predicate"` // metadata.price > 20
	Wanted    string  `json:"wanted"`    // > 20
	Found     []Found `json:"found"`
	Error     bool    `json:"error,omitempty"` // it could not be evaluated
}

// Found is what stands at a path: of one with [*] several may.
type Found struct {
	Path  string          `json:"path"`            // as a condition has it; (event) is all of the event
	Names []string        `json:"-"`               // the member names of the path, with Each for [*]
	Value json.RawMessage `json:"value,omitempty"` // none if it is missing
}

// foundMax is how many values of one path are shown.
const foundMax = 10

// Explain says why an event passes or not.
func (f *Filter) Explain(event []byte) Explanation {
	e := Explanation{Passes: true}
	if len(f.parts) == 0 {
		return e
	}
	l := f.looks.New().(*look)
	if err := f.begin(l, event); err != nil {
		return Explanation{Error: err.Error()}
	}
	switch f.root.judge(l) {
	case no:
		e.Passes = false
	case faulty:
		e.Passes, e.Error = false, l.fault.Error()
	}
	for _, p := range f.parts {
		part := PartExplanation{Name: p.name}
		var whole anyOf
		for _, c := range p.clauses {
			whole = append(whole, c.node)
			v := c.node.judge(l)
			clause := ClauseExplanation{Name: c.name, Passes: v == yes, Skipped: v == skipped}
			if v == no || v == faulty {
				clause.Failed = l.reasons(c.node, v, true, nil)
			}
			part.Clauses = append(part.Clauses, clause)
		}
		v := whole.judge(l)
		part.Passes = v == yes || v == skipped
		e.Parts = append(e.Parts, part)
	}
	return e
}

// reasons gathers the predicates by which a node has its verdict. Wanted is what was wanted of it: true, or false below
// a not.
func (l *look) reasons(n node, verdict verdict, wanted bool, list []Finding) []Finding {
	switch n := n.(type) {
	case all:
		for _, c := range n {
			list = l.reasonsOf(c, verdict, wanted, list)
		}
	case anyOf:
		for _, c := range n {
			list = l.reasonsOf(c, verdict, wanted, list)
		}
	case not:
		v := n.node.judge(l)
		return l.reasons(n.node, v, !wanted, list)
	case constant:
		list = append(list, Finding{Predicate: fmt.Sprint(n == constant(yes)), Wanted: fmt.Sprint(wanted), Found: []Found{}})
	case *predicate:
		list = append(list, l.finding(n.String(), n.want, wanted, verdict, n.field))
	case *pair:
		list = append(list, l.finding(n.String(), n.op+" "+n.right.text, wanted, verdict, n.left, n.right))
	case *program:
		list = append(list, l.finding(n.String(), "true", wanted, verdict, n.fields...))
	}
	return list
}

// reasonsOf is reasons of a part of a node, if it is of the node's mind.
func (l *look) reasonsOf(n node, whole verdict, wanted bool, list []Finding) []Finding {
	if v := n.judge(l); v == whole || v == faulty && whole == no {
		return l.reasons(n, v, wanted, list)
	}
	return list
}

func (l *look) finding(shown, want string, wanted bool, v verdict, fields ...*field) Finding {
	if !wanted {
		shown, want = "not ("+shown+")", "not "+want
	}
	f := Finding{Predicate: shown, Wanted: want, Error: v == faulty}
	for _, field := range fields {
		names := l.names(field)
		found := Found{Path: showPath(names), Names: names}
		n := 0
		l.visit(field, func(v value) bool {
			n++
			found.Value = v.json()
			f.Found = append(f.Found, found)
			return n >= foundMax
		})
		if n == 0 {
			f.Found = append(f.Found, found)
		}
	}
	return f
}

// String is the explanation for people.
func (e Explanation) String() string {
	var b strings.Builder
	if e.Passes {
		return "The event passes.\n"
	}
	b.WriteString("The event does not pass.\n")
	for _, p := range e.Parts {
		if p.Passes {
			continue
		}
		if len(p.Clauses) > 1 {
			fmt.Fprintf(&b, "%s: none of %d holds\n", p.Name, len(p.Clauses))
		}
		for _, c := range p.Clauses {
			for _, f := range c.Failed {
				fmt.Fprintf(&b, "  %s: %s\n", c.Name, f)
			}
		}
	}
	if e.Error != "" {
		fmt.Fprintf(&b, "  error: %s\n", e.Error)
	}
	return b.String()
}

func (f Finding) String() string {
	var found []string
	for i, at := range f.Found {
		what := "is missing"
		if at.Value != nil {
			what = "is " + cut(string(at.Value))
		}
		if i > 0 && at.Path == f.Found[i-1].Path {
			found = append(found, strings.TrimPrefix(what, "is "))
		} else {
			found = append(found, at.Path+" "+what)
		}
	}
	if len(found) == 0 {
		return "wanted " + f.Wanted + "; it is " + f.Predicate
	}
	return fmt.Sprintf("wanted %s; %s", f.Predicate, strings.Join(found, ", "))
}

// cut shortens a value for a line.
func cut(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
