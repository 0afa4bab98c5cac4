package api

import (
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"firehose/internal/apikey"
	"firehose/internal/control"
	"firehose/internal/erroroutput"
)

// Error outputs in a page of the list: as many by default, at most.
const pageMax = 1000

// listErrors answers a page of a stream's error outputs. Behind the last one of it the next page begins.
func (d *Door) listErrors(w http.ResponseWriter, r *http.Request) {
	page := struct {
		Errors []control.ErrorOutput `json:"errors"`
		Next   string                `json:"next,omitempty"` // the parameter after of the next page
	}{Errors: []control.ErrorOutput{}}
	key, err := d.find(r, r.PathValue("name"), apikey.Admin)
	var f control.ErrorFilter
	var max int
	if err == nil {
		f, max, err = parseList(r)
	}
	if err == nil {
		var after control.ErrorPlace
		after.Delivery, after.Key, _ = strings.Cut(r.URL.Query().Get("after"), ":")
		err = d.streams.ErrorOutputs(r.Context(), key, f, after, func(o control.ErrorOutput) bool {
			if len(page.Errors) == max { // there is more
				last := page.Errors[max-1]
				page.Next = last.Delivery + ":" + last.Key
				return false
			}
			page.Errors = append(page.Errors, o)
			return true
		})
	}
	d.answer(w, page, err)
}

// parseList reads the parameters of a list.
func parseList(r *http.Request) (f control.ErrorFilter, max int, err error) {
	q := r.URL.Query()
	f.Type = q.Get("type")
	if f.Since, err = parseTime("since", q.Get("since")); err != nil {
		return f, 0, err
	}
	if f.Until, err = parseTime("until", q.Get("until")); err != nil {
		return f, 0, err
	}
	max = pageMax
	if limit := q.Get("limit"); limit != "" {
		max, err = strconv.Atoi(limit)
		if err != nil || max < 1 || max > pageMax {
			return f, 0, badParameter("limit", limit, fmt.Sprintf("a number from 1 to %d", pageMax))
		}
	}
	return f, max, nil
}

// ErrorRecord is a record of an error output.
type ErrorRecord struct {
	Type     string      `json:"type,omitempty"`
	Code     string      `json:"code"`
	Message  string      `json:"message"`
	Attempts int         `json:"attempts"`
	Arrival  time.Time   `json:"arrival"`
	Ended    time.Time   `json:"ended"` // the last attempt
	Function string      `json:"function,omitempty"`
	Table    *errorTable `json:"table,omitempty"`
	Sequence string      `json:"sequence,omitempty"`
	Data     []byte      `json:"data"`           // the original bytes
	Text     string      `json:"text,omitempty"` // the same, if they are text
}

// errorTable is the table to which a record could not be converted.
type errorTable struct {
	CatalogID    string `json:"catalog_id"`
	DatabaseName string `json:"database_name"`
	TableName    string `json:"table_name"`
	Region       string `json:"region"`
	VersionID    string `json:"version_id"`
	RoleARN      string `json:"role_arn"`
}

func errorRecord(l erroroutput.Line, errorType string) ErrorRecord {
	if errorType == "" {
		errorType = l.Type
	}
	e := ErrorRecord{Type: errorType, Code: l.Code, Message: l.Message, Attempts: l.Attempts, Arrival: l.Arrival, Ended: l.Ended,
		Function: l.LambdaARN, Table: (*errorTable)(l.Table), Sequence: l.Sequence, Data: l.Raw}
	if utf8.Valid(l.Raw) {
		e.Text = string(l.Raw)
	}
	return e
}

// showErrors answers the records of one error output, a line of JSON for each. Where it cannot go on, the last line is an
// error.
func (d *Door) showErrors(w http.ResponseWriter, r *http.Request) {
	key, err := d.find(r, r.PathValue("name"), apikey.Admin)
	var output control.ErrorOutput
	var lines io.ReadCloser
	if err == nil {
		output, lines, err = d.streams.OpenErrorOutput(r.Context(), key, r.PathValue("key"))
	}
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	defer lines.Close()
	d.stream(w, func(yield func(any, error) bool) {
		for line, err := range erroroutput.Lines(lines) {
			if err != nil {
				yield(nil, &failure{http.StatusBadGateway, "bad_error_output", output.Key + ": " + err.Error()})
				return
			}
			if !yield(errorRecord(line, output.Type), nil) {
				return
			}
		}
	})
}

// redriveRequest is the body of a redrive.
type redriveRequest struct {
	Keys   []string  `json:"keys"`
	Type   string    `json:"type"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	DryRun bool      `json:"dry_run"`
	Force  bool      `json:"force"`
}

// redrive puts error outputs into the stream again. It answers a line of JSON for each, as soon as it is done with it; where
// it cannot go on, the last line is an error. A client that goes away ends it.
func (d *Door) redrive(w http.ResponseWriter, r *http.Request, name string) {
	key, err := d.find(r, name, apikey.Admin)
	var asked redriveRequest
	if err == nil {
		asked, err = parseRedrive(r)
	}
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	what := control.Redrive{Keys: asked.Keys, DryRun: asked.DryRun, Force: asked.Force,
		ErrorFilter: control.ErrorFilter{Type: asked.Type, Since: asked.Since, Until: asked.Until}}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Time{}) // the server's time for reading requests would end this one
	d.stream(w, func(yield func(any, error) bool) {
		err := d.streams.Redrive(r.Context(), key, what, func(o control.RedrivenOutput) {
			yield(o, nil)
			_ = connection.Flush() // its error is the client's going away
		})
		if r.Context().Err() != nil {
			err = &failure{http.StatusServiceUnavailable, "redrive_ended", "the redrive was ended; another one goes on where it was"}
		}
		if err != nil {
			yield(nil, err)
		}
	})
}

func parseRedrive(r *http.Request) (asked redriveRequest, err error) {
	_, err = readJSON(r, bodyMax, &asked, `{"keys": [KEY], "type": TYPE, "since": TIME, "until": TIME, "dry_run": true, "force": true}, each of them optional`)
	if err != nil { // an empty body asks for everything
		return asked, err
	}
	if len(asked.Keys) > 0 && (asked.Type != "" || !asked.Since.IsZero() || !asked.Until.IsZero()) {
		return asked, &failure{http.StatusBadRequest, "bad_body", "keys are named one by one: leave out type, since and until"}
	}
	return asked, nil
}

// stream answers values as lines of JSON, as they come. An error before the first of them is answered like any other; one
// after it is the last line.
func (d *Door) stream(w http.ResponseWriter, values iter.Seq2[any, error]) {
	begun := false
	begin := func() {
		if !begun {
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.WriteHeader(http.StatusOK)
		}
		begun = true
	}
	lines := newEncoder(w) // its errors are the client's going away, which ends the request's context
	for value, err := range values {
		switch {
		case err != nil && !begun:
			d.answer(w, nil, err)
			return
		case err != nil:
			lines.Encode(d.failureOf(err).body())
		default:
			begin()
			lines.Encode(value)
		}
	}
	begin()
}
