package convert

import (
	"fmt"
	"strings"
)

// Keys of LoraConfig, up to PEFT 0.21, that the merged weights do not depend on,
// or only through the arrays of the adapter: which modules it changes, how it was
// trained and started.
var harmlessKeys = []string{
	"auto_mapping", "base_model_name_or_path", "revision", "task_type", "inference_mode", "peft_version",
	"target_modules", "exclude_modules", "target_parameters", "layers_to_transform", "layers_pattern",
	"lora_dropout", "lora_bias", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "velora_config",
	"qalora_group_size", "megatron_core", "runtime_config", "ensure_weight_tying",
	"fan_in_fan_out",               // PEFT takes it back for every layer that PaliGemma has
	"merge_weights", "enable_lora", // PEFT before 0.3
	"peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "bias", "init_lora_weights", "rank_pattern",
	"alpha_pattern", "modules_to_save", "trainable_token_indices", // read as adapterConfig
}

// Keys of LoraConfig that, when set, make another model of it.
var refusedKeys = map[string]string{
	"layer_replication":       "repeats layers of the model",
	"alora_invocation_tokens": "applies the adapter to a part of the tokens only",
	"use_qalora":              "pools the inputs of quantized layers",
	"arrow_config":            "chooses among adapters for each token",
	"monteclora_config":       "draws the adapter's weights at random",
	"use_bdlora":              "stores matrices as blocks",
	"kasa_config":             "changes the base weights when the adapter is made",
	"megatron_config":         "is for the layers of Megatron",
}

// checkAdapterKey refuses a key that asks for more than adding products.
func checkAdapterKey(key string, value any) error {
	if !isSet(value) {
		return nil
	}
	if why, refused := refusedKeys[key]; refused {
		return fmt.Errorf("%s %s, which is not supported; %s", key, why, mergeFirst)
	}
	for _, known := range harmlessKeys {
		if key == known {
			return nil
		}
	}
	return fmt.Errorf("%s is %v, a key that PEFT 0.21 does not have; remove it if the merged weights do not depend on it, or %s", key, value, mergeFirst)
}

// isSet tells values that ask for something from Python's false ones.
func isSet(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// checkInit refuses the ways to start an adapter that subtract it from the base
// weights: PEFT does so again whenever it loads the adapter. The other ways leave
// the base weights alone.
func (c adapterConfig) checkInit() error {
	name, isName := c.Init.(string)
	if !isName {
		return nil // true, false or absent
	}
	switch kind := strings.ToLower(name); {
	case kind == "gaussian" || kind == "eva" || kind == "orthogonal" || kind == "mica" || kind == "true" || kind == "false":
		return nil
	case strings.HasPrefix(kind, "pissa") || strings.HasPrefix(kind, "corda") || kind == "olora" || kind == "lora_ga":
		return fmt.Errorf("%s: init_lora_weights is %q, which changes the base weights as well; save the adapter with path_initial_model_for_weight_conversion, or %s",
			c.path, name, mergeFirst)
	case kind == "loftq":
		return fmt.Errorf("%s: init_lora_weights is %q, which quantizes the base weights; %s", c.path, name, mergeFirst)
	}
	return fmt.Errorf("%s: init_lora_weights is %q, which PEFT 0.21 does not have; %s", c.path, name, mergeFirst)
}

// biases are PEFT's choices of which biases are trained.
var biases = []string{"", "none", "all", "lora_only"}
