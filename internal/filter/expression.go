package filter

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	unparser "cel.dev/cel-go/parser"
)

// expression compiles CEL. What of it is a predicate or joins predicates becomes one of our nodes, the rest programs.
//
// A member of the event is event.a.b, event["a"].b, or a.b if a is nothing else in the expression.
func (c *compiler) expression(at, text string) node {
	if len(text) > textMax {
		c.failed(at, "", -1, fmt.Sprintf("%d bytes, allowed are %d", len(text), textMax))
		return constant(no)
	}
	env, err := cel.NewEnv(append(ownFunctions(),
		cel.EnableMacroCallTracking(), cel.CustomTypeAdapter(adapter{}), cel.ParserRecursionLimit(nestingMax))...)
	if err != nil {
		panic("filter: set up CEL: " + err.Error()) // nothing of it depends on the text
	}
	parsed, issues := env.Parse(text)
	x := &translator{compiler: c, env: env, parsed: parsed, at: at, text: text, factory: ast.NewExprFactory()}
	if issues.Err() != nil {
		return x.refuse(issues)
	}
	tree := parsed.NativeRep()
	x.info = tree.SourceInfo()
	if !c.native {
		return x.program(tree.Expr())
	}
	return x.node(tree.Expr())
}

// translator makes nodes of one expression.
type translator struct {
	*compiler
	env     *cel.Env
	parsed  *cel.Ast
	info    *ast.SourceInfo
	at      string
	text    string
	factory ast.ExprFactory
}

// refuse notes the errors of cel-go.
func (x *translator) refuse(issues *cel.Issues) node {
	for _, e := range issues.Errors() {
		x.failed(x.at, x.text, x.offset(e.Location), e.Message)
	}
	return constant(no)
}

// offset counts the bytes to a place that has a line, from 1, and a column of code points, from 0.
func (x *translator) offset(place common.Location) int {
	offset := 0
	for line := range strings.Lines(x.text) {
		if place.Line() > 1 {
			offset += len(line)
			place = common.NewLocation(place.Line()-1, place.Column())
			continue
		}
		column := 0
		for i := range line {
			if column++; column > place.Column() {
				return offset + i
			}
		}
		return offset + len(line)
	}
	return offset
}

func (x *translator) node(e ast.Expr) node {
	if n := x.native(e); n != nil {
		return n
	}
	return x.program(e)
}

// native returns our node of an expression, or nil if it has none.
func (x *translator) native(e ast.Expr) node {
	switch e.Kind() {
	case ast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok {
			return constant(verdictOf(bool(b)))
		}
	case ast.SelectKind:
		if path, ok := x.path(e.AsSelect().Operand(), nil); ok && e.AsSelect().IsTestOnly() {
			return x.exists(x.exactField(append(path, e.AsSelect().FieldName())))
		}
	case ast.CallKind:
		return x.nativeCall(e.AsCall())
	}
	return nil
}

func (x *translator) nativeCall(call ast.CallExpr) node {
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd:
		return all{x.node(args[0]), x.node(args[1])}
	case operators.LogicalOr:
		return anyOf{x.node(args[0]), x.node(args[1])}
	case operators.LogicalNot:
		return not{x.node(args[0])}
	case operators.In:
		path, ok := x.path(args[0], nil)
		constants, isConstant := literal(args[1])
		if ok && isConstant && constants.kind == list {
			return x.predicate(x.exactField(path), "in "+string(constants.json()), oneOf(constants.list, false), false)
		}
	case "startsWith", "endsWith", "contains", "matches":
		if call.IsMemberFunction() && len(args) == 1 {
			return x.textCall(name, call.Target(), args[0])
		}
	default:
		if op := comparisons[name]; op != "" {
			return x.comparison(op, args[0], args[1])
		}
	}
	return nil
}

var comparisons = map[string]string{
	operators.Equals: "=", operators.NotEquals: "!=", operators.Less: "<", operators.LessEquals: "<=",
	operators.Greater: ">", operators.GreaterEquals: ">=",
}

// mirrored are the comparisons with their sides exchanged.
var mirrored = map[string]string{"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (x *translator) comparison(op string, left, right ast.Expr) node {
	path, isPath := x.path(left, nil)
	other, isOther := x.path(right, nil)
	if isPath && isOther {
		test, negate := comparison(op, false)
		x.count++
		return &pair{x.exactField(path), x.exactField(other), op, test, negate, x.absent()}
	}
	if constant, ok := literal(right); isPath && ok {
		return x.compare(x.exactField(path), op, constant, false)
	}
	if constant, ok := literal(left); isOther && ok {
		return x.compare(x.exactField(other), mirrored[op], constant, false)
	}
	return nil
}

