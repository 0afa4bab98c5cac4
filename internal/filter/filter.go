package filter

import (
	"fmt"
	"sync"

	"firehose/internal/jsonscan"
)

// Filter is a compiled Config. It does not change, so any number of goroutines may use it.
type Filter struct {
	parts []part
	root  node
	paths [][]string
	scan  *jsonscan.Paths // for paths
	looks sync.Pool
}

func newFilter(parts []part, paths [][]string) *Filter {
	f := &Filter{parts: parts, paths: paths, scan: jsonscan.Compile(paths...)}
	depth := make([]int, len(paths))
	for i, path := range paths {
		depth[i] = len(path)
	}
	f.looks.New = func() any { return &look{depth: depth, found: make([]jsonscan.Value, len(paths))} }
	var root all
	for _, p := range parts {
		var either anyOf
		for _, c := range p.clauses {
			either = append(either, c.node)
		}
		if len(either) == 1 {
			root = append(root, either[0])
		} else {
			root = append(root, either)
		}
	}
	f.root = root
	return f
}

// Match says whether an event passes. An event with an error never does: it is no JSON, or something in the filter could
// not be evaluated with it; the caller counts it. A filter without any part looks at nothing.
func (f *Filter) Match(event []byte) (bool, error) {
	if len(f.parts) == 0 {
		return true, nil
	}
	l := f.looks.Get().(*look)
	defer f.looks.Put(l)
	if err := f.begin(l, event); err != nil {
		return false, err
	}
	return f.judge(l)
}

// None says whether the filter has no part, so that it looks at nothing.
func (f *Filter) None() bool { return len(f.parts) == 0 }

// Paths returns the members that the filter looks at, for those who scan an event for more than one purpose. Nobody may
// change them.
func (f *Filter) Paths() [][]string { return f.paths }

// MatchFound is Match for an event in which Paths were found by a scan.
func (f *Filter) MatchFound(event []byte, found []jsonscan.Value) (bool, error) {
	if len(f.parts) == 0 {
		return true, nil
	}
	l := f.looks.Get().(*look)
	defer f.looks.Put(l)
	copy(l.found, found)
	l.event, l.fault = event, nil
	return f.judge(l)
}

func (f *Filter) judge(l *look) (bool, error) {
	defer l.end()
	switch f.root.judge(l) {
	case yes, skipped:
		return true, nil
	case faulty:
		return false, l.fault
	}
	return false, nil
}

// begin looks for the members of an event.
func (f *Filter) begin(l *look, event []byte) error {
	if err := f.scan.Scan(event, l.found); err != nil {
		return fmt.Errorf("read an event as JSON: %w", err)
	}
	l.event, l.fault = event, nil
	return nil
}

// end keeps nothing of the event.
func (l *look) end() { l.event = nil }
