package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// appendStringToSign appends the text that a signature is made of: algorithm, date, scope, and the hash of the canonical
// request.
func appendStringToSign(dst []byte, r *http.Request, a authorization, bodyHash []byte) []byte {
	var room [1024]byte
	sum := sha256.Sum256(appendCanonicalRequest(room[:0], r, a.signedHeaders, bodyHash))

	dst = append(dst, algorithm...)
	dst = append(dst, '\n')
	dst = a.time.AppendFormat(dst, timeFormat)
	dst = append(dst, '\n')
	for _, part := range [...]string{a.date, "/", a.region, "/", a.service, "/", terminator, "\n"} {
		dst = append(dst, part...)
	}
	return hex.AppendEncode(dst, sum[:])
}

// appendCanonicalRequest appends the form of a request that client and server have in common. The client's order of
// headers is kept: a signer that sorts differs in nothing else.
func appendCanonicalRequest(dst []byte, r *http.Request, signedHeaders string, bodyHash []byte) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = appendPath(dst, r.URL)
	dst = append(dst, '\n')
	dst = appendQuery(dst, r.URL.RawQuery)
	dst = append(dst, '\n')
	for name := range strings.SplitSeq(signedHeaders, ";") {
		dst = append(dst, name...)
		dst = append(dst, ':')
		dst = appendHeader(dst, r, name)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, signedHeaders...)
	dst = append(dst, '\n')
	return append(dst, bodyHash...)
}

// appendPath appends the path as every service but S3 has it: without dots and empty segments, and encoded once more on
// top of the encoding in which it was sent.
func appendPath(dst []byte, u *url.URL) []byte {
	sent := u.EscapedPath()
	if sent == "" || sent == "/" {
		return append(dst, '/')
	}
	clean := path.Clean("/" + sent)
	dst = appendEscaped(dst, clean, "/")
	if strings.HasSuffix(sent, "/") && clean != "/" {
		dst = append(dst, '/')
	}
	return dst
}

// appendQuery appends the parameters of a query, sorted by their encoded names and then values. A plus is a space.
func appendQuery(dst []byte, query string) []byte {
	if query == "" {
		return dst
	}
	type param struct{ name, value string }
	var params []param
	for text := range strings.SplitSeq(query, "&") {
		if text == "" {
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		params = append(params, param{reescape(name), reescape(value)})
	}
	slices.SortFunc(params, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range params {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

// reescape brings a part of a query, however it was encoded, into the one canonical encoding.
func reescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		text = plain
	}
	return string(appendEscaped(nil, text, ""))
}

// appendEscaped percent-encodes all bytes but letters, digits, "-._~" and those in keep.
func appendEscaped(dst []byte, text, keep string) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			strings.IndexByte("-._~", c) >= 0, strings.IndexByte(keep, c) >= 0:
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// appendHeader appends a header's values, comma between them. A few headers are not in r.Header: net/http moves them.
func appendHeader(dst []byte, r *http.Request, name string) []byte {
	if strings.EqualFold(name, "host") {
		return appendFolded(dst, r.Host)
	}
	var room [64]byte
	values := r.Header[string(appendHeaderKey(room[:0], name))]
	switch {
	case values != nil:
	case strings.EqualFold(name, "content-length") && r.ContentLength >= 0:
		return strconv.AppendInt(dst, r.ContentLength, 10)
	case strings.EqualFold(name, "transfer-encoding"):
		values = r.TransferEncoding
	}
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFolded(dst, value)
	}
	return dst
}

// appendHeaderKey appends a header's name in the spelling of http.Header's keys. Unlike the standard library's function
// it makes no string.
func appendHeaderKey(dst []byte, name string) []byte {
	upper := true
	for _, c := range []byte(name) {
		switch {
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case !upper && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		dst = append(dst, c)
		upper = c == '-'
	}
	return dst
}

// appendFolded appends a header's value without spaces and tabs around it, and with runs of them made one space.
func appendFolded(dst []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	for i, c := range []byte(value) {
		if c == ' ' || c == '\t' {
			if next := value[i+1]; next != ' ' && next != '\t' {
				dst = append(dst, ' ')
			}
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
