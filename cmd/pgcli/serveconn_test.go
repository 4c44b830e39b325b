//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes a certificate of 127.0.0.1 and its key, and returns the files.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	cert, key, pool = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(t, os.WriteFile(cert, text, 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	pool.AppendCertsFromPEM(text)
	return cert, key, pool
}

// TestServeTLS: HTTPS with HTTP/2 and 1.1, no version of TLS that is broken, and an
// answer to those who forget the s.
func TestServeTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	s := startServe(t, "--tls-cert", cert, "--tls-key", key)
	for major, protocols := range map[int][]string{2: {"h2"}, 1: {"http/1.1"}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, NextProtos: protocols}, ForceAttemptHTTP2: major == 2}
		w, err := (&http.Client{Transport: transport}).Get(s.address + "/v1/models")
		must(t, err)
		w.Body.Close()
		if w.StatusCode != 200 || w.ProtoMajor != major {
			t.Errorf("status %d by %s, want 200 by HTTP/%d", w.StatusCode, w.Proto, major)
		}
		transport.CloseIdleConnections()
	}
	address := strings.TrimPrefix(s.address, "https://")
	if c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		c.Close()
		t.Error("TLS 1.1 is accepted")
	}
	w, err := http.Get("http://" + address)
	must(t, err)
	w.Body.Close()
	if w.StatusCode != 400 {
		t.Errorf("status %d without TLS, want 400", w.StatusCode)
	}
	for name, flags := range map[string][]string{"--tls-cert: ": {"--tls-cert", key, "--tls-key", cert}, "--tls-cert and --tls-key go together": {"--tls-key", key}} {
		var out, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"pgcli", "serve", "--listen", "127.0.0.1:0"}, flags...), strings.NewReader(""), &out, &stderr)
		if code == 0 || !strings.Contains(stderr.String(), name) {
			t.Errorf("%q: exit code %d: %s", flags, code, &stderr)
		}
	}
}

// TestServeBoundsConnections: what a header may have, and connections that say nothing
// or half a word, which others do not notice.
func TestServeBoundsConnections(t *testing.T) {
	s := startServe(t)
	address := strings.TrimPrefix(s.address, "http://")
	for i := range 200 {
		c, err := net.Dial("tcp", address)
		must(t, err)
		defer c.Close()
		_, err = fmt.Fprint(c, []string{"", "P", "POST /v1/caption HT", "GET /health HTTP/1.1\r\nHost: lo"}[i%4])
		must(t, err)
	}
	for name, test := range map[string]struct {
		request string
		want    int
	}{
		"long header":          {"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", 431},
		"many headers":         {"GET /health HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: x\r\n", 1<<16) + "\r\n", 431},
		"long path":            {"GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
		"no host":              {"GET /health HTTP/1.1\r\n\r\n", 400},
		"two hosts":            {"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
		"absolute URL":         {"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 403},
		"CONNECT":              {"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n", 403},
		"no HTTP":              {"hello\r\n\r\n", 400},
		"two lengths":          {"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400},
		"length and chunks":    {"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200},
		"unknown coding":       {"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n{}", 501},
		"bytes after the body": {"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}GARBAGE", 200},
	} {
		c, err := net.Dial("tcp", address)
		must(t, err)
		must(t, c.SetDeadline(time.Now().Add(patience)))
		go io.WriteString(c, test.request) // the answer may come before its end
		w, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || w.StatusCode != test.want {
			t.Errorf("%s: %+v, %v, want status %d", name, w, err, test.want)
		}
		c.Close()
	}
	if status := s.status("GET", "/health", "", ""); status != 200 {
		t.Errorf("health: status %d", status)
	}
}
