package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/internal/infile"
)

// maxPEM bounds a file of a certificate or a key, which has a few kilobytes.
const maxPEM = 1 << 20

// readCertificate returns the certificate of HTTPS; nil without one.
func readCertificate(c *cli.Context) (*tls.Config, error) {
	cert, key := c.Path("tls-cert"), c.Path("tls-key")
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, usagef("--tls-cert and --tls-key go together")
	}
	certText, err := readPEM(c, cert, "CERTIFICATE", "the certificate, and those between it and its authority's, if there are any")
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s: %w", cert, err)
	}
	keyText, err := readPEM(c, key, "PRIVATE KEY", "the certificate's key")
	if err != nil {
		return nil, fmt.Errorf("--tls-key %s: %w", key, err)
	}
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		block, _ := pem.Decode(certText)
		if _, wrong := x509.ParseCertificate(block.Bytes); wrong != nil {
			return nil, fmt.Errorf("--tls-cert %s: %w", cert, wrong)
		}
		return nil, fmt.Errorf("--tls-key %s is not the key of --tls-cert %s: %w", key, cert, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// readPEM returns the text of a file from its first block of a kind on: the block's type
// ends with that kind. The errors do not name the file; holds says what it should hold.
func readPEM(c *cli.Context, path, kind, holds string) ([]byte, error) {
	f, err := infile.OpenStream(c.Context, path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	text, err := infile.ReadAll(f, 0, maxPEM)
	if err != nil {
		return nil, err
	}
	var found []string
	for rest := text; ; {
		block, after := pem.Decode(rest)
		switch {
		case block == nil && found == nil:
			return nil, fmt.Errorf("no PEM block is in the file, want %s: -----BEGIN %s-----", holds, kind)
		case block == nil:
			return nil, fmt.Errorf("the file holds %s, want %s: -----BEGIN %s-----", strings.Join(found, ", "), holds, kind)
		case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
			return nil, errors.New("the key has a password, which pgcli serve cannot ask for: write it without one with openssl pkey -in FILE -out PLAIN, and keep that file to yourself")
		case strings.HasSuffix(block.Type, kind):
			return rest, nil
		}
		found, rest = append(found, block.Type), after
	}
}
