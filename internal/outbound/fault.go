package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
)

// Fault is a kind of failure to get an answer.
type Fault string

// The kinds of failure.
const (
	Other       Fault = "failed"
	Forbidden   Fault = "forbidden"   // the address is refused, see AddressError
	Unresolved  Fault = "unresolved"  // the name does not exist
	Unreachable Fault = "unreachable" // no connection
	Handshake   Fault = "handshake"   // no TLS: a certificate that is not trusted, no version in common, no TLS spoken there
	Timeout     Fault = "timeout"     // no answer in time
	Broken      Fault = "broken"      // the connection ended before the answer did
)

// FaultOf says what kind of failure an error of Do is. Forbidden, Unresolved and Handshake do not pass by themselves.
func FaultOf(err error) Fault {
	var address *AddressError
	var name *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &address):
		return Forbidden
	case errors.As(err, &name) && name.IsNotFound:
		return Unresolved
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case isHandshake(err):
		return Handshake
	case errors.As(err, &op) && op.Op == "dial":
		return Unreachable
	case errors.As(err, &op), isCut(err):
		return Broken
	}
	return Other
}

// isHandshake says whether TLS failed. Not all of its errors have types; those that have none name it in their text.
func isHandshake(err error) bool {
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &certificate), errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch):
		return true
	case errors.As(err, &op):
		return op.Op == "remote error" || op.Op == "local error" // alerts
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "tls: ") || strings.HasPrefix(err.Error(), "x509: ") {
			return true
		}
	}
	return false
}

// isCut says whether an answer ended early. The transport's own errors have no types.
func isCut(err error) bool {
	text := err.Error()
	return strings.HasSuffix(text, "EOF") || strings.Contains(text, "connection broken") || strings.Contains(text, "server closed idle connection")
}
