package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"firehose/internal/jsonscan"
)

// question is a filter in a form that is easy to answer slowly, and to write in each language.
type question struct {
	op    string // and, or, not, exists, in, prefix, list, or a comparison
	parts []question
	path  string
	value any   // json.Number, string, bool or nil
	list  []any // of in and list
}

// condition writes the question as a condition. It has no constant arrays.
func (q question) condition() (string, bool) {
	switch q.op {
	case "and", "or":
		a, ok := q.parts[0].condition()
		b, too := q.parts[1].condition()
		return "(" + a + " " + q.op + " " + b + ")", ok && too
	case "not":
		a, ok := q.parts[0].condition()
		return "not " + a, ok
	case "exists":
		return "exists(" + q.path + ")", true
	case "in":
		return q.path + " in (" + strings.Trim(constantText(q.list), "[]") + ")", true
	case "prefix":
		return q.path + " like " + constantText(q.value.(string)+"%"), true
	case "list":
		return "", false
	}
	return q.path + " " + q.op + " " + constantText(q.value), true
}

// expression writes the question in CEL.
func (q question) expression() string {
	path := "event." + q.path
	switch q.op {
	case "and", "or":
		return "(" + q.parts[0].expression() + map[string]string{"and": " && ", "or": " || "}[q.op] + q.parts[1].expression() + ")"
	case "not":
		return "!" + q.parts[0].expression()
	case "exists":
		return "has(" + path + ")"
	case "in":
		return "(" + path + " in " + constantText(q.list) + ")"
	case "prefix":
		return path + ".startsWith(" + constantText(q.value) + ")"
	case "list":
		return "(" + path + " == " + constantText(q.list) + ")"
	case "=":
		return "(" + path + " == " + constantText(q.value) + ")"
	}
	return "(" + path + " " + q.op + " " + constantText(q.value) + ")"
}

// rule writes the question as a rule, if LeadConduit has it: all but lists and negations, and texts fold.
func (q question) rule() (Rule, bool) {
	words := map[string]string{"<": "is less than", "<=": "is less than or equal to", ">": "is greater than", ">=": "is greater than or equal to"}
	switch q.op {
	case "and", "or":
		a, ok := q.parts[0].rule()
		b, too := q.parts[1].rule()
		return Rule{Op: q.op, Rules: []Rule{a, b}}, ok && too
	}
	rhv := q.value
	if n, ok := rhv.(json.Number); ok {
		if rhv = n.String(); strings.Contains(n.String(), "e") {
			rhv = 20
		}
	}
	return Rule{LHV: q.path, Op: words[q.op], RHV: rhv}, words[q.op] != "" && rhv != nil
}

func constantText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// answer is what the question means, over a decoded event.
func (q question) answer(event any) bool {
	switch q.op {
	case "and":
		return q.parts[0].answer(event) && q.parts[1].answer(event)
	case "or":
		return q.parts[0].answer(event) || q.parts[1].answer(event)
	case "not":
		return !q.parts[0].answer(event)
	}
	at := event
	for _, name := range strings.Split(q.path, ".") {
		members, _ := at.(map[string]any)
		var there bool
		if at, there = members[name]; !there {
			return false
		}
	}
	if q.op == "exists" {
		return true
	}
	if q.op == "list" {
		list, isList := at.([]any)
		if !isList { // it equals what it is in
			return slices.ContainsFunc(q.list, func(v any) bool { return sameScalar(v, at) })
		}
		return sameElements(list, q.list)
	}
	elements, isList := at.([]any)
	if !isList {
		elements = []any{at}
	}
	any := slices.ContainsFunc(elements, func(e any) bool { return q.holds(e) })
	return any != (q.op == "!=")
}

