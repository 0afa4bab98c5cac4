package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"firehose/internal/apikey"
	"firehose/internal/control"
	"firehose/internal/native"
	"firehose/internal/stream"
)

// Declared is where streams are declared.
type Declared interface {
	native.Streams
	List(account, region string) []stream.Stream
	Await(ctx context.Context, key stream.Key) (stream.Stream, error)
	Delete(ctx context.Context, key stream.Key, force bool) error
	Problems() []control.Problem
}

// registerStreams adds the paths of streams as documents.
func (d *Door) registerStreams(mux *http.ServeMux) {
	d.handle(mux, "GET /v1/streams", d.listStreams)
	d.handle(mux, "GET /v1/streams/{name}", d.getStream, "defaults")
	d.handle(mux, "PUT /v1/streams/{name}", d.putStream, "dry_run")
	d.handle(mux, "DELETE /v1/streams/{name}", d.deleteStream, "force")
	d.handle(mux, "GET /v1/streams/{name}/versions", d.listVersions)
	d.handle(mux, "GET /v1/streams/{name}/versions/{version}", d.getVersion, "defaults")
}

// documentMax is the most that a document may have.
const documentMax = 1 << 20

// activeWait is how long the answer to the creation of a stream waits for it to be active.
const activeWait = 5 * time.Second

// Stream is a stream as it is shown.
type Stream struct {
	Name       string            `json:"name"`
	Account    string            `json:"account"`
	Region     string            `json:"region"`
	ARN        string            `json:"arn"`
	Status     stream.Status     `json:"status"`
	Failure    *stream.Failure   `json:"failure,omitempty"`
	Version    int               `json:"version"`
	Language   string            `json:"language"`
	Created    time.Time         `json:"created"`
	Updated    time.Time         `json:"updated,omitzero"`
	Tags       map[string]string `json:"tags,omitempty"`
	Encryption string            `json:"encryption"`
	Problems   []control.Problem `json:"problems,omitempty"` // why records wait
	Document   json.RawMessage   `json:"document,omitempty"` // left out in lists
}

func (d *Door) shownStream(s *stream.Stream) Stream {
	shown := Stream{
		Name: s.Name, Account: s.Account, Region: s.Region, ARN: s.ARN(), Status: s.Status, Failure: s.Failure, Version: s.Version,
		Language: s.Language, Created: s.Created, Updated: s.Updated, Tags: s.Tags,
		Encryption: cmp.Or(string(s.Encryption.Status), string(stream.EncryptionDisabled)), Document: stream.Shown(s.Document()),
	}
	for _, p := range d.Declared.Problems() {
		if p.Stream == s.Name && p.Account == s.Account && p.Region == s.Region {
			shown.Problems = append(shown.Problems, p)
		}
	}
	return shown
}

// listStreams answers the streams of an account and region.
func (d *Door) listStreams(w http.ResponseWriter, r *http.Request) {
	who, err := d.administrator(r)
	list := []Stream{}
	if err == nil {
		for _, s := range d.Declared.List(cmp.Or(who.Account, d.Account), cmp.Or(who.Region, d.Region)) {
			shown := d.shownStream(&s)
			shown.Document = nil
			list = append(list, shown)
		}
	}
	d.answer(w, map[string]any{"streams": list}, err)
}

// getStream answers a stream with its document; or the document alone, where YAML is asked for.
func (d *Door) getStream(w http.ResponseWriter, r *http.Request) {
	s, err := d.declaredStream(r)
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	document, err := d.asked(r, &s, s.Document())
	w.Header().Set("ETag", etag(s.Version))
	if err == nil && wantsYAML(r) {
		d.writeYAML(w, document)
		return
	}
	shown := d.shownStream(&s)
	shown.Document = document
	d.answer(w, shown, err)
}

func (d *Door) declaredStream(r *http.Request) (stream.Stream, error) {
	key, err := d.find(r, r.PathValue("name"), apikey.Admin)
	if err != nil {
		return stream.Stream{}, err
	}
	return d.Declared.Get(key)
}

// asked returns a document as it was written, or with its defaults filled in if the query says so. A document of Amazon's
// API always is, and is shown without its secrets.
func (d *Door) asked(r *http.Request, s *stream.Stream, document []byte) ([]byte, error) {
	document = stream.Shown(document)
	full, err := flag(r, "defaults")
	if err != nil || !full || s.Language != native.Language {
		return document, err
	}
	parsed, err := native.Parse(document, native.JSON)
	if err != nil {
		return nil, err
	}
	return parsed.Complete(native.JSON)
}

