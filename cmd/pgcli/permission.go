package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"runtime"
)

// permissionAdvice returns a line that says what to do about a file or a port that the
// system keeps from this program; "" for other errors.
func permissionAdvice(err error) string {
	var listening *net.OpError
	switch {
	case !errors.Is(err, fs.ErrPermission):
		return ""
	case errors.As(err, &listening) && listening.Addr != nil && listening.Addr.Network() != "unix":
		return "\n  ports below 1024 are for root: choose another, such as 9931"
	case runtime.GOOS == "windows":
		return fmt.Sprintf("\n  pgcli runs as %s, who has to be allowed to use the file and its folders (icacls shows and changes that)", userName())
	}
	return fmt.Sprintf("\n  pgcli runs as %s, who has to be allowed to use the file (chmod, chown) and to enter all folders above it", userName())
}

// userName names the user that the program runs as, by a number if there is no name.
func userName() string {
	if u, err := user.Current(); err == nil {
		return "user " + u.Username
	}
	return fmt.Sprintf("user %d", os.Geteuid())
}
