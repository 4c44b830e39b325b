package convert

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	singleName  = "model.safetensors"
	indexName   = "model.safetensors.index.json"
	adapterName = "adapter_config.json"
)

// unpickle ends messages about PyTorch's pickled weights.
const unpickle = `: a pickle can run any program; make safetensors of it with transformers: PaliGemmaForConditionalGeneration.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER, safe_serialization=True)`

// openFolder opens the weights of a folder that transformers would load, by
// its order (modeling_utils.py of 4.44 to 5.24, without a variant): the file
// that config.json names, model.safetensors, its index, pickles. A folder
// without any of them may hold one other file or index of safetensors.
func openFolder(dir sourceDir) (checkpoint, error) {
	var config struct {
		Weights option[string] `json:"transformers_weights"`
	}
	if path := dir.join("config.json"); isFile(path) {
		if err := readJSON(path, &config); err != nil {
			return nil, err
		}
	}
	if name := config.Weights.or(""); name != "" {
		if !isName(name) {
			return nil, fmt.Errorf("%s: transformers_weights is %q, want the name of a file in the folder", dir.join("config.json"), name)
		}
		return openNamed(dir, name)
	}
	for _, name := range []string{singleName, indexName} {
		if dir.has(name) {
			return openNamed(dir, name)
		}
	}
	singles, indexes := dir.match("*.safetensors"), dir.match("*.safetensors.index*.json")
	for _, name := range []string{"pytorch_model.bin", "pytorch_model.bin.index.json"} {
		if dir.has(name) {
			return nil, fmt.Errorf("%s: transformers reads %s here, and PyTorch's pickled weights are not read%s%s",
				dir.path, name, unpickle, quoted("; or name the file to convert, one of", singles))
		}
	}
	switch {
	case len(indexes) == 1:
		return openNamed(dir, indexes[0])
	case len(indexes) > 1:
		return nil, fmt.Errorf("%s: has %d indexes %q, but neither %s nor %s; leave one of them", dir.path, len(indexes), indexes, singleName, indexName)
	case len(singles) == 1:
		return openNamed(dir, singles[0])
	case len(singles) > 1:
		return nil, fmt.Errorf("%s: has %d safetensors files %q, but no %s that says how they belong together", dir.path, len(singles), singles, indexName)
	}
	if err := dir.lost(); err != nil {
		return nil, err
	}
	if others := slices.Concat(dir.match("*.[sS][aA][fF][eE][tT][eE][nN][sS][oO][rR][sS]"), dir.match("*.npz"), dir.match("*.gguf"), dir.match("*.bin"), dir.match("*.pt"), dir.match("*.pth")); len(others) > 0 {
		return nil, fmt.Errorf("%s: has no safetensors files; did you mean one of %q?", dir.path, others)
	}
	return nil, fmt.Errorf("%s: no checkpoint found: want %s, %s, or the path of a .npz or .gguf file%s",
		dir.path, indexName, singleName, quoted("; its folders have some:", dir.match("*/*.safetensors")))
}

// openNamed opens a safetensors file of dir, or the files of an index.
func openNamed(dir sourceDir, name string) (checkpoint, error) {
	files, used := []string{name}, []string{name}
	var owner map[string]string
	if strings.HasSuffix(name, ".json") {
		var err error
		if files, owner, err = readIndex(dir.join(name)); err != nil {
			return nil, err
		}
		used = append(slices.Clone(files), name)
	}
	s, err := openShards(dir, files, owner)
	if err != nil {
		return nil, err
	}
	s.passed = passedOver(dir, used)
	return s, nil
}

// passedOver notes which weights of dir are not those in use.
func passedOver(dir sourceDir, used []string) []string {
	var left []string
	for _, pattern := range []string{"*.safetensors", "*.safetensors.index*.json", "pytorch_model*.bin", "pytorch_model*.bin.index.json", "consolidated*.pth"} {
		for _, name := range dir.match(pattern) {
			if !slices.Contains(used, name) && !strings.HasPrefix(name, "adapter_model") {
				left = append(left, name)
			}
		}
	}
	var notes []string
	if len(left) > 0 {
		notes = append(notes, fmt.Sprintf("%s: the weights are those of %s, as transformers chooses; passed over: %s", dir.path, used[len(used)-1], strings.Join(left, ", ")))
	} else if last := used[len(used)-1]; last != singleName && last != indexName {
		notes = append(notes, fmt.Sprintf("%s: the weights are those of %s, the only ones; transformers would look for %s", dir.path, last, singleName))
	}
	if isFile(dir.join(adapterName)) {
		notes = append(notes, fmt.Sprintf("%s: the adapter of %s is not merged; with PEFT installed, transformers loads it over the base model, which before transformers 5 is the one that %s names: --lora %s merges it",
			dir.path, adapterName, adapterName, dir.path))
	}
	return notes
}

