package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// handle adds a path. Its query may have the parameters that are named, and those that say where a stream is; any other is
// refused, because one that is misspelt would do what nobody wants: a dry run in earnest.
func (d *Door) handle(mux *http.ServeMux, pattern string, answer http.HandlerFunc, parameters ...string) {
	allowed := append(parameters, "account", "region")
	slices.Sort(allowed)
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := checkQuery(r.URL.RawQuery, allowed); err != nil {
			d.answer(w, nil, err)
			return
		}
		answer(w, r)
	})
}

// checkQuery refuses what is no query, parameters that are not allowed, and those that are given twice.
func checkQuery(text string, allowed []string) error {
	query, err := url.ParseQuery(text)
	if err != nil {
		return &failure{http.StatusBadRequest, "bad_parameter", "the query cannot be read: " + err.Error()}
	}
	for name, values := range query {
		switch {
		case !slices.Contains(allowed, name):
			return &failure{http.StatusBadRequest, "unknown_parameter", fmt.Sprintf("%q is no parameter of this path; it has %s", name, strings.Join(allowed, ", "))}
		case len(values) > 1:
			return &failure{http.StatusBadRequest, "bad_parameter", name + " is given twice"}
		}
	}
	return nil
}

// methods are those that paths of the door may have.
var methods = [...]string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut}

// everything is the pattern of what no other is for.
const everything = "/v1/"

// unknown answers what no other path is for, and says so where the path is right and the method is not.
func (d *Door) unknown(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range methods {
			if _, pattern := mux.Handler(&http.Request{Method: method, Host: r.Host, URL: r.URL}); pattern != everything && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if allowed != nil {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			d.answer(w, nil, &failure{http.StatusMethodNotAllowed, "method_not_allowed", fmt.Sprintf("%s cannot be asked of %s: want %s", r.Method, r.URL.Path, strings.Join(allowed, ", "))})
			return
		}
		d.answer(w, nil, &failure{http.StatusNotFound, "unknown_path", r.Method + " " + r.URL.Path + " is nothing that can be asked: there are GET, PUT and " +
			"DELETE /v1/streams/NAME, POST /v1/streams/NAME/events, GET /v1/streams/NAME/destinations and others"})
	}
}

// readBody reads a body whole that may have max bytes.
func readBody(r *http.Request, max int64) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &failure{http.StatusUnsupportedMediaType, "unsupported_body", fmt.Sprintf("Content-Encoding is %q: want none; only events may be compressed", encoding)}
	}
	return readAll(r, max)
}

// readAll is readBody for whatever encoding.
func readAll(r *http.Request, max int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, max))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &failure{http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the body has more than %d bytes", max)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSlowBody
	case err != nil:
		return nil, &failure{http.StatusBadRequest, "bad_body", "the body cannot be read: " + err.Error()}
	}
	return body, nil
}

var errSlowBody = &failure{http.StatusRequestTimeout, "slow_body", "the body did not come in time: there is a minute for the first MiB, and for each that follows"}

// readJSON reads a body of known members, and returns whether there is one: an empty one leaves the target as it is.
func readJSON(r *http.Request, max int64, into any, wanted string) (given bool, err error) {
	text, err := readBody(r, max)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return false, err
	}
	body := json.NewDecoder(bytes.NewReader(text))
	body.DisallowUnknownFields()
	if err = body.Decode(into); err == nil {
		if _, behind := body.Token(); behind != io.EOF {
			err = errors.New("there is more behind the object")
		}
	}
	if err != nil {
		return true, badBody(wanted, whyNot(err))
	}
	return true, nil
}

// whyNot says in words of JSON why a body cannot be read. The decoder's own texts name the types of this program.
func whyNot(err error) string {
	var mistyped *json.UnmarshalTypeError
	var badTime *time.ParseError
	switch {
	case errors.As(err, &mistyped) && mistyped.Field == "":
		return "it is " + wordOfValue(mistyped.Value) + ", want an object"
	case errors.As(err, &mistyped):
		return mistyped.Field + " is " + wordOfValue(mistyped.Value) + ", want " + wordOf(mistyped.Type)
	case errors.As(err, &badTime):
		return fmt.Sprintf("%q is no time such as 2026-02-03T04:05:06Z", badTime.Value)
	case strings.HasPrefix(err.Error(), "Time.UnmarshalJSON"): // which has no type for it
		return "a time is no text such as 2026-02-03T04:05:06Z"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// wordOfValue is what the decoder calls a value, such as "number 1.5", in the words of wordOf.
func wordOfValue(kind string) string {
	switch kind, _, _ = strings.Cut(kind, " "); kind {
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "string":
		return "a text"
	case "object":
		return "an object"
	}
	return "a " + kind
}

// wordOf is what a type of a request's member is in JSON.
func wordOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a text"
	}
	return "an object"
}

// badBody says that a body is not as wanted, and why.
func badBody(wanted, why string) error {
	return &failure{http.StatusBadRequest, "bad_body", "the body is not as wanted, " + wanted + ": " + why}
}

// flag reads a parameter of the query that is true or false.
func flag(r *http.Request, name string) (bool, error) {
	switch text := r.URL.Query().Get(name); text {
	case "":
		return r.URL.Query().Has(name), nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, badParameter(name, text, "true or false")
	}
}

func badParameter(name, value, want string) error {
	return &failure{http.StatusBadRequest, "bad_parameter", fmt.Sprintf("%s is %q: want %s", name, value, want)}
}

func parseTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, badParameter(name, text, "a time such as 2026-02-03T04:05:06Z")
	}
	return t, nil
}

// orderKeyMax is the most bytes of an order key.
const orderKeyMax = 256

// checkOrderKey checks the key whose events keep their order. The log of a stream keeps all its events in one order, so that
// nothing is to be done for it.
func checkOrderKey(query url.Values) error {
	const want = "1 to 256 bytes of UTF-8"
	key := query.Get("key")
	switch {
	case !query.Has("key"):
		return nil
	case len(key) > orderKeyMax:
		return &failure{http.StatusBadRequest, "bad_parameter", fmt.Sprintf("key has %d bytes: want %s", len(key), want)}
	case key == "" || !utf8.ValidString(key):
		return badParameter("key", key, want)
	}
	return nil
}
