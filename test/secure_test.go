package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

func TestAccountsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	n := newNode(t, "--auth-mode", "sigv4")
	n.env = []string{`FIREHOSE_AUTH_KEYS=[{access_key: AKIDONE, secret_key: one, account: "111111111111"}, {access_key: AKIDTWO, secret_key: two, account: "222222222222"}]`}
	n.start()
	one, two := n.apiAs("AKIDONE", "one"), n.apiAs("AKIDTWO", "two")
	createWith(t, one, "s", prefixed("one/"))
	createWith(t, two, "s", prefixed("two/"))
	createWith(t, one, "only", prefixed("only/"))
	a1, a2 := newAccount(), newAccount()
	for range 20 {
		check(t, put(t.Context(), one, "s", "mine"+time.Now().Format("150405.000000000")))
	}
	check(t, put(t.Context(), one, "s", "first"))
	check(t, put(t.Context(), two, "s", "second"))
	a1.acknowledge("first")
	a2.acknowledge("second")

	arn := "arn:aws:firehose:us-east-1:222222222222:deliverystream/s"
	if d := describe(t, two, "s"); *d.DeliveryStreamARN != arn {
		t.Errorf("the second account's stream is %s, want %s", *d.DeliveryStreamARN, arn)
	}
	list, err := two.ListDeliveryStreams(t.Context(), &firehose.ListDeliveryStreamsInput{})
	check(t, err)
	if !slices.Equal(list.DeliveryStreamNames, []string{"s"}) {
		t.Errorf("the second account sees the streams %q", list.DeliveryStreamNames)
	}
	refused := func(api *firehose.Client, stream, code string) {
		t.Helper()
		if err := put(t.Context(), api, stream, "never"); !isCode(err, code) {
			t.Errorf("put to %s: got %v, want %s", stream, err, code)
		}
	}
	refused(two, "only", "ResourceNotFoundException")
	refused(n.apiAs("AKIDONE", "two"), "s", "InvalidSignatureException")
	refused(n.apiAs("AKIDNONE", "one"), "s", "UnrecognizedClientException")
	if status, _ := n.ask(http.MethodPost, "/v1/streams/s:flush"); status != http.StatusForbidden {
		t.Errorf("a flush that is not signed is answered with %d", status)
	}

	wait(t, 20*time.Second, "delivery", func() (bool, string) {
		all := folders(n.dir).read(t, bucket)
		return all.count(t, "one/")["first"] == 1 && all.count(t, "two/")["second"] == 1, ""
	})
	n.stop()
	all := folders(n.dir).read(t, bucket)
	if c := all.count(t, "two/"); len(c) != 1 {
		t.Errorf("%d records in the second account's objects, want 1", len(c))
	}
	if c := all.count(t, "one/"); len(c) != 21 {
		t.Errorf("%d records in the first account's objects, want 21", len(c))
	}
}

func TestAddressForAllIsRefusedWithoutAuthentication(t *testing.T) {
	t.Parallel()
	said, status := command(t, "serve", "--listen", "0.0.0.0:0", "--data-dir", t.TempDir())
	if status != 2 || !bytes.Contains([]byte(said), []byte("loopback")) {
		t.Errorf("status %d: %s", status, said)
	}
}

func TestTLSWithACertificateOfOnesOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots := writeCertificate(t, certificate, key)
	n := newNode(t, "--tls-cert", certificate, "--tls-key", key)
	n.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64}
	n.start()
	n.create("s")
	l := startLoad(n, 3, "s")
	l.grow(500)
	n.kill()
	n.start()
	l.grow(200)

	l.stop()
	n.flush("s")

	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}}}
	if answer, err := old.Get(n.at() + "/healthz"); err == nil {
		answer.Body.Close()
		t.Error("TLS 1.1 is accepted")
	}
	// Another certificate in the same files is taken without a restart.
	fresh := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: writeCertificate(t, certificate, key)}}}
	wait(t, 30*time.Second, "the new certificate", func() (bool, string) {
		answer, err := fresh.Get(n.at() + "/healthz")
		if err != nil {
			return false, err.Error()
		}
		answer.Body.Close()
		return true, ""
	})
	n.stop()
	l.verify(folders(n.dir), bucket)
}

// writeCertificate makes a certificate for this machine and returns what trusts it.
func writeCertificate(t *testing.T, certificateFile, keyFile string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "firehose test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	check(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	check(t, os.WriteFile(certificateFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	check(t, err)
	pool.AddCert(parsed)
	return pool
}

func TestEncryptedStreamLeavesNoPlainTextInTheLog(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.create("plain", buffered(128, 900), prefixed("plain/"))
	n.create("sealed", buffered(128, 900), prefixed("sealed/"))
	name := "sealed"
	_, err := n.api().StartDeliveryStreamEncryption(t.Context(), &firehose.StartDeliveryStreamEncryptionInput{DeliveryStreamName: &name,
		DeliveryStreamEncryptionConfigurationInput: &types.DeliveryStreamEncryptionConfigurationInput{KeyType: types.KeyTypeAwsOwnedCmk}})
	check(t, err)
	wait(t, 10*time.Second, "encryption", func() (bool, string) {
		e := describe(t, n.api(), name).DeliveryStreamEncryptionConfiguration
		return e != nil && e.Status == types.DeliveryStreamEncryptionStatusEnabled, ""
	})
	const seen, unseen = "marker-that-may-be-read", "marker-that-nobody-reads"
	plain, sealed := newAccount(), newAccount()
	check(t, put(t.Context(), n.api(), "plain", seen))
	plain.acknowledge(seen)
	records := []types.Record{{Data: line(unseen)}}
	out, err := n.api().PutRecordBatch(t.Context(), &firehose.PutRecordBatchInput{DeliveryStreamName: &name, Records: records})
	check(t, err)
	sealed.acknowledge(unseen)
	if out.Encrypted == nil || !*out.Encrypted {
		t.Error("the answer does not say that the record is encrypted")
	}
	n.kill()
	if !foundIn(t, n.dir, seen) {
		t.Error("the marker of the plain stream is not found: the search proves nothing")
	}
	if foundIn(t, n.dir, unseen) {
		t.Error("the marker of the encrypted stream is in the data folder")
	}
	n.start()
	_, err = n.api().StopDeliveryStreamEncryption(t.Context(), &firehose.StopDeliveryStreamEncryptionInput{DeliveryStreamName: &name})
	check(t, err)
	wait(t, 10*time.Second, "the end of encryption", func() (bool, string) {
		e := describe(t, n.api(), name).DeliveryStreamEncryptionConfiguration
		return e != nil && e.Status == types.DeliveryStreamEncryptionStatusDisabled, ""
	})
	check(t, put(t.Context(), n.api(), name, "later"))
	sealed.acknowledge("later")
	n.kill()
	n.start() // what was encrypted is still read
	n.flush("plain")
	n.flush(name)
	n.stop()
	all := folders(n.dir).read(t, bucket)
	plain.verify(t, all.count(t, "plain/"))
	sealed.verify(t, all.count(t, "sealed/"))
}

// foundIn says whether a text is in any file of a folder. Blocks are compressed, but S2 leaves what does not repeat as it
// is.
func foundIn(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte(text))
		return err
	}))
	return found
}