func (x *translator) textCall(name string, target, arg ast.Expr) node {
	path, ok := x.path(target, nil)
	part, known := literal(arg)
	if !ok || !known || part.kind != text {
		return nil
	}
	test := textTest(name, part.data)
	if name == "matches" {
		test = x.pattern(arg, string(part.data))
	}
	return x.predicate(x.exactField(path), name+" "+string(part.json()), ofText(test), false)
}

// pattern compiles a regular expression that stands at arg.
func (x *translator) pattern(arg ast.Expr, source string) func(data []byte) bool {
	compiled, err := regexp.Compile(source)
	if err != nil {
		x.failed(x.at, x.text, x.offset(x.info.GetStartLocation(arg.ID())), err.Error())
		return func([]byte) bool { return false }
	}
	return compiled.Match
}

// literal returns the value of a constant, or of a list of constants.
func literal(e ast.Expr) (value, bool) {
	switch e.Kind() {
	case ast.LiteralKind:
		return fromCEL(e.AsLiteral())
	case ast.ListKind:
		elements := []value{}
		for _, element := range e.AsList().Elements() {
			v, ok := literal(element)
			if !ok {
				return value{}, false
			}
			elements = append(elements, v)
		}
		return listValue(elements), true
	}
	return value{}, false
}

// names of CEL that are no members of an event.
var typeNames = map[string]bool{"bool": true, "bytes": true, "double": true, "dyn": true, "int": true, "list": true,
	"map": true, "null_type": true, "string": true, "type": true, "uint": true}

// path returns the names that lead to a member of the event. Bound are the variables of the macros around.
func (x *translator) path(e ast.Expr, bound []string) ([]string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		for _, b := range bound {
			if b == name {
				return nil, false
			}
		}
		if name == "event" {
			return []string{}, true
		}
		return []string{name}, !typeNames[name]
	case ast.SelectKind:
		s := e.AsSelect()
		if path, ok := x.path(s.Operand(), bound); ok && !s.IsTestOnly() {
			return append(path, s.FieldName()), true
		}
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == operators.Index {
			name, constant := literal(call.Args()[1])
			if path, ok := x.path(call.Args()[0], bound); ok && constant && name.kind == text && string(name.data) != Each {
				return append(path, string(name.data)), true
			}
		}
	}
	return nil, false
}

// program leaves an expression to cel-go, with its comparisons and members replaced by ours.
func (x *translator) program(e ast.Expr) node {
	p := &program{skip: x.skip}
	var err error
	if p.text, err = unparser.Unparse(e, x.info); err != nil {
		p.text = x.text // it shows more than the part in question
	}
	r := &rewriter{translator: x, program: p, fresh: ast.MaxID(x.parsed.NativeRep())}
	rewritten, err := ast.ExprToProto(r.rewrite(x.factory.CopyExpr(e), nil))
	if err != nil {
		panic("filter: " + err.Error()) // it has nothing but what was parsed
	}
	info, err := ast.SourceInfoToProto(x.info)
	if err != nil {
		panic("filter: " + err.Error())
	}
	info.MacroCalls = nil // they are as they were written
	whole, err := cel.AstToParsedExpr(x.parsed)
	if err != nil {
		panic("filter: " + err.Error())
	}
	whole.Expr, whole.SourceInfo = rewritten, info
	env, err := x.env.Extend(append(r.variables, r.functions...)...)
	if err != nil {
		panic("filter: declare members: " + err.Error()) // they have names of ours
	}
	checked, issues := env.Check(cel.ParsedExprToAst(whole))
	if issues.Err() != nil {
		return x.refuse(issues)
	}
	if kind := checked.OutputType(); !kind.IsExactType(cel.BoolType) && !kind.IsExactType(cel.DynType) {
		x.failed(x.at, x.text, -1, fmt.Sprintf("%s has the type %s, wanted is bool: true or false", p.text, kind))
		return constant(no)
	}
	if calculates(e) {
		x.failed(x.at, x.text, -1, p.text+" is calculated, wanted is bool: true or false")
		return constant(no)
	}
	if p.program, err = env.Program(checked, x.programOptions(env, checked)...); err != nil {
		x.failed(x.at, x.text, -1, err.Error())
		return constant(no)
	}
	x.count++
	return p
}

// calculates says whether an expression is arithmetic, whose result is never true or false.
func calculates(e ast.Expr) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	switch e.AsCall().FunctionName() {
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate:
		return true
	}
	return false
}

// programOptions has steps counted only where there might be many: counting makes an evaluation twice as slow.
func (x *translator) programOptions(env *cel.Env, checked *cel.Ast) []cel.ProgramOption {
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if cost, err := env.EstimateCost(checked, unknownSizes{}); err != nil || cost.Max > stepsMax {
		options = append(options, cel.CostLimit(stepsMax), cel.CostTracking(sizes{}))
	}
	return options
}

// rewriter puts our functions and variables into an expression.
type rewriter struct {
	*translator
	program   *program
	variables []cel.EnvOption
	functions []cel.EnvOption
	fresh     int64 // the latest id of an expression that was not there before
}

