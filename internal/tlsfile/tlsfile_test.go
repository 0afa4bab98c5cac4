package tlsfile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair makes a certificate for localhost and its key, both as PEM.
func pair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// node is a pair of files, a clock, and a log.
type node struct {
	*files
	t     *testing.T
	clock time.Time
	logs  bytes.Buffer
}

func newNode(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{t: t, clock: time.Now()}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := pair(t, 1)
	n.write(certFile, cert)
	n.write(keyFile, key)
	var err error
	n.files, err = open(certFile, keyFile, slog.New(slog.NewTextHandler(&n.logs, nil)), func() time.Time { return n.clock })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// write replaces a file and gives it a time of its own, since two writes may fall into one tick of the file system.
func (n *node) write(name string, content []byte) {
	n.t.Helper()
	n.clock = n.clock.Add(time.Millisecond)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Chtimes(name, n.clock, n.clock); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) wantSerial(want int64) {
	n.t.Helper()
	if got := n.certificate().Leaf.SerialNumber.Int64(); got != want {
		n.t.Errorf("certificate %d is in use, want %d; log:\n%s", got, want, n.logs.String())
	}
}

func (n *node) wantLogLines(text string, want int) {
	n.t.Helper()
	if got := strings.Count(n.logs.String(), text); got != want {
		n.t.Errorf("%d log lines say %q, want %d:\n%s", got, text, want, n.logs.String())
	}
}

func TestReplacedCertificateIsUsedWithinASecond(t *testing.T) {
	n := newNode(t)
	cert, key := pair(t, 2)
	n.write(n.cert, cert)
	n.write(n.key, key)
	n.wantSerial(1) // not looked at again yet
	n.clock = n.clock.Add(checkInterval)
	n.wantSerial(2)
	n.wantLogLines("The certificate is replaced.", 1)
}

func TestClockThatStepsBackDoesNotStopTheChecks(t *testing.T) {
	n := newNode(t)
	cert, key := pair(t, 2)
	n.write(n.cert, cert)
	n.write(n.key, key)
	n.clock = n.clock.Add(-time.Hour)
	n.wantSerial(2)
}

func TestUnusableFilesKeepTheOldCertificate(t *testing.T) {
	n := newNode(t)
	later := func() { n.clock = n.clock.Add(checkInterval) }
	const kept = "The new certificate cannot be used"

	cert, key := pair(t, 2)
	n.write(n.cert, cert) // half of a renewal
	for range 3 {
		later()
		n.wantSerial(1)
	}
	n.wantLogLines(kept, 1)

	n.write(n.key, key)
	later()
	n.wantSerial(2)

	if err := os.Remove(n.cert); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		later()
		n.wantSerial(2)
	}
	n.wantLogLines(kept, 2)

	n.write(n.cert, []byte("no certificate"))
	later()
	n.wantSerial(2)
	n.wantLogLines(kept, 3)
	n.wantLogLines("PRIVATE KEY", 0)
}

func TestConfigRefusesFilesThatCannotBeUsed(t *testing.T) {
	n := newNode(t)
	other := filepath.Join(t.TempDir(), "key.pem")
	_, key := pair(t, 2)
	n.write(other, key)
	for _, key := range []string{other, other + "x", n.cert} {
		if _, err := Config(n.cert, key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("key %s: error is %v", key, err)
		}
	}
}

func TestHandshake(t *testing.T) {
	n := newNode(t)
	config, err := Config(n.cert, n.key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	handshake := func(client *tls.Config) (tls.ConnectionState, error) {
		a, b := net.Pipe()
		served := make(chan error)
		go func() {
			server := tls.Server(a, config)
			served <- server.Handshake()
			a.Close()
		}()
		client.InsecureSkipVerify = true // the certificate is its own authority; what counts here is what is agreed
		conn := tls.Client(b, client)
		err := conn.Handshake()
		b.Close()
		<-served
		return conn.ConnectionState(), err
	}
	state, err := handshake(&tls.Config{NextProtos: []string{"h2", "http/1.1"}})
	if err != nil || state.NegotiatedProtocol != "http/1.1" || state.Version != tls.VersionTLS13 ||
		state.PeerCertificates[0].SerialNumber.Int64() != 1 {
		t.Errorf("agreed on %q, version %x, %v", state.NegotiatedProtocol, state.Version, err)
	}
	if state, err := handshake(&tls.Config{MaxVersion: tls.VersionTLS12}); err != nil || state.Version != tls.VersionTLS12 {
		t.Errorf("TLS 1.2: version %x, %v", state.Version, err)
	}
	if _, err := handshake(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	if _, err := handshake(&tls.Config{NextProtos: []string{"h2"}}); err == nil {
		t.Error("HTTP/2 alone is accepted")
	}
}