// holds says of a scalar whether it is as asked; of != whether it is not.
func (q question) holds(v any) bool {
	switch q.op {
	case "in":
		return slices.ContainsFunc(q.list, func(c any) bool { return sameScalar(c, v) })
	case "prefix":
		text, ok := scalarText(v)
		return ok && strings.HasPrefix(text, q.value.(string))
	case "=", "!=":
		return sameScalar(v, q.value)
	}
	c, ok := 0, false
	a, b := rational(v), rational(q.value)
	s, isText := v.(string)
	other, isOther := q.value.(string)
	if a != nil && b != nil {
		c, ok = a.Cmp(b), true
	} else if a == nil && b == nil && isText && isOther {
		c, ok = strings.Compare(s, other), true
	}
	return ok && map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[q.op]
}

func sameScalar(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if x, y := rational(a), rational(b); x != nil || y != nil {
		return x != nil && y != nil && x.Cmp(y) == 0
	}
	s, ok := scalarText(a)
	other, too := scalarText(b)
	return ok && too && s == other
}

// sameElements says whether two lists of scalars hold the same, each as often.
func sameElements(a, b []any) bool {
	rest := slices.Clone(b)
	for _, v := range a {
		i := slices.IndexFunc(rest, func(c any) bool { return sameScalar(v, c) })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return len(rest) == 0
}

var decimal = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?$`)

func rational(v any) *big.Rat {
	switch v := v.(type) {
	case json.Number:
		r, _ := new(big.Rat).SetString(v.String())
		return r
	case string:
		if decimal.MatchString(v) {
			r, _ := new(big.Rat).SetString(v)
			return r
		}
	}
	return nil
}

func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return v.String(), true
	case string:
		return v, true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// scalars are what events and questions are made of. All numbers begin with the same digit however they are spelled.
var scalars = []string{`1`, `2`, `20`, `20.0`, `2e1`, `-3`, `0.5`, `-0`, `9007199254740993`, `9007199254740992`, `"1"`, `"20"`, `"20.0"`, `"2e1"`, `"020"`,
	`"-3"`, `""`, `"a"`, `"A"`, `"b\n\"é"`, `"true"`, `true`, `false`, `null`, `"null"`, `"9007199254740993"`}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomConstant(r *rand.Rand) (v any) {
	d := json.NewDecoder(strings.NewReader(pick(r, scalars...)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

func randomQuestion(r *rand.Rand, depth int) question {
	q := question{op: pick(r, "=", "!=", "<", "<=", ">", ">=", "in", "prefix", "exists", "list", "not", "and", "or", "and", "or")}
	if depth > 3 && (q.op == "not" || q.op == "and" || q.op == "or") {
		q.op = "="
	}
	switch q.op {
	case "and", "or":
		q.parts = []question{randomQuestion(r, depth+1), randomQuestion(r, depth+1)}
		return q
	case "not":
		q.parts = []question{randomQuestion(r, depth+1)}
		return q
	}
	q.path = pick(r, "a", "b", "c.d", "c.e", "c.d.f", "gone", "c")
	q.value = randomConstant(r)
	if q.op == "prefix" {
		q.value = pick(r, "2", "a", "", "-3", "tr", "b\n")
	}
	for range pick(r, 1, 2, 3, 12) {
		q.list = append(q.list, randomConstant(r))
	}
	if q.path == "c" { // compared with an object nothing is the same
		q.op = pick(r, "exists", "=", "!=")
	}
	return q
}

func randomEvent(r *rand.Rand) []byte {
	value := func() string {
		if r.IntN(3) > 0 {
			return pick(r, scalars...)
		}
		var list []string
		for range r.IntN(4) {
			list = append(list, pick(r, scalars...))
		}
		return "[" + strings.Join(list, " , ") + "]"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"x":{"a":1}`)
	for _, name := range []string{"a", "b"} {
		if r.IntN(5) > 0 {
			fmt.Fprintf(&b, `, "%s" : %s`, name, value())
		}
	}
	if r.IntN(5) > 0 {
		fmt.Fprintf(&b, `,"c":{"d":%s`, value())
		if r.IntN(3) > 0 {
			fmt.Fprintf(&b, `,"e":%s`, value())
		}
		b.WriteByte('}')
	}
	b.WriteByte('}')
	return b.Bytes()
}