// replaced are the functions and operators that mean something else here.
var replaced = map[string]string{
	operators.Equals: "@eq", operators.NotEquals: "@ne", operators.Less: "@lt", operators.LessEquals: "@le",
	operators.Greater: "@gt", operators.GreaterEquals: "@ge", operators.In: "@within",
	operators.Add: "@add", operators.Subtract: "@sub", operators.Multiply: "@mul", operators.Divide: "@div",
	"startsWith": "@startsWith", "endsWith": "@endsWith", "contains": "@contains", "matches": "@matches",
}

func (r *rewriter) rewrite(e ast.Expr, bound []string) ast.Expr {
	if path, ok := r.path(e, bound); ok {
		return r.factory.NewIdent(e.ID(), r.variable(path, true))
	}
	switch e.Kind() {
	case ast.SelectKind:
		return r.rewriteSelect(e, bound)
	case ast.CallKind:
		call := e.AsCall()
		var args []ast.Expr
		if call.IsMemberFunction() {
			args = append(args, r.rewrite(call.Target(), bound))
		}
		for _, a := range call.Args() {
			args = append(args, r.rewrite(a, bound))
		}
		if call.FunctionName() == "matches" && len(args) == 2 {
			if pattern, ok := literal(args[1]); ok && pattern.kind == text {
				return r.factory.NewCall(e.ID(), r.matcher(args[1], string(pattern.data)), args[0])
			}
		}
		if own := replaced[call.FunctionName()]; own != "" {
			return r.factory.NewCall(e.ID(), own, args...)
		}
		if call.IsMemberFunction() {
			return r.factory.NewMemberCall(e.ID(), call.FunctionName(), args[0], args[1:]...)
		}
		return r.factory.NewCall(e.ID(), call.FunctionName(), args...)
	case ast.ListKind:
		var elements []ast.Expr
		for _, element := range e.AsList().Elements() {
			elements = append(elements, r.rewrite(element, bound))
		}
		return r.factory.NewList(e.ID(), elements, e.AsList().OptionalIndices())
	case ast.MapKind:
		var entries []ast.EntryExpr
		for _, entry := range e.AsMap().Entries() {
			m := entry.AsMapEntry()
			entries = append(entries, r.factory.NewMapEntry(entry.ID(), r.rewrite(m.Key(), bound), r.rewrite(m.Value(), bound), m.IsOptional()))
		}
		return r.factory.NewMap(e.ID(), entries)
	case ast.ComprehensionKind:
		m := e.AsComprehension()
		inner := append(append([]string{}, bound...), m.IterVar(), m.IterVar2(), m.AccuVar())
		return r.factory.NewComprehensionTwoVar(e.ID(), r.rewrite(m.IterRange(), bound), m.IterVar(), m.IterVar2(), m.AccuVar(),
			r.rewrite(m.AccuInit(), bound), r.rewrite(m.LoopCondition(), inner), r.rewrite(m.LoopStep(), inner), r.rewrite(m.Result(), inner))
	}
	return e
}

// matcher declares a function that matches one regular expression, and returns its name.
func (r *rewriter) matcher(arg ast.Expr, source string) string {
	name, test := "@matches_"+strconv.FormatInt(arg.ID(), 10), r.pattern(arg, source)
	r.functions = append(r.functions, cel.Function(name, cel.Overload(name+"_dyn", []*cel.Type{cel.DynType}, cel.BoolType,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return testText(v, test) }))))
	return name
}

// rewriteSelect makes has(x.y) a call, since a member that is missing is a value of its own here.
func (r *rewriter) rewriteSelect(e ast.Expr, bound []string) ast.Expr {
	s := e.AsSelect()
	if !s.IsTestOnly() {
		return r.factory.NewSelect(e.ID(), r.rewrite(s.Operand(), bound), s.FieldName())
	}
	var member ast.Expr
	r.fresh++
	if path, ok := r.path(s.Operand(), bound); ok {
		member = r.factory.NewIdent(r.fresh, r.variable(append(path, s.FieldName()), false))
	} else {
		member = r.factory.NewSelect(r.fresh, r.rewrite(s.Operand(), bound), s.FieldName())
	}
	return r.factory.NewCall(e.ID(), "@has", member)
}

// variable returns the name of the variable for a member: @ and its slot. Needed are those that are read, not only
// asked after.
func (r *rewriter) variable(path []string, needed bool) string {
	f := r.exactField(path)
	name := "@" + strconv.Itoa(f.slots[0])
	known := false
	for _, have := range r.program.fields {
		known = known || have.slots[0] == f.slots[0]
	}
	if !known {
		r.program.fields = append(r.program.fields, f)
		r.variables = append(r.variables, cel.Variable(name, cel.DynType))
	}
	if needed {
		r.program.needed = append(r.program.needed, f)
	}
	return name
}
