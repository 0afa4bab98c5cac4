package model

import (
	"fmt"
	"regexp"
	"strings"
)

// Pattern is a Java regular expression that a whole value must match.
type Pattern struct {
	text  string // as messages print it
	match func(string) bool
}

// String returns the pattern as messages print it.
func (p *Pattern) String() string { return p.text }

// Match says whether the whole of s matches.
func (p *Pattern) Match(s string) bool { return p.match(s) }

// rewritten are the patterns that look around, which Go's expressions cannot, said in another way.
var rewritten = map[string]struct {
	expression string
	also       func(string) bool
}{
	`^(?!\s*$).+`: {`.+`, func(s string) bool { return strings.Trim(s, " \t\n\v\f\r") != "" }},
	`^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`: {`[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*`,
		func(s string) bool { return !strings.HasPrefix(s, "aws:") }},
	`jdbc:(redshift|postgresql)://((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(redshift(-serverless)?)\.([a-zA-Z0-9\.\-]+):\d{1,5}/[a-zA-Z0-9_$-]+`: {
		`jdbc:(redshift|postgresql)://([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(redshift(-serverless)?)\.([a-zA-Z0-9\.\-]+):\d{1,5}/[a-zA-Z0-9_$-]+`,
		nil},
}

func compilePattern(text string) (*Pattern, error) {
	expression := text
	r := rewritten[text]
	if r.expression != "" {
		expression = r.expression
	}
	re, err := regexp.Compile(`^(?:` + fromJava(expression) + `)$`)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", text, err)
	}
	match := re.MatchString
	if r.also != nil {
		match = func(s string) bool { return re.MatchString(s) && r.also(s) }
	}
	return &Pattern{text: text, match: match}, nil
}

// What Java means and Go does not by the same characters.
const (
	javaDot   = `[^\n\r\x{85}\x{2028}\x{2029}]` // every line terminator ends a dot's reach
	javaSpace = `\t\n\v\f\r `                   // with the vertical tab
)

// fromJava writes a Java expression as a Go one.
func fromJava(java string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(java); i++ {
		switch c := java[i]; {
		case c == '\\' && i+1 < len(java):
			i++
			switch {
			case java[i] == 's' && class:
				b.WriteString(javaSpace)
			case java[i] == 's':
				b.WriteString("[" + javaSpace + "]")
			case java[i] == 'S' && !class:
				b.WriteString("[^" + javaSpace + "]")
			case java[i] == 'u' && i+4 < len(java):
				b.WriteString(`\x{` + java[i+1:i+5] + `}`)
				i += 4
			default:
				b.WriteString(java[i-1 : i+1])
			}
		case c == '.' && !class:
			b.WriteString(javaDot)
		default:
			if c == '[' {
				class = true
			} else if c == ']' {
				class = false
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}
