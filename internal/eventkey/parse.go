package eventkey

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// layouts are the words that stand for a part of the time, as Go writes times.
var layouts = map[string]string{
	"year": "2006", "month": "01", "day": "02", "hour": "15", "minute": "04", "second": "05", "date": "2006-01-02",
	"YYYY": "2006", "MM": "01", "DD": "02", "HH": "15", "mm": "04", "ss": "05",
}

const allowed = "a part of the time (year, month, day, hour, minute, second, date, YYYY, MM, DD, HH, mm, ss), unique in a file pattern, or the path of an event's field such as flow_id or lead_data.state"

// parse appends the segments of a template; member is its name in errors.
func (t *Template) parse(member, text string, folder bool) error {
	rest := text
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s, character %d: %s", member, 1+len([]rune(text[:len(text)-len(rest)])), fmt.Sprintf(format, args...))
	}
	for rest != "" {
		open := strings.Index(rest, "{{")
		if open < 0 {
			open = len(rest)
		}
		if bad, why := badLiteral(rest[:open], folder); bad >= 0 {
			rest = rest[bad:]
			return fail("%s", why)
		}
		if open > 0 {
			t.segments = append(t.segments, segment{kind: literal, text: rest[:open]})
			rest = rest[open:]
			continue
		}
		end := strings.Index(rest, "}}")
		if end < 0 {
			return fail("{{ has no }} after it")
		}
		s, err := t.token(strings.TrimSpace(rest[2:end]), folder)
		if err != nil {
			return fail("%s %v", rest[:end+2], err)
		}
		t.segments = append(t.segments, s)
		rest = rest[end+2:]
	}
	return t.checkFolders(member, text)
}

// badLiteral returns the offset of what may not stand in a template outside of braces, and why, or -1.
func badLiteral(text string, folder bool) (int, string) {
	for i, r := range text {
		switch {
		case r == '{' || r == '}':
			return i, "a brace stands alone; tokens are written with two: {{year}}"
		case r < ' ' || r == 0x7f || r == 0xfffd || r == '\\':
			return i, fmt.Sprintf("%q may not stand in a key", r)
		case r == '/' && !folder:
			return i, "a slash may stand in the folder only"
		}
	}
	return -1, ""
}

// checkFolders refuses folders whose names have a meaning of their own, or none.
func (t *Template) checkFolders(member, text string) error {
	for name := range strings.SplitSeq(strings.TrimSuffix(text, "/"), "/") {
		if name == "." || name == ".." || name == "" && text != "" {
			return fmt.Errorf("%s %q holds the name %q between slashes", member, text, name)
		}
	}
	return nil
}

// Bounds of unique.
const (
	uniqueDefault = 16
	uniqueMin     = 6
	uniqueMax     = 23 // what an identity is good for
)

// token returns the segment of what stands in braces.
func (t *Template) token(word string, folder bool) (segment, error) {
	if layout, ok := layouts[word]; ok {
		return segment{kind: clock, text: layout}, nil
	}
	if name, count, counted := strings.Cut(word, ":"); name == "unique" {
		n := uniqueDefault
		if counted {
			n, _ = strconv.Atoi(count)
		}
		switch {
		case n < uniqueMin || n > uniqueMax:
			return segment{}, fmt.Errorf("has no good length; allowed are %d to %d characters, as in {{unique:%d}}", uniqueMin, uniqueMax, uniqueMin)
		case folder:
			return segment{}, fmt.Errorf("stands in a folder; each object would have its own. Use it in the file pattern")
		}
		return segment{kind: unique, count: n}, nil
	}
	path := strings.TrimPrefix(word, ".")
	if strings.ContainsAny(path, "[]*") {
		return segment{}, errors.New("leads into an array, whose elements would belong into several objects; use a field of one value")
	}
	names := strings.Split(path, ".")
	if slices.Contains(names, "") || strings.ContainsAny(path, " \t\"'{}|:!$()") {
		return segment{}, fmt.Errorf("is not known; allowed is %s", allowed)
	}
	index := slices.Index(t.fields, path)
	if index < 0 {
		index = len(t.fields)
		t.fields = append(t.fields, path)
	}
	return segment{kind: field, index: index}, nil
}
