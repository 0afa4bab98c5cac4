package jq

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"firehose/internal/jsonscan"
)

// Query is a compiled query. It does not change; each goroutine makes an Evaluator of its own.
type Query struct {
	keys []string

	plain  *jsonscan.Paths // of a query of plain paths: the path of each key, else nil
	depths []int           // how many names each of them has

	code    *gojq.Code
	touched [][]string      // the paths that the query touches, unless whole
	whole   bool            // the query may touch all of the record
	input   *jsonscan.Paths // the touched paths, and last the document
}

// Compile compiles a query. The error says what is wrong with it, and where.
func Compile(query string) (*Query, error) {
	parsed, err := gojq.Parse(query)
	if err != nil {
		return nil, parseError(query, err)
	}
	if err := check(parsed); err != nil {
		return nil, err
	}
	q := &Query{}
	if q.keys, err = declared(parsed); err != nil {
		return nil, err
	}
	if paths := plainPaths(parsed, q.keys); paths != nil {
		q.plain = jsonscan.Compile(paths...)
		for _, path := range paths {
			q.depths = append(q.depths, len(path))
		}
	}
	q.touched, q.whole = touched(parsed)
	q.input = jsonscan.Compile(append(slices.Clone(q.touched), nil)...)
	parsed.FuncDefs = append(slices.Clone(definitions().FuncDefs), parsed.FuncDefs...)
	if q.code, err = gojq.Compile(parsed, functions()...); err != nil {
		return nil, fmt.Errorf("compile query: %w", err)
	}
	return q, nil
}

// Keys returns the keys of the query's object in the order of the source. The caller must not change them.
func (q *Query) Keys() []string { return q.keys }

func parseError(query string, err error) error {
	var wrong *gojq.ParseError
	if !errors.As(err, &wrong) {
		return fmt.Errorf("parse query: %w", err)
	}
	at := max(wrong.Offset-len(wrong.Token), 0)
	line, column := position([]byte(query), at)
	return fmt.Errorf("parse query: %s at line %d, column %d", wrong, line, column)
}

// position tells where an offset stands, both counted from 1.
func position(text []byte, offset int) (line, column int) {
	before := string(text[:min(offset, len(text))])
	return 1 + strings.Count(before, "\n"), offset - strings.LastIndexByte(before, '\n')
}

// refused tells why functions of jq are refused.
var refused = map[string]string{
	"now":               "its result differs when a record is processed again; use a time in the record, or a timestamp expression in the prefix",
	"input":             "a query sees one record",
	"inputs":            "a query sees one record",
	"input_filename":    "a record has no file",
	"input_line_number": "a record has no line number",
	"$ENV":              "a query does not see the environment",
	"env":               "a query does not see the environment",
	"$__loc__":          "it means nothing in a record's query",
	"$__prog_args":      "a query has no arguments",
	"debug":             "a query has no output besides its result",
	"stderr":            "a query has no output besides its result",
	"halt":              "a query cannot end the program; use error or empty",
	"halt_error":        "a query cannot end the program; use error or empty",
	"get_search_list":   "a query has no modules",
	"modulemeta":        "a query has no modules",
}

// check refuses what would not give the same keys always, and regular expressions that would fail for every record.
func check(parsed *gojq.Query) (err error) {
	visit(parsed, func(node any) {
		switch n := node.(type) {
		case *gojq.Import:
			err = errors.New("import and include are not supported: a query has no modules")
		case *gojq.Func:
			if why := refused[n.Name]; why != "" {
				err = fmt.Errorf("%s is not supported: %s", n.Name, why)
			} else if wrong := checkRegexp(n); wrong != nil {
				err = fmt.Errorf("%s: %w", n.Name, wrong)
			}
		}
	})
	return err
}

// checkRegexp wants regular expressions and their flags to be constant: so they are known to be right, and gojq, which
// keeps every expression that it has seen, keeps only those.
func checkRegexp(call *gojq.Func) error {
	flags := 1 // the argument that has them
	switch call.Name {
	case "test", "match", "capture", "scan", "splits":
	case "split": // with one argument it is no regular expression
		if len(call.Args) < 2 {
			return nil
		}
	case "sub", "gsub":
		flags = 2
	default:
		return nil
	}
	if len(call.Args) == 0 {
		return nil // not a function of jq, or one that the query defines
	}
	pattern, ok := constant(call.Args[0])
	if !ok {
		return errors.New("the regular expression must be a constant string")
	}
	if len(call.Args) > flags && call.Args[flags].Term != nil && call.Args[flags].Term.Type != gojq.TermTypeNull {
		given, ok := constant(call.Args[flags])
		if !ok || strings.Trim(given, "gim") != "" {
			return fmt.Errorf("the flags %s are not supported; those that are: g, i and m", call.Args[flags])
		}
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return fmt.Errorf("the regular expression %q is not supported: %w", pattern, err)
	}
	return nil
}
