package jq

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itchyny/gojq"
	"github.com/itchyny/timefmt-go"
)

// definitions returns what stands before every query: the functions in which gojq differs from jq 1.6 and that queries
// of partition keys may well use. What cannot be written in jq is one of functions.
func definitions() *gojq.Query {
	parsed, err := gojq.Parse(`
		def tostring: _text;
		def tojson: _json;
		def tonumber: _number;
		def _touri: _uri;
		def ltrimstr($x): _ltrimstr($x);
		def rtrimstr($x): _rtrimstr($x);
		def strptime($f): _strptime($f);
		def mktime: _mktime;
		def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
		def fromdate: fromdateiso8601;
		def localtime: gmtime;
		def strflocaltime($f): strftime($f);
		def keys_unsorted: keys;
		def leaf_paths: paths(scalars);
		def recurse_down: recurse;
		.`)
	if err != nil {
		panic("jq: definitions: " + err.Error())
	}
	return parsed
}

func functions() []gojq.CompilerOption {
	f := func(name string, arguments int, f func(v any, arguments []any) any) gojq.CompilerOption {
		return gojq.WithFunction(name, arguments, arguments, f)
	}
	return []gojq.CompilerOption{
		f("_text", 0, func(v any, _ []any) any { return text(v) }),
		f("_json", 0, func(v any, _ []any) any { return string(appendJSON(nil, v)) }),
		f("_number", 0, func(v any, _ []any) any { return toNumber(v) }),
		f("_uri", 0, func(v any, _ []any) any { return uri(text(v)) }),
		f("_ltrimstr", 1, trimmed(strings.TrimPrefix)),
		f("_rtrimstr", 1, trimmed(strings.TrimSuffix)),
		f("_strptime", 1, func(v any, arguments []any) any { return strptime(v, arguments[0]) }),
		f("_mktime", 0, func(v any, _ []any) any { return mktime(v) }),
	}
}

// trimmed leaves alone what is no string.
func trimmed(trim func(s, affix string) string) func(v any, arguments []any) any {
	return func(v any, arguments []any) any {
		s, ok := v.(string)
		affix, given := arguments[0].(string)
		if !ok || !given {
			return v
		}
		return trim(s, affix)
	}
}

// text is a string as it is and the JSON of all else.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(appendJSON(nil, v))
}

// appendJSON appends JSON with numbers as jq 1.6 prints them, and with the members of objects in the order of their
// names.
func appendJSON(dst []byte, v any) []byte {
	if f, ok := number(v); ok {
		return appendNumber(dst, f)
	}
	switch v := v.(type) {
	case []any:
		dst = append(dst, '[')
		for i, element := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, element)
		}
		return append(dst, ']')
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		dst = append(dst, '{')
		for i, name := range names {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSON(dst, name), ':')
			dst = appendJSON(dst, v[name])
		}
		return append(dst, '}')
	default: // null, a boolean or a string
		quoted, err := gojq.Marshal(v)
		if err != nil {
			panic("jq: " + err.Error()) // gojq has no other types
		}
		return append(dst, quoted...)
	}
}

func toNumber(v any) any {
	if _, ok := number(v); ok {
		return v
	}
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("%s cannot be parsed as a number", shown(v))
	}
	s = strings.Trim(s, " \t\r\n")
	if strings.Trim(s, "0123456789+-.eE") != "" { // nothing that only Go takes for a number
		return fmt.Errorf("%s cannot be parsed as a number", shown(v))
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s cannot be parsed as a number", shown(v))
	}
	return f
}

// shown is a value as errors show it.
func shown(v any) string {
	if v == nil {
		return "null"
	}
	return gojq.TypeOf(v) + " (" + gojq.Preview(v) + ")"
}

// uri escapes as jq 1.6 does, which takes some marks for harmless that gojq escapes.
func uri(s string) string {
	const hex = "0123456789ABCDEF"
	var escaped []byte
	for i := range len(s) {
		c := s[i]
		if c < utf8.RuneSelf && (c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-_.!~*'()", c) >= 0) {
			escaped = append(escaped, c)
		} else {
			escaped = append(escaped, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(escaped)
}

// strptime reads a time. Like jq 1.6 it does not look at what the format's %z found.
func strptime(v, format any) any {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("strptime/1 requires string inputs and arguments, not %s", shown(v))
	}
	layout, ok := format.(string)
	if !ok {
		return fmt.Errorf("strptime/1 requires string inputs and arguments, not %s", shown(format))
	}
	t, err := timefmt.Parse(s, layout)
	if err != nil {
		return fmt.Errorf("date %q does not match format %q", s, layout)
	}
	seconds := float64(t.Second()) + float64(t.Nanosecond())/1e9
	return []any{t.Year(), int(t.Month()) - 1, t.Day(), t.Hour(), t.Minute(), seconds, int(t.Weekday()), t.YearDay() - 1}
}

// mktime counts the whole seconds to a broken-down time.
func mktime(v any) any {
	parts, ok := v.([]any)
	if !ok {
		return errors.New("mktime requires array inputs")
	}
	if len(parts) < 6 {
		return errors.New("mktime requires parsed datetime inputs")
	}
	var n [6]int
	for i := range n {
		f, ok := number(parts[i])
		if !ok || math.IsNaN(f) || math.Abs(f) > 1e15 {
			return errors.New("mktime requires parsed datetime inputs")
		}
		n[i] = int(math.Floor(f))
	}
	t := time.Date(n[0], time.Month(n[1]+1), n[2], n[3], n[4], n[5], 0, time.UTC)
	return float64(t.Unix())
}
