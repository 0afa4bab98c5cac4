// Package sigv4 checks who signed an HTTP request with AWS Signature Version 4 in its Authorization header.
//
// A request is accepted when all of this holds, checked in this order:
//
//  1. The header has the algorithm AWS4-HMAC-SHA256 and all its parts, and the request has a date.
//  2. The date is within five minutes of the clock, either way, and is the scope's day.
//  3. The scope names an allowed region, the service, and aws4_request.
//  4. Host and every x-amz-* header of the request are among the signed headers. Without this rule a request signed for
//     one operation could be sent as another, because the operation is named by X-Amz-Target alone.
//  5. The access key is known, and the session token is the key's: equal, or absent on both sides.
//  6. The signature is right for the request and for the bytes of its body.
//
// The body is always part of what is checked. X-Amz-Content-Sha256 is not needed; where it is given it must be the
// hash of the body, so that UNSIGNED-PAYLOAD and the streaming forms are refused. A signature in the query (a presigned
// URL) counts as none: the clients of this API do not make them, and they end up in access logs.
//
// The Host that the client signed must arrive unchanged; a proxy in front has to keep it. Headers such as
// X-Forwarded-Host are never believed.
//
// What the package never does: read the body, keep anything of a request that was refused, or put a secret, a session
// token or a signature into an error.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	skewMax    = 5 * time.Minute

	signingKeysMax = 1024 // entries of the cache of derived keys; one of them goes when a new one needs the room
)

// Key is an access key that requests may be signed with.
type Key struct {
	AccessKey    string
	SecretKey    string
	SessionToken string // if not empty, a request must carry it; if empty, a request must carry none
	Account      string // 12 digits
}

// Identity says who signed a request, and for which region.
type Identity struct {
	Account   string
	AccessKey string
	Region    string
}

// Verifier checks requests. It may be used by several goroutines at once.
type Verifier struct {
	regions func(string) bool
	service string
	keys    func(string) (Key, bool)
	now     func() time.Time

	mu          sync.Mutex
	signingKeys map[scope][sha256.Size]byte // only of signatures that were right, so strangers cannot fill it
}

// scope is all that a signing key derives from, but for the service. It has the secret in it so that a changed secret
// is never mixed up with the one before.
type scope struct {
	secret, date, region string
}

// New returns a verifier for requests to a service ("firehose"). The function regions says which regions a request may
// be signed for; nil stands for ValidRegion, since streams are kept per region and any region may have some. The
// function keys looks an access key up; it is called by several goroutines at once.
func New(regions func(string) bool, service string, keys func(accessKey string) (Key, bool), now func() time.Time) *Verifier {
	if regions == nil {
		regions = ValidRegion
	}
	return &Verifier{
		regions: regions, service: service, keys: keys, now: now,
		signingKeys: make(map[scope][sha256.Size]byte),
	}
}

// Verify checks the signature of a request whose body was read already, and returns who signed it. Any error is an
// *Error.
func (v *Verifier) Verify(r *http.Request, body []byte) (Identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Identity{}, errMissing
	}
	a, err := parseAuthorization(header, r.Header)
	if err != nil {
		return Identity{}, err
	}
	if err := v.checkTime(a); err != nil {
		return Identity{}, err
	}
	if err := v.checkScope(a); err != nil {
		return Identity{}, err
	}
	if err := checkSigned(r.Header, a.signedHeaders); err != nil {
		return Identity{}, err
	}
	key, ok := v.keys(a.accessKey)
	if !ok || !sameToken(r.Header["X-Amz-Security-Token"], key.SessionToken) {
		return Identity{}, errUnrecognized
	}
	if !v.checkSignature(r, body, a, key.SecretKey) {
		return Identity{}, errMismatch
	}
	return Identity{Account: key.Account, AccessKey: a.accessKey, Region: a.region}, nil
}

func (v *Verifier) checkTime(a authorization) error {
	now := v.now().UTC()
	if earliest := now.Add(-skewMax); a.time.Before(earliest) {
		return invalid("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			a.time.Format(timeFormat), earliest.Format(timeFormat), now.Format(timeFormat))
	}
	if latest := now.Add(skewMax); a.time.After(latest) {
		return invalid("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			a.time.Format(timeFormat), latest.Format(timeFormat), now.Format(timeFormat))
	}
	return nil
}

func (v *Verifier) checkScope(a authorization) error {
	var wrong []string
	if !v.regions(a.region) {
		wrong = append(wrong, "Credential should be scoped to a valid region.")
	}
	if a.service != v.service {
		wrong = append(wrong, "Credential should be scoped to correct service: '"+v.service+"'.")
	}
	if a.terminator != terminator {
		wrong = append(wrong, "Credential should be scoped with a valid terminator: '"+terminator+"'.")
	}
	if day := a.time.Format("20060102"); a.date != day {
		wrong = append(wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	}
	if wrong != nil {
		return invalid("%s", strings.Join(wrong, " "))
	}
	return nil
}

// checkSigned refuses a request one of whose x-amz-* headers, or whose Host, the signature does not cover.
func checkSigned(header http.Header, signedHeaders string) error {
	if !lists(signedHeaders, "host") {
		return invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range header {
		if hasPrefixFold(name, "x-amz-") && !lists(signedHeaders, name) {
			return invalid("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

// lists says whether a header is among the names of a SignedHeaders part.
func lists(signedHeaders, name string) bool {
	for signed := range strings.SplitSeq(signedHeaders, ";") {
		if strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func sameToken(given []string, want string) bool {
	if want == "" {
		return len(given) == 0
	}
	return len(given) == 1 && subtle.ConstantTimeCompare([]byte(given[0]), []byte(want)) == 1
}

func (v *Verifier) checkSignature(r *http.Request, body []byte, a authorization, secret string) bool {
	sum := sha256.Sum256(body)
	var room [2 * sha256.Size]byte
	hash := hex.AppendEncode(room[:0], sum[:])
	for _, claimed := range r.Header["X-Amz-Content-Sha256"] {
		if claimed != string(hash) {
			return false
		}
	}
	signingKey, cached := v.signingKey(secret, a)
	mac := hmac.New(sha256.New, signingKey[:])
	mac.Write(appendStringToSign(make([]byte, 0, 256), r, a, hash))

	var given, want [sha256.Size]byte
	if len(a.signature) != hex.EncodedLen(len(given)) {
		return false
	}
	if _, err := hex.Decode(given[:], []byte(a.signature)); err != nil {
		return false
	}
	if !hmac.Equal(given[:], mac.Sum(want[:0])) {
		return false
	}
	if !cached {
		v.keepSigningKey(secret, a, signingKey)
	}
	return true
}

// signingKey derives the key of a day, region and service from a secret, or finds it in the cache.
func (v *Verifier) signingKey(secret string, a authorization) (key [sha256.Size]byte, cached bool) {
	v.mu.Lock()
	key, cached = v.signingKeys[scope{secret, a.date, a.region}]
	v.mu.Unlock()
	if cached {
		return key, true
	}
	derived := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, terminator} {
		mac := hmac.New(sha256.New, derived)
		mac.Write([]byte(part))
		derived = mac.Sum(nil)
	}
	return [sha256.Size]byte(derived), false
}

func (v *Verifier) keepSigningKey(secret string, a authorization, key [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.signingKeys) >= signingKeysMax {
		for s := range v.signingKeys {
			delete(v.signingKeys, s)
			break
		}
	}
	// The scope's strings are parts of the request's header; cloned, they do not keep the whole of it.
	v.signingKeys[scope{secret, strings.Clone(a.date), strings.Clone(a.region)}] = key
}
