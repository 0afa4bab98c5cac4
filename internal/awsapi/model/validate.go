package model

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// violationsMax is how many violations are reported at most. No list that the model bounds has as many; one that it
// leaves unbounded would make the answer many times as large as the request.
const violationsMax = 1000

// Validate returns what in a tree of Decode breaks the model's constraints: for each violation the service's text,
// "Value at 'tags.2.member.key' failed to satisfy constraint: Member must not be null". There are at most 1,000.
func Validate(s *Shape, tree map[string]any) []string {
	var v validator
	v.structure(s, tree)
	return v.violations
}

// Message joins violations to the message of a ValidationException.
func Message(violations []string) string {
	noun := "errors"
	if len(violations) == 1 {
		noun = "error"
	}
	return fmt.Sprintf("%d validation %s detected: %s", len(violations), noun, strings.Join(violations, "; "))
}

type validator struct {
	path       []string
	violations []string
}

func (v *validator) report(constraint string) {
	if len(v.violations) == violationsMax {
		return
	}
	v.violations = append(v.violations, Violation(lowerCamel(v.path), constraint))
}

// Violation is the service's text of one, at a path such as records.2.member.data.
func Violation(path, constraint string) string {
	return "Value at '" + path + "' failed to satisfy constraint: " + constraint
}

func (v *validator) structure(s *Shape, tree map[string]any) {
	for i := range s.Members {
		m := &s.Members[i]
		v.path = append(v.path, m.Name)
		if value, ok := tree[m.Name]; ok {
			v.value(m.Shape, value)
		} else if m.Required {
			v.report("Member must not be null")
		}
		v.path = v.path[:len(v.path)-1]
	}
}

func (v *validator) value(s *Shape, value any) {
	switch value := value.(type) {
	case nil:
		v.report("Member must not be null")
	case map[string]any:
		if s.Kind == Map {
			v.mapping(s, value)
		} else {
			v.structure(s, value)
		}
	case []any:
		v.length(s, len(value))
		v.list(s, value)
	default:
		for _, broken := range s.broken(value) {
			v.report(broken)
		}
	}
}

func (v *validator) list(s *Shape, elements []any) {
	for i, element := range elements {
		if int64(i) >= s.Max {
			return // the length is already reported
		}
		v.path = append(v.path, strconv.Itoa(i+1), "member")
		v.value(s.Element, element)
		v.path = v.path[:len(v.path)-2]
	}
}

// mapping reports broken keys once and broken values once, with all the constraints that there are.
func (v *validator) mapping(s *Shape, entries map[string]any) {
	keys, values := false, false
	for key, value := range entries {
		keys = keys || len(s.Key.broken(key)) > 0
		values = values || value == nil || len(s.Value.broken(value)) > 0
	}
	if keys {
		v.report("Map keys must satisfy constraint: [" + strings.Join(s.Key.constraints(), ", ") + "]")
	}
	if values {
		v.report("Map value must satisfy constraint: [" + strings.Join(s.Value.constraints(), ", ") + "]")
	}
}

func (v *validator) length(s *Shape, length int) {
	switch {
	case int64(length) > s.Max:
		v.report(lengthMax(s))
	case int64(length) < s.Min:
		v.report(lengthMin(s))
	}
}

func lengthMax(s *Shape) string {
	return fmt.Sprintf("Member must have length less than or equal to %d", s.Max)
}
func lengthMin(s *Shape) string {
	return fmt.Sprintf("Member must have length greater than or equal to %d", s.Min)
}
func patternOf(s *Shape) string {
	return "Member must satisfy regular expression pattern: " + s.Pattern.String()
}

// constraints returns all constraints of a string.
func (s *Shape) constraints() []string {
	all := []string{lengthMax(s), lengthMin(s)}
	if s.Pattern != nil {
		all = append(all, patternOf(s))
	}
	return all
}

// broken returns the constraints that a value of a simple type breaks.
func (s *Shape) broken(value any) (broken []string) {
	switch value := value.(type) {
	case string:
		return s.brokenText(value)
	case []byte:
		if int64(len(value)) > s.Max {
			broken = append(broken, lengthMax(s))
		}
	case int64:
		return s.brokenNumber(float64(value))
	case float64:
		return s.brokenNumber(value)
	}
	return broken
}

func (s *Shape) brokenText(text string) (broken []string) {
	if s.Kind == Enum {
		for _, allowed := range s.Values {
			if text == allowed {
				return nil
			}
		}
		return []string{"Member must satisfy enum value set: [" + strings.Join(s.Values, ", ") + "]"}
	}
	length := int64(utf8.RuneCountInString(text))
	if length > s.Max {
		broken = append(broken, lengthMax(s))
	}
	if length < s.Min {
		broken = append(broken, lengthMin(s))
	}
	if s.Pattern != nil && !s.Pattern.Match(text) {
		broken = append(broken, patternOf(s))
	}
	return broken
}

// brokenNumber reports both bounds for what is no number at all.
func (s *Shape) brokenNumber(f float64) (broken []string) {
	if s.Kind == Timestamp {
		return nil
	}
	if !(f <= float64(s.Max)) {
		broken = append(broken, fmt.Sprintf("Member must have value less than or equal to %d", s.Max))
	}
	if !(f >= float64(s.Min)) {
		broken = append(broken, fmt.Sprintf("Member must have value greater than or equal to %d", s.Min))
	}
	return broken
}

// lowerCamel joins the names of a path as messages print it: each begins with a small letter.
func lowerCamel(path []string) string {
	var b strings.Builder
	for i, name := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		first, size := utf8.DecodeRuneInString(name)
		b.WriteRune(unicode.ToLower(first))
		b.WriteString(name[size:])
	}
	return b.String()
}
