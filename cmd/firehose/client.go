package main

import (
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

// parse reads flags that may stand before or after the one argument.
func parse(flags *flag.FlagSet, args []string, argument string) (string, error) {
	var given []string
	for {
		if err := flags.Parse(args); err == flag.ErrHelp {
			os.Exit(0)
		} else if err != nil {
			return "", errUsage
		}
		if flags.NArg() == 0 {
			break
		}
		given = append(given, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(given) != 1 {
		fmt.Fprintf(flags.Output(), "firehose %s: want one %s, got %d\n", flags.Name(), argument, len(given))
		flags.Usage()
		return "", errUsage
	}
	return given[0], nil
}

// do sends a request and decodes the answer. It signs the request if there are credentials in the environment.
func (c *client) do(ctx context.Context, method, path string, query url.Values, answer any) error {
	if c.region != "" {
		query.Set("region", c.region)
	}
	if u, err := url.Parse(c.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--url %q: want an address such as http://127.0.0.1:4573", c.url)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	if key := os.Getenv("AWS_ACCESS_KEY_ID"); key != "" {
		empty := sha256.Sum256(nil)
		who := aws.Credentials{AccessKeyID: key, SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}
		err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(empty[:]), "firehose", cmp.Or(c.region, "us-east-1"), time.Now())
		if err != nil {
			return fmt.Errorf("sign the request: %w", err)
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return c.unanswered(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusOK {
		return json.Unmarshal(body, answer)
	}
	var failed struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(body, &failed) != nil || failed.Error.Message == "" {
		line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		return fmt.Errorf("%s answered %s: %.200s", c.url, response.Status, line)
	}
	return fmt.Errorf("%s (%s)", failed.Error.Message, failed.Error.Code)
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
		return fmt.Errorf("%s has not answered in time (--timeout); %s/healthz says what is in the way: %w", c.url, c.url, err)
	}
	return fmt.Errorf("ask %s: %w", c.url, err)
}
