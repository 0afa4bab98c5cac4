package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"firehose/internal/apikey"
	"firehose/internal/sigv4"
)

// signedBodyMax is the most that the body of a signed request may have, since it is read whole before it is known who sent it.
const signedBodyMax = 8 << 20

// identify says who sent a request, and refuses those who may not act in the role on the stream; an empty name is for what
// concerns no single stream. The body of a signed request is read, and can be read again afterwards. Without authentication
// nobody need say who they are, but who brings a key is held to it.
func (d *Door) identify(r *http.Request, role apikey.Role, name string) (sigv4.Identity, error) {
	if scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return d.identifyKey(strings.TrimSpace(text), role, name)
	}
	if d.Verifier == nil {
		return sigv4.Identity{}, nil
	}
	body, err := readAll(r, signedBodyMax)
	if err != nil {
		return sigv4.Identity{}, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	who, err := d.Verifier.Verify(r, body)
	if r.Header.Get("Authorization") == "" && err != nil {
		err = &failure{http.StatusForbidden, "MissingAuthenticationTokenException",
			"Missing Authentication Token: sign the request as for Amazon's API, or bring an API key, Authorization: Bearer fh_ID_SECRET"}
	}
	return who, err
}

func (d *Door) identifyKey(text string, role apikey.Role, name string) (sigv4.Identity, error) {
	key, err := d.Keys.Find(text)
	if err != nil {
		return sigv4.Identity{}, err
	}
	if !key.Allows(role, name) {
		on := "streams " + strings.Join(key.Streams, ", ")
		if len(key.Streams) == 0 {
			on = "all streams"
		}
		needed := ""
		if name != "" {
			needed = " on stream " + name
		}
		return sigv4.Identity{}, &failure{http.StatusForbidden, "key_not_allowed",
			fmt.Sprintf("this API key has the role %s on %s; what is asked for needs the role %s%s", key.Role, on, role, needed)}
	}
	return sigv4.Identity{Account: key.Account, AccessKey: key.ID, Region: key.Region}, nil
}
