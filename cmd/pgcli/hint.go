package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/newfile"
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
	case errors.Is(err, fs.ErrNotExist) && ext == ".gguf":
		return fmt.Errorf("open %s: %w\n  pgcli models lists what -hf has fetched; -hf google/paligemma2-3b-mix-448 instead of -m fetches a model", path, err.(*fs.PathError).Err)
	case err != nil:
		return nil // opening says why
	case info.IsDir():
		if files := flags.Within(path, "*.gguf"); len(files) > 0 {
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

// withHint adds to an error the flag that avoids it.
func withHint(err error) error {
	switch {
	case errors.Is(err, convert.ErrExists):
		return fmt.Errorf("%w; --force replaces it", err)
	case errors.Is(err, convert.ErrHalf):
		return fmt.Errorf("%w; pgcli quantize TEXT.gguf --mmproj MMPROJ.gguf takes both", err)
	case errors.Is(err, convert.ErrQuantized):
		return fmt.Errorf("%w; --allow-requantize accepts it", err)
	}
	return err
}

// noRoom adds to the error of a full disk how much room the output takes.
func noRoom(ctx context.Context, err error, src, dst string, o convert.Options) error {
	if !newfile.Full(err) {
		return err
	}
	need := ""
	if plan, planErr := convert.MakePlan(ctx, src, dst, o); planErr == nil {
		need = fmt.Sprintf(", which takes %s", size(plan.Bytes()))
	}
	return fmt.Errorf("%w: make room for %s%s, for example with \"pgcli models --remove\", or write it to another disk", err, dst, need)
}

// quoted spells a path for a shell.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"$&;()*?") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
