package enrich

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"firehose/internal/task"
)

// Bounds of a table's source.
const (
	tableSizeMax = 64 << 20 // bytes; in memory a table takes some times that
	fetchMax     = 30 * time.Second
	beginMax     = 1 << 20 // bytes of a table that are read though another is being read: servers that stall hold up nobody
)

var (
	errTooLarge = fmt.Errorf("the table has more than %d bytes; at most so many are read", tableSizeMax)
	errTooSlow  = fmt.Errorf("it was not there within %v", fetchMax)
)

// source is a table and where it comes from. It looks for changes only when somebody asks, and once for all who ask at
// the same time.
type source struct {
	from    Lookup // all but what differs among its users
	client  *http.Client
	tables  *Tables
	where   string
	users   int       // guarded by the tables' mu
	bytes   int64     // of rows; guarded by the tables' mu
	looking task.Turn // held during a look; guards what follows
	version string    // of the table at hand: the file's size and time, or the answer's tag
	refused refusal

	rows atomic.Pointer[table]

	mu   sync.Mutex
	last look
}

// look is what is known after the last look at a source.
type look struct {
	number   int       // counts them
	at       time.Time // it ended
	upToDate time.Time // the last that found the table, changed or not; zero before
	err      error
	failures uint64
}

// refusal is a version that did not fit. It is not read again before there is more room.
type refusal struct {
	version string
	room    int64
	err     error
}

func (s *source) lastLook() look {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// lookAgain brings the table up to date, unless somebody did so after the look with the given number. A look that ctx ends
// counts for nothing.
func (s *source) lookAgain(ctx context.Context, after int) error {
	if !hold(ctx, s.looking) {
		return context.Cause(ctx)
	}
	defer s.looking.Unlock()
	if last := s.lastLook(); last.number != after {
		return last.err
	}
	err := s.read(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.number++
	s.last.at, s.last.err = time.Now(), err
	if err != nil {
		s.last.failures++
	} else {
		s.last.upToDate = s.last.at
	}
	return err
}

// hold takes a turn, or reports that ctx has ended.
func hold(ctx context.Context, turn task.Turn) bool {
	select {
	case turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// read reads the table if it has changed. The caller holds looking.
func (s *source) read(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(fetchMax, func() { cancel(errTooSlow) })
	defer patience.Stop()
	open := s.openFile
	if s.from.URL != "" {
		open = func() (io.ReadCloser, string, error) { return s.fetch(ctx) }
	}
	body, version, err := open()
	if err != nil || body == nil {
		return err
	}
	defer body.Close()
	begin, err := io.ReadAll(io.LimitReader(body, beginMax))
	if err != nil {
		return fmt.Errorf("read the table: %w", withoutURL(ctx, err))
	}
	patience.Stop()
	if !hold(ctx, s.tables.reading) {
		return context.Cause(ctx)
	}
	defer s.tables.reading.Unlock()
	patience.Reset(fetchMax)
	room := s.tables.room(s)
	if s.refused.err != nil && version != "" && version == s.refused.version && room <= s.refused.room {
		return s.refused.err
	}
	return s.readBody(ctx, io.MultiReader(bytes.NewReader(begin), body), version, room)
}

// readBody reads a table that is to come to at most so many bytes. The caller holds reading.
func (s *source) readBody(ctx context.Context, body io.Reader, version string, room int64) error {
	text, err := io.ReadAll(io.LimitReader(body, tableSizeMax+1))
	if err != nil {
		return fmt.Errorf("read the table: %w", withoutURL(ctx, err))
	}
	if len(text) > tableSizeMax {
		return errTooLarge
	}
	most := tableMax
	most.bytes = min(most.bytes, max(room, 0))
	rows, bytes, err := parse(s.from.Format, s.from.Column, text, most)
	var wide *errTooWide
	if errors.As(err, &wide) && most.bytes < tableMax.bytes {
		s.refused = refusal{version, room, s.tables.noRoom(room)}
		return s.refused.err
	}
	if err != nil {
		return fmt.Errorf("read the table as %s: %w", s.from.Format, err)
	}
	s.tables.take(s, bytes)
	s.rows.Store(&rows)
	s.version, s.refused = version, refusal{}
	return nil
}

// openFile opens the file, unless it is the one at hand.
func (s *source) openFile() (io.ReadCloser, string, error) {
	info, err := os.Stat(s.from.File)
	if err != nil {
		return nil, "", err
	}
	if info.Size() > tableSizeMax {
		return nil, "", errTooLarge
	}
	version := fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
	if version == s.version {
		return nil, "", nil
	}
	file, err := os.Open(s.from.File)
	return file, version, err
}

// fetch asks for the table, unless it is the one at hand.
func (s *source) fetch(ctx context.Context) (io.ReadCloser, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.from.URL, nil)
	if err != nil {
		return nil, "", withoutURL(ctx, err)
	}
	for name, value := range s.from.Headers {
		request.Header.Set(name, value)
	}
	if s.version != "" {
		request.Header.Set("If-None-Match", s.version)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, "", fmt.Errorf("get the table from %s: %w", request.URL.Host, withoutURL(ctx, err))
	}
	switch response.StatusCode {
	case http.StatusOK:
		return response.Body, response.Header.Get("ETag"), nil
	case http.StatusNotModified:
		return nil, "", response.Body.Close()
	}
	response.Body.Close()
	return nil, "", fmt.Errorf("get the table from %s: the answer is %s", request.URL.Host, response.Status)
}

// withoutURL takes the address out of an error: it may hold a secret. What ended ctx is the better reason.
func withoutURL(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
