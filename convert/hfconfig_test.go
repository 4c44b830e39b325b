package convert

import (
	"encoding/json"
	"testing"
)

// TestConfigJSONOfAllAges reads the forms that values have had over time.
func TestConfigJSONOfAllAges(t *testing.T) {
	var c textConfig
	text := `{"rope_parameters":{"rope_theta":5000,"rope_type":"default"},"final_logit_softcapping":null,"attn_logit_softcapping":20.5}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if c.Rope.Theta.or(0) != 5000 || capping(c.FinalSoftcap, 30) != 0 || capping(c.AttnSoftcap, 50) != 20.5 || capping(option[float64]{}, 30) != 30 {
		t.Errorf("read as %+v", c)
	}
}
