package gemma_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// checkpoints are those of the oracle: three of each family.
var checkpoints = []string{"pg1-a", "pg1-b", "pg1-c", "pg2-a", "pg2-b", "pg2-c"}

// TestReference compares every activation of a prefix with those of Hugging
// Face's implementation, given its soft tokens.
func TestReference(t *testing.T) {
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		for _, name := range checkpoints {
			p := testmodel.OracleParts(t, name)
			taps, _ := ask(t, p, testmodel.ReadQuestion(t, name), setup{ggml: !ours})
			c := golden.NewComparer(t, testmodel.Golden(t, name, "golden.safetensors"), 1e-4)
			lastBlock := fmt.Sprintf("blk.%d.", p.Values["paligemma.block_count"].(uint32)-1)
			for _, tap := range taps {
				switch {
				case tap.Name == "logits":
					c.CheckMax(tap.Name, tap.Shape, tap.Values, 1e-3)
				case tap.Name == "output_norm" || strings.HasPrefix(tap.Name, lastBlock): // of the last token alone
					c.CheckLast(tap.Name, tap.Shape, tap.Values)
				default:
					c.Check(tap.Name, tap.Shape, tap.Values)
				}
			}
			others := []string{"v.*", "mm.out", "step_logits.*", "tokens"} // of the tower, and of the answer
			if name == "pg1-c" {
				others = append(others, "image1.*")
			}
			c.Done(others...)
		}
	})
}
