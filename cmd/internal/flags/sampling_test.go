package flags

import (
	"testing"

	"github.com/urfave/cli/v2"
)

// TestTopPOfZero: --top-p 0 takes the likeliest token, as in llama.cpp; paligemma's own 0,
// and 1, leave the choice among all.
func TestTopPOfZero(t *testing.T) {
	for given, zero := range map[string]bool{"0": true, "1e-60": true, "0.5": false, "1": false} {
		app := &cli.App{Flags: SamplingFlags("on"), Action: func(c *cli.Context) error {
			s, err := Sampling(c)
			if err == nil && (s.TopP <= 0 || s.TopP > 1 || (s.TopP < 1e-30) != zero) {
				t.Errorf("--top-p %s: %v of the probability", given, s.TopP)
			}
			return err
		}}
		if err := app.Run([]string{"pgcli", "--temp", "1", "--top-p", given}); err != nil {
			t.Error(err)
		}
	}
}
