package collect

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"firehose/internal/native"
)

// preflightAge is how long browsers may remember what a preflight allowed, in seconds. They have limits of their own.
const preflightAge = "7200"

// preflight answers whether pages of an origin may send. A preflight has no X-Write-Key, so any collector of the name may be
// meant; the event that follows is held to its own.
func (d *Door) preflight(w http.ResponseWriter, r *http.Request) {
	query, err := parseQuery(r)
	key, given := query[native.WriteKeyParameter]
	for _, c := range d.named(nameIn(r.URL.Path)) {
		if err != nil || given && !c.has(key) || !c.admits(r) {
			continue
		}
		allowOrigin(w, c, r)
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Content-Type, X-Write-Key")
		h.Set("Access-Control-Max-Age", preflightAge)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	refuse(w, errOrigin)
}

// allowOrigin lets a page of an origin that is admitted read the answer.
func allowOrigin(w http.ResponseWriter, c *collector, r *http.Request) {
	switch origin := r.Header.Get("Origin"); {
	case c.anywhere:
		w.Header().Set("Access-Control-Allow-Origin", "*")
	case origin != "":
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
}

// admits says whether the page that sent a request may. An image has no Origin, but mostly the page's address in Referer; a
// request with neither comes from no page that says where it is, and may. Two origins are none.
func (c *collector) admits(r *http.Request) bool {
	if c.anywhere {
		return true
	}
	if len(r.Header["Origin"]) > 1 || len(r.Header["Referer"]) > 1 {
		return false
	}
	origin := r.Header.Get("Origin")
	if referer := r.Header.Get("Referer"); origin == "" && referer != "" {
		page, err := url.Parse(referer)
		if err != nil {
			return false
		}
		origin = page.Scheme + "://" + page.Host
	}
	return origin == "" || c.origins.MatchString(origin)
}

// compileOrigins makes an expression that matches the declared origins and nothing else.
func compileOrigins(declared []string) (origins *regexp.Regexp, anywhere bool) {
	var forms []string
	for _, origin := range declared {
		if origin == "*" {
			anywhere = true
			continue
		}
		form := regexp.QuoteMeta(origin)
		form = strings.Replace(form, `//\*\.`, `//([a-z0-9-]+\.)+`, 1)
		form = strings.Replace(form, `:\*`, `(:[0-9]{1,5})?`, 1)
		forms = append(forms, form)
	}
	return regexp.MustCompile(`^(` + strings.Join(forms, "|") + `)$`), anywhere
}

// clientAddress returns where a request comes from: the peer, or if that is a trusted proxy the last address in
// X-Forwarded-For that is none, since what stands before it anybody could have written.
func clientAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && trusted(client, proxies); i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		client = hop
	}
	return client
}

// parseHop reads an address as proxies write it, some of them with a port.
func parseHop(text string) (netip.Addr, bool) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}

func trusted(a netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
