package native

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Longest names of DNS.
const (
	hostMax  = 253
	labelMax = 63
)

// judgeURL says what is wrong with a URL, so that nobody hears of it only when a request is made. The URL is in no text, since
// its path and query may hold a credential.
func judgeURL(text string) string {
	if reference.MatchString(text) {
		return "has a reference, which is not resolved in a URL; want the URL itself, and credentials in headers"
	}
	to, err := url.Parse(text)
	if err != nil {
		return "is no valid URL; want one such as https://host/path, or https://[2001:db8::1]/path for an address of IPv6"
	}
	if port := to.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "has the port " + port + "; want one from 1 to 65535"
		}
	}
	if host := to.Hostname(); !isHost(host) {
		return "has no valid host; want a name such as hooks.example.com, or an address"
	}
	return ""
}

// isHost says whether a text is an address, or a name that DNS could know: parts of letters, digits, hyphens and underscores,
// none of them empty. Letters of other scripts are translated when it is looked up.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > hostMax {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > labelMax || strings.ContainsFunc(label, notOfHost) {
			return false
		}
	}
	return true
}

func notOfHost(r rune) bool {
	return r < 0x80 && r != '-' && r != '_' && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
}
