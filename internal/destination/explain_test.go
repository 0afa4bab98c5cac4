package destination_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"firehose/internal/destination"
	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

func TestRemediesAreKnownForFailuresThatMayPass(t *testing.T) {
	client := outbound.New(outbound.Options{AllowPrivate: true})
	defer client.Close()
	f := func(err error, wantCode, wantFix string) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		code, fix := destination.Remedy(fmt.Errorf("deliver: %w", err))
		if code != wantCode || !strings.Contains(fix, wantFix) || wantFix == "" && fix != "" || strings.Contains(fix, "hush") {
			t.Errorf("%v: got %q, %q; want %q, %q", err, code, fix, wantCode, wantFix)
		}
	}
	// asked returns the error of a request to a listener that does something with its connections.
	asked := func(scheme string, within time.Duration, serve func(net.Conn)) error {
		t.Helper()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { // ends when the listener is closed, and is waited for
			defer close(done)
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				serve(c)
				c.Close()
			}
		}()
		defer func() { listener.Close(); <-done }()
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+listener.Addr().String()+"/hush?token=hush", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Do(request)
		return err
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, closed.URL+"/hush", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(request)
	f(err, "", "Start the other side")
	read := func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }
	f(asked("http", time.Minute, read), "", "closes connections")
	f(asked("http", time.Minute, func(c net.Conn) { read(c); _ = c.(*net.TCPConn).SetLinger(0) }), "", "closes connections")
	f(asked("http", 2*time.Second, func(c net.Conn) { read(c); read(c) }), "", "hangs or is overloaded") // the second ends with the client
	alert := []byte{21, 3, 1, 0, 2, 2, 22, '\r', '\n'}                                                   // of TLS, for who does not speak it
	f(asked("http", time.Minute, func(c net.Conn) { read(c); _, _ = c.Write(alert) }), "", "https://")
	f(asked("https", time.Minute, func(c net.Conn) { read(c); _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }), "", "TLS 1.2")
	f(&verdict.SetUp{Code: "Webhook.NotFound", Fix: "Correct the URL.", Err: errors.New("404")}, "Webhook.NotFound", "Correct the URL.")
	f(errors.New("read block 7"), "", "")
}
