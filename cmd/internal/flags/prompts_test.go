package flags

import (
	"fmt"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestDistinct: of very many prompts, the one that is there twice is found.
func TestDistinct(t *testing.T) {
	all := make([]paligemma.Prompt, 300_000) // minutes, if each were compared with all before it
	for i := range all {
		all[i] = paligemma.Prompt(fmt.Sprintf("answer en how many dogs are there? %d", i))
	}
	if err := Distinct(all); err != nil {
		t.Error(err)
	}
	if err := Distinct(append(all, "ocr", all[7])); err == nil || err.Error() != `prompt "answer en how many dogs are there? 7" is given twice` {
		t.Errorf("error is %v, want one about prompt 7", err)
	}
}
