package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// readCertificate returns the certificate of HTTPS; nil without one.
func readCertificate(c *cli.Context) (*tls.Config, error) {
	cert, key := c.Path("tls-cert"), c.Path("tls-key")
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, usagef("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// isLocal reports whether only this machine can reach an address.
func isLocal(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// listen opens an address; it also returns how clients spell it.
func listen(address string, secure *tls.Config) (net.Listener, string, error) {
	network, scheme := "tcp", "http://"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if err := removeSocket(path); err != nil {
			return nil, "", err
		}
		network, address, scheme = "unix", path, "unix:"
	}
	var l net.Listener
	var err error
	open := func() { l, err = net.Listen(network, address) }
	if network == "unix" {
		ownerOnly(open)
	} else {
		open()
	}
	if err != nil {
		return nil, "", err
	}
	if network != "unix" && secure != nil {
		scheme = "https://"
	}
	spelled := scheme + l.Addr().String()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	return l, spelled, nil
}

// removeSocket removes a socket that no program listens on, as a program that was
// killed leaves it.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil // listening says what is wrong
	}
	if other, err := net.Dial("unix", path); err == nil {
		other.Close()
		return fmt.Errorf("another program listens on %s", path)
	}
	return os.Remove(path)
}