func TestAllLanguagesMeanTheSame(t *testing.T) {
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 1))
		q := randomQuestion(r, 0)
		filters := map[string]*Filter{}
		add := func(name string, config Config, native bool) {
			f, err := compile(config, native)
			if err != nil {
				t.Fatal(err)
			}
			filters[name] = f
		}
		add("expression "+q.expression(), Config{Expression: q.expression()}, true)
		if seed%4 == 0 { // it takes long to compile
			add("expression left to cel-go "+q.expression(), Config{Expression: q.expression()}, false)
		}
		if condition, ok := q.condition(); ok {
			add("condition "+condition, where(condition), true)
		}
		if rule, ok := q.rule(); ok {
			add("rule "+constantText(rule), Config{Rules: &RuleSet{"and", []Rule{rule}}}, true)
		}
		for range 20 {
			event := randomEvent(r)
			var decoded any
			d := json.NewDecoder(bytes.NewReader(event))
			d.UseNumber()
			if err := d.Decode(&decoded); err != nil {
				t.Fatal(err)
			}
			want := q.answer(decoded)
			for name, f := range filters {
				got, err := f.Match(event)
				if err != nil || got != want {
					t.Fatalf("seed %d: %s of %s: %t with %v, want %t", seed, name, event, got, err, want)
				}
				if e := f.Explain(event); e.Passes != want {
					t.Fatalf("seed %d: %s of %s: explained as %s", seed, name, event, e)
				}
			}
		}
	}
}

func FuzzCondition(f *testing.F) {
	for seed := range uint64(50) {
		q := randomQuestion(rand.New(rand.NewPCG(seed, 2)), 0)
		if condition, ok := q.condition(); ok {
			f.Add(condition)
		}
		f.Add(q.expression())
	}
	f.Add(`Events where outcome = "failure" AND type = "recipient.*"`)
	f.Add(`a[*].b["c"] NOT IN (1, 'x', NULL) OR EXISTS a.b AND b IS NOT BLANK`)
	f.Add(`a MATCHES '^\d+$' AND b LIKE '\%_%'`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, config := range []Config{where(text), {Expression: text}} {
			filter, err := Compile(config)
			if err != nil {
				if err.Error() == "" {
					t.Error("an error that says nothing")
				}
				continue
			}
			pass, fault := filter.Match([]byte(event))
			if e := filter.Explain([]byte(event)); e.Passes != pass || e.String() == "" || (e.Error != "") != (fault != nil) {
				t.Errorf("%q: %t with %v, explained as %+v", text, pass, fault, e)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte(event))
	f.Add([]byte(`{"a":[1,{"b":[[]]},"\u00e9"],"b":null}`))
	f.Add([]byte(`{"a":`))
	rich := mustCompile(f, where(`a[*].b[*] = 1 OR a LIKE '_x%' OR NOT b > 3 OR c BETWEEN 1 AND "z" OR c IS NOT BLANK OR type = "x*y"`))
	program := mustCompile(f, Config{Expression: `event.a.exists(i, i == event.b) || event.b + 1 > 2 || event.a == event.c`})
	f.Fuzz(func(t *testing.T, event []byte) {
		pass, err := rich.Match(event)
		if (err != nil) == jsonscan.Valid(event) || pass && err != nil {
			t.Errorf("%q: %t with %v", event, pass, err)
		}
		if e := rich.Explain(event); e.Passes != pass {
			t.Errorf("%q: %t, explained as %+v", event, pass, e)
		}
		pass, err = program.Match(event)
		if pass && err != nil || err == nil && !jsonscan.Valid(event) {
			t.Errorf("%q: the program says %t with %v", event, pass, err)
		}
	})
}