// A sourceDir is the folder of a checkpoint. Some of its files may be remote.
type sourceDir struct {
	path   string
	remote map[string]Remote // by name
	ctx    context.Context   // of reading those
}

func (d sourceDir) join(name string) string { return filepath.Join(d.path, name) }

// has reports whether the folder has a file.
func (d sourceDir) has(name string) bool {
	_, remote := d.remote[name]
	return remote || isFile(d.join(name))
}

// match lists the files of the folder whose names match a pattern.
func (d sourceDir) match(pattern string) []string {
	names, _ := fs.Glob(os.DirFS(d.path), pattern) // fails for a bad pattern only
	names = slices.DeleteFunc(names, func(name string) bool { return !isFile(d.join(name)) })
	for name := range d.remote {
		if ok, _ := path.Match(pattern, name); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lost returns an error if weights are links to files that are not there, as in a copy
// of the Hub's cache without its blobs.
func (d sourceDir) lost() error {
	names, _ := fs.Glob(os.DirFS(d.path), "*.safetensors")
	for _, name := range names {
		if target, err := os.Readlink(d.join(name)); err == nil && !exists(d.join(name)) {
			return fmt.Errorf("%s is a link to %s, which is not there: copy the folder with the files that its links point to (cp -L)", d.join(name), target)
		}
	}
	return nil
}

// quoted returns names after text, or nothing without names.
func quoted(text string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %q", text, names[:min(len(names), 4)])
}

// readIndex reads the list of shards, and which shard has which tensor.
func readIndex(path string) (files []string, owner map[string]string, err error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := readJSON(path, &index); err != nil {
		return nil, nil, err
	}
	if len(index.WeightMap) == 0 {
		return nil, nil, fmt.Errorf("%s: weight_map is missing or empty", path)
	}
	for name, file := range index.WeightMap {
		// A path would let an index read files the user did not hand over.
		if !isName(file) {
			return nil, nil, fmt.Errorf("%s: weight_map: %q lies in %q, want the name of a file beside the index", path, name, file)
		}
	}
	files = slices.Compact(slices.Sorted(maps.Values(index.WeightMap)))
	return files, index.WeightMap, nil
}

// isName reports whether a path is the name of a file in the folder at hand.
func isName(path string) bool {
	return filepath.IsLocal(path) && filepath.Base(path) == path && path != "."
}

// refuseQuantized names the quantization of a checkpoint whose weights are not
// plain numbers. Its config says which.
func refuseQuantized(dir string) error {
	var config struct {
		Quantization json.RawMessage `json:"quantization_config"`
		Compression  json.RawMessage `json:"compression_config"` // compressed-tensors' older name
	}
	path := filepath.Join(dir, "config.json")
	if !isFile(path) {
		return nil
	}
	if err := readJSON(path, &config); err != nil {
		return err
	}
	for key, raw := range map[string]json.RawMessage{"quantization_config": config.Quantization, "compression_config": config.Compression} {
		var q struct {
			Method option[string] `json:"quant_method"`
			Four   bool           `json:"load_in_4bit"`
			Eight  bool           `json:"load_in_8bit"`
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		if err := unmarshal(path+": "+key, raw, &q); err != nil {
			return err
		}
		method, known := quantizations[strings.ToLower(q.Method.or(""))]
		switch {
		case !known && (q.Four || q.Eight):
			method = quantizations["bitsandbytes"]
		case !known:
			method = fmt.Sprintf("%q", q.Method.or("an unnamed method"))
		}
		return fmt.Errorf("%s: %s says that the weights are quantized by %s, which is not read: convert the original 16-bit or 32-bit checkpoint, and choose the size with --type; or dequantize it in transformers (model.dequantize(), where the method has that) and save it", path, key, method)
	}
	return nil
}

// quantizations are the methods of transformers by their quant_method.
var quantizations = map[string]string{
	"bitsandbytes": "bitsandbytes", "gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "fbgemm_fp8": "FBGEMM FP8", "finegrained_fp8": "FP8",
	"torchao": "torchao", "compressed-tensors": "compressed-tensors", "hqq": "HQQ", "aqlm": "AQLM", "quanto": "quanto",
	"eetq": "EETQ", "higgs": "HIGGS", "vptq": "VPTQ", "spqr": "SpQR", "auto-round": "AutoRound", "mxfp4": "MXFP4", "bitnet": "BitNet",
}
