package convert

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/internal/legible"
)

// A lora is one adapter whose files are open.
type lora struct {
	ck     checkpoint
	config adapterConfig
	scale  float64 // from the user

	modules map[string]map[string]array // by module and kind, see kinds
	used    map[string]bool             // names of the arrays that a tensor has taken
}

// openAdapters reads the adapters' headers and attaches their changes to the
// model. Anything in an adapter that no tensor takes is an error.
func openAdapters(adapters []Adapter, m *model) (list []*lora, err error) {
	var errs []error
	for _, adapter := range adapters {
		l, err := openAdapter(adapter)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, l)
		if err := l.attach(m); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", adapter.Dir, err))
		}
	}
	if err := legible.Join(errs...); err != nil {
		for _, l := range list {
			l.ck.Close()
		}
		return nil, err
	}
	return list, nil
}

func openAdapter(adapter Adapter) (*lora, error) {
	if adapter.Scale == 0 || adapter.Scale-adapter.Scale != 0 {
		return nil, fmt.Errorf("%s: scale is %v, want a number other than 0", adapter.Dir, adapter.Scale)
	}
	if err := checkAdapterDir(adapter.Dir); err != nil {
		return nil, err
	}
	c, err := readAdapterConfig(adapter.Dir)
	if err != nil {
		return nil, err
	}
	const name = "adapter_model.safetensors"
	if !exists(filepath.Join(adapter.Dir, name)) && exists(filepath.Join(adapter.Dir, "adapter_model.bin")) {
		return nil, fmt.Errorf("%s: has adapter_model.bin, a pickle; save the adapter with safe_serialization", adapter.Dir)
	}
	ck, err := openShards(sourceDir{path: adapter.Dir}, []string{name}, nil)
	if err != nil {
		return nil, err
	}
	l := &lora{ck: ck, config: c, scale: adapter.Scale, modules: map[string]map[string]array{}, used: map[string]bool{}}
	for _, a := range ck.arrays() {
		module, kind := cutKind(a.name)
		module = strings.TrimPrefix(module, modulePrefix)
		if l.modules[module] == nil {
			l.modules[module] = map[string]array{}
		}
		l.modules[module][kind] = a
	}
	if err := l.checkTargets(); err != nil {
		ck.Close()
		return nil, err
	}
	if len(l.modules) == 0 {
		ck.Close()
		return nil, fmt.Errorf("%s: %s holds no tensors; was the adapter saved before DeepSpeed or FSDP gathered its parts?", adapter.Dir, name)
	}
	return l, nil
}

// modulePrefix stands before the names of the model's modules in PEFT's files.
const modulePrefix = "base_model.model."

// The kinds of arrays in an adapter: the ends of their names.
const (
	kindA          = "lora_A.weight"
	kindB          = "lora_B.weight"
	kindBBias      = "lora_B.bias"                          // lora_bias
	kindEmbeddingA = "lora_embedding_A"                     // parameters of their own, not of a layer
	kindEmbeddingB = "lora_embedding_B"                     //
	kindMagnitude  = "lora_magnitude_vector"                // DoRA
	kindTokens     = "token_adapter.trainable_tokens_delta" // trainable_token_indices
	kindBase       = "base_layer.weight"                    // copy of the model's, beside an embedding's change
	kindBaseBias   = "base_layer.bias"                      // bias of a changed layer, trained as a whole
	kindTokensBase = "token_adapter.base_layer.weight"      // copy of the model's
	kindOriginal   = "original_module.weight"               // copy of the model's
	kindWeight     = "weight"                               // trained as a whole: modules_to_save
	kindBias       = "bias"                                 // trained as a whole: modules_to_save, bias
)

// kinds lists those that end in another one before it.
var kinds = []string{
	kindA, kindB, kindBBias, kindEmbeddingA, kindEmbeddingB, kindMagnitude, kindTokens,
	kindTokensBase, kindBase, kindBaseBias, kindOriginal, kindWeight, kindBias,
}

// cutKind splits the name of an adapter's array into module and kind; the kind is
// "" if there is none of that name.
func cutKind(name string) (module, kind string) {
	for _, kind := range kinds {
		for _, end := range []string{"." + kind, "." + kind + ".weight"} { // magnitudes have both forms
			if module, found := strings.CutSuffix(name, end); found {
				return module, kind
			}
		}
	}
	return name, ""
}

// attach finds the tensors that the adapter changes, in the order in which PEFT
// loads and merges: the base layers, the modules that were trained as a whole,
// the products.
func (l *lora) attach(m *model) error {
	var errs []error
	for _, step := range []func(m *model, module string, arrays map[string]array) error{
		l.takeCopies, l.takeWholes, l.takeDelta, l.takeTokens,
	} {
		for _, module := range slices.Sorted(maps.Keys(l.modules)) {
			if err := step(m, module, l.modules[module]); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for _, a := range l.ck.arrays() {
		if !l.used[a.name] && !strings.HasSuffix(a.name, ".position_ids") { // a buffer of the tower
			errs = append(errs, fmt.Errorf("%s matches no weight of the model", a))
		}
	}
	if b := l.config.Bias; b != "" && b != "none" && !l.holdsBias() {
		m.note("%s: bias is %q, but the adapter holds no bias: PEFT up to 0.18 does not save those of changed layers", l.config.path, b)
	}
	return legible.Join(errs...)
}

func (l *lora) holdsBias() bool {
	for _, arrays := range l.modules {
		if arrays[kindBias].name != "" || arrays[kindBaseBias].name != "" {
			return true
		}
	}
	return false
}

// take returns the array of a kind, and remembers that it is taken.
func (l *lora) take(arrays map[string]array, kind string) (a array, there bool) {
	a, there = arrays[kind]
	if there {
		l.used[a.name] = true
	}
	return a, there
}
