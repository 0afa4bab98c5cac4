package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	contentType = "application/x-amz-json-1.1"
	bodyMax     = 16 << 20 // of an answer
)

// client is one connection that puts, one request at a time. It does of HTTP/1.1 what that takes and no more, since it
// shares the machine with what it measures. It belongs to one goroutine.
type client struct {
	address string // host and port
	host    string
	tls     *tls.Config // nil for plain HTTP
	head    []byte      // of every request, up to what differs
	buffer  int         // bytes that are read at once
	signer  *signer     // nil for no signature
	timeout time.Duration

	conn   net.Conn // nil while there is none
	in     *bufio.Reader
	out    []byte // head of the request
	answer []byte
}

// answer is what the load wants to know of a response.
type answer struct {
	status  int
	failed  int    // records that were refused in an answer of success
	body    []byte // of a failure, or where some failed; valid until the next request
	bytes   int    // of the body
	closing bool
}

// newClient returns a client of an operation at a URL. Key is the zero Key for requests without signature.
func newClient(endpoint, operation string, key Key, buffer int, timeout time.Duration) (*client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	c := &client{host: u.Host, address: u.Host, buffer: buffer, timeout: timeout}
	port := "80"
	switch u.Scheme {
	case "http":
	case "https":
		port = "443"
		c.tls = &tls.Config{ServerName: u.Hostname()}
	default:
		return nil, fmt.Errorf("%s: want a URL that begins with http:// or https://", endpoint)
	}
	if u.Port() == "" {
		c.address = net.JoinHostPort(u.Hostname(), port)
	}
	target := "Firehose_20150804." + operation
	c.head = fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nX-Amz-Target: %s\r\n", c.host, contentType, target)
	if key.AccessKey != "" {
		c.signer = &signer{key: key, host: c.host, target: target}
	}
	return c, nil
}

// connect makes the connection if there is none.
func (c *client) connect(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	if c.tls != nil {
		conn = tls.Client(conn, c.tls)
	}
	c.conn = conn
	if c.in == nil {
		c.in = bufio.NewReaderSize(conn, c.buffer)
	}
	c.in.Reset(conn)
	return nil
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// put sends one request and reads its answer. After an error the connection is closed, and nobody knows what became of
// the records.
func (c *client) put(ctx context.Context, b *body) (answer, error) {
	if err := c.connect(ctx); err != nil {
		return answer{}, err
	}
	a, err := c.exchange(b)
	if err != nil || a.closing {
		c.close()
	}
	return a, err
}

func (c *client) exchange(b *body) (answer, error) {
	c.conn.SetDeadline(time.Now().Add(c.timeout))
	out := append(c.out[:0], c.head...)
	if c.signer != nil {
		out = c.signer.appendHeaders(out, b.sum(), time.Now())
	}
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, int64(len(b.text)), 10)
	out = append(out, "\r\n\r\n"...)
	var sent error
	if len(b.text) < 8<<10 { // copying costs less than a second piece
		out = append(out, b.text...)
		_, sent = c.conn.Write(out)
	} else {
		pieces := net.Buffers{out, b.text}
		_, sent = pieces.WriteTo(c.conn)
	}
	c.out = out
	a, err := c.read()
	if err != nil {
		return a, errors.Join(sent, err)
	}
	a.closing = a.closing || sent != nil // a server that refuses early answers without reading all
	return a, nil
}

func (c *client) read() (a answer, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, fmt.Errorf("the answer begins with %q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("the answer begins with %q", line)
	}
	length, chunked := -1, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return a, fmt.Errorf("read the answer's headers: %w", err)
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case fold(name, "content-length"):
			length, err = strconv.Atoi(strings.TrimSpace(string(value)))
		case fold(name, "transfer-encoding"):
			chunked = true
		case fold(name, "connection"):
			a.closing = fold(bytes.TrimSpace(value), "close")
		}
		if err != nil || length > bodyMax {
			return a, fmt.Errorf("the answer has the header %q", line)
		}
	}
	if chunked || length < 0 {
		return c.readStream(a, chunked)
	}
	return c.readBody(a, length)
}

func fold(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

var noneFailed = []byte(`"FailedPutCount":0`)

// readBody passes over the body of an answer that all records were taken, which is nearly every one, and keeps any other.
func (c *client) readBody(a answer, length int) (answer, error) {
	a.bytes = length
	if a.status == http.StatusOK {
		begin, err := c.in.Peek(min(length, 64))
		if err != nil {
			return a, fmt.Errorf("read the answer: %w", err)
		}
		if bytes.Contains(begin, noneFailed) || bytes.HasPrefix(begin, []byte(`{"RecordId"`)) {
			_, err := c.in.Discard(length)
			return a, err
		}
	}
	if cap(c.answer) < length {
		c.answer = make([]byte, length)
	}
	a.body = c.answer[:length]
	if _, err := io.ReadFull(c.in, a.body); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	return a.judge()
}

// readStream reads a body whose length is not told before.
func (c *client) readStream(a answer, chunked bool) (answer, error) {
	var from io.Reader = c.in
	if chunked {
		from = httputil.NewChunkedReader(c.in)
	}
	text, err := io.ReadAll(io.LimitReader(from, bodyMax))
	if err == nil && chunked {
		_, err = c.in.ReadSlice('\n') // behind the last chunk; nobody sends trailers here
	}
	if err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	a.body, a.bytes = text, len(text)
	a.closing = a.closing || !chunked
	return a.judge()
}

// judge finds out how many records failed.
func (a answer) judge() (answer, error) {
	if a.status != http.StatusOK {
		return a, nil
	}
	var found struct{ FailedPutCount int }
	if err := json.Unmarshal(a.body, &found); err != nil {
		return a, fmt.Errorf("the answer is no JSON: %w", err)
	}
	a.failed = found.FailedPutCount
	return a, nil
}

// refusedOf returns for each record whether it was refused, in a batch of which some were.
func refusedOf(text []byte, n int) ([]bool, error) {
	var found struct {
		RequestResponses []struct{ ErrorCode string }
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, err
	}
	if len(found.RequestResponses) != n {
		return nil, fmt.Errorf("%d records were answered for %d", len(found.RequestResponses), n)
	}
	refused := make([]bool, n)
	for i, r := range found.RequestResponses {
		refused[i] = r.ErrorCode != ""
	}
	return refused, nil
}
