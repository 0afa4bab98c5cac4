package jq

import (
	"slices"

	"github.com/itchyny/gojq"
)

// touched returns the member paths of the input that a query can touch. If whole is true, it may need all of the input,
// as far as can be seen.
//
// The query is followed from where its input is the record. Every part says whether its own result can be the record
// itself; where such a result is used for more than being handed on, the whole record is needed. A path ends where
// something else than indexing with a constant name happens; its value is decoded whole, so what happens to it further
// is of no interest. That holds for error texts, too: they show the value at fault, and an object that a path only
// leads through is never at fault.
func touched(q *gojq.Query) (paths [][]string, whole bool) {
	t := &toucher{}
	visit(q, func(node any) {
		if _, ok := node.(*gojq.FuncDef); ok {
			t.whole = true // a definition may be called with any input
		}
	})
	t.use(q)
	if t.whole {
		return nil, true
	}
	return outermost(t.paths), false
}

// outermost leaves out paths below others, and all but one of equal paths.
func outermost(paths [][]string) (kept [][]string) {
	slices.SortFunc(paths, slices.Compare)
	for _, path := range paths { // one that others begin with comes before them
		if n := len(kept); n == 0 || len(path) < len(kept[n-1]) || !slices.Equal(path[:len(kept[n-1])], kept[n-1]) {
			kept = append(kept, path)
		}
	}
	return kept
}

type toucher struct {
	paths [][]string
	whole bool
}

// path notes a path. The empty one is the record.
func (t *toucher) path(path []string) {
	t.whole = t.whole || len(path) == 0
	t.paths = append(t.paths, path)
}

// use follows queries whose results are used for more than being handed on.
func (t *toucher) use(queries ...*gojq.Query) {
	for _, q := range queries {
		if q != nil && t.query(q) {
			t.whole = true
		}
	}
}

// query follows a query whose input is the record, and says whether its result can be the record.
func (t *toucher) query(q *gojq.Query) bool {
	if q.Term != nil {
		return t.term(q.Term)
	}
	switch q.Op {
	case gojq.OpPipe:
		if len(q.Patterns) > 0 { // left as $x | right
			t.use(q.Left)
			return t.query(q.Right)
		}
		return t.query(q.Left) && t.query(q.Right)
	case gojq.OpComma, gojq.OpAlt:
		left, right := t.query(q.Left), t.query(q.Right)
		return left || right
	case gojq.OpAdd, gojq.OpSub, gojq.OpMul, gojq.OpDiv, gojq.OpMod, gojq.OpAnd, gojq.OpOr,
		gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		t.use(q.Left, q.Right)
		return false
	}
	t.whole = true // assignments give the record with something changed
	return false
}

func (t *toucher) term(e *gojq.Term) bool {
	var path []string
	following := false // the value so far can be that of path
	if e.Type == gojq.TermTypeIndex {
		path, following = t.index(nil, true, e.Index)
	} else {
		following = t.head(e)
	}
	for _, suffix := range e.SuffixList {
		switch {
		case suffix.Index != nil:
			path, following = t.index(path, following, suffix.Index)
		case suffix.Iter && following:
			t.path(path)
			following = false
		}
	}
	if following && len(path) > 0 {
		t.path(path)
		return false
	}
	return following
}

// index follows an index into a value. What stands between its brackets has the record as input.
func (t *toucher) index(path []string, following bool, index *gojq.Index) ([]string, bool) {
	name, ok := memberName(index)
	if ok && following {
		return append(slices.Clone(path), name), true
	}
	if following {
		t.path(path)
	}
	t.use(index.Start, index.End)
	t.text(index.Str)
	return nil, false
}

func (t *toucher) text(s *gojq.String) {
	if s != nil {
		t.use(s.Queries...)
	}
}

// head follows a term without its suffixes.
func (t *toucher) head(e *gojq.Term) bool {
	switch e.Type {
	case gojq.TermTypeIdentity:
		return true
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber, gojq.TermTypeBreak:
	case gojq.TermTypeString:
		t.text(e.Str)
	case gojq.TermTypeFormat:
		t.text(e.Str)
		t.whole = t.whole || e.Str == nil
	case gojq.TermTypeUnary:
		t.use(&gojq.Query{Term: e.Unary.Term})
	case gojq.TermTypeArray:
		t.use(e.Array.Query)
	case gojq.TermTypeObject:
		t.object(e.Object)
	case gojq.TermTypeQuery:
		return t.query(e.Query)
	case gojq.TermTypeLabel:
		return t.query(e.Label.Body)
	case gojq.TermTypeIf:
		return t.branches(e.If)
	case gojq.TermTypeTry: // the input of catch is an error's value
		return t.query(e.Try.Body)
	case gojq.TermTypeReduce: // the input of the update is what was accumulated
		t.use(e.Reduce.Query, e.Reduce.Start)
	case gojq.TermTypeForeach:
		t.use(e.Foreach.Query, e.Foreach.Start)
	case gojq.TermTypeFunc:
		return t.call(e.Func)
	default:
		t.whole = true
	}
	return false
}

func (t *toucher) object(object *gojq.Object) {
	for _, member := range object.KeyVals {
		name, ok := keyOf(member)
		switch {
		case member.Val != nil:
			t.use(member.Val)
		case !ok:
			t.whole = true
		case member.Key == "" || member.Key[0] != '$': // {name} is {name: .name}
			t.path([]string{name})
		}
		t.text(member.KeyString)
		t.use(member.KeyQuery)
	}
}

func (t *toucher) branches(e *gojq.If) bool {
	t.use(e.Cond)
	record := t.query(e.Then)
	for _, elif := range e.Elif {
		t.use(elif.Cond)
		record = t.query(elif.Then) || record
	}
	return e.Else == nil || t.query(e.Else) || record
}

// call follows a call. Functions that are not listed read their input.
func (t *toucher) call(f *gojq.Func) bool {
	switch {
	case f.Name[0] == '$': // a variable was used when it was bound
	case f.Name == "empty" && len(f.Args) == 0:
	case f.Name == "error" && len(f.Args) == 1, f.Name == "range":
		t.use(f.Args...)
	case f.Name == "select" && len(f.Args) == 1:
		t.use(f.Args...)
		return true
	case (f.Name == "first" || f.Name == "last") && len(f.Args) == 1:
		return t.query(f.Args[0])
	case f.Name == "limit" && len(f.Args) == 2:
		t.use(f.Args[0])
		return t.query(f.Args[1])
	default:
		t.whole = true
	}
	return false
}
