// Package tlsfile answers TLS with a certificate that lies in files and may be replaced there at any time.
//
// The files are looked at during a handshake, at most once a second, and read again when the time or size of either has
// changed. A pair that cannot be used (half written, or a key that does not belong to the certificate) is logged once,
// and the certificate in use stays until the files change again. So a renewal needs no restart and no signal, and a
// renewal that went wrong breaks nothing before the old certificate ends.
//
// It never starts a goroutine and never watches folders: on a file system that is mounted from elsewhere notifications
// do not come, and symbolic links that are swapped (as Kubernetes does) are seen by a plain look.
package tlsfile

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

const checkInterval = time.Second

// Config returns the settings of a server that answers with the certificate chain and key of two PEM files: TLS 1.2 at
// least, and HTTP/1.1, which costs less than HTTP/2 for the few large requests of producers. To keep it so, give it to
// tls.NewListener; http.Server.ServeTLS would offer HTTP/2 besides.
//
// The error says why the files cannot be used now. Later ones go to the log.
func Config(cert, key string, log *slog.Logger) (*tls.Config, error) {
	f, err := open(cert, key, log, time.Now)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.certificate(), nil },
	}, nil
}

// files is a certificate and the state of the files that it was read from.
type files struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]stamp  // of the files when they were last read, even if in vain
	checked time.Time // when the files were last looked at
}

// stamp tells one content of a file from another without reading it. It is zero for a file that is not there.
type stamp struct {
	modified time.Time
	size     int64
}

func open(cert, key string, log *slog.Logger, now func() time.Time) (*files, error) {
	f := &files{cert: cert, key: key, log: log, now: now, checked: now()}
	f.seen = f.stamps()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s and key %s: %w", cert, key, err)
	}
	f.current = &pair
	return f, nil
}

// certificate returns the certificate to answer with, after a look at the files if one is due.
func (f *files) certificate() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if elapsed := now.Sub(f.checked); 0 <= elapsed && elapsed < checkInterval {
		return f.current
	}
	f.checked = now
	// The stamps are taken before the files are read, so a change in between is seen next time.
	stamps := f.stamps()
	if stamps == f.seen {
		return f.current
	}
	f.seen = stamps
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		f.log.Error("The new certificate cannot be used; the old one stays.", "cert", f.cert, "key", f.key, "error", err)
		return f.current
	}
	f.log.Info("The certificate is replaced.", "cert", f.cert, "serial", pair.Leaf.SerialNumber, "ends", pair.Leaf.NotAfter)
	f.current = &pair
	return f.current
}

func (f *files) stamps() (s [2]stamp) {
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}
