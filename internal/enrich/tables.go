package enrich

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"firehose/internal/task"
	"firehose/internal/verdict"
)

// Tables are the tables of all enrichers of a process. A table is held once, however many look into it: what counts is
// where it comes from and how it is read. All of them share one bound of memory. A table beyond it is not taken, and an
// earlier one of the same source stays in use.
//
// The bound is of what is held. On top comes one table that is being read, its text and its rows, and of those that wait
// for that the beginning.
type Tables struct {
	bytesMax int64
	reading  task.Turn // held by whoever reads a table's text beyond its beginning

	mu      sync.Mutex
	held    int64
	sources map[string]*source // by what they are read from
}

// NewTables returns tables that may come to so many bytes.
func NewTables(bytesMax int64) *Tables {
	return &Tables{bytesMax: bytesMax, reading: task.NewTurn(), sources: map[string]*source{}}
}

// Held returns the memory of all tables, about.
func (t *Tables) Held() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held
}

// open returns the source of a lookup, which whoever asked gives back by close.
func (t *Tables) open(l Lookup, client *http.Client) *source {
	where, err := json.Marshal([]any{l.File, l.URL, l.Headers, l.Format, l.Column})
	if err != nil {
		panic(err) // texts can always be written
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sources[string(where)]
	if s == nil {
		s = &source{from: l, client: client, tables: t, where: string(where), looking: task.NewTurn()}
		t.sources[s.where] = s
	}
	s.users++
	return s
}

// close gives a source back. The last to do so frees its table.
func (t *Tables) close(s *source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.users--; s.users == 0 {
		t.held -= s.bytes
		delete(t.sources, s.where)
	}
}

// room returns how many bytes the table of a source may come to. Only whoever holds reading may take them.
func (t *Tables) room(s *source) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytesMax - t.held + s.bytes
}

// take counts the table of a source in place of its earlier one.
func (t *Tables) take(s *source, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held += bytes - s.bytes
	s.bytes = bytes
}

// Codes of tables that are not there.
const (
	Unreadable = "Lookup.Unreadable"
	NoRoom     = "Lookup.NoRoom"
)

// noRoom is the error of a table that does not fit beside the others.
func (t *Tables) noRoom(room int64) error {
	return &verdict.SetUp{Code: NoRoom,
		Fix: "Take rows or columns out of this table or of others, or raise memory.lookup_bytes and start the server again.",
		Err: fmt.Errorf("its rows take more than %d bytes of memory, which is what other tables leave of memory.lookup_bytes, %d", max(room, 0), t.bytesMax)}
}

// unreadable is the error of a table that cannot be had, for whoever waits for it.
func unreadable(l Lookup, err error) error {
	err = fmt.Errorf("load the table %s: %w", l.Name, err)
	if known := verdict.AsSetUp(err); known != nil {
		return &verdict.SetUp{Code: known.Code, Fix: known.Fix, Err: fmt.Errorf("load the table %s: %w", l.Name, known.Err)}
	}
	fix := "Put the table where the document says, in the form that it says, or correct the document; it is looked for again by itself."
	if l.URL != "" {
		fix = "Have the table's server answer with the table, or correct the document; it is asked again by itself."
	}
	return &verdict.SetUp{Code: Unreadable, Fix: fix, Err: err}
}
