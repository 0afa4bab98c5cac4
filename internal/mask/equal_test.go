package mask

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/jsonscan"
)

// tree is a decoded value: an object with its members in order, an array, or a scalar.
type tree struct {
	kind    jsontext.Kind
	members []member
	items   []tree
	scalar  jsontext.Token
}

type member struct {
	name  string
	value tree
}

func decode(d *jsontext.Decoder) (tree, error) {
	token, err := d.ReadToken()
	if err != nil {
		return tree{}, err
	}
	t := tree{kind: token.Kind()}
	switch t.kind {
	case '{':
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return t, err
			}
			text := name.String()
			value, err := decode(d)
			if err != nil {
				return t, err
			}
			t.members = append(t.members, member{text, value})
		}
		_, err = d.ReadToken()
	case '[':
		for d.PeekKind() != ']' {
			item, err := decode(d)
			if err != nil {
				return t, err
			}
			t.items = append(t.items, item)
		}
		_, err = d.ReadToken()
	default:
		t.scalar = token.Clone()
	}
	return t, err
}

// parse decodes an event that must be one object.
func parse(event []byte) (tree, error) {
	d := jsontext.NewDecoder(bytes.NewReader(event), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	t, err := decode(d)
	if err != nil {
		return t, err
	}
	if _, err := d.ReadToken(); err != io.EOF || t.kind != '{' {
		return t, errors.New("not one object")
	}
	return t, nil
}

func (t tree) String() string {
	var s strings.Builder
	switch t.kind {
	case '{':
		s.WriteByte('{')
		for _, m := range t.members {
			fmt.Fprintf(&s, "%q:%s,", m.name, m.value)
		}
		s.WriteByte('}')
	case '[':
		s.WriteByte('[')
		for _, item := range t.items {
			fmt.Fprintf(&s, "%s,", item)
		}
		s.WriteByte(']')
	default:
		if t.scalar.Kind() == '"' {
			return fmt.Sprintf("%q", t.scalar.String())
		}
		return t.scalar.String()
	}
	return s.String()
}

// oracle masks decoded events by what the package's page says, path by path instead of member by member.
type oracle struct {
	rules map[string]Rule // by path
	leafs map[string]*Masker
}

func newOracle(t testing.TB, rules []Rule) *oracle {
	o := &oracle{map[string]Rule{}, map[string]*Masker{}}
	for _, r := range rules {
		o.rules[r.Path] = r
		if r.Kind != "drop" {
			leaf := r
			leaf.Path = "v"
			o.leafs[r.Path] = masker(t, leaf)
		}
	}
	return o
}

// owner returns the longest path of a rule that a path begins with.
func (o *oracle) owner(path string) (Rule, bool) {
	for {
		if r, ok := o.rules[path]; ok {
			return r, true
		}
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 {
			r, ok := o.rules["*"]
			return r, ok
		}
		path = path[:dot]
	}
}

// whole is the path of the event itself, which no member has: a name may be empty.
const whole = "\x00"

func (o *oracle) mask(t testing.TB, at tree, path string) tree {
	switch at.kind {
	case '{':
		var kept []member
		for _, m := range at.members {
			below := m.name
			if path != whole {
				below = path + "." + m.name
			}
			if r, ok := o.owner(below); ok && r.Kind == "drop" {
				continue
			}
			kept = append(kept, member{m.name, o.mask(t, m.value, below)})
		}
		at.members = kept
	case '[':
		at.items = slices.Clone(at.items)
		for i, item := range at.items {
			at.items[i] = o.mask(t, item, path)
		}
	default:
		at.scalar = o.leaf(t, at, path)
	}
	return at
}

func (o *oracle) leaf(t testing.TB, at tree, path string) jsontext.Token {
	r, ok := o.owner(path)
	if at.kind == '"' && (!ok || r.Kind == kindPattern) && o.leadsOn(path) && looksLikeJSON.MatchString(at.scalar.String()) {
		return jsontext.String(stars)
	}
	if !ok || at.kind == 'n' || at.kind == '"' && at.scalar.String() == "" {
		return at.scalar
	}
	part, below := strings.CutPrefix(path, r.Path+".")
	if below && r.Kind != kindPattern {
		raw := at.scalar.String()
		if show := o.leafs[r.Path].rules[0].parts[part]; show != nil {
			if at.kind == '"' {
				raw = `"` + raw + `"`
			}
			if show([]byte(raw)) {
				return at.scalar
			}
		}
		return jsontext.String(stars)
	}
	if r.Path == "*" && at.kind != '"' {
		return at.scalar
	}
	raw := at.scalar.String()
	if at.kind == '"' {
		quoted, err := jsontext.AppendQuote(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		raw = string(quoted)
	}
	masked, _ := apply(t, o.leafs[r.Path], `{"v":`+raw+`}`)
	token, err := parse([]byte(masked))
	if err != nil {
		t.Fatal(err)
	}
	return token.members[0].value.scalar
}

var looksLikeJSON = regexp.MustCompile(`^\s*([{"]|\[($|[^R]))`)

func (o *oracle) leadsOn(path string) bool {
	for rule := range o.rules {
		if strings.HasPrefix(rule, path+".") {
			return true
		}
	}
	return false
}

func oracleRules() []Rule {
	return []Rule{
		{Path: "a", Kind: "phone:area"}, {Path: "b.a", Kind: "email:partial"}, {Path: "b.c", Kind: "drop"}, {Path: "c", Kind: "all"},
		{Path: "c.a.b", Kind: "ssn:last4"}, {Path: "é", Kind: "pattern"}, {Path: "é.d", Kind: "drop"}, {Path: "*", Kind: "pattern"},
	}
}

func TestApplyEqualsADecoder(t *testing.T) {
	rules := oracleRules()
	for _, rules := range [][]Rule{rules, rules[:len(rules)-1]} {
		o, m := newOracle(t, rules), masker(t, rules...)
		for seed := range uint64(8_000) {
			r := rand.New(rand.NewPCG(seed, 1))
			event := randomObject(r, 0)
			if r.IntN(3) == 0 {
				at := r.IntN(len(event))
				event[at] = breaks[r.IntN(len(breaks))]
			}
			checkAgainstOracle(t, o, m, event)
		}
	}
}

// breaks are bytes that matter to a scanner.
const breaks = "{}[],:\"\\x0\x01\xff -.e"

func FuzzApply(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(randomObject(rand.New(rand.NewPCG(seed, 2)), 0))
	}
	o, m := newOracle(f, oracleRules()), masker(f, oracleRules()...)
	f.Fuzz(func(t *testing.T, event []byte) { checkAgainstOracle(t, o, m, event) })
}

func checkAgainstOracle(t *testing.T, o *oracle, m *Masker, event []byte) {
	t.Helper()
	masked, _, err := m.Apply(nil, event)
	decoded, wrong := parse(event)
	if (err == nil) != (wrong == nil) {
		t.Fatalf("%q: masked with %v, a decoder says %v", event, err, wrong)
	}
	if err != nil {
		return
	}
	for _, room := range []int{2, 64} {
		members := make([]jsonscan.Value, room)
		noted, err := jsonscan.Compile().ScanMembers(event, nil, members)
		if err != nil {
			t.Fatal(err)
		}
		if known, _, err := m.ApplyKnown(nil, event, members[:noted]); err != nil || !bytes.Equal(known, masked) {
			t.Fatalf("%q became\n%q, and with %d members known\n%q, %v", event, masked, noted, known, err)
		}
	}
	got, err := parse(masked)
	if err != nil {
		t.Fatalf("%q became %q: %v", event, masked, err)
	}
	if want := o.mask(t, decoded, whole).String(); got.String() != want {
		t.Fatalf("%q became\n%s, want\n%s", event, got, want)
	}
	again, done, err := m.Apply(nil, masked)
	if err != nil || !bytes.Equal(again, masked) || done.Unparsed > 0 {
		t.Fatalf("%q became\n%q, and that\n%q, %v", event, masked, again, err)
	}
}

// randomObject makes an event that the rules often lead into.
func randomObject(r *rand.Rand, depth int) []byte {
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	doc := []byte("{" + one("", "", " ", "\n"))
	for i := range r.IntN(5) {
		if i > 0 {
			doc = append(doc, one(",", ",", " , ", ",\n")...)
		}
		doc = append(doc, one(`"a"`, `"b"`, `"c"`, `"d"`, `"\u0061"`, `"é"`, `"\u00e9"`, `"a.b"`, `"b.c"`, `"b.a"`, `"c.a.b"`, `""`, `"area"`, `"valid"`, `"é.d"`)...)
		doc = append(doc, one(":", ":", " : ")...)
		doc = append(doc, randomValue(r, depth+1)...)
	}
	return append(doc, one("}", "}", " }")...)
}

func randomValue(r *rand.Rand, depth int) []byte {
	kind := r.IntN(10)
	switch {
	case kind < 4 && depth < 5:
		return randomObject(r, depth)
	case kind < 6 && depth < 5:
		doc := []byte{'['}
		for i := range r.IntN(4) {
			if i > 0 {
				doc = append(doc, ',')
			}
			doc = append(doc, randomValue(r, depth+1)...)
		}
		return append(doc, ']')
	}
	list := []string{
		"0", "-3.25", "5127891111", "123456789", "512", "1e3", "null", "true", "false", `""`, `"x"`, `"\"\\\/\n"`, `"***"`, `"512"`,
		`"john@email.com"`, `"\u006aohn@email.com"`, `"(512) 789-1111"`, `"123-45-6789"`, `"call 512-789-1111 \ud83d\ude00"`, "\"\xff 123-45-6789\"", `"\ud800a@b.com"`,
		`"{\"a\":\"john@email.com\"}"`, `" [\u007b"`, `"\"john@email.com\""`, `"x\\n123456789"`,
	}
	return []byte(list[r.IntN(len(list))])
}
