package outbound

import (
	"fmt"
	"net/netip"
)

// Setting names the setting of the server that permits addresses, for the texts of errors.
const Setting = "outbound.allow"

// AddressError is the refusal to connect to an address.
type AddressError struct {
	Addr netip.Addr
	What string // it is: "a private address"
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("%s is %s, to which this server does not connect unless %s permits it", e.Addr, e.What, Setting)
}

// class is what an address may be for.
type class int

const (
	public   class = iota
	private        // reaches this machine or its network: AllowPrivate permits it
	reserved       // metadata services, and what no destination can have: only a prefix permits it
)

// special is a stretch of addresses that are not public.
type special struct {
	prefix netip.Prefix
	class  class
	what   string
}

// specials returns the stretches; the first that holds an address speaks for it.
func specials() []special {
	s := func(prefix string, c class, what string) special {
		return special{netip.MustParsePrefix(prefix), c, what}
	}
	return []special{
		s("169.254.169.254/32", reserved, "the address of a metadata service"),
		s("168.63.129.16/32", reserved, "the address of a metadata service"), // Azure; public by its number
		s("100.100.100.200/32", reserved, "the address of a metadata service"),
		s("192.0.0.192/32", reserved, "the address of a metadata service"),
		s("fd00:ec2::/32", reserved, "the address of a metadata service"),
		s("fd20:ce::/32", reserved, "the address of a metadata service"),
		s("127.0.0.0/8", private, "a loopback address"),
		s("::1/128", private, "a loopback address"),
		s("10.0.0.0/8", private, "a private address"),
		s("172.16.0.0/12", private, "a private address"),
		s("192.168.0.0/16", private, "a private address"),
		s("100.64.0.0/10", private, "a private address"), // behind a carrier's translation
		s("fc00::/7", private, "a private address"),
		s("169.254.0.0/16", reserved, "a link-local address"),
		s("fe80::/10", reserved, "a link-local address"),
		s("fec0::/10", private, "a private address"), // site-local, deprecated
		s("0.0.0.0/8", reserved, "an unspecified address"),
		s("::/128", reserved, "an unspecified address"),
		s("192.0.0.0/24", reserved, "a reserved address"),
		s("192.0.2.0/24", reserved, "an address of examples"),
		s("198.51.100.0/24", reserved, "an address of examples"),
		s("203.0.113.0/24", reserved, "an address of examples"),
		s("2001:db8::/32", reserved, "an address of examples"),
		s("3fff::/20", reserved, "an address of examples"),
		s("192.88.99.0/24", reserved, "a reserved address"),
		s("198.18.0.0/15", reserved, "an address of measurements"),
		s("224.0.0.0/4", reserved, "a multicast address"),
		s("ff00::/8", reserved, "a multicast address"),
		s("240.0.0.0/4", reserved, "a reserved address"),
		s("2001::/23", reserved, "a reserved address"), // Teredo among others
	}
}

var (
	global = netip.MustParsePrefix("2000::/3") // the only public addresses of IPv6
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4 = netip.MustParsePrefix("2002::/16")
)

// check says whether a connection may be made to an address and port.
func check(address string, allowPrivate bool, allow []netip.Prefix) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %s: it is no address and port", address)
	}
	addr := to.Addr().WithZone("").Unmap()
	for _, p := range allow {
		if p.Contains(addr) {
			return nil
		}
	}
	switch class, what := classOf(addr); {
	case class == public, class == private && allowPrivate:
		return nil
	default:
		return &AddressError{Addr: addr, What: what}
	}
}

// classOf judges an address, and one that carries an address of IPv4 by that.
func classOf(addr netip.Addr) (class, string) {
	if inner, ok := embedded(addr); ok {
		addr = inner
	}
	for _, s := range specials() {
		if s.prefix.Contains(addr) {
			return s.class, s.what
		}
	}
	if addr.Is6() && !global.Contains(addr) {
		return reserved, "a reserved address"
	}
	return public, ""
}

// embedded returns the address of IPv4 that one of IPv6 stands for.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	raw := addr.As16()
	switch {
	case addr.Is4():
		return netip.Addr{}, false
	case nat64.Contains(addr):
		return netip.AddrFrom4([4]byte(raw[12:])), true
	case sixTo4.Contains(addr):
		return netip.AddrFrom4([4]byte(raw[2:])), true
	}
	return netip.Addr{}, false
}

// unmapped turns a prefix of IPv4 addresses that is written as one of IPv6 into the former.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
