package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// authorization is what an Authorization header says, with the request's date. Its strings are parts of the header.
type authorization struct {
	accessKey, date, region, service, terminator string // the parts of Credential
	signedHeaders                                string // names between semicolons, as the client wrote them
	signature                                    string
	time                                         time.Time
}

// parts are the three parameters of an Authorization header, empty where missing.
type parts struct {
	credential, signedHeaders, signature string
}

// parseAuthorization reads the Authorization header and the date of a request. Its error is an *Error that lists all
// that is missing.
func parseAuthorization(header string, headers http.Header) (authorization, error) {
	p := parseParts(header)
	date, dated := requestDate(headers)
	if err := missing(p, dated, header); err != nil {
		return authorization{}, err
	}
	a, ok := parseCredential(p.credential)
	if !ok {
		return authorization{}, incomplete("Credential must have exactly 5 slash-delimited elements, " +
			"e.g. keyid/date/region/service/term, got '" + p.credential + "'.")
	}
	a.signedHeaders, a.signature = p.signedHeaders, p.signature
	if a.time, ok = parseTime(date); !ok {
		return authorization{}, incomplete("Date must be in ISO-8601 'basic format'. Got '" + date + "'.")
	}
	return a, nil
}

// parseParts reads the parameters of a header of our algorithm. A header of any other scheme has none of them.
func parseParts(header string) (p parts) {
	scheme, params, _ := strings.Cut(header, " ")
	if scheme != algorithm {
		return p
	}
	for param := range strings.SplitSeq(params, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		switch name {
		case "Credential":
			p.credential = value
		case "SignedHeaders":
			p.signedHeaders = value
		case "Signature":
			p.signature = value
		}
	}
	return p
}

// missing returns the error that lists the missing parts, or nil. The header itself may be another service's bearer
// token, so the text has its hash only.
func missing(p parts, dated bool, header string) error {
	var text strings.Builder
	if p.credential == "" {
		text.WriteString("Authorization header requires 'Credential' parameter. ")
	}
	if p.signature == "" {
		text.WriteString("Authorization header requires 'Signature' parameter. ")
	}
	if p.signedHeaders == "" {
		text.WriteString("Authorization header requires 'SignedHeaders' parameter. ")
	}
	if !dated {
		text.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if text.Len() == 0 {
		return nil
	}
	sum := sha256.Sum256([]byte(header))
	text.WriteString("Authorization=" + base64.StdEncoding.EncodeToString(sum[:]))
	return incomplete(text.String())
}

// parseCredential reads keyid/date/region/service/term.
func parseCredential(text string) (a authorization, ok bool) {
	if strings.Count(text, "/") != 4 {
		return a, false
	}
	a.accessKey, text, _ = strings.Cut(text, "/")
	a.date, text, _ = strings.Cut(text, "/")
	a.region, text, _ = strings.Cut(text, "/")
	a.service, a.terminator, _ = strings.Cut(text, "/")
	return a, a.accessKey != ""
}

// requestDate returns the text of X-Amz-Date, or else of Date.
func requestDate(headers http.Header) (text string, ok bool) {
	if text = headers.Get("X-Amz-Date"); text == "" {
		text = headers.Get("Date")
	}
	return text, text != ""
}

func parseTime(text string) (time.Time, bool) {
	if t, err := time.Parse(timeFormat, text); err == nil {
		return t, true
	}
	t, err := http.ParseTime(text)
	return t.UTC(), err == nil
}

// Scope returns the region that a request says it is signed for, without checking the signature; ok is false when it
// names none or one that ValidRegion refuses.
func Scope(r *http.Request) (region string, ok bool) {
	a, ok := parseCredential(parseParts(r.Header.Get("Authorization")).credential)
	if !ok || !ValidRegion(a.region) {
		return "", false
	}
	return a.region, true
}

// ValidRegion says whether a text can be the name of a region: lower-case letters and digits in groups joined by
// single hyphens, beginning with a letter, at most 63 bytes. Names of private clouds such as "local" pass.
func ValidRegion(region string) bool {
	if region == "" || len(region) > 63 || region[0] < 'a' || region[0] > 'z' {
		return false
	}
	for i, c := range []byte(region) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && region[i-1] != '-' && i < len(region)-1:
		default:
			return false
		}
	}
	return true
}
