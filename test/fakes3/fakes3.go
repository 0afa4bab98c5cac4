// Package fakes3 is an S3 in memory, for faults between bytes that no real server makes on demand.
//
// It speaks as much of the protocol as a client needs that puts objects: PutObject, and multipart uploads (create, upload
// part, complete, abort, list); and for one that reads them GetObject and ListObjectsV2. Buckets are addressed in the path,
// nothing is verified but the checksums that a client sends. A rule looks at each request and says what goes wrong with it.
// A test itself reads what was put by Objects.
//
// An object that is put again with other bytes is remembered in Changed: a client that promises to overwrite with the
// same bytes has broken its promise then.
package fakes3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Request is what a rule sees of a request.
type Request struct {
	Op     string // PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload, ListMultipartUploads, GetObject, DeleteObject, ListObjectsV2
	Bucket string
	Key    string
	Number int // of the request, from 1
}

// Writes says whether the request would make an object appear.
func (r Request) Writes() bool { return r.Op == "PutObject" || r.Op == "CompleteMultipartUpload" }

// Fault is what goes wrong with a request. The zero value is nothing. What is set happens in the order of the fields.
type Fault struct {
	Slow      time.Duration // the server waits before it reads the body
	ReadBytes int           // if positive, so many bytes of the body are read, and then the rest of the fault happens
	Midway    func()        // is called then
	Hang      bool          // nothing more happens until the client goes away
	Reset     bool          // the connection is reset
	Status    int           // this is answered, with Code
	Code      string
	Header    map[string]string

	// What follows happens after the request has been carried out, if nothing above has ended it.

	Committed   func() // is called before the answer
	ResetAnswer bool   // the connection is reset instead of an answer
	Answered    func() // is called when the answer has been written
}

// ends says whether the request is over before it is carried out.
func (f Fault) ends() bool { return f.Hang || f.Reset || f.Status != 0 }

// Rule says what goes wrong with a request.
type Rule func(Request) Fault

// Server is the fake. Make it with Start.
type Server struct {
	URL  string
	http *httptest.Server

	mu      sync.Mutex
	rule    Rule
	number  int
	ops     map[string]int
	buckets map[string]map[string][]byte
	uploads map[string]*upload // by id
	puts    map[string]int     // by bucket/key: how often it was put
	headers map[string]string  // by bucket/key: the Content-Encoding it was put with
	changed []string
}

// upload is an unfinished multipart upload.
type upload struct {
	bucket, key string
	parts       map[int][]byte
}

// Start starts a server with the given buckets. Close it.
func Start(buckets ...string) *Server {
	s := &Server{ops: map[string]int{}, buckets: map[string]map[string][]byte{}, uploads: map[string]*upload{}, puts: map[string]int{}, headers: map[string]string{}}
	for _, name := range buckets {
		s.buckets[name] = map[string][]byte{}
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL
	return s
}

// Close ends the server and all its connections.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// SetRule puts a rule in force; nil for none.
func (s *Server) SetRule(r Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rule = r
}

// MakeBucket makes a bucket.
func (s *Server) MakeBucket(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] == nil {
		s.buckets[name] = map[string][]byte{}
	}
}

// Objects returns the bodies of a bucket's objects by key. They are not to be changed.
func (s *Server) Objects(bucket string) map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.buckets[bucket])
}

// Unfinished returns the number of multipart uploads that are neither completed nor aborted.
func (s *Server) Unfinished() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// Overwritten returns how many objects were put more than once.
func (s *Server) Overwritten() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, puts := range s.puts {
		if puts > 1 {
			n++
		}
	}
	return n
}

// Changed returns the objects that were put again with other bytes.
func (s *Server) Changed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changed)
}

// Requests returns how many requests there were of an operation.
func (s *Server) Requests(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ops[op]
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	request := parse(r)
	s.mu.Lock()
	s.number++
	s.ops[request.Op]++
	request.Number = s.number
	rule := s.rule
	s.mu.Unlock()

	fault := Fault{}
	if rule != nil {
		fault = rule(request)
	}
	if !before(w, r, fault) {
		return
	}
	a := s.carryOut(request, r)
	if fault.Committed != nil {
		fault.Committed()
	}
	if fault.ResetAnswer {
		reset(w)
		return
	}
	a.write(w)
	if fault.Answered != nil {
		w.(http.Flusher).Flush()
		fault.Answered()
	}
}

func parse(r *http.Request) Request {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	op := r.Method
	switch {
	case r.Method == http.MethodPut && q.Has("partNumber"):
		op = "UploadPart"
	case r.Method == http.MethodPut:
		op = "PutObject"
	case r.Method == http.MethodPost && q.Has("uploads"):
		op = "CreateMultipartUpload"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		op = "CompleteMultipartUpload"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		op = "AbortMultipartUpload"
	case r.Method == http.MethodDelete:
		op = "DeleteObject"
	case r.Method == http.MethodGet && q.Has("uploads"):
		op = "ListMultipartUploads"
	case r.Method == http.MethodGet && key == "":
		op = "ListObjectsV2"
	case r.Method == http.MethodGet:
		op = "GetObject"
	}
	return Request{Op: op, Bucket: bucket, Key: key}
}

