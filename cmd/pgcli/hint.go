package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
)

// hubName matches a model's name on the Hugging Face hub.
var hubName = regexp.MustCompile(`^(hf\.co/|https://huggingface\.co/)?([A-Za-z0-9][\w.-]*/[\w.-]+)$`)

// hint refuses a path that is no GGUF file, and says which command makes one of it.
// It returns nil for anything that may be one.
func hint(path string) error {
	info, err := os.Stat(path)
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case errors.Is(err, fs.ErrNotExist) && hubName.MatchString(path) && ext != ".gguf":
		name := hubName.FindStringSubmatch(path)[2]
		return fmt.Errorf("%s: no such file; if it is a name on the Hugging Face Hub, give it with -hf, which fetches and converts it:\n  -hf %s", path, name)
	case err != nil:
		return nil // opening says why
	case len(gguf.Parts(path)) > 1:
		return fmt.Errorf("%s is one part of a split file; join them:\n  pgcli join %s -o model.gguf", path, quoted(path))
	case info.IsDir():
		if files := within(path, "*.gguf"); len(files) > 0 {
			return fmt.Errorf("%s is a folder, want a file, such as %s", path, files[0])
		}
		return fmt.Errorf("%s is a folder; if it holds a checkpoint, convert it:\n  %s", path, convertLine(path))
	case ext == ".safetensors" || ext == ".bin" || ext == ".json":
		return fmt.Errorf("%s is part of a checkpoint; convert its folder:\n  %s", path, convertLine(filepath.Dir(path)))
	case ext == ".npz":
		return fmt.Errorf("%s is a checkpoint of big_vision; convert it:\n  %s --tokenizer tokenizer.model", path, convertLine(path))
	}
	return nil
}

// checkpointHint refuses the source of a conversion if it is the name of a model on
// the Hugging Face hub, or a file of a folder that is converted as a whole.
func checkpointHint(path string) error {
	info, err := os.Stat(path)
	switch base := filepath.Base(path); {
	case errors.Is(err, fs.ErrNotExist) && hubName.MatchString(path):
		return fmt.Errorf("%s: no such file; if it is a name on the Hugging Face Hub:\n  %s", path, convertLine(hubScheme+hubName.FindStringSubmatch(path)[2]))
	case errors.Is(err, fs.ErrNotExist):
		return hint(path)
	case err != nil || info.IsDir():
	case base == "config.json" || strings.HasSuffix(base, ".index.json") || strings.HasPrefix(base, "tokenizer") || strings.HasSuffix(base, ".bin"):
		return fmt.Errorf("%s is part of a checkpoint, which is converted by its folder:\n  %s", path, convertLine(filepath.Dir(path)))
	}
	return nil
}

// convertLine returns the command that converts a checkpoint.
func convertLine(path string) string {
	name := strings.TrimSuffix(filepath.Base(filepath.Clean(path)), ".npz")
	if name == "." {
		name = "model"
	}
	return fmt.Sprintf("pgcli convert %s -o %s.gguf --type q4_k_m", quoted(path), quoted(name))
}

// quoted spells a path for a shell.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"$&;()*?") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// findProjector returns the file of the vision tower beside one that has the language
// model alone: mmproj-NAME, or the only mmproj*.gguf. It returns "" for a whole model
// and for a file that cannot be opened, about which opening the model says more.
func findProjector(path string) (string, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return "", nil
	}
	defer f.Close()
	architecture, _ := f.Value("general.architecture")
	switch architecture {
	case "clip":
		return "", fmt.Errorf("%s is the vision tower alone: give the language model with -m, and this file with --mmproj", path)
	case "gemma", "gemma2":
	default:
		return "", nil
	}
	if slices.ContainsFunc(f.Tensors(), func(t gguf.Tensor) bool { return strings.HasPrefix(t.Name, "v.") }) {
		return "", nil
	}
	dir := filepath.Dir(path)
	if own := filepath.Join(dir, "mmproj-"+filepath.Base(path)); exists(own) {
		return own, nil
	}
	found := within(dir, "*mmproj*.gguf")
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s is the language model alone, and no mmproj*.gguf with the vision tower lies beside it: name it with --mmproj", path)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s is the language model alone, and several files beside it may be its vision tower: name one with --mmproj: %s", path, strings.Join(found, " "))
}

// within returns the files of a folder whose names match a pattern. The folder's own
// name may look like a pattern.
func within(dir, pattern string) []string {
	names, _ := fs.Glob(os.DirFS(dir), pattern)
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	return names
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