func (d *Door) writeYAML(w http.ResponseWriter, document []byte) {
	text, err := native.Convert(document, native.YAML)
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Write(text) // an error here is the client's going away
}

// PutResult is the answer to a document that was put.
type PutResult struct {
	Stream   Stream           `json:"stream"`
	Created  bool             `json:"created"`
	Changes  []native.Change  `json:"changes"`
	Warnings []native.Warning `json:"warnings,omitempty"` // of what the document says and nobody does
	DryRun   bool             `json:"dry_run,omitempty"`
}

// putStream makes a stream what a document says.
func (d *Door) putStream(w http.ResponseWriter, r *http.Request) {
	key, err := d.keyToPut(r)
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	document, err := readDocument(r, key.Name)
	if err != nil {
		d.refuse(w, err)
		return
	}
	o, err := conditions(r)
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	outcome, err := native.Put(r.Context(), d.Declared, key, document, o)
	if err != nil {
		d.refuse(w, err)
		return
	}
	status := http.StatusOK
	if outcome.Created && !o.DryRun {
		status = http.StatusCreated
		waiting, cancel := context.WithTimeout(r.Context(), activeWait)
		defer cancel()
		if s, err := d.Declared.Await(waiting, key); err == nil {
			outcome.Stream = s
		}
	}
	w.Header().Set("ETag", etag(outcome.Stream.Version))
	d.write(w, status, PutResult{Stream: d.shownStream(&outcome.Stream), Created: outcome.Created,
		Changes: append([]native.Change{}, outcome.Changes...), Warnings: outcome.Warnings, DryRun: o.DryRun})
}

// keyToPut returns the key of the stream that a request names, which need not exist.
func (d *Door) keyToPut(r *http.Request) (stream.Key, error) {
	name := r.PathValue("name")
	key, err := d.find(r, name, apikey.Admin)
	if !errors.Is(err, stream.ErrNotFound) {
		return key, err
	}
	who, err := d.identify(r, apikey.Admin, name)
	if err == nil && who.Account == "" {
		who.Account, who.Region = r.URL.Query().Get("account"), r.URL.Query().Get("region")
	}
	return stream.Key{Account: cmp.Or(who.Account, d.Account), Region: cmp.Or(who.Region, d.Region), Name: name}, err
}

func readDocument(r *http.Request, name string) (*native.Document, error) {
	body, err := readBody(r, documentMax)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, &failure{http.StatusBadRequest, "bad_body", "the body is empty: want the document of the stream, as JSON or YAML"}
	}
	form, err := formOf(r, body)
	if err != nil {
		return nil, err
	}
	return native.WithName(body, form, name)
}

// formOf says in which form a request's document is written.
func formOf(r *http.Request, body []byte) (native.Form, error) {
	form := native.Guess(body)
	if given := r.Header.Get("Content-Type"); given != "" {
		switch kind, _, _ := mime.ParseMediaType(given); {
		case strings.HasSuffix(kind, "yaml"):
			form = native.YAML
		case strings.HasSuffix(kind, "json"):
			form = native.JSON
		case kind != "text/plain" && kind != "application/x-www-form-urlencoded" && kind != "application/octet-stream": // what clients say who know nothing
			return form, &failure{http.StatusUnsupportedMediaType, "unsupported_body", fmt.Sprintf("the body is %s: want application/json or application/yaml", kind)}
		}
	}
	return form, nil
}

// conditions reads under which conditions a document is put.
func conditions(r *http.Request) (o native.Options, err error) {
	o.Now = time.Now()
	if o.DryRun, err = flag(r, "dry_run"); err != nil {
		return o, err
	}
	if given := r.Header.Get("If-None-Match"); given != "" && given != "*" {
		return o, badParameter("If-None-Match", given, "*, for a stream that there is not yet, or If-Match with the ETag of an answer")
	} else if given == "*" {
		o.New = true
	}
	o.Versions, o.Exists, err = ifMatch(r)
	return o, err
}

