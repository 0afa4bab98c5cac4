package destination

import (
	"cmp"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"

	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

// Explain says of an error of a try what the cause is and how it is mended. What the way there says comes first, since a
// destination's own errors of it are more general.
func Explain(err error) Trouble {
	t := explain(err)
	t.Cause = strings.TrimSpace(cmp.Or(t.Cause, said(err)))
	t.Fix = cmp.Or(t.Fix, "Try again; if the error stays, ask whoever runs the other side what it means.")
	return t
}

// Remedy says of an error for which a delivery waits how it is mended. The code is empty where it may pass by itself, since the
// delivery tries again, and so is the fix where nobody can say more.
func Remedy(err error) (code, fix string) {
	if broken := verdict.AsSetUp(err); broken != nil {
		code = broken.Code
	}
	return code, explain(err).Fix
}

// Troubled is an error that means to try again, of a destination that knows more of it for people.
type Troubled interface {
	error
	Trouble() Trouble // without Fix where that is not known
}

// explain is Explain for what is known of an error: what is not is empty.
func explain(err error) Trouble {
	t := explainWay(err)
	if broken := verdict.AsSetUp(err); broken != nil {
		return Trouble{Code: broken.Code, Cause: cmp.Or(t.Cause, said(broken.Err)), Fix: cmp.Or(t.Fix, broken.Fix)}
	}
	if refused := verdict.AsRefused(err); refused != nil && t.Cause == "" {
		return Trouble{Code: refused.Code, Cause: cmp.Or(refused.Message, said(refused.Err)),
			Fix: "Ask whoever runs the receiver why it refuses the event, and correct format, headers or credentials."}
	}
	var known Troubled
	if t.Fix == "" && errors.As(err, &known) {
		return known.Trouble()
	}
	t.Code = cmp.Or(t.Code, codeOf(err))
	return t
}

// explainWay is Explain for what happens before there is an answer.
func explainWay(err error) Trouble {
	var address *outbound.AddressError
	var name *net.DNSError
	switch outbound.FaultOf(err) {
	case outbound.Forbidden:
		errors.As(err, &address)
		return Trouble{Code: "AddressForbidden", Cause: address.Addr.String() + " is " + address.What + ", to which this server does not connect",
			Fix: "Give an address that is reachable in public, or permit this one with the server's setting " + outbound.Setting + "."}
	case outbound.Unresolved:
		errors.As(err, &name)
		return Trouble{Code: "NameNotFound", Cause: "the name " + name.Name + " does not exist", Fix: "Correct the host's name, or its entry in DNS."}
	case outbound.Handshake:
		return explainTLS(err)
	case outbound.Timeout:
		return explainTimeout(err)
	}
	var port *net.AddrError
	switch {
	case errors.As(err, &port):
		return Trouble{Code: "InvalidURL", Cause: "the URL has no valid port: " + port.Addr, Fix: "Correct the port in the URL; it is a number up to 65535."}
	case errors.As(err, &name):
		return Trouble{Code: "NameNotResolved", Cause: "the name " + name.Name + " cannot be resolved: " + name.Err, Fix: "Look at the DNS servers of this machine."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Trouble{Code: "ConnectionRefused", Cause: "the connection was refused",
			Fix: "Start the other side, or correct the port: nothing listens there, or a firewall refuses."}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Trouble{Code: "Unreachable", Cause: "there is no way to the address", Fix: "Look at the routes and firewalls of this machine's network."}
	case strings.Contains(err.Error(), notHTTP):
		return Trouble{Code: "NotHTTP", Cause: "what answers at the port does not speak HTTP",
			Fix: "Begin the URL with https:// if the port speaks TLS, or correct the port."}
	case errors.Is(err, syscall.ECONNRESET), outbound.FaultOf(err) == outbound.Broken:
		return Trouble{Code: "ConnectionReset", Cause: "the other side ended the connection before it answered",
			Fix: "Look whether the other side, or a proxy before it, closes connections, and whether the port speaks the protocol of the URL."}
	}
	return Trouble{}
}

// notHTTP is how net/http says so, which has no type for it.
const notHTTP = "malformed HTTP "

// explainTimeout tells apart who could not be connected to and who was, and said nothing.
func explainTimeout(err error) Trouble {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return Trouble{Code: "Timeout", Cause: "there was no connection in time", Fix: "Correct the address or the port, or look for a firewall on the way."}
	}
	return Trouble{Code: "Timeout", Cause: "there was no answer in time",
		Fix: "Look whether the other side hangs or is overloaded, and whether its port speaks the protocol of the URL."}
}

func explainTLS(err error) Trouble {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	t := Trouble{Code: "TLSFailed", Cause: said(err), Fix: "Speak TLS 1.2 or later at the port, or correct the URL."}
	switch {
	case errors.As(err, &name):
		t.Cause = "the certificate is not for the name " + name.Host
		t.Fix = "Correct the host in the URL, or give it a certificate for its name."
		if names := name.Certificate.DNSNames; len(names) > 0 {
			t.Cause += " but for " + strings.Join(names[:min(len(names), 5)], ", ")
		} else if len(name.Certificate.IPAddresses) == 0 {
			t.Cause += " and names no other host either"
			t.Fix = "Give the host a certificate that has its name among the alternative names of the subject."
		}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		t.Cause = "the certificate is valid from " + invalid.Cert.NotBefore.UTC().Format("2006-01-02 15:04") + " to " + invalid.Cert.NotAfter.UTC().Format("2006-01-02 15:04")
		t.Fix = "Renew the certificate, or set this machine's clock."
	case errors.As(err, &unknown):
		t.Cause = "the certificate is signed by nobody whom this machine trusts"
		t.Fix = "Give the host a certificate of a known authority with its whole chain, or add the authority to this machine's roots."
	}
	return t
}

// said is an error's own text: of an answer in the network what the other side said, without what the libraries say of it.
func said(err error) string {
	if err == nil {
		return "unknown"
	}
	var a answer
	if errors.As(err, &a) {
		return strings.TrimSuffix(a.ErrorCode()+": "+a.ErrorMessage(), ": ")
	}
	return err.Error()
}

// answer is an error with which another side answered.
type answer interface {
	ErrorCode() string
	ErrorMessage() string
}

func codeOf(err error) string {
	var a answer
	if errors.As(err, &a) {
		return a.ErrorCode()
	}
	return ""
}
