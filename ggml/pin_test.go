package ggml

import (
	"os/exec"
	"strings"
	"testing"
)

// TestPin keeps the constants equal to go.mod: they are printed to users and
// name the folder that the plug-ins are built from.
func TestPin(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", Module).Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v", Module, err)
	}
	if got := strings.TrimSpace(string(out)); got != Version {
		t.Errorf("go.mod has %s %s, ggml.Version is %s", Module, got, Version)
	}
}
