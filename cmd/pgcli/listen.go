package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// isLocal reports whether only this machine can reach an address.
func isLocal(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// listen opens an address; it also returns how clients spell it.
func listen(address string, secure *tls.Config) (net.Listener, string, error) {
	network, scheme := "tcp", "http://"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if path == "" || path[0] == '@' { // without a file, whose mode keeps others out
			return nil, "", usagef("%s is no path of a socket, want unix:PATH", address)
		}
		if err := freeSocket(path); err != nil {
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
	if network == "unix" && errors.Is(err, syscall.EINVAL) {
		err = fmt.Errorf("%s has %d bytes, which are too many for the path of a socket: want one of at most 100, perhaps from another folder", address, len(address))
	}
	if errors.Is(err, inUse) {
		err = fmt.Errorf("%w; --listen names another, and its port 0 is a free one", err)
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

// freeSocket removes a socket that no program listens on, as a program that was
// killed leaves it. Whatever else has the path stays, and is an error.
func freeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil // listening says what is wrong, if anything is
	case info.IsDir():
		return fmt.Errorf("%s is a folder: want the path of a socket, such as %s", path, filepath.Join(path, "pgcli.sock"))
	case info.Mode()&os.ModeSocket == 0:
		return fmt.Errorf("%s is a file and no socket: choose another path, or remove it", path)
	}
	if other, err := net.Dial("unix", path); err == nil {
		other.Close()
		return fmt.Errorf("another program listens on %s", path)
	}
	return os.Remove(path)
}
