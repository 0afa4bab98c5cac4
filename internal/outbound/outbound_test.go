package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAddressesThatAreNotPublicAreRefused(t *testing.T) {
	refuse := func(address, what string) {
		t.Helper()
		var refused *AddressError
		if err := check(address, false, nil); !errors.As(err, &refused) || refused.What != what {
			t.Errorf("%s: %v, want that it is %s", address, err, what)
		}
	}
	const metadata, loopback, private, local, reserved = "the address of a metadata service", "a loopback address", "a private address", "a link-local address", "a reserved address"
	refuse("127.0.0.1:80", loopback)
	refuse("127.255.255.254:443", loopback)
	refuse("[::1]:443", loopback)
	refuse("[::ffff:127.0.0.1]:443", loopback)
	refuse("10.0.0.1:443", private)
	refuse("172.16.0.1:443", private)
	refuse("172.31.255.255:443", private)
	refuse("192.168.1.1:443", private)
	refuse("100.64.0.1:443", private)
	refuse("[::ffff:10.1.2.3]:443", private)
	refuse("[fd12:3456::1]:443", private)
	refuse("[fec0::1]:443", private)
	refuse("169.254.0.1:443", local)
	refuse("[fe80::1%eth0]:443", local)
	refuse("169.254.169.254:80", metadata)
	refuse("[::ffff:169.254.169.254]:80", metadata)
	refuse("168.63.129.16:80", metadata)
	refuse("100.100.100.200:80", metadata)
	refuse("[fd00:ec2::254]:80", metadata)
	refuse("0.0.0.0:80", "an unspecified address")
	refuse("0.1.2.3:80", "an unspecified address")
	refuse("[::]:80", "an unspecified address")
	refuse("224.0.0.1:80", "a multicast address")
	refuse("[ff02::1]:80", "a multicast address")
	refuse("255.255.255.255:80", reserved)
	refuse("192.0.0.8:80", reserved)
	refuse("198.18.0.1:80", "an address of measurements")
	refuse("192.0.2.1:80", "an address of examples")
	refuse("[2001:db8::1]:80", "an address of examples")
	refuse("[64:ff9b::7f00:1]:80", loopback)         // by NAT64
	refuse("[64:ff9b::a9fe:a9fe]:80", metadata)      // by NAT64
	refuse("[64:ff9b:1::1]:80", reserved)            // NAT64 of a network's own
	refuse("[2002:a00:1::1]:80", private)            // by 6to4
	refuse("[2001:0:a00:1::]:80", reserved)          // Teredo
	refuse("[::7f00:1]:80", reserved)                // IPv4-compatible
	refuse("[4000::1]:80", reserved)                 // not assigned
	refuse("[::ffff:0:7f00:1]:80", reserved)         // IPv4-translated
	refuse("[fd00:ec2::254%lo]:80", metadata)        // a zone changes nothing
	refuse("[::ffff:100.100.100.200]:443", metadata) // nor does the mapped form
}

func TestPublicAddressesArePermitted(t *testing.T) {
	for _, address := range []string{"1.1.1.1:443", "8.8.8.8:80", "172.15.255.255:1", "172.32.0.1:1", "100.63.0.1:1", "100.128.0.1:1", "223.255.255.255:1",
		"[2606:4700::1111]:443", "[2a00::1]:443", "[64:ff9b::808:808]:443", "[2002:808:808::1]:443", "[::ffff:8.8.8.8]:443"} {
		if err := check(address, false, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	for _, address := range []string{"", "localhost:80", "127.0.0.1", "[::1]", "2130706433:80"} {
		if check(address, true, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}) == nil {
			t.Errorf("%q is permitted", address)
		}
	}
}

func TestPrivateAddressesCanBePermitted(t *testing.T) {
	f := func(address string, allowPrivate, want bool, prefixes ...string) {
		t.Helper()
		var allow []netip.Prefix
		for _, p := range prefixes {
			allow = append(allow, unmapped(netip.MustParsePrefix(p)))
		}
		if err := check(address, allowPrivate, allow); (err == nil) != want {
			t.Errorf("%s with %t and %v: %v", address, allowPrivate, prefixes, err)
		}
	}
	f("127.0.0.1:80", true, true)
	f("[::1]:80", true, true)
	f("10.0.0.1:80", true, true)
	f("[fd12::1]:80", true, true)
	f("169.254.169.254:80", true, false) // these need a prefix
	f("[fd00:ec2::254]:80", true, false)
	f("100.100.100.200:80", true, false)
	f("169.254.1.1:80", true, false)
	f("0.0.0.0:80", true, false)
	f("10.0.0.1:80", false, true, "192.168.0.0/16", "10.0.0.0/8")
	f("[::ffff:10.0.0.1]:80", false, true, "10.0.0.0/8")
	f("10.0.0.1:80", false, true, "::ffff:10.0.0.0/104")
	f("11.0.0.1:80", false, true, "10.0.0.0/8") // public anyway
	f("192.168.0.1:80", false, false, "10.0.0.0/8")
	f("[fe80::1%eth0]:80", false, true, "fe80::/10")
	f("169.254.169.254:80", false, true, "169.254.169.254/32")
}

// loopback permits the servers of tests.
func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func get(t *testing.T, c *Client, url string) (*Answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(r)
}

func serve(t *testing.T, f http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server
}

// A name is resolved first; what counts is what it resolves to.
func TestNamesAreJudgedByTheirAddresses(t *testing.T) {
	var asked atomic.Int32
	server := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]"} {
		_, err := get(t, New(Options{}), "http://"+host+port+"/secret?key=secret")
		if FaultOf(err) != Forbidden {
			t.Errorf("%s: %v", host, err)
			continue
		}
		for _, want := range []string{host, "a loopback address", Setting} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q shows what may be a secret", err)
		}
	}
	if asked.Load() > 0 {
		t.Error("the server was asked")
	}
	if answer, err := get(t, New(Options{Allow: loopback()}), "http://localhost"+port); err != nil || answer.Status != 200 || asked.Load() != 1 {
		t.Errorf("%+v, %v, asked %d times", answer, err, asked.Load())
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if _, err := get(t, New(Options{}), "http://169.254.169.254/"); FaultOf(err) != Forbidden {
		t.Error(err)
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		answer, err := get(t, New(Options{Allow: loopback()}), server.URL)
		if err != nil || answer.Status != status || answer.Header.Get("Location") != elsewhere.URL {
			t.Errorf("%+v, %v", answer, err)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	f := func(size int, want int, whole bool) {
		t.Helper()
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", size)) })
		answer, err := get(t, New(Options{Allow: loopback(), BodyMax: 1000}), server.URL)
		if err != nil || len(answer.Body) != want || answer.Whole != whole {
			t.Errorf("%d bytes: %d, whole %t, %v", size, len(answer.Body), answer.Whole, err)
		}
	}
	f(0, 0, true)
	f(1000, 1000, true)
	f(1001, 1000, false)
	f(10_000_000, 1000, false)
}

func TestHeadersOfAnswersAreBounded(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100<<10)) })
	if answer, err := get(t, New(Options{Allow: loopback()}), server.URL); err == nil {
		t.Errorf("%d bytes of headers", len(answer.Header.Get("X")))
	}
}

