package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
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
	switch {
	case err == nil:
	case p.lacks(l):
		return no // as a comparison with it
	default:
		return l.fail(fmt.Errorf("evaluate %s: %s", p.text, cause(err)))
	}
	if b, ok := result.(types.Bool); ok {
		return verdictOf(bool(b))
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
		"division by zero", "modulus by zero", "integer overflow", "unsigned integer overflow"} {
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

// toCEL makes a value of CEL of JSON that was scanned. Members of objects are read when they are asked for.
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
		elements := []ref.Val{}
		all := v.elements()
		for e := all.nextJSON(); e != nil; e = all.nextJSON() {
			elements = append(elements, toCEL(e))
		}
		return types.NewRefValList(adapter{}, elements)
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

// ownFunctions are those that stand in a program in place of CEL's.
func ownFunctions() []cel.EnvOption {
	binary := func(name string, result *cel.Type, f func(l, r ref.Val) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_dyn", []*cel.Type{cel.DynType, cel.DynType}, result, cel.BinaryBinding(f)))
	}
	has := func(v ref.Val) ref.Val { return types.Bool(v != absent{}) }
	list := []cel.EnvOption{
		cel.Function("@has", cel.Overload("@has_dyn", []*cel.Type{cel.DynType}, cel.BoolType, cel.UnaryBinding(has))),
		binary("@within", cel.BoolType, within),
		binary("@matches", cel.BoolType, matches),
	}
	for name, op := range map[string]string{"@eq": "=", "@ne": "!=", "@lt": "<", "@le": "<=", "@gt": ">", "@ge": ">="} {
		list = append(list, binary(name, cel.BoolType, compareCEL(op)))
	}
	for _, name := range []string{"startsWith", "endsWith", "contains"} {
		list = append(list, binary("@"+name, cel.BoolType, func(l, r ref.Val) ref.Val {
			part, ok := r.(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(r)
			}
			return testText(l, textTest(name, []byte(part)))
		}))
	}
	for _, name := range []string{"@add", "@sub", "@mul", "@div"} {
		list = append(list, binary(name, cel.DynType, func(l, r ref.Val) ref.Val { return calculate(name, l, r) }))
	}
	return list
}

func testText(v ref.Val, test func([]byte) bool) ref.Val {
	own, ok := fromCEL(v)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.Bool(ofText(test)(own))
}

func matches(l, r ref.Val) ref.Val {
	source, ok := r.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(r)
	}
	pattern, err := regexp.Compile(string(source))
	if err != nil {
		return types.NewErr("no regular expression")
	}
	return testText(l, pattern.Match)
}

// compareCEL compares as predicates do, and what JSON does not have, such as times, as CEL does.
func compareCEL(op string) func(l, r ref.Val) ref.Val {
	test, negate := comparison(op, false)
	return func(l, r ref.Val) ref.Val {
		if l == (absent{}) || r == (absent{}) {
			return types.False
		}
		a, ok := fromCEL(l)
		b, too := fromCEL(r)
		switch {
		case ok && too:
			return types.Bool(test(a, b) != negate)
		case op == "=" || op == "!=":
			return types.Bool((types.Equal(l, r) == types.True) != negate)
		}
		comparer, ok := l.(traits.Comparer)
		if !ok {
			return types.MaybeNoSuchOverloadErr(l)
		}
		c, ok := comparer.Compare(r).(types.Int)
		if !ok {
			return types.MaybeNoSuchOverloadErr(r)
		}
		zero := value{kind: number, data: []byte("0")}
		return types.Bool(test(value{kind: number, data: strconv.AppendInt(nil, int64(c), 10)}, zero))
	}
}

// within is in: of a list by our equality, of an object by its names.
func within(l, r ref.Val) ref.Val {
	if l == (absent{}) || r == (absent{}) {
		return types.False
	}
	if all, ok := r.(traits.Lister); ok {
		wanted, ok := fromCEL(l)
		constants, too := fromCEL(all)
		if ok && too {
			return types.Bool(oneOf(constants.list, false)(wanted))
		}
	}
	container, ok := r.(traits.Container)
	if !ok {
		return types.MaybeNoSuchOverloadErr(r)
	}
	return container.Contains(l)
}

// calculate does what CEL does, and takes a whole number and one with a fraction together.
func calculate(name string, l, r ref.Val) ref.Val {
	if isNumber(l) && isNumber(r) && l.Type() != r.Type() {
		l, r = l.ConvertToType(types.DoubleType), r.ConvertToType(types.DoubleType)
	}
	switch name {
	case "@add":
		if n, ok := l.(traits.Adder); ok {
			return n.Add(r)
		}
	case "@sub":
		if n, ok := l.(traits.Subtractor); ok {
			return n.Subtract(r)
		}
	case "@mul":
		if n, ok := l.(traits.Multiplier); ok {
			return n.Multiply(r)
		}
	case "@div":
		if n, ok := l.(traits.Divider); ok {
			return n.Divide(r)
		}
	}
	return types.MaybeNoSuchOverloadErr(l)
}

func isNumber(v ref.Val) bool {
	switch v.(type) {
	case types.Int, types.Uint, types.Double:
		return true
	}
	return false
}
