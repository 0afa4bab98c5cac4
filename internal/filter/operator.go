package filter

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// comparison returns the test of = < <= > >= and whether to turn it round, which is !=.
func comparison(op string, fold bool) (test func(a, b value) bool, negate bool) {
	ordered := func(holds func(c int) bool) func(a, b value) bool {
		scalars := func(a, b value) bool {
			c, ok := order(a, b)
			return ok && holds(c)
		}
		return func(a, b value) bool {
			if a.kind != list && b.kind != list {
				return scalars(a, b)
			}
			ends := b.ends()
			return a.any(func(a value) bool { return slices.ContainsFunc(ends, func(b value) bool { return scalars(a, b) }) })
		}
	}
	switch op {
	case "<":
		return ordered(func(c int) bool { return c < 0 }), false
	case "<=":
		return ordered(func(c int) bool { return c <= 0 }), false
	case ">":
		return ordered(func(c int) bool { return c > 0 }), false
	case ">=":
		return ordered(func(c int) bool { return c >= 0 }), false
	}
	return func(a, b value) bool { return equal(a, b, fold) }, op == "!="
}

// oneOf tests for equality with one of some constants. Many are looked up by their keys.
func oneOf(constants []value, fold bool) func(value) bool {
	const few = 8
	if fold || len(constants) <= few {
		return func(v value) bool {
			return slices.ContainsFunc(constants, func(c value) bool { return equal(v, c, fold) })
		}
	}
	scalars, elements, lists := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range constants {
		key := string(appendKey(nil, c, false))
		if c.kind != list {
			scalars[key] = true
			continue
		}
		lists[key] = true
		c.any(func(e value) bool {
			elements[string(appendKey(nil, e, false))] = true
			return false
		})
	}
	return func(v value) bool {
		if v.kind == list && len(lists) > 0 && lists[string(appendKey(nil, v, false))] {
			return true
		}
		return v.any(func(e value) bool {
			var short [64]byte
			key := appendKey(short[:0], e, false)
			return scalars[string(key)] || v.kind != list && elements[string(key)]
		})
	}
}

func between(low, high value) func(value) bool {
	return func(v value) bool {
		return v.any(func(e value) bool {
			above, ok := order(e, low)
			below, too := order(e, high)
			return ok && too && above >= 0 && below <= 0
		})
	}
}

// ofText tests the text of a string, a number or a boolean.
func ofText(test func(data []byte) bool) func(value) bool {
	element := func(v value) bool { return v.kind >= boolean && v.kind <= text && test(v.data) }
	return func(v value) bool { return v.any(element) }
}

// textTest returns the tests that an expression calls contains, startsWith and endsWith.
func textTest(name string, part []byte) func(data []byte) bool {
	switch name {
	case "startsWith":
		return func(data []byte) bool { return bytes.HasPrefix(data, part) }
	case "endsWith":
		return func(data []byte) bool { return bytes.HasSuffix(data, part) }
	}
	return func(data []byte) bool { return bytes.Contains(data, part) }
}

// containsFold is contains whatever the case.
func containsFold(part string) func(data []byte) bool {
	pattern := regexp.MustCompile("(?i)" + regexp.QuoteMeta(part))
	return pattern.Match
}

// glob compiles patterns in which * is any run of characters, dots as well.
func glob(patterns []string) func(data []byte) bool {
	exact := map[string]bool{}
	var parts [][][]byte
	for _, p := range patterns {
		if !strings.Contains(p, "*") {
			exact[p] = true
			continue
		}
		parts = append(parts, bytes.Split([]byte(p), []byte{'*'}))
	}
	return func(data []byte) bool {
		if exact[string(data)] {
			return true
		}
		for _, p := range parts {
			if matchParts(p, data) {
				return true
			}
		}
		return false
	}
}

// matchParts finds the parts between stars one after the other: each as early as it can be is enough.
func matchParts(parts [][]byte, data []byte) bool {
	last := len(parts) - 1
	data, ok := bytes.CutPrefix(data, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		i := bytes.Index(data, part)
		if i < 0 {
			return false
		}
		data = data[i+len(part):]
	}
	return bytes.HasSuffix(data, parts[last])
}

// like compiles the pattern of LIKE, in which % is any run of characters and _ any one of them.
func like(pattern string) func(data []byte) bool {
	var b strings.Builder
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(`(?s)^` + b.String() + `$`).Match
}

func isTruth(word string) func(data []byte) bool {
	return func(data []byte) bool { return bytes.EqualFold(data, []byte(word)) }
}

// isBlank is null, a string of nothing but white space, and an array of only such.
func isBlank(v value) bool {
	switch v.kind {
	case null:
		return true
	case text:
		return len(bytes.TrimSpace(v.data)) == 0
	case list:
		return isBlankArray(v.data)
	}
	return false
}

// isBlankArray walks an array of JSON and those in it as one text.
func isBlankArray(doc []byte) bool {
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '[', ']', ',', ' ', '\t', '\r', '\n':
		case 'n':
			i += len("ull")
		case '"':
			start := i
			for i++; doc[i] != '"'; i++ {
				if doc[i] == '\\' {
					i++
				}
			}
			if !isBlank(valueOf(doc[start : i+1])) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
