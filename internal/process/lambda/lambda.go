// Package lambda has records transformed by AWS Lambda functions, with the contract that Amazon Data Firehose has with
// them: a function written for that service needs no change.
//
// A function gets a group of records as one JSON document and answers for each of them, by its ID: Ok with new data,
// Dropped, or ProcessingFailed. What an answer may look like, and which failure each deviation is, stands with parse;
// the codes and texts of failures stand in failure.go.
//
// A function is reached in one of these ways, tried in this order:
//
//   - By URL, if the table of functions names it: a Lambda runtime interface, as every Lambda container image and the
//     runtime interface emulator serve it, or any HTTP server that answers a POST of the document. Calls to a runtime
//     interface take turns.
//   - By the Lambda API, Amazon's own or what speaks its protocol at another endpoint.
//   - Otherwise not at all. Reachable says so before a stream is created; a call fails as if the function did not exist.
//
// What may pass is tried again with growing pauses: an error that the function returned, a time-out, throttling, an
// error of the service, a lost connection. What will not pass is final at once: a function that does not exist, denied
// access, and an answer that is not one, for the function ran to its end and would do it again.
//
// The package never decides which records form a call, except that it divides one whose document would exceed Lambda's
// limit; it never logs what a function was sent or has answered; and it never returns an error instead of results,
// unless the context has ended.
package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Defaults of Options. A stream of the Amazon service waits five minutes for a function, which is also how long a runtime
// interface lets it run; the rest is for its word on that to arrive. The pauses of three retries, the default of streams,
// add up to seven seconds at least: enough for a function beside us to restart.
const (
	timeoutDefault  = 5*time.Minute + 5*time.Second
	pauseMinDefault = time.Second
	pauseMaxDefault = 20 * time.Second
)

// Options say how functions are reached. The zero value reaches none.
type Options struct {
	Endpoint  string            // of the Lambda API: "aws" for Amazon's own, or a URL; empty for none
	Functions map[string]string // URLs of functions, by ARN, ARN without qualifier, name, or a pattern of these with *
	Timeout   time.Duration     // longest time of one try; 0 is 5 minutes and 5 seconds
	PauseMin  time.Duration     // before the first retry; then twice as long each time; 0 is 1 second
	PauseMax  time.Duration     // what pauses grow to; 0 is 20 seconds
	Logger    *slog.Logger      // hears of tries that failed and are repeated; nil for none
}

// Functions are all functions that can be reached. All methods may be called by several goroutines at once.
type Functions struct {
	options  Options
	client   *http.Client
	byKey    map[string]*web // as in Options.Functions
	patterns []string        // those keys that hold a *, the most specific first
	service  *service        // nil without an endpoint
}

// Open prepares the ways to functions. Credentials for the Lambda API are found the SDK's usual way. It does not try to
// reach anything.
func Open(ctx context.Context, o Options) (*Functions, error) {
	o.Timeout = cmp.Or(o.Timeout, timeoutDefault)
	o.PauseMin = cmp.Or(o.PauseMin, pauseMinDefault)
	o.PauseMax = max(cmp.Or(o.PauseMax, pauseMaxDefault), o.PauseMin)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	f := &Functions{options: o, client: newClient(), byKey: map[string]*web{}}
	byURL := map[string]*web{} // calls by different names take turns at one URL
	for _, key := range slices.Sorted(maps.Keys(o.Functions)) {
		if _, err := path.Match(key, ""); err != nil || key == "" {
			return nil, fmt.Errorf("lambda functions: %q is no ARN, name or pattern", key)
		}
		u, err := functionURL(o.Functions[key])
		if err != nil {
			return nil, fmt.Errorf("lambda functions: %s: %w", key, err)
		}
		if byURL[u.String()] == nil {
			byURL[u.String()] = newWeb(f.client, u)
		}
		f.byKey[key] = byURL[u.String()]
		if strings.Contains(key, "*") {
			f.patterns = append(f.patterns, key)
		}
	}
	slices.SortStableFunc(f.patterns, func(a, b string) int { return len(b) - len(a) })
	if o.Endpoint != "" {
		var err error
		if f.service, err = openService(ctx, o.Endpoint); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Close closes connections that are not in use.
func (f *Functions) Close() { f.client.CloseIdleConnections() }

// Stream is what a function is told about where its records come from.
type Stream struct{ ARN, Region string }

// Function returns the function with an ARN, for a stream. Each call is tried once and again up to retries times.
func (f *Functions) Function(functionARN string, retries int, s Stream) *Function {
	by, err := f.resolve(functionARN)
	if err != nil {
		by = nowhere{err}
	}
	function := &Function{arn: functionARN, retries: retries, stream: s, by: by, options: &f.options}
	if w, ok := by.(*web); ok {
		function.turn = w.turn
	}
	return function
}

// Reachable returns nil if a function with this ARN can be called by the configuration, or an error that says what to
// configure. Whether the function is there only a call tells.
func (f *Functions) Reachable(functionARN string) error {
	_, err := f.resolve(functionARN)
	return err
}

// An invoker calls a function once. Its error is a *fault or means that no connection was had.
type invoker interface {
	invoke(ctx context.Context, payload []byte) (answer []byte, err error)
}

// resolve finds the way to a function.
func (f *Functions) resolve(functionARN string) (invoker, error) {
	names := namesOf(functionARN)
	for _, name := range names {
		if w := f.byKey[name]; w != nil {
			return w, nil
		}
	}
	for _, pattern := range f.patterns {
		for _, name := range names {
			if matched, _ := path.Match(pattern, name); matched { // Open has checked the pattern
				return f.byKey[pattern], nil
			}
		}
	}
	if f.service == nil {
		return nil, fmt.Errorf("no way to the function %s is configured: give its URL in lambda.functions, or set lambda.endpoint", functionARN)
	}
	a, err := arn.Parse(functionARN)
	if err != nil || a.Service != "lambda" || a.Region == "" {
		return nil, fmt.Errorf("%q is no ARN of a Lambda function", functionARN)
	}
	return serviceFunction{f.service, functionARN, a.Region}, nil
}

// namesOf returns by which names a function can stand in the table, the most specific first: its ARN, that without
// the qualifier, and its name.
func namesOf(functionARN string) []string {
	names := []string{functionARN}
	parts := strings.Split(functionARN, ":") // arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
	if len(parts) > 8 || len(parts) < 7 || parts[5] != "function" {
		return names
	}
	if len(parts) == 8 {
		names = append(names, strings.Join(parts[:7], ":"))
	}
	return append(names, parts[6])
}

// runtimePath is where a Lambda runtime interface takes calls.
const runtimePath = "/2015-03-31/functions/function/invocations"

// functionURL completes the URL of a function. A wrong one is not repeated in the error: it may hold a secret.
func functionURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("its URL must have the form http://host:port, with a path unless it is a Lambda runtime interface")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = runtimePath
	}
	return u, nil
}

// isRuntime says whether a URL is that of a runtime interface, under this or another name of the function.
func isRuntime(u *url.URL) bool {
	matched, _ := path.Match("/2015-03-31/functions/*/invocations", u.Path) // the pattern is a good one
	return matched
}

// nowhere is the way to a function that no way leads to.
type nowhere struct{ err error }

func (n nowhere) invoke(context.Context, []byte) ([]byte, error) {
	return nil, &fault{code: ResourceNotFound, message: n.err.Error(), final: true, err: n.err}
}
