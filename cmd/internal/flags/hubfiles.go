package flags

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hub"
)

var (
	notAModel  = regexp.MustCompile(`(?i)(mmproj|imatrix|mtp)`)
	floatTypes = []string{"f16", "bf16", "f32", "q8_0"} // of a projector, the best first
)

// chooseGGUF chooses the file of the model in a repository, by llama.cpp's rules: file,
// else the type of the name, else q4_k_m, q8_0, any. The projector is the one in the
// nearest folder, of the highest precision. It returns nil if the repository has no GGUF
// files, and all parts of a split file.
func chooseGGUF(files []hub.File, n hub.Name, file string) (text []string, projector string, err error) {
	var models, projectors []string
	for _, f := range files {
		switch base := path.Base(f.Path); {
		case !strings.HasSuffix(strings.ToLower(base), ".gguf"):
		case strings.Contains(strings.ToLower(base), "mmproj"):
			projectors = append(projectors, f.Path)
		case !notAModel.MatchString(base):
			models = append(models, f.Path)
		}
	}
	chosen := ""
	switch {
	case file != "" && len(models) == 0:
		return nil, "", fmt.Errorf("-hff: %s has no GGUF files; without -hff the model is converted from its safetensors", n.Repo)
	case file != "":
		if chosen = file; !slices.Contains(models, file) {
			return nil, "", fmt.Errorf("%s has no file %q, want one of %q", n.Repo, file, models)
		}
	case len(models) == 0:
		return nil, "", nil
	case n.Type != "":
		if chosen = ofType(models, n.Type); chosen == "" {
			return nil, "", fmt.Errorf("%s has no GGUF file of type %s, want one of %q", n.Repo, n.Type, models)
		}
	default:
		for _, t := range []string{"q4_k_m", "q8_0", ""} {
			if chosen = ofType(models, t); chosen != "" {
				break
			}
		}
	}
	if parts := gguf.Parts(chosen); parts != nil {
		return parts, nearest(projectors, chosen), nil
	}
	return []string{chosen}, nearest(projectors, chosen), nil
}

// ofType returns the first file whose name has a type, any file for "".
func ofType(files []string, typ string) string {
	form := regexp.MustCompile("(?i)(^|[-._])" + regexp.QuoteMeta(typ) + "[-.]")
	for _, f := range files {
		if typ == "" || form.MatchString(path.Base(f)) {
			return f
		}
	}
	return ""
}

// nearest returns the projector in the folder of a file, or in the one nearest above; of
// several, the most precise; "" without any.
func nearest(projectors []string, file string) string {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		var here []string
		for _, p := range projectors {
			if path.Dir(p) == dir {
				here = append(here, p)
			}
		}
		for _, t := range append(slices.Clone(floatTypes), "") {
			if p := ofType(here, t); p != "" {
				return p
			}
		}
		if dir == "." {
			return ""
		}
	}
}
