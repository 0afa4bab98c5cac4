package filter

import (
	"regexp"
	"regexp/syntax"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

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

// Bounds of regular expressions that an event brings.
const (
	patternMax      = 200        // bytes
	patternStepsMax = 10_000_000 // instructions of the expression times bytes of the text
	wrongPattern    = "the regular expression is wrong, too long, or too much for the text"
)

// matches is for regular expressions that are no constants.
func matches(l, r ref.Val) ref.Val {
	source, ok := r.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(r)
	}
	if instructions := instructionsOf(string(source)); instructions == 0 || instructions*lengthOf(l) > patternStepsMax {
		return types.NewErrFromString(wrongPattern)
	}
	return testText(l, regexp.MustCompile(string(source)).Match)
}

// instructionsOf counts those that a short regular expression compiles to; 0 for one that is wrong or too long.
func instructionsOf(source string) int {
	if len(source) > patternMax {
		return 0
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return 0
	}
	compiled, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(compiled.Inst)
}

func lengthOf(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case array:
		return len(v.doc)
	}
	return 1
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
			return types.Bool(isWithin(wanted, constants))
		}
	}
	container, ok := r.(traits.Container)
	if !ok {
		return types.MaybeNoSuchOverloadErr(r)
	}
	return container.Contains(l)
}

// isWithin looks for a value in a list that an event may hold, for an array by keys.
func isWithin(wanted, in value) bool {
	var constants []value
	for all := in.elements(); ; {
		e, ok := all.next()
		switch {
		case !ok:
			return wanted.kind == list && oneOf(constants, false)(wanted)
		case wanted.kind == list:
			constants = append(constants, e)
		case equal(wanted, e, false):
			return true
		}
	}
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
