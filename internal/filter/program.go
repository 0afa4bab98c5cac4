package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// program is an expression that cel-go evaluates.
type program struct {
	program cel.Program
	text    string
	fields  []*field // what it reads
	needed  []*field // what of it must be there, which is all but what has() asks after
	skip    bool
}

func (p *program) judge(l *look) verdict {
	if p.skip && p.lacks(l) {
		return skipped
	}
	result, _, err := p.program.Eval(&activation{look: l, values: make([]ref.Val, len(l.depth))})
	b, ok := result.(types.Bool)
	switch {
	case err == nil && ok:
		return verdictOf(bool(b))
	case p.lacks(l):
		return no // as a comparison with it
	case err != nil:
		return l.fail(fmt.Errorf("evaluate %s: %s", p.text, cause(err)))
	}
	return l.fail(fmt.Errorf("evaluate %s: neither true nor false, its type is %s", p.text, result.Type().TypeName()))
}

// lacks says whether a member that it reads is missing.
func (p *program) lacks(l *look) bool {
	for _, f := range p.needed {
		if l.root(f) == nil {
			return true
		}
	}
	return false
}

func (p *program) String() string { return p.text }

// cause tells why an evaluation failed without what the event holds, which errors of cel-go may quote.
func cause(err error) string {
	for _, known := range []string{"no such overload", "no such key", "no such attribute", "index out of bounds",
		"division by zero", "modulus by zero", "integer overflow", "unsigned integer overflow", wrongPattern} {
		if strings.Contains(err.Error(), known) {
			return known
		}
	}
	if strings.Contains(err.Error(), "cost limit exceeded") {
		return fmt.Sprintf("more than %d steps", stepsMax)
	}
	return "a function does not take its argument"
}

// activation gives a program the members of an event, each read once.
type activation struct {
	*look
	values []ref.Val
}

func (a *activation) ResolveName(name string) (any, bool) {
	slot, err := strconv.Atoi(strings.TrimPrefix(name, "@"))
	if err != nil || slot >= len(a.values) {
		return nil, false
	}
	if a.values[slot] == nil {
		a.values[slot] = absent{}
		if doc := a.member(slot); doc != nil {
			a.values[slot] = toCEL(doc)
		}
	}
	return a.values[slot], true
}

func (a *activation) Parent() cel.Activation { return nil }

// toCEL makes a value of CEL of JSON that was scanned. What arrays and objects hold is read when it is asked for.
func toCEL(doc []byte) ref.Val {
	switch v := valueOf(doc); v.kind {
	case text:
		return types.String(v.data)
	case boolean:
		return types.Bool(doc[0] == 't')
	case null:
		return types.NullValue
	case object:
		return newMembers(doc)
	case list:
		return newArray(doc)
	}
	if whole, err := strconv.ParseInt(string(doc), 10, 64); err == nil {
		return types.Int(whole)
	}
	f, err := strconv.ParseFloat(string(doc), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		panic("filter: " + err.Error()) // it was scanned
	}
	return types.Double(f)
}

// fromCEL is what our comparisons take; false for types that JSON does not have.
func fromCEL(v ref.Val) (value, bool) {
	switch v := v.(type) {
	case absent:
		return value{}, true
	case types.Null:
		return value{kind: null}, true
	case types.Bool:
		return value{kind: boolean, data: strconv.AppendBool(nil, bool(v))}, true
	case types.Int:
		return value{kind: number, data: strconv.AppendInt(nil, int64(v), 10)}, true
	case types.Uint:
		return value{kind: number, data: strconv.AppendUint(nil, uint64(v), 10)}, true
	case types.Double:
		return value{kind: number, data: strconv.AppendFloat(nil, float64(v), 'f', -1, 64)}, true
	case types.String:
		return textValue(string(v)), true
	case members:
		return value{kind: object, data: v.doc}, true
	case array:
		return value{kind: list, data: v.doc}, true
	case traits.Lister:
		elements := []value{}
		for all := v.Iterator(); all.HasNext() == types.True; {
			e, ok := fromCEL(all.Next())
			if !ok {
				return value{}, false
			}
			elements = append(elements, e)
		}
		return listValue(elements), true
	}
	return value{}, false
}

// array is an array. Its elements are read when they are asked for.
type array struct {
	traits.Lister
	doc []byte
}

func newArray(doc []byte) array {
	elements := []json.RawMessage{}
	all := valueOf(doc).elements()
	for e := all.nextJSON(); e != nil; e = all.nextJSON() {
		elements = append(elements, e)
	}
	return array{types.NewList(adapter{}, elements), doc}
}

// members is an object. What it does not have is absent, in place of an error.
type members struct {
	traits.Mapper
	doc  []byte
	read map[types.String]ref.Val // what was asked for
}

func newMembers(doc []byte) members {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(doc, &raw); err != nil {
		panic("filter: " + err.Error()) // it was scanned
	}
	values := make(map[string]any, len(raw))
	for name, member := range raw {
		values[name] = member
	}
	return members{types.NewStringInterfaceMap(adapter{}, values), doc, map[types.String]ref.Val{}}
}

func (m members) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return m.Mapper.Find(key)
	}
	v, known := m.read[name]
	if !known {
		if v, known = m.Mapper.Find(name); !known {
			v = absent{}
		}
		m.read[name] = v
	}
	return v, true
}

func (m members) Get(key ref.Val) ref.Val {
	if v, found := m.Find(key); found {
		return v
	}
	return types.MaybeNoSuchOverloadErr(key)
}

// adapter turns the JSON of members into values.
type adapter struct{}

func (adapter) NativeToValue(v any) ref.Val {
	if doc, ok := v.(json.RawMessage); ok {
		return toCEL(doc)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// absent is a member that is missing. No function takes it but our comparisons, and its own members are absent too.
type absent struct{}

var absentType = types.NewObjectType("missing")

func (absent) ConvertToNative(reflect.Type) (any, error) { return nil, errors.New("missing") }
func (absent) ConvertToType(ref.Type) ref.Val            { return types.MaybeNoSuchOverloadErr(absent{}) }
func (absent) Equal(ref.Val) ref.Val                     { return types.False }
func (absent) Type() ref.Type                            { return absentType }
func (absent) Value() any                                { return nil }
func (absent) Get(ref.Val) ref.Val                       { return absent{} }
