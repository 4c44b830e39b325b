// Package requests asks pgcli bench for the rate that other commands are compared with.
package requests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
)

// Bench runs pgcli bench with arguments that measure one kind of whole requests, and
// returns the requests a second.
func Bench(pgcli string, args ...string) (float64, error) {
	cmd := exec.Command(pgcli, append([]string{"bench", "-o", "json"}, args...)...)
	var message bytes.Buffer
	cmd.Stderr = &message
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("pgcli bench: %w: %s", err, message.Bytes())
	}
	var rows []struct {
		Requests float64 `json:"requests_per_second"`
	}
	if err := json.Unmarshal(out, &rows); err != nil || len(rows) != 1 {
		return 0, fmt.Errorf("pgcli bench printed %q: %v", out, err)
	}
	return rows[0].Requests, nil
}
