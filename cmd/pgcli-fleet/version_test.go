package main

import (
	"strings"
	"testing"
)

// TestVersion: --version is answered without a server.
func TestVersion(t *testing.T) {
	for _, flag := range []string{"--version", "-v"} {
		code, out, errs := fleet(t.Context(), flag)
		version, ok := strings.CutPrefix(out, "pgcli-fleet ")
		if code != 0 || !ok || strings.TrimSpace(version) == "" || errs != "" {
			t.Errorf("%s: code %d, output %q, errors %q, want pgcli-fleet and its version", flag, code, out, errs)
		}
	}
}
