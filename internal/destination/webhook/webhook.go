package webhook

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/outbound"
)

// userAgent is that of each request, unless a header says otherwise.
const userAgent = "Firehose-Webhook/1"

// hook is an open destination.
type hook struct {
	Config
	env    destination.Env
	client *outbound.Client
	own    bool // the client is nobody else's
	keys   [][]byte
	header http.Header // of every request
}

// Open makes the destination.
func (c Config) Open(env destination.Env) (destination.Destination, error) {
	if c.Format != nil {
		body, err := destination.OpenEventBody(*c.Format, env)
		if err != nil {
			return nil, fmt.Errorf("format: %w", err)
		}
		c.Body = body
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	h := &hook{Config: c, env: env, client: env.HTTP, header: http.Header{}}
	h.keys, _ = keys(c.Secrets) // validated
	if h.own = h.client == nil; h.own {
		h.client = outbound.New(outbound.Options{})
	}
	set := func(name, value string) {
		if value != "" {
			h.header.Set(name, value)
		}
	}
	set("User-Agent", userAgent)
	set("Content-Type", c.Body.ContentType())
	set("Content-Encoding", c.Body.ContentEncoding())
	for _, each := range c.Headers {
		h.header.Set(each.Name, each.Value.Reveal())
	}
	return destination.OpenAside(h, c.Errors, env)
}

// Encoder begins a body in the format that is plugged in.
func (h *hook) Encoder(_ context.Context, head batch.Head, w io.Writer) (batch.Encoder, error) {
	return h.Body.Encoder(head, w)
}

// Rejects says whether the format may refuse records.
func (h *hook) Rejects() bool {
	r, ok := h.Body.(destination.Rejecter)
	return ok && r.Rejects()
}

// Deliver makes one try.
func (h *hook) Deliver(ctx context.Context, b *batch.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	trying, cancel := context.WithTimeout(ctx, cmp.Or(h.Timeout, timeout))
	defer cancel()
	request, err := h.request(trying, b)
	if err != nil {
		return err
	}
	answer, err := h.client.Ask(request)
	if err != nil {
		return judgeFailure(err)
	}
	return judge(answer, time.Now())
}

// replayHeader is the header of requests by which a replay delivers. Its value is the replay's id.
const replayHeader = "X-Firehose-Replay-Id"

func (h *hook) request(ctx context.Context, b *batch.Batch) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, h.method(), h.URL, nil)
	if err != nil {
		return nil, err
	}
	request.Header = h.header.Clone()
	id, at := h.id(b.Head), strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", at)
	if h.env.Replay != "" {
		request.Header.Set(replayHeader, h.env.Replay)
	}
	if len(h.keys) > 0 {
		signature, err := h.sign(id, at, b.Body)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Webhook-Signature", signature)
	}
	if b.Body.Size() == 0 {
		return request, nil // a length of 0 beside a body means that it is not known
	}
	request.ContentLength = b.Body.Size()
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(whole(b.Body)), nil }
	request.Body, err = request.GetBody()
	return request, err
}

func whole(body batch.Body) io.Reader { return io.NewSectionReader(body, 0, body.Size()) }

// sign returns the signatures of a try, one for each key.
func (h *hook) sign(id, at string, body batch.Body) (string, error) {
	var sums []hash.Hash
	var all []io.Writer
	for _, key := range h.keys {
		sum := hmac.New(sha256.New, key)
		sums, all = append(sums, sum), append(all, sum)
	}
	w := io.MultiWriter(all...)
	io.WriteString(w, id+"."+at+".") // a sum takes everything
	if _, err := io.Copy(w, whole(body)); err != nil {
		return "", fmt.Errorf("sign a batch: %w", err)
	}
	var signatures []string
	for _, sum := range sums {
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	}
	return strings.Join(signatures, " "), nil
}

// id names a batch for receivers, the same for every try.
func (h *hook) id(head batch.Head) string { return h.env.Identity(head, "webhook").String() }

// Name returns the webhook's host and the id of a batch.
func (h *hook) Name(head batch.Head) string { return h.Target() + "#" + h.id(head) }

// Close ends what is this destination's own.
func (h *hook) Close() error {
	if h.own {
		h.client.Close()
	}
	return nil
}
