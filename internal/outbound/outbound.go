// Package outbound sends HTTP requests to addresses that users configure: webhooks, endpoints, tables to look things up in.
//
// Whoever may name an address could otherwise make this server speak to what only it can reach: its own ports, the
// neighbours in its network, a cloud's metadata service. So the client looks at each address it is about to connect to,
// after the name was resolved, and refuses those that are not public. A name that resolves to another address the second
// time gains nothing, nor does an IPv4 address in the clothes of IPv6. Redirects are answers like others and are never
// followed, proxies of the environment are not used, and TLS is at least version 1.2 with the certificate checked.
//
// Answers are read up to a bound, undecompressed. The package makes one try: it decides nothing about retry, but FaultOf
// says what kind of failure an error is. No error shows the path or the query of a URL, which may hold secrets.
package outbound

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Options are the settings of a client.
type Options struct {
	// AllowPrivate permits loopback addresses and private networks. Link-local addresses and those of metadata services
	// need a prefix in Allow even then.
	AllowPrivate bool

	Allow          []netip.Prefix // addresses that are permitted whatever they are
	ConnectTimeout time.Duration  // of connecting and of the TLS handshake, each; 0 for 10 seconds
	BodyMax        int64          // bytes of an answer's body; 0 for 1 MiB
	IdleMax        int            // connections to one host kept for the next requests; 0 for 8

	TLS *tls.Config // roots and client certificates; nil for the system's. Versions below 1.2 are refused anyway
}

// Client sends requests. It may be used by several goroutines at once.
type Client struct {
	http    *http.Client
	bodyMax int64
}

// Answer is a response, read.
type Answer struct {
	Status int
	Header http.Header
	Length int64  // that the response announced; -1 if it did not
	Body   []byte // at most as much as is allowed; nil of Ask
	Whole  bool   // false if there was more, and of Ask
	Cut    error  // why the body broke; nil if it did not
}

// New makes a client.
func New(o Options) *Client {
	allow := make([]netip.Prefix, len(o.Allow))
	for i, p := range o.Allow {
		allow[i] = unmapped(p)
	}
	timeout := cmp.Or(o.ConnectTimeout, 10*time.Second)
	dialer := &net.Dialer{
		Timeout:   timeout,
		KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return check(address, o.AllowPrivate, allow)
		},
	}
	secure := &tls.Config{}
	if o.TLS != nil {
		secure = o.TLS.Clone()
	}
	secure.MinVersion = max(secure.MinVersion, tls.VersionTLS12)
	return &Client{
		bodyMax: cmp.Or(o.BodyMax, 1<<20),
		http: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext:            dialer.DialContext,
				TLSClientConfig:        secure,
				TLSHandshakeTimeout:    timeout,
				IdleConnTimeout:        90 * time.Second,
				MaxIdleConnsPerHost:    cmp.Or(o.IdleMax, 8),
				MaxIdleConns:           256,
				MaxResponseHeaderBytes: 64 << 10,
				DisableCompression:     true,
			},
		},
	}
}

// Do sends a request and reads its answer, whatever its status. The request's context bounds all of it. An answer whose
// body broke has its status and what came of the body all the same, and says in Cut what was in the way.
func (c *Client) Do(request *http.Request) (*Answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", request.URL.Host, withoutURL(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.bodyMax+1))
	answer := &Answer{Status: response.StatusCode, Header: response.Header, Length: response.ContentLength, Body: body, Whole: err == nil}
	if err != nil {
		answer.Cut = fmt.Errorf("read the answer of %s: %w", request.URL.Host, withoutURL(err))
	}
	if int64(len(body)) > c.bodyMax {
		answer.Body, answer.Whole = body[:c.bodyMax], false
	}
	return answer, nil
}

// An answer whose body is not looked at may have so much of it, in so much time, that its connection serves the next request.
const (
	passedMax  = 256 << 10 // bytes
	passedTime = time.Second
)

// Ask sends a request and reads the head of its answer, whatever its status. What the body says, and whether it ends as it
// should, makes no difference: it is passed over. The request's context bounds all of it.
func (c *Client) Ask(request *http.Request) (*Answer, error) {
	asking, end := context.WithCancel(request.Context())
	defer end()
	response, err := c.http.Do(request.WithContext(asking))
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", request.URL.Host, withoutURL(err))
	}
	late := time.AfterFunc(passedTime, end)
	_, _ = io.CopyN(io.Discard, response.Body, passedMax) // one that breaks has said its status all the same
	late.Stop()
	response.Body.Close()
	return &Answer{Status: response.StatusCode, Header: response.Header, Length: response.ContentLength}, nil
}

// Close closes the connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// withoutURL takes the URL out of an error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
