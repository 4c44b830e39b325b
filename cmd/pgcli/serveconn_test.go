//go:build unix

package main

import (
	"bufio"
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
	"testing/synctest"
	"time"

	"github.com/pgcli/paligemma/internal/testpipe"
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
}

// TestServeRefusesCertificates that are none, and says which file is wrong, and how.
func TestServeRefusesCertificates(t *testing.T) {
	cert, key, _ := certificate(t)
	_, other, _ := certificate(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	block := func(kind string, headers map[string]string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("x")}))
	}
	none, empty, text := filepath.Join(dir, "none"), file("empty", ""), file("text", "hello\n")
	locked, old := file("locked", block("ENCRYPTED PRIVATE KEY", nil)), file("old", block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}))
	broken, brokenKey := file("broken", block("CERTIFICATE", nil)), file("brokenkey", block("PRIVATE KEY", nil))
	for _, test := range []struct{ cert, key, want string }{
		{"", key, "--tls-cert and --tls-key go together"},
		{cert, "", "--tls-cert and --tls-key go together"},
		{none, key, "--tls-cert " + none + ": no such file"},
		{cert, none, "--tls-key " + none + ": no such file"},
		{dir, key, "--tls-cert " + dir + ": is a folder"},
		{empty, key, "--tls-cert " + empty + ": no PEM block is in the file"},
		{cert, text, "--tls-key " + text + ": no PEM block is in the file"},
		{key, cert, "--tls-cert " + key + ": the file holds PRIVATE KEY, want the certificate"},
		{cert, cert, "--tls-key " + cert + ": the file holds CERTIFICATE, want the certificate's key: -----BEGIN PRIVATE KEY-----"},
		{broken, key, "--tls-cert " + broken + ": x509: "},
		{cert, brokenKey, "--tls-key " + brokenKey + " is not the key of --tls-cert " + cert},
		{cert, other, "--tls-key " + other + " is not the key of --tls-cert " + cert},
		{cert, locked, "--tls-key " + locked + ": the key has a password"},
		{cert, old, "--tls-key " + old + ": the key has a password"},
	} {
		refusesToServe(t, test.want, "--tls-cert", test.cert, "--tls-key", test.key)
	}
	both := ""
	for _, path := range []string{key, cert} {
		data, err := os.ReadFile(path)
		must(t, err)
		both += string(data)
	}
	path := file("both", "a note\n"+both)
	if s := startServe(t, "--tls-cert", path, "--tls-key", path); !strings.HasPrefix(s.address, "https://") {
		t.Errorf("the address is %s", s.address)
	}
}

// TestServeEndsSlowHeads: a client that sends a byte of its head a second, or asks for
// nothing more, loses its connection.
func TestServeEndsSlowHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := make(testpipe.Listener)
		web := webServer(http.NotFoundHandler())
		go web.Serve(listener)
		for begin, most := range map[string]time.Duration{
			"":                                      10 * time.Second,
			"P":                                     10 * time.Second,
			"POST /v1/caption HTTP/1.1\r\nX: ":      10 * time.Second,
			"GET / HTTP/1.1\r\nHost: localhost\r\n": 10 * time.Second,
			"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTT": 10 * time.Second,
		} {
			client, server := net.Pipe()
			listener <- server
			go func() {
				_, err := io.WriteString(client, begin)
				for err == nil {
					time.Sleep(time.Second)
					_, err = io.WriteString(client, "x")
				}
			}()
			start := time.Now()
			_, err := io.Copy(io.Discard, client)
			if took := time.Since(start); err != nil || took < most || took > most+time.Second {
				t.Errorf("%q: the connection ended after %v, want %v: %v", begin, took, most, err)
			}
			client.Close()
		}
		client, server := net.Pipe()
		listener <- server
		go io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		start := time.Now()
		_, err := io.Copy(io.Discard, client)
		if took := time.Since(start); err != nil || took != web.IdleTimeout {
			t.Errorf("a connection without requests ended after %v, want %v: %v", took, web.IdleTimeout, err)
		}
		must(t, web.Close())
	})
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
