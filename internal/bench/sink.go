package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Sink serves an object store that counts and discards: as much of the S3 protocol as a client needs that puts objects.
// It checks nothing, so that little of the machine goes to it. With a folder it keeps the objects there. It says on ready
// where it listens, and ends with ctx.
//
// Below /_sink/ it is told what to do: hold lets uploads wait, refuse answers them with 503, open takes them; stats says
// what came.
func Sink(ctx context.Context, listen, keep string, ready io.Writer) error {
	s := &sink{keep: keep, open: closed()}
	return serveUntil(ctx, listen, s, ready)
}

// serveUntil serves a handler until ctx ends.
func serveUntil(ctx context.Context, listen string, h http.Handler, ready io.Writer) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := announce(ready, l.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type sink struct {
	keep string // folder; empty to discard

	mu     sync.Mutex
	stats  SinkStats
	open   chan struct{} // closed while uploads are taken
	refuse bool
	number int // of multipart uploads
}

// SinkStats is what came.
type SinkStats struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	Refused int   `json:"refused"`
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// sinkBuffers are for reading what is discarded.
var sinkBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if command, ok := strings.CutPrefix(r.URL.Path, "/_sink/"); ok {
		s.control(w, command)
		return
	}
	s.mu.Lock()
	open, refuse := s.open, s.refuse
	s.mu.Unlock()
	select {
	case <-open:
	case <-r.Context().Done():
		return
	}
	if refuse {
		s.mu.Lock()
		s.stats.Refused++
		s.mu.Unlock()
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>`)
		return
	}
	if err := s.serve(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *sink) serve(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPut && q.Has("partNumber"):
		number, err := strconv.Atoi(q.Get("partNumber"))
		if err != nil {
			return err
		}
		_, err = s.take(r, fmt.Sprintf("%s.part%05d", objectFile(q.Get("uploadId")), number))
		w.Header().Set("ETag", `"part"`)
		return err
	case r.Method == http.MethodPut:
		_, err := s.take(r, objectFile(r.URL.Path))
		s.count(err == nil)
		w.Header().Set("ETag", `"object"`)
		return err
	case r.Method == http.MethodPost && q.Has("uploads"):
		s.mu.Lock()
		s.number++
		id := s.number
		s.mu.Unlock()
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><UploadId>%d</UploadId></InitiateMultipartUploadResult>`, id)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		if err := s.join(objectFile(q.Get("uploadId")), objectFile(r.URL.Path)); err != nil {
			return err
		}
		s.count(true)
		io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"object"</ETag></CompleteMultipartUploadResult>`)
	case r.Method == http.MethodGet && q.Has("uploads"):
		io.WriteString(w, `<ListMultipartUploadsResult></ListMultipartUploadsResult>`)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "not of this store", http.StatusNotImplemented)
	}
	return nil
}

// objectFile is the name of the file that keeps an object: the same key has the same, so that it is replaced.
func objectFile(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// take reads a body.
func (s *sink) take(r *http.Request, file string) (n int64, err error) {
	if s.keep == "" {
		buffer := sinkBuffers.Get().(*[]byte)
		defer sinkBuffers.Put(buffer)
		n, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, *buffer)
	} else {
		n, err = s.store(r, file)
	}
	s.mu.Lock()
	s.stats.Bytes += n
	s.mu.Unlock()
	return n, err
}

func (s *sink) store(r *http.Request, file string) (int64, error) {
	if r.Header.Get("X-Amz-Decoded-Content-Length") != "" {
		return 0, errors.New("the upload is in the coding aws-chunked, which this store cannot keep")
	}
	f, err := os.Create(filepath.Join(s.keep, file))
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, r.Body)
	return n, errors.Join(err, f.Close())
}

// join makes an object of its parts.
func (s *sink) join(upload, file string) error {
	if s.keep == "" {
		return nil
	}
	parts, err := filepath.Glob(filepath.Join(s.keep, upload+".part*")) // in the order of names
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(s.keep, file))
	if err != nil {
		return err
	}
	defer out.Close()
	for _, part := range parts {
		text, err := os.ReadFile(part)
		if err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
		if err := os.Remove(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) count(taken bool) {
	if taken {
		s.mu.Lock()
		s.stats.Objects++
		s.mu.Unlock()
	}
}

func (s *sink) control(w http.ResponseWriter, command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.open:
		if command == "hold" {
			s.open = make(chan struct{})
		}
	default:
		if command == "open" {
			close(s.open)
		}
	}
	s.refuse = command == "refuse" || command == "stats" && s.refuse
	json.NewEncoder(w).Encode(s.stats) // an error here is the client's going away
}