// before does what a fault says of the time before the request is carried out. It is false if that ended the request.
func before(w http.ResponseWriter, r *http.Request, f Fault) bool {
	select {
	case <-time.After(f.Slow):
	case <-r.Context().Done():
		return false
	}
	if f.ReadBytes > 0 && f.ends() {
		io.CopyN(io.Discard, r.Body, int64(f.ReadBytes)) // an error here is the client's going away
	}
	if f.Midway != nil {
		f.Midway()
	}
	switch {
	case f.Hang:
		io.Copy(io.Discard, r.Body) // so that the server notices when the client goes away
		<-r.Context().Done()
	case f.Reset:
		reset(w)
	case f.Status != 0:
		io.Copy(io.Discard, r.Body)
		for name, value := range f.Header {
			w.Header().Set(name, value)
		}
		failure(f.Status, f.Code).write(w)
	}
	return !f.ends()
}

// reset ends the connection without an answer.
func reset(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
}

// answer is what a request is answered with.
type answer struct {
	status int
	etag   string
	body   any     // XML; nil for none
	object *stored // instead of XML
}

func (a answer) write(w http.ResponseWriter) {
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	if a.object != nil {
		a.object.write(w)
		return
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(a.status)
	xml.NewEncoder(w).Encode(a.body)
}

func failure(status int, code string) answer {
	return answer{status: status, body: struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: "as the test's rule says"}}
}

func (s *Server) carryOut(request Request, r *http.Request) answer {
	body, err := readBody(r)
	if err != nil {
		return failure(http.StatusBadRequest, "BadDigest")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[request.Bucket] == nil {
		return failure(http.StatusNotFound, "NoSuchBucket")
	}
	id := r.URL.Query().Get("uploadId")
	switch request.Op {
	case "PutObject":
		s.put(request.Bucket, request.Key, body)
		s.headers[request.Bucket+"/"+request.Key] = r.Header.Get("Content-Encoding")
		return answer{status: http.StatusOK, etag: etag(body)}
	case "GetObject":
		return s.get(request)
	case "DeleteObject":
		delete(s.buckets[request.Bucket], request.Key)
		return answer{status: http.StatusNoContent}
	case "ListObjectsV2":
		return s.listObjects(request.Bucket, r.URL.Query())
	case "CreateMultipartUpload":
		return s.create(request)
	case "ListMultipartUploads":
		return s.list(request.Bucket, r.URL.Query().Get("prefix"))
	case "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload":
		u := s.uploads[id]
		if u == nil || u.bucket != request.Bucket || u.key != request.Key {
			return failure(http.StatusNotFound, "NoSuchUpload")
		}
		return s.advance(request, r, id, u, body)
	}
	return failure(http.StatusNotImplemented, "NotImplemented")
}

// readBody reads the body and checks it against the length and the checksum that came with it.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return nil, errors.New("aws-chunked is not understood")
	}
	if want := r.Header.Get("X-Amz-Checksum-Crc32"); want != "" && r.Method == http.MethodPut {
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))
		if got := base64.StdEncoding.EncodeToString(sum); got != want {
			return nil, fmt.Errorf("checksum %s, want %s", got, want)
		}
	}
	return body, nil
}

func (s *Server) put(bucket, key string, body []byte) {
	if old, ok := s.buckets[bucket][key]; ok && !bytes.Equal(old, body) {
		s.changed = append(s.changed, bucket+"/"+key)
	}
	s.buckets[bucket][key] = body
	s.puts[bucket+"/"+key]++
}

func (s *Server) create(request Request) answer {
	id := "upload-" + strconv.Itoa(request.Number)
	s.uploads[id] = &upload{bucket: request.Bucket, key: request.Key, parts: map[int][]byte{}}
	return answer{status: http.StatusOK, body: struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadId string
	}{Bucket: request.Bucket, Key: request.Key, UploadId: id}}
}

// advance carries out a request of an upload that was begun.
func (s *Server) advance(request Request, r *http.Request, id string, u *upload, body []byte) answer {
	switch request.Op {
	case "UploadPart":
		number, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
		if err != nil {
			return failure(http.StatusBadRequest, "InvalidArgument")
		}
		u.parts[number] = body
		return answer{status: http.StatusOK, etag: etag(body)}
	case "AbortMultipartUpload":
		delete(s.uploads, id)
		return answer{status: http.StatusNoContent}
	}
	var listed struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if xml.Unmarshal(body, &listed) != nil || len(listed.Part) == 0 {
		return failure(http.StatusBadRequest, "MalformedXML")
	}
	var whole []byte
	for _, p := range listed.Part {
		part, ok := u.parts[p.PartNumber]
		if !ok || etag(part) != p.ETag {
			return failure(http.StatusBadRequest, "InvalidPart")
		}
		whole = append(whole, part...)
	}
	delete(s.uploads, id)
	s.put(u.bucket, u.key, whole)
	return answer{status: http.StatusOK, body: struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket  string
		Key     string
		ETag    string
	}{Bucket: u.bucket, Key: u.key, ETag: etag(whole)}}
}

func (s *Server) list(bucket, prefix string) answer {
	type entry struct{ Key, UploadId string }
	list := struct {
		XMLName xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket  string
		Upload  []entry
	}{Bucket: bucket}
	for id, u := range s.uploads {
		if u.bucket == bucket && strings.HasPrefix(u.key, prefix) {
			list.Upload = append(list.Upload, entry{u.key, id})
		}
	}
	return answer{status: http.StatusOK, body: list}
}

func etag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}
