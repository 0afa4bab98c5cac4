package filter

import "fmt"

// verdict is what a node says of an event.
type verdict byte

const (
	no verdict = iota
	yes
	skipped // it has no say, since what it compares is missing
	faulty  // it could not be evaluated; why is in the look
)

// node is a part of a compiled filter.
type node interface{ judge(l *look) verdict }

// all is AND: a no decides, then a fault, then a yes. Of nothing it is yes.
type all []node

func (a all) judge(l *look) verdict {
	if len(a) == 0 {
		return yes
	}
	result := skipped
	for _, n := range a {
		switch v := n.judge(l); {
		case v == no:
			return no
		case v == faulty || result == skipped:
			result = v
		}
	}
	return result
}

// anyOf is OR: a yes decides, then a fault, then a no.
type anyOf []node

func (a anyOf) judge(l *look) verdict {
	result := skipped
	for _, n := range a {
		switch v := n.judge(l); {
		case v == yes:
			return yes
		case v == faulty || result == skipped:
			result = v
		}
	}
	return result
}

type not struct{ node }

func (n not) judge(l *look) verdict {
	switch v := n.node.judge(l); v {
	case no:
		return yes
	case yes:
		return no
	default:
		return v
	}
}

// constant is true or false as it stands in an expression.
type constant verdict

func (c constant) judge(*look) verdict { return verdict(c) }

// predicate compares a field with constants.
type predicate struct {
	field  *field
	want   string // what it asks of the field, as people write it: > 20
	test   func(value) bool
	negate bool    // it holds where a value is there and the test does not hold
	absent verdict // where no value is there
}

func (p *predicate) judge(l *look) verdict {
	there, held := l.visit(p.field, p.test)
	switch {
	case !there:
		return p.absent
	case held != p.negate:
		return yes
	}
	return no
}

func (p *predicate) String() string { return p.field.text + " " + p.want }

// pair compares two fields of an event.
type pair struct {
	left, right *field
	op          string
	test        func(a, b value) bool
	negate      bool
	absent      verdict
}

// stepsMax bounds what one predicate may do with one event, beyond one walk over it.
const stepsMax = 10_000

func (p *pair) judge(l *look) verdict {
	var left, right []value
	gather := func(list *[]value) func(value) bool {
		return func(v value) bool {
			*list = append(*list, v)
			return false
		}
	}
	there, _ := l.visit(p.left, gather(&left))
	too, _ := l.visit(p.right, gather(&right))
	if !there || !too {
		return p.absent
	}
	steps := 0
	for _, a := range left {
		for _, b := range right {
			held := p.test(a, b)
			if held {
				return verdictOf(!p.negate)
			}
			if steps++; steps > stepsMax {
				return l.fail(fmt.Errorf("compare %s with %s: more than %d pairs", p.left.text, p.right.text, stepsMax))
			}
		}
	}
	return verdictOf(p.negate)
}

func (p *pair) String() string { return p.left.text + " " + p.op + " " + p.right.text }

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// fail notes the first error of a look.
func (l *look) fail(err error) verdict {
	if l.fault == nil {
		l.fault = err
	}
	return faulty
}
