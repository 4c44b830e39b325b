package hparams

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/gguf"
)

// Read reads and checks the hyperparameters of a model: of one file, which is
// then both text and projector, or of llama.cpp's two. An error names the key,
// its value and the bounds, or the sizes that do not fit each other. A key that
// is missing is a [gguf.ErrNotFound], one of another type a [gguf.TypeError].
func Read(text, projector *gguf.File) (Model, error) {
	var m Model
	for _, f := range []*gguf.File{text, projector} {
		if err := CheckWhole(f); err != nil {
			return m, err
		}
	}
	arch, err := gguf.Get[string](text, ArchitectureKey)
	if err != nil {
		return m, err
	}
	switch {
	case arch == PaliGemma && projector != text:
		err = fmt.Errorf("%s is %q, a whole model: it takes no projector file", ArchitectureKey, arch)
	case arch == PaliGemma:
		err = read(text, m.OneFile())
	case projector == text && (arch == Gemma || arch == Gemma2):
		err = fmt.Errorf("%s is %q: %w, or a model of texts alone; the vision tower is in the other file (mmproj-*.gguf): give it with --mmproj (Options.Projector), or join both with \"pgcli quantize TEXT.gguf --mmproj MMPROJ.gguf -o MODEL.gguf --type TYPE\"", ArchitectureKey, arch, ErrHalf)
	case arch == Projector:
		err = fmt.Errorf("%s is %q: %w, the vision tower; -m takes the text half, and --mmproj (Options.Projector) this file", ArchitectureKey, arch, ErrHalf)
	case arch == Gemma || arch == Gemma2:
		err = m.readTwo(arch, text, projector)
	default:
		err = fmt.Errorf("%s is %.40q, want paligemma (or gemma, gemma2 with a projector file)", ArchitectureKey, arch)
	}
	if err == nil {
		err = m.fit()
	}
	if err == nil && projector != text {
		err = checkPair(text, projector)
	}
	return m, err
}

// ErrHalf reports one of llama.cpp's two files where a whole model is wanted.
var ErrHalf = errors.New("is half a model, in llama.cpp's two-file form")

// CheckWhole refuses one of several files that hold one model together.
func CheckWhole(f *gguf.File) error {
	parts, err := gguf.Get[uint16](f, gguf.SplitCountKey)
	if err != nil || parts < 2 {
		return nil // no key, or a split that gives a single file
	}
	part, err := gguf.Get[uint16](f, gguf.SplitNumberKey)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is %d: the file is part %d of %d of a model; join them: pgcli join FIRST-PART.gguf -o WHOLE.gguf", gguf.SplitCountKey, parts, int(part)+1, parts)
}

// readTwo reads llama.cpp's form.
func (m *Model) readTwo(family string, text, projector *gguf.File) error {
	m.Family = family
	if err := read(text, m.TextFile()); err != nil {
		return err
	}
	m.Text.setScales(family)
	return read(projector, m.ProjectorFile())
}

// PairKey is the key of an id, in both of llama.cpp's two files when this project
// wrote them: it is the same in the halves of one model. llama.cpp ignores it.
const PairKey = "paligemma.pair"

// checkPair refuses halves of different models. Files without the key, such as
// llama.cpp's, are accepted.
func checkPair(text, projector *gguf.File) error {
	ids := [2]string{}
	for i, f := range []*gguf.File{text, projector} {
		var err error
		ids[i], err = gguf.Get[string](f, PairKey)
		if errors.Is(err, gguf.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if ids[0] != ids[1] {
		return fmt.Errorf("%s is %.40q in the language model and %.40q in the projector file, want the same in both: they are halves of different models; give the file that was written together with the language model", PairKey, ids[0], ids[1])
	}
	return nil
}

// Check reports values that Read would refuse, as keys of the one-file form.
func (m *Model) Check() error {
	fields := m.OneFile()
	for _, x := range fields { // first, because scales follow from sizes
		if isSize(x.value) {
			if err := x.value.check(x.Key); err != nil {
				return err
			}
		}
	}
	for _, x := range fields {
		if err := x.value.check(x.Key); err != nil {
			return err
		}
	}
	return m.fit()
}

func isSize(v value) bool {
	switch v.(type) {
	case count, layers:
		return true
	}
	return false
}

// fit reports sizes that do not fit each other. Each is within its bounds.
func (m *Model) fit() error {
	v, t := m.Vision, m.Text
	switch {
	case v.ImageSize%v.PatchSize != 0:
		return fmt.Errorf("image size %d in patches of %d", v.ImageSize, v.PatchSize)
	case v.Width%v.Heads != 0:
		return fmt.Errorf("vision width %d in %d heads", v.Width, v.Heads)
	case v.Projection != t.Width:
		return fmt.Errorf("projector to width %d for a decoder of width %d", v.Projection, t.Width)
	case t.Heads%t.KVHeads != 0:
		return fmt.Errorf("%d query heads for %d key heads", t.Heads, t.KVHeads)
	case t.HeadDim%2 != 0:
		return fmt.Errorf("head dim %d, want an even number", t.HeadDim)
	}
	return nil
}
