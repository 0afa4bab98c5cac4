package disktest

import (
	"slices"
	"strings"
)

// Op is a kind of operation.
type Op int

// The operations that a fault can hit. Create stands for new files and folders, Open for every opening, of folders too.
const (
	Open Op = iota
	Create
	Read
	Write
	Sync
	Truncate
	Rename
	Remove
	SyncDir
	Any // of these
)

// Fault is a rule by which operations fail.
type Fault struct {
	Op    Op
	Path  string // part of the names it hits; empty hits all
	Skip  int    // operations that still succeed
	Times int    // operations that fail after that; 0 stands for all
	Short int    // of a failing write: the bytes that are written all the same
	Err   error

	seen int
}

// Inject adds a rule. Calling the function that it returns takes it away.
func (f *FS) Inject(fault Fault) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rule := &fault
	f.faults = append(f.faults, rule)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(x *Fault) bool { return x == rule })
	}
}

// fault counts an operation and returns the rule by which it fails, if any.
func (f *FS) fault(op Op, name string) *Fault {
	for _, rule := range f.faults {
		if rule.Op != op && rule.Op != Any || !strings.Contains(name, rule.Path) {
			continue
		}
		rule.seen++
		if rule.seen > rule.Skip && (rule.Times == 0 || rule.seen <= rule.Skip+rule.Times) {
			return rule
		}
	}
	return nil
}
