package native

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"firehose/internal/destination"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// Invalid is a destination of a stored document that breaks a rule of now.
type Invalid struct {
	ID       string
	Type     string
	Problems Problems

	place  int // among the destinations
	buffer stream.Buffer
}

// Stored reads a document that is in force. It was accepted once, but perhaps under rules that were others: a destination that
// breaks those of now is left out and told of, so that it holds up nobody but itself until somebody corrects it. A collector
// that does is left out, too. The error is Problems, of anything else.
func Stored(text []byte) (*Document, []Invalid, error) {
	trees, err := readTrees(text, JSON)
	if err != nil || len(trees) != 1 {
		d, err := Parse(text, JSON)
		return d, nil, err
	}
	var out []Invalid
	for left := newRemainder(trees[0]); ; {
		d, problems := parse(left.tree())
		if problems == nil {
			errors.As(d.Check(), &problems)
		}
		found, more := left.leaveOut(d, problems)
		if out = append(out, found...); more {
			continue
		}
		d.given = trees[0]
		slices.SortFunc(out, func(a, b Invalid) int { return cmp.Compare(a.place, b.place) })
		return d, out, left.problems.err()
	}
}

// remainder is what is left of a document.
type remainder struct {
	whole     *tree
	collector bool
	places    []int    // of the destinations that are left
	fewer     bool     // others are left out
	problems  Problems // of what cannot be left out
}

func newRemainder(whole *tree) *remainder {
	r := &remainder{whole: whole, collector: true}
	if list := whole.get("destinations"); list != nil && list.kind == kindList {
		for i := range list.values {
			r.places = append(r.places, i)
		}
	}
	return r
}

func (r *remainder) tree() *tree {
	left := &tree{kind: r.whole.kind, text: r.whole.text}
	for i, key := range r.whole.keys {
		value := r.whole.values[i]
		switch {
		case key == "collector" && !r.collector:
			continue
		case key == "destinations" && value.kind == kindList:
			list := &tree{kind: kindList}
			for _, place := range r.places {
				list.values = append(list.values, value.values[place])
			}
			value = list
		}
		left.keys, left.values = append(left.keys, key), append(left.values, value)
	}
	return left
}

// leaveOut leaves out the parts that have problems, and returns those that are destinations. It reports whether there were
// any, so that the rest must be read again.
func (r *remainder) leaveOut(d *Document, problems Problems) (out []Invalid, more bool) {
	var places []int
	for i, place := range r.places {
		in := fmt.Sprintf("destinations[%d]", i)
		of := problems.below(in)
		to := Invalid{place: place, Problems: of}
		if of != nil && i < len(d.Destinations) {
			to.ID, to.Type, to.buffer = idOf(&d.Destinations[i]), d.Destinations[i].Type, d.Destinations[i].buffer()
		}
		if to.ID == "" {
			places = append(places, place)
			continue
		}
		for j := range of {
			of[j].Path = fmt.Sprintf("destinations[%d]", place) + strings.TrimPrefix(of[j].Path, in)
		}
		out = append(out, to)
	}
	if of := problems.below("collector"); of != nil && r.collector {
		r.collector, more = false, true
	}
	if r.places = places; len(out) > 0 {
		r.fewer, more = true, true
	}
	if all := r.fewer && len(r.places) == 0; !more && !(all && len(problems) == 1 && problems[0].Path == "destinations") {
		r.problems = problems // but for that there are no destinations, where all are left out
	}
	return out, more
}

// below returns the problems of a part of the document.
func (ps Problems) below(path string) (of Problems) {
	for _, p := range ps {
		if rest, ok := strings.CutPrefix(p.Path, path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			of = append(of, p)
		}
	}
	return of
}

// delivery keeps the records of the destination.
func (i Invalid) delivery() stream.Delivery {
	return stream.Delivery{ID: i.ID, Buffer: i.buffer, Destination: outdated{i}}
}

// outdated is a destination that cannot be opened.
type outdated struct{ Invalid }

var _ destination.Outdated = outdated{}

func (outdated) Outdated() {}

func (o outdated) Kind() string { return o.Type }

func (o outdated) Target() string { return "unknown until the document is corrected" }

func (o outdated) Open(destination.Env) (destination.Destination, error) {
	return destination.Held(&verdict.SetUp{Code: "Document.Invalid", Err: o.Problems,
		Fix: "Correct the stream's document and apply it. It was accepted by another release, whose rules were others."}), nil
}
