package filter

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// syntaxError is what a parser panics with; recover takes it.
type syntaxError struct {
	offset  int
	problem string
}

// condition compiles a text such as:
//
//	Events where outcome = "failure" AND type = "recipient.*"
//	metadata.price > 20 AND NOT (lead_data.state IN ("CA", "NY") OR exists(lead_data.ssn))
//	items[*].sku LIKE 'A-%' AND metadata["odd name"] IS NOT BLANK
//
// Words in capitals may be written small. In detail, from what binds least:
//
//	condition  = [ "EVENTS" ] [ "WHERE" ] or
//	or         = and { "OR" and }
//	and        = unary { "AND" unary }
//	unary      = "NOT" unary | "(" or ")" | "EXISTS" path | "EXISTS" "(" path ")" | path test
//	test       = ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
//	           | [ "NOT" ] ( "IN" "(" value { "," value } ")" | "BETWEEN" value "AND" value
//	                       | "LIKE" string | "MATCHES" string | "INCLUDES" string )
//	           | "IS" [ "NOT" ] ( "BLANK" | "NULL" | "TRUE" | "FALSE" )
//	path       = name { "." name | "[" string "]" | "[*]" }
//	value      = number | string | "TRUE" | "FALSE" | "NULL"
//
// The path type is the event type, in a comparison with which * is any run of characters. LIKE has % for any run of
// characters and _ for any one, MATCHES a regular expression (RE2). Strings stand in double or single quotes.
func (c *compiler) condition(at, text string) (n node) {
	if len(text) > textMax {
		c.failed(at, "", -1, fmt.Sprintf("%d bytes, allowed are %d", len(text), textMax))
		return constant(no)
	}
	p := &parser{compiler: c, text: text}
	if err := p.recover(func() { n = p.condition() }); err != nil {
		c.failed(at, text, err.offset, err.problem)
		return constant(no)
	}
	return n
}

// parser reads a condition. It stands at a token.
type parser struct {
	*compiler
	text  string
	at    int // where the token begins
	token string
	end   int
	depth int
}

func (p *parser) recover(parse func()) (err *syntaxError) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *syntaxError:
			err = r
		default:
			panic(r)
		}
	}()
	p.next()
	parse()
	return nil
}

func (p *parser) fail(format string, args ...any) {
	panic(&syntaxError{p.at, fmt.Sprintf(format, args...)})
}

// wanted fails with what may stand here in place of the token.
func (p *parser) wanted(what string) {
	if p.token == "" {
		p.fail("the text ends, wanted is %s", what)
	}
	p.fail("found %s, wanted is %s", p.token, what)
}

const space = " \t\r\n"

var tokens = regexp.MustCompile(`^(?:` +
	`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'` + // strings
	`|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?` +
	`|[\pL_$@][\pL\pN_$@-]*` +
	`|\[\*\]|==|!=|<>|<=|>=|[=<>(),.\[\]])`)

// next goes to the next token; after the last it is empty.
func (p *parser) next() {
	rest := strings.TrimLeft(p.text[p.end:], space)
	p.at = len(p.text) - len(rest)
	p.token = tokens.FindString(rest)
	if p.token == "" && rest != "" {
		r, _ := utf8.DecodeRuneInString(rest)
		if r == '"' || r == '\'' {
			p.fail("the string does not end")
		}
		p.fail("%q cannot stand here; strings stand in quotes", r)
	}
	p.end = p.at + len(p.token)
}

// is says whether the token is a word.
func (p *parser) is(word string) bool { return strings.EqualFold(p.token, word) }

