package load

import (
	"iter"
	"sync"
)

// Fate is what a client was told of a record.
type Fate byte

// The fates.
const (
	Unsent  Fate = iota
	Refused      // it must not be delivered
	Taken        // it must be delivered
	Unknown      // there was no answer: it may be delivered
)

// Ledger remembers the fate of every record by its number.
type Ledger struct {
	mu    sync.Mutex
	fates []Fate
}

// note gives n records from first on a fate.
func (l *Ledger) note(first uint64, n int, fate Fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := int(first) + n
	for len(l.fates) < end {
		l.fates = append(l.fates, make([]Fate, max(1<<16, len(l.fates)))...)
	}
	for i := int(first); i < end; i++ {
		l.fates[i] = fate
	}
}

// Verdict is what became of the records.
type Verdict struct {
	Taken    int `json:"taken_records"`    // were acknowledged
	Once     int `json:"once_records"`     // of them, came exactly once
	Missing  int `json:"missing_records"`  // of them, did not come
	Repeated int `json:"repeated_records"` // came once more than they should
	Foreign  int `json:"foreign_records"`  // came though they were refused or never sent
	Unknown  int `json:"unknown_records"`  // were not answered, and came or did not
}

// Good says whether every acknowledged record came exactly once and nothing else came.
func (v Verdict) Good() bool { return v.Missing == 0 && v.Repeated == 0 && v.Foreign == 0 }

// Count compares the fates with the numbers of the records that were delivered.
func (l *Ledger) Count(delivered iter.Seq[uint64]) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := Verdict{}
	seen := make([]bool, len(l.fates))
	for number := range delivered {
		switch {
		case number >= uint64(len(l.fates)) || l.fates[number] == Unsent || l.fates[number] == Refused:
			v.Foreign++
		case seen[number]:
			v.Repeated++
		default:
			seen[number] = true
		}
	}
	for i, fate := range l.fates {
		switch {
		case fate == Unknown:
			v.Unknown++
		case fate == Taken && seen[i]:
			v.Taken, v.Once = v.Taken+1, v.Once+1
		case fate == Taken:
			v.Taken, v.Missing = v.Taken+1, v.Missing+1
		}
	}
	return v
}
