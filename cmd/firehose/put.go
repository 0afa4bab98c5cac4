package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"firehose/internal/eventread"
)

const putUsage = `Puts the events of a file into a stream: JSON objects, one a line or in an array, also with the ending .gz or .zst.

Usage: firehose put NAME FILE|- [flags]

If it is interrupted, the same call goes on where it was; what was under way at that moment may be put twice, unless the
stream knows events by their ids.`

// A request carries so many events, or so many bytes.
const (
	putEventsMax = 2000
	putBytesMax  = 4 << 20
)

// putRetries is how often a request is tried while the server does not answer or takes no more.
const putRetries = 8

// putting is one run of firehose put.
type putting struct {
	*client
	stream string
	file   string // - for standard input
	mark   string // file that remembers how far it came; empty for none
	key    string // whose events keep their order; empty for none
	quiet  bool

	done putMark
	size int64 // of the file; 0 when not known
	read *counting
	last time.Time // when progress was shown
	sums struct{ stored, duplicates, rejected int }
}

// putMark says how far a file was put.
type putMark struct {
	File    string    `json:"file"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
	URL     string    `json:"url"`
	Stream  string    `json:"stream"`
	Events  int       `json:"events"` // decided, from the first
}

// counting counts what is read.
type counting struct {
	io.Reader
	bytes int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += int64(n)
	return n, err
}

func runPut(ctx context.Context, args []string) error {
	flags, c := newFlags("put", putUsage)
	quiet := flags.Bool("quiet", false, "show no progress")
	key := flags.String("key", "", "events with one key, put one call after the other, keep their order")
	fresh := flags.Bool("from-start", false, "do not go on where an interrupted call was")
	given, err := parseAll(flags, args)
	if err != nil {
		return err
	}
	if len(given) != 2 {
		fmt.Fprintln(os.Stderr, "firehose put: want the name of a stream, and a file or - for standard input")
		flags.Usage()
		return errUsage
	}
	p := &putting{client: c, stream: given[0], file: given[1], key: *key, quiet: *quiet || !terminal(os.Stderr)}
	input, err := p.open(*fresh)
	if err != nil {
		return err
	}
	defer input.Close()
	err = p.all(ctx, input)
	p.endProgress()
	if err != nil {
		if p.mark != "" && p.done.Events > 0 {
			return fmt.Errorf("after %s: %w (the same call goes on there)", counted(p.done.Events, "event"), err)
		}
		return fmt.Errorf("after %s: %w", counted(p.done.Events, "event"), err)
	}
	if p.mark != "" {
		os.Remove(p.mark)
	}
	fmt.Printf("%s stored, %d known already, %d rejected\n", counted(p.sums.stored, "event"), p.sums.duplicates, p.sums.rejected)
	if p.sums.rejected > 0 {
		return fmt.Errorf("%s rejected", counted(p.sums.rejected, "event"))
	}
	return nil
}

// open opens the input and finds out how far an earlier call came.
func (p *putting) open(fresh bool) (io.ReadCloser, error) {
	if p.file == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(p.file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p.size = info.Size()
	path, err := filepath.Abs(p.file)
	if err != nil {
		return nil, err
	}
	p.done = putMark{File: path, Size: info.Size(), Changed: info.ModTime(), URL: p.url, Stream: p.stream}
	cache, err := os.UserCacheDir()
	if err != nil {
		return f, nil // nowhere to remember anything
	}
	sum := sha256.Sum256([]byte(path + "\n" + p.url + "\n" + p.stream))
	p.mark = filepath.Join(cache, "firehose", "put-"+hex.EncodeToString(sum[:8])+".json")
	if fresh {
		return f, nil
	}
	text, err := os.ReadFile(p.mark)
	var before putMark
	if errors.Is(err, fs.ErrNotExist) || json.Unmarshal(text, &before) != nil {
		return f, nil
	}
	if before.Events > 0 && before.File == path && before.Size == p.size && before.Changed.Equal(p.done.Changed) {
		p.done.Events = before.Events
		fmt.Fprintf(os.Stderr, "going on after %s, where an earlier call was interrupted\n", counted(before.Events, "event"))
	}
	return f, nil
}

// all puts the events that are not decided yet.
func (p *putting) all(ctx context.Context, input io.Reader) error {
	p.read = &counting{Reader: input}
	name, encoding, kind := p.file, "", "application/json"
	switch filepath.Ext(name) {
	case ".gz":
		encoding = "gzip"
	case ".zst":
		encoding = "zstd"
	}
	if encoding != "" {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	if ext := filepath.Ext(name); ext == ".ndjson" || ext == ".jsonl" {
		kind = "application/x-ndjson"
	}
	events, err := eventread.NewReader(p.read, kind, encoding)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.file, err)
	}
	defer events.Close()
	var chunk [][]byte
	size, index := 0, 0
	for ; ; index++ {
		event, err := events.Next()
		var refused *eventread.EventError
		if err != nil && err != io.EOF && !errors.As(err, &refused) {
			return errors.Join(p.store(ctx, chunk), fmt.Errorf("read %s, of which JSON objects are wanted: %w", p.file, err))
		}
		if err == io.EOF {
			return p.store(ctx, chunk)
		}
		if index < p.done.Events {
			continue
		}
		chunk, size = append(chunk, bytes.Clone(event)), size+len(event) // what is refused too: the server rejects it, at its place
		if len(chunk) >= putEventsMax || size >= putBytesMax {
			if err := p.store(ctx, chunk); err != nil {
				return err
			}
			chunk, size = chunk[:0], 0
		}
	}
}

// store puts a chunk, and tries again while the server takes no more or cannot be reached.
func (p *putting) store(ctx context.Context, chunk [][]byte) error {
	pause := 250 * time.Millisecond
	for try := 1; len(chunk) > 0; try++ {
		next, again, err := p.request(ctx, chunk)
		chunk = chunk[next:]
		p.done.Events += next
		p.remember()
		if err == nil {
			break
		}
		if next > 0 {
			try, pause = 1, 250*time.Millisecond
		}
		if !again || try == putRetries || ctx.Err() != nil {
			return err
		}
		if try == 1 {
			p.endProgress()
			fmt.Fprintf(os.Stderr, "trying again: %v\n", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause *= 2
	}
	p.show()
	return nil
}

// request puts events once. It returns how many of them are decided, and after an error whether to try again.
func (p *putting) request(ctx context.Context, chunk [][]byte) (next int, again bool, err error) {
	query := url.Values{}
	if p.key != "" {
		query.Set("key", p.key)
	}
	r, err := p.client.request(ctx, http.MethodPost, "/v1/streams/"+url.PathEscape(p.stream)+"/events", query, bytes.Join(chunk, []byte("\n")))
	if err != nil {
		return 0, false, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, true, p.unanswered(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, true, p.unanswered(err)
	}
	var answer struct {
		Next, Stored, Duplicates int
		Rejected                 []struct {
			Index         int
			Code, Message string
		}
	}
	json.Unmarshal(text, &answer) // an answer of another kind counts nothing
	p.sums.stored, p.sums.duplicates = p.sums.stored+answer.Stored, p.sums.duplicates+answer.Duplicates
	next = min(answer.Next, len(chunk))
	for _, one := range answer.Rejected {
		if one.Index >= next { // it is sent again, and rejected again
			continue
		}
		p.sums.rejected++
		p.endProgress()
		message := strings.TrimPrefix(one.Message, fmt.Sprintf("event %d: ", one.Index)) // counted in the request
		fmt.Fprintf(os.Stderr, "event %d: %s (%s)\n", p.done.Events+one.Index, message, one.Code)
	}
	if next == len(chunk) {
		return next, false, nil
	}
	if err = failure(text); err == nil {
		err = fmt.Errorf("%s answered %s", p.url, response.Status)
	}
	return next, response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500, err
}

// remember notes how far it came.
func (p *putting) remember() {
	if p.mark == "" || p.done.Events == 0 {
		return
	}
	text, err := json.Marshal(p.done)
	if err != nil || os.MkdirAll(filepath.Dir(p.mark), 0o700) != nil {
		return // then an interrupted call begins anew
	}
	if os.WriteFile(p.mark+".partial", text, 0o600) == nil {
		os.Rename(p.mark+".partial", p.mark)
	}
}

// progressEvery is the time between two looks at the progress.
const progressEvery = 200 * time.Millisecond

// endProgress leaves the line of the progress, if it was shown.
func (p *putting) endProgress() {
	if !p.last.IsZero() {
		fmt.Fprintln(os.Stderr)
		p.last = time.Time{}
	}
}

func (p *putting) show() {
	if p.quiet || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	if p.size == 0 {
		fmt.Fprintf(os.Stderr, "\r%d events", p.done.Events)
		return
	}
	const width = 30
	filled := int(min(p.read.bytes, p.size) * width / p.size)
	fmt.Fprintf(os.Stderr, "\r[%s%s] %3d %%, %d events", strings.Repeat("=", filled), strings.Repeat(" ", width-filled),
		min(p.read.bytes, p.size)*100/p.size, p.done.Events)
}