// What is compressed stays so: a small answer cannot become a large one.
func TestAnswersAreNotDecompressed(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("compression was asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "as it is")
	})
	if answer, err := get(t, New(Options{Allow: loopback()}), server.URL); err != nil || string(answer.Body) != "as it is" || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestCertificatesAreCheckedAndOldVersionsRefused(t *testing.T) {
	start := func(highest uint16) *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: highest}
		server.Config.ErrorLog = nil
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	roots := func(s *httptest.Server) *tls.Config {
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10}
	}
	today, old := start(tls.VersionTLS12), start(tls.VersionTLS11)
	if _, err := get(t, New(Options{Allow: loopback(), TLS: roots(today)}), today.URL); err != nil {
		t.Error(err)
	}
	if _, err := get(t, New(Options{Allow: loopback()}), today.URL); FaultOf(err) != Handshake {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	if _, err := get(t, New(Options{Allow: loopback(), TLS: roots(old)}), old.URL); FaultOf(err) != Handshake {
		t.Errorf("TLS 1.1: %v", err)
	}
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := get(t, New(Options{Allow: loopback()}), strings.Replace(plain.URL, "http:", "https:", 1)); FaultOf(err) != Handshake {
		t.Errorf("no TLS: %v", err)
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	c := New(Options{Allow: loopback()})
	want := func(err error, want Fault) {
		t.Helper()
		if got := FaultOf(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	_, err = get(t, c, "http://"+closed.Addr().String())
	want(err, Unreachable)

	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	answer, err := get(t, c, cut.URL)
	if err != nil || answer.Status != 200 || answer.Whole {
		t.Fatalf("%+v, %v; want the status of an answer that is cut", answer, err)
	}
	want(answer.Cut, Broken)
	silent := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err = get(t, c, silent.URL)
	want(err, Broken)

	done := make(chan struct{})
	hanging := serve(t, func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, hanging.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(r)
	want(err, Timeout)

	dial := func(err error) error { return &url.Error{Err: &net.OpError{Op: "dial", Err: err}} }
	want(dial(&net.DNSError{Err: "no such host", IsNotFound: true}), Unresolved)
	want(dial(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), Unreachable)
	want(fmt.Errorf("send: %w", errors.New("tls: unrecognized name")), Handshake)
	want(&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, Handshake)
	want(errors.New("anything"), Other)
	want(context.Canceled, Other)
}

func FuzzCheck(f *testing.F) {
	for _, address := range []string{"127.0.0.1:80", "[::ffff:10.0.0.1]:1", "[fe80::1%x]:1", "[64:ff9b::7f00:1]:80", "1.1.1.1:443"} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if check(address, false, nil) != nil {
			return
		}
		addr := netip.MustParseAddrPort(address).Addr().Unmap()
		if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() || !addr.IsGlobalUnicast() {
			t.Errorf("%s is permitted", address)
		}
	})
}

func TestAnAnswerWithAShortBodyKeepsItsConnection(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "taken") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := New(Options{AllowPrivate: true})
	defer client.Close()
	for range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Ask(request)
		if err != nil || answer.Status != http.StatusOK || answer.Length != 5 || answer.Body != nil {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for 3 requests, want 1", n)
	}
}
