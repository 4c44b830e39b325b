package flags

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/models"
)

// Digest returns the digest of a model: the SHA-256 of its file or, of a model in two files,
// the SHA-256 of both files' digests as text. model is "" for the embedded model; with ""
// for projector, Digest looks for it beside the model.
func Digest(ctx context.Context, model, projector string) (string, error) {
	if model == "" {
		sum := sha256.Sum256(models.Tiny())
		return hex.EncodeToString(sum[:]), nil
	}
	if projector == "" {
		projector, _ = Projector(ctx, model) // "" for a whole model
	}
	digest, err := HashFile(ctx, model)
	if err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	if projector == "" {
		return digest, nil
	}
	other, err := HashFile(ctx, projector)
	if err != nil {
		return "", fmt.Errorf("vision tower: %w", err)
	}
	sum := sha256.Sum256([]byte(digest + " " + other))
	return hex.EncodeToString(sum[:]), nil
}

// HashFile returns the SHA-256 of a file; "" for the path "".
func HashFile(ctx context.Context, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	f, err := infile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, infile.Checked(ctx, f)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Projector returns the file of the vision tower beside one that has the language
// model alone: mmproj-NAME, or the only mmproj*.gguf. It returns "" for a whole model
// and for a file that cannot be opened, about which opening the model says more, but the
// cause of ctx once that is over.
func Projector(ctx context.Context, path string) (string, error) {
	f, err := gguf.Open(ctx, path)
	if err != nil {
		return "", context.Cause(ctx)
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
	if own := filepath.Join(dir, "mmproj-"+filepath.Base(path)); Exists(own) {
		return own, nil
	}
	found := Within(dir, "*mmproj*.gguf")
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s is the language model alone, and no mmproj*.gguf with the vision tower lies beside it: name it with --mmproj", path)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s is the language model alone, and several files beside it may be its vision tower: name one with --mmproj: %s", path, strings.Join(found, " "))
}

// Within returns the files of a folder whose names match a pattern. The folder's own
// name may look like a pattern.
func Within(dir, pattern string) []string {
	names, _ := fs.Glob(os.DirFS(dir), pattern)
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	return names
}
