package outbound

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Resolve returns the addresses of a URL's host, as a connection to it would find them.
func (c *Client) Resolve(ctx context.Context, to *url.URL) ([]netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", to.Hostname())
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", to.Hostname(), err)
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), nil
}

// Connection is what was found out by connecting.
type Connection struct {
	Address netip.AddrPort
	TLS     string    // version, such as TLS 1.3; empty without
	Expires time.Time // the host's certificate; zero without TLS
}

// Connect connects to a URL's host as Do would, with TLS if the URL asks for it, and sends no request.
func (c *Client) Connect(ctx context.Context, to *url.URL) (found Connection, err error) {
	transport := c.http.Transport.(*http.Transport)
	port := map[string]string{"http": "80", "https": "443"}[to.Scheme]
	connection, err := transport.DialContext(ctx, "tcp", net.JoinHostPort(to.Hostname(), cmp.Or(to.Port(), port)))
	if err != nil {
		return found, fmt.Errorf("connect to %s: %w", to.Host, err)
	}
	defer connection.Close()
	if address, ok := connection.RemoteAddr().(*net.TCPAddr); ok {
		found.Address = netip.AddrPortFrom(address.AddrPort().Addr().Unmap(), address.AddrPort().Port())
	}
	if to.Scheme != "https" {
		return found, nil
	}
	settings := transport.TLSClientConfig.Clone()
	settings.ServerName = cmp.Or(settings.ServerName, to.Hostname())
	shaking, cancel := context.WithTimeout(ctx, transport.TLSHandshakeTimeout)
	defer cancel()
	secured := tls.Client(connection, settings)
	if err := secured.HandshakeContext(shaking); err != nil {
		return found, fmt.Errorf("begin TLS with %s: %w", to.Host, err)
	}
	state := secured.ConnectionState()
	found.TLS, found.Expires = tls.VersionName(state.Version), state.PeerCertificates[0].NotAfter
	return found, nil
}

// Client returns the HTTP client beneath, for those who read answers themselves. It connects to the same addresses only, and
// follows no redirects; its errors show whole URLs.
func (c *Client) Client() *http.Client { return c.http }