// take goes on if the token is a word.
func (p *parser) take(word string) bool {
	if !p.is(word) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(word string) {
	if !p.take(word) {
		p.wanted(word)
	}
}

var whereNext = regexp.MustCompile(`(?i)^\s+where\b`)

// condition is the whole text.
func (p *parser) condition() node {
	if p.is("events") && whereNext.MatchString(p.text[p.end:]) {
		p.next()
	}
	p.take("where")
	n := p.or()
	if p.token != "" {
		p.wanted("AND, OR or the end")
	}
	return n
}

func (p *parser) or() node {
	list := anyOf{p.and()}
	for p.take("or") {
		list = append(list, p.and())
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func (p *parser) and() node {
	list := all{p.unary()}
	for p.take("and") {
		list = append(list, p.unary())
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func (p *parser) unary() node {
	if p.depth++; p.depth > nestingMax {
		p.fail("nesting deeper than %d", nestingMax)
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not"):
		return not{p.unary()}
	case p.take("("):
		n := p.or()
		p.expect(")")
		return n
	case p.take("exists"):
		bracket := p.take("(")
		f := p.field(p.path())
		if bracket {
			p.expect(")")
		}
		return p.exists(f)
	}
	return p.test(p.field(p.path()))
}

// wholePath is a path and nothing after it.
func (p *parser) wholePath() []string {
	names := p.path()
	if p.token != "" {
		p.wanted("the end of the path")
	}
	return names
}

func (p *parser) path() []string {
	names := []string{}
	if p.token != "[" {
		names = append(names, p.name("the path of a member, such as metadata.price"))
	}
	for {
		switch {
		case p.take("."):
			names = append(names, p.name(`a name; one with other marks than letters, digits, _ $ @ - is written ["so"]`))
		case p.take("[*]"):
			names = append(names, Each)
		case p.take("["):
			names = append(names, p.string(`a name in quotes, or [*] for any element`))
			p.expect("]")
		default:
			return names
		}
	}
}

func (p *parser) name(what string) string {
	if p.token == "" || !isNameByte(p.token[0], true) {
		p.wanted(what)
	}
	name := p.token
	p.next()
	return name
}

func isNameByte(c byte, first bool) bool {
	return c == '_' || c == '$' || c == '@' || c >= utf8.RuneSelf || c|0x20 >= 'a' && c|0x20 <= 'z' ||
		!first && (c == '-' || c >= '0' && c <= '9')
}

// spellings are the ways to write a comparison.
var spellings = map[string]string{"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

func (p *parser) test(f *field) node {
	if op, ok := spellings[p.token]; ok {
		p.next()
		pattern, quoted := p.token, p.token != "" && strings.ContainsRune(`"'`, rune(p.token[0]))
		constant := p.value()
		if f.text == "type" && quoted && (op == "=" || op == "!=") {
			return p.predicate(f, op+" "+pattern, ofText(glob([]string{string(constant.data)})), op == "!=")
		}
		return p.compare(f, op, constant, false)
	}
	if p.take("is") {
		return p.property(f)
	}
	negate := p.take("not")
	word, want := strings.ToLower(p.token), p.at
	var test func(value) bool
	switch {
	case p.take("in"):
		test = oneOf(p.values(), false)
	case p.take("between"):
		low := p.value()
		p.expect("and")
		test = between(low, p.value())
	case p.take("like"):
		test = ofText(like(p.string("a pattern in quotes")))
	case p.take("includes"):
		test = ofText(textTest("contains", []byte(p.string("a text in quotes"))))
	case p.take("matches"):
		at := p.at
		pattern, err := regexp.Compile(p.string("a regular expression in quotes"))
		if err != nil {
			p.at = at
			p.fail("%v; regular expressions are those of RE2", err)
		}
		test = ofText(pattern.Match)
	default:
		p.wanted("a comparison: = != < <= > >= IN BETWEEN LIKE MATCHES INCLUDES IS")
	}
	shown := word + strings.TrimRight(p.text[want+len(word):p.at], space)
	if negate {
		shown = "not " + shown
	}
	return p.predicate(f, shown, test, negate)
}

// property is what follows IS.
func (p *parser) property(f *field) node {
	negate := p.take("not")
	is := "is "
	if negate {
		is = "is not "
	}
	switch {
	case p.take("blank"):
		return p.blank(f, negate)
	case p.take("null"):
		return p.predicate(f, is+"null", func(v value) bool { return v.kind == null }, negate)
	case p.take("true"):
		return p.predicate(f, is+"true", ofText(isTruth("true")), negate)
	case p.take("false"):
		return p.predicate(f, is+"false", ofText(isTruth("false")), negate)
	}
	p.wanted("BLANK, NULL, TRUE or FALSE")
	return nil
}

func (p *parser) values() []value {
	p.expect("(")
	list := []value{p.value()}
	for p.take(",") {
		list = append(list, p.value())
	}
	p.expect(")")
	return list
}

func (p *parser) value() value {
	token := p.token
	switch {
	case token != "" && (token[0] == '"' || token[0] == '\''):
		return textValue(p.string(""))
	case p.take("true"):
		return value{kind: boolean, data: []byte("true")}
	case p.take("false"):
		return value{kind: boolean, data: []byte("false")}
	case p.take("null"):
		return value{kind: null}
	case token != "" && (token[0] == '-' || token[0] >= '0' && token[0] <= '9'):
		v := value{kind: number, data: []byte(token)}
		if _, ok := v.numeral(); !ok {
			p.fail("%s is no number of JSON", token)
		}
		p.next()
		return v
	}
	p.wanted("a value: a number, a text in quotes, true, false or null")
	return value{}
}

// string takes a string. Of escapes it knows those of its quotes and the backslash, new line and tab; a backslash before
// anything else stands for itself, since regular expressions are full of them.
func (p *parser) string(what string) string {
	if p.token == "" || p.token[0] != '"' && p.token[0] != '\'' {
		p.wanted(what)
	}
	var b strings.Builder
	for in := p.token[1 : len(p.token)-1]; in != ""; {
		before, after, escaped := strings.Cut(in, `\`)
		b.WriteString(before)
		if !escaped {
			break
		}
		switch after[0] {
		case '"', '\'', '\\':
			b.WriteByte(after[0])
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		default:
			b.WriteByte('\\')
			b.WriteByte(after[0])
		}
		in = after[1:]
	}
	p.next()
	return b.String()
}

// quoted writes a text as string reads it.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}
