package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// client asks a running server through its own API.
type client struct {
	url    string
	region string
}

// newFlags returns the flags of a subcommand, with those of the client.
func newFlags(name, usage string) (*flag.FlagSet, *client) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	c := &client{}
	flags.StringVar(&c.url, "url", cmp.Or(os.Getenv("FIREHOSE_URL"), "http://127.0.0.1:4573"), "address of the server; also FIREHOSE_URL")
	flags.StringVar(&c.region, "region", cmp.Or(os.Getenv("FIREHOSE_REGION"), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), "region of the stream; also FIREHOSE_REGION, AWS_REGION or AWS_DEFAULT_REGION")
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "%s\n\n", usage)
		flags.PrintDefaults()
	}
	return flags, c
}

// parseFlags reads flags. Where help is asked for it goes to standard output and the process ends; what is wrong is said in
// one line.
func parseFlags(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		flags.Usage()
		os.Exit(0)
	case err != nil:
		fmt.Fprintf(os.Stderr, "firehose %s: %v; see firehose %s --help\n", flags.Name(), err, flags.Name())
		err = errUsage
	}
	flags.SetOutput(nil)
	return err
}

// parseAll reads flags, among which arguments may stand, and returns the arguments.
func parseAll(flags *flag.FlagSet, args []string) (given []string, err error) {
	for {
		if err := parseFlags(flags, args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return given, nil
		}
		given = append(given, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// parse reads flags that may stand before or after the one argument.
func parse(flags *flag.FlagSet, args []string, argument string) (string, error) {
	given, err := parseAll(flags, args)
	if err != nil {
		return "", err
	}
	if len(given) != 1 {
		fmt.Fprintf(flags.Output(), "firehose %s: want one %s, %s\n", flags.Name(), argument, gotten(given))
		flags.Usage()
		return "", errUsage
	}
	return given[0], nil
}

// gotten says what was given in place of one argument.
func gotten(given []string) string {
	if len(given) == 0 {
		return "got none"
	}
	return "got " + strings.Join(given, " and ")
}

// do sends a request and decodes the answer.
func (c *client) do(ctx context.Context, method, path string, query url.Values, answer any) error {
	body, err := c.send(ctx, method, path, query, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

// lines sends a request, with content as JSON unless it is nil, and calls each with every line of the answer. A line that
// is an error is returned as one.
func (c *client) lines(ctx context.Context, method, path string, query url.Values, content any, each func(line []byte) error) error {
	var text []byte
	if content != nil {
		var err error
		if text, err = json.Marshal(content); err != nil {
			return err
		}
	}
	body, err := c.send(ctx, method, path, query, text)
	if err != nil {
		return err
	}
	defer body.Close()
	for decoder := json.NewDecoder(body); ; {
		var line json.RawMessage
		if err := decoder.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return c.unanswered(err)
		}
		if err := failure(line); err != nil {
			return err
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

// request makes a request. It brings the API key that FIREHOSE_API_KEY holds, or else is signed if there are credentials of
// AWS in the environment.
func (c *client) request(ctx context.Context, method, path string, query url.Values, content []byte) (*http.Request, error) {
	if c.region != "" {
		query.Set("region", c.region)
	}
	if u, err := url.Parse(c.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("--url %q: want an address such as http://127.0.0.1:4573", c.url)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path+"?"+query.Encode(), bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if key := os.Getenv("FIREHOSE_API_KEY"); key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	} else if key := os.Getenv("AWS_ACCESS_KEY_ID"); key != "" {
		sum := sha256.Sum256(content)
		who := aws.Credentials{AccessKeyID: key, SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}
		err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(sum[:]), "firehose", cmp.Or(c.region, "us-east-1"), time.Now())
		if err != nil {
			return nil, fmt.Errorf("sign the request: %w", err)
		}
	}
	return r, nil
}

// send sends a request and returns the body of its answer.
func (c *client) send(ctx context.Context, method, path string, query url.Values, content []byte) (io.ReadCloser, error) {
	r, err := c.request(ctx, method, path, query, content)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, c.unanswered(err)
	}
	if response.StatusCode/100 == 2 {
		return response.Body, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if err := failure(body); err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return nil, fmt.Errorf("%s answered %s: %.200s", c.url, response.Status, line)
}

// failure returns the error that an answer is, or nil.
func failure(answer []byte) error {
	var failed struct {
		Error json.RawMessage
	}
	var said struct{ Code, Message string }
	if json.Unmarshal(answer, &failed) != nil || json.Unmarshal(failed.Error, &said) != nil || said.Message == "" {
		return nil
	}
	if said.Code == "MissingAuthenticationTokenException" {
		said.Message = "this server wants a key: set FIREHOSE_API_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	return fmt.Errorf("%s (%s)", said.Message, said.Code)
}

// unanswered says why a request got no answer, and what to look at.
func (c *client) unanswered(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // the address is said below, without the query
	}
	var dialed *net.OpError
	switch {
	case errors.As(err, &dialed) && dialed.Op == "dial":
		return fmt.Errorf("ask %s: %w (is the server running? Its address is given with --url)", c.url, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s has not answered in time (--timeout); %s/healthz says what is in the way", c.url, c.url)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // an error of net/http without a type
		return fmt.Errorf("ask %s: the server there speaks HTTP without TLS; give --url with http://", c.url)
	}
	return fmt.Errorf("ask %s: %w", c.url, err)
}
