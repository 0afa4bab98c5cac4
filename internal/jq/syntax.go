package jq

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/itchyny/gojq"
)

// visit calls f with every node of a query, from the outside in. Nodes are pointers to the structs of gojq.
func visit(node any, f func(node any)) { visitValue(reflect.ValueOf(node), f) }

func visitValue(v reflect.Value, f func(node any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().Kind() == reflect.Struct {
			f(v.Interface())
			for _, field := range v.Elem().Fields() {
				visitValue(field, f)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			visitValue(v.Index(i), f)
		}
	}
}

// constant returns the text of a query that is a string literal.
func constant(q *gojq.Query) (string, bool) {
	if q == nil || q.Term == nil || q.Term.Type != gojq.TermTypeString || len(q.Term.SuffixList) > 0 ||
		len(q.FuncDefs) > 0 || q.Term.Str.Queries != nil {
		return "", false
	}
	return q.Term.Str.Str, true
}

// memberName returns the name of an index such as .name, ."name" and .["name"].
func memberName(index *gojq.Index) (string, bool) {
	switch {
	case index == nil || index.IsSlice:
		return "", false
	case index.Name != "":
		return index.Name, true
	case index.Str != nil:
		return index.Str.Str, index.Str.Queries == nil
	default:
		return constant(index.Start)
	}
}

var errNoObject = errors.New("the query must end in an object construction such as {customer: .customer_id}")

// declared returns the keys of the object that a query ends in.
func declared(q *gojq.Query) ([]string, error) {
	if q.Term == nil {
		if q.Op == gojq.OpPipe && q.Right != nil {
			return declared(q.Right)
		}
		return nil, errNoObject
	}
	if len(q.Term.SuffixList) > 0 {
		return nil, errNoObject
	}
	switch q.Term.Type {
	case gojq.TermTypeQuery:
		return declared(q.Term.Query)
	case gojq.TermTypeIf:
		return declaredIf(q.Term.If)
	case gojq.TermTypeObject:
		return declaredObject(q.Term.Object)
	}
	return nil, errNoObject
}

func declaredObject(object *gojq.Object) ([]string, error) {
	if len(object.KeyVals) == 0 {
		return nil, errors.New("the object of the query has no keys")
	}
	var keys []string
	for _, member := range object.KeyVals {
		key, ok := keyOf(member)
		if !ok {
			return nil, fmt.Errorf("the key of {%s} is computed; keys must be constant, since the prefix names them", member)
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// declaredIf wants the same keys of every branch.
func declaredIf(branch *gojq.If) ([]string, error) {
	queries := []*gojq.Query{branch.Then, branch.Else}
	for _, elif := range branch.Elif {
		queries = append(queries, elif.Then)
	}
	var keys []string
	for i, q := range queries {
		if q == nil {
			return nil, errNoObject
		}
		more, err := declared(q)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			keys = more
		}
		for _, key := range more {
			if len(more) != len(keys) || !slices.Contains(keys, key) {
				return nil, errors.New("the branches of if construct objects of different keys")
			}
		}
	}
	return keys, nil
}

// keyOf returns the key of a member of an object construction if it is constant.
func keyOf(member *gojq.ObjectKeyVal) (string, bool) {
	switch {
	case member.Key != "":
		if member.Key[0] == '$' && member.Val == nil {
			return member.Key[1:], true
		}
		return member.Key, member.Key[0] != '$'
	case member.KeyString != nil:
		return member.KeyString.Str, member.KeyString.Queries == nil
	default:
		return constant(member.KeyQuery)
	}
}

// plainPaths returns the member path of each key, in the order of keys, if the query is nothing but that.
func plainPaths(q *gojq.Query, keys []string) [][]string {
	if q.Term == nil || q.Term.Type != gojq.TermTypeObject || len(q.FuncDefs) > 0 {
		return nil
	}
	if len(q.Term.Object.KeyVals) != len(keys) {
		return nil // a key twice: left to gojq
	}
	var paths [][]string
	for i, member := range q.Term.Object.KeyVals {
		path, ok := []string{keys[i]}, member.Key == "" || member.Key[0] != '$'
		if member.Val != nil {
			path, ok = plainPath(member.Val)
		}
		if !ok {
			return nil
		}
		paths = append(paths, path)
	}
	return paths
}

// plainPath returns the names of a query such as .a.b or (.a | .b).
func plainPath(q *gojq.Query) (path []string, ok bool) {
	if len(q.FuncDefs) > 0 {
		return nil, false
	}
	if q.Term == nil {
		if q.Op != gojq.OpPipe || len(q.Patterns) > 0 {
			return nil, false
		}
		left, ok := plainPath(q.Left)
		if !ok {
			return nil, false
		}
		right, ok := plainPath(q.Right)
		return append(left, right...), ok
	}
	switch q.Term.Type {
	case gojq.TermTypeIdentity:
	case gojq.TermTypeIndex:
		name, ok := memberName(q.Term.Index)
		if !ok {
			return nil, false
		}
		path = append(path, name)
	case gojq.TermTypeQuery:
		if path, ok = plainPath(q.Term.Query); !ok {
			return nil, false
		}
	default:
		return nil, false
	}
	for _, suffix := range q.Term.SuffixList {
		name, ok := memberName(suffix.Index)
		if !ok {
			return nil, false
		}
		path = append(path, name)
	}
	return path, true
}