// ifMatch returns the versions that a request allows: none for any, but then the stream may have to exist.
func ifMatch(r *http.Request) (versions []int, exists bool, err error) {
	given := r.Header.Get("If-Match")
	switch given {
	case "":
		return nil, false, nil
	case "*":
		return nil, true, nil
	}
	versions = []int{}
	for tag := range strings.SplitSeq(given, ",") {
		text := strings.TrimSpace(tag)
		version, err := strconv.Atoi(strings.Trim(text, `"`))
		if err != nil || etag(version) != text {
			return nil, false, badParameter("If-Match", given, `the ETag of an answer, such as "3"`)
		}
		versions = append(versions, version)
	}
	return versions, false, nil
}

// etag is the version, as HTTP writes it.
func etag(version int) string { return strconv.Quote(strconv.Itoa(version)) }

// refuse answers why a document was not put.
func (d *Door) refuse(w http.ResponseWriter, err error) {
	var problems native.Problems
	switch {
	case errors.As(err, &problems):
		d.write(w, http.StatusBadRequest, map[string]any{"error": map[string]any{
			"code": "invalid_document", "message": problems.Error(), "problems": problems}})
		return
	case errors.Is(err, native.ErrVersion):
		err = &failure{http.StatusPreconditionFailed, "version_mismatch", err.Error()}
	case errors.Is(err, native.ErrOtherLanguage):
		err = &failure{http.StatusConflict, "other_language", err.Error()}
	case errors.Is(err, stream.ErrQuota):
		err = &failure{http.StatusConflict, "quota_reached", "the account has as many streams as limits.streams allows"}
	case errors.Is(err, stream.ErrExists):
		err = &failure{http.StatusConflict, "stream_exists", "another request has just made the stream; send this one again"}
	}
	d.answer(w, nil, err)
}

// deleteStream begins the deletion of a stream in either language.
func (d *Door) deleteStream(w http.ResponseWriter, r *http.Request) {
	s, err := d.declaredStream(r)
	var force bool
	if err == nil {
		force, err = flag(r, "force")
	}
	if err == nil {
		var versions []int
		if versions, _, err = ifMatch(r); err == nil && versions != nil && !slices.Contains(versions, s.Version) {
			err = &failure{http.StatusPreconditionFailed, "version_mismatch", fmt.Sprintf("%s: it is %d", native.ErrVersion, s.Version)}
		}
	}
	if err == nil {
		err = d.Declared.Delete(r.Context(), s.Key, force)
	}
	d.answer(w, map[string]any{"stream": s.Name, "status": stream.Deleting}, err)
}

// shownVersion is one version of a document.
type shownVersion struct {
	Version  int             `json:"version"`
	Current  bool            `json:"current"`
	Changes  []native.Change `json:"changes,omitempty"`  // against the version before, where that is kept
	Document json.RawMessage `json:"document,omitempty"` // left out in lists
}

// listVersions answers which versions are kept, the newest first, and what each changed.
func (d *Door) listVersions(w http.ResponseWriter, r *http.Request) {
	s, err := d.declaredStream(r)
	versions := []shownVersion{}
	var before *native.Document
	if err == nil {
		for version := 1; version <= s.Version; version++ {
			text, kept := s.Documents[version]
			if !kept {
				continue
			}
			shown := shownVersion{Version: version, Current: version == s.Version}
			if s.Language == native.Language {
				document, _, err := native.Stored(text)
				if err == nil && before != nil {
					shown.Changes = document.Changes(before)
				}
				before = document
			}
			versions = append(versions, shown)
		}
		slices.Reverse(versions)
	}
	d.answer(w, map[string]any{"stream": s.Name, "language": s.Language, "versions": versions}, err)
}

func (d *Door) getVersion(w http.ResponseWriter, r *http.Request) {
	s, err := d.declaredStream(r)
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	number, err := strconv.Atoi(r.PathValue("version"))
	text, kept := s.Documents[number]
	if err != nil || !kept {
		d.answer(w, nil, &failure{http.StatusNotFound, "version_not_found", fmt.Sprintf("version %q is not kept", r.PathValue("version"))})
		return
	}
	document, err := d.asked(r, &s, text)
	if err == nil && wantsYAML(r) {
		d.writeYAML(w, document)
		return
	}
	d.answer(w, shownVersion{Version: number, Current: number == s.Version, Document: document}, err)
}

// wantsYAML says whether the client prefers YAML.
func wantsYAML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "yaml") }
