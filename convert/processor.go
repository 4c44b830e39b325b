package convert

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/pgcli/paligemma/internal/hparams"
)

// The files with the settings of pictures. Since transformers 5 they are in the
// second, under "image_processor"; both versions read either.
const (
	imageProcessorName = "preprocessor_config.json"
	processorName      = "processor_config.json"
)

// Pillow's numbers of its filters.
const (
	pilBilinear = 2
	pilBicubic  = 3
)

// A processor holds the settings of SigLIP's image processor.
type processor struct {
	Kind        option[string]          `json:"image_processor_type"`
	OldKind     option[string]          `json:"feature_extractor_type"`
	Resize      option[bool]            `json:"do_resize"`
	Rescale     option[bool]            `json:"do_rescale"`
	Normalize   option[bool]            `json:"do_normalize"`
	Factor      option[float64]         `json:"rescale_factor"`
	Mean        option[json.RawMessage] `json:"image_mean"`
	Std         option[json.RawMessage] `json:"image_std"`
	Resample    option[int]             `json:"resample"`
	Size        option[json.RawMessage] `json:"size"`
	ImageTokens option[int]             `json:"image_seq_length"`
	CenterCrop  option[bool]            `json:"do_center_crop"`
	Pad         option[bool]            `json:"do_pad"`
	Split       option[bool]            `json:"do_image_splitting"`
	PanScan     option[bool]            `json:"do_pan_and_scan"`
	Thumbnail   option[bool]            `json:"do_thumbnail"`
	Flip        option[bool]            `json:"do_flip_channel_order"`
	Greyscale   option[bool]            `json:"do_grayscale"`
	Offset      option[bool]            `json:"offset"`
}

// channels reads numbers of red, green and blue, or one number for all three.
func channels(key string, o option[json.RawMessage], absent [3]float32) (c [3]float32, err error) {
	var one float32
	var list []float32
	switch {
	case !o.set || o.null:
		return absent, nil
	case json.Unmarshal(o.value, &one) == nil:
		return [3]float32{one, one, one}, nil
	case json.Unmarshal(o.value, &list) != nil:
		return c, fmt.Errorf("%s is %.80s, want 3 numbers", key, o.value)
	case len(list) != len(c):
		return c, fmt.Errorf("%s has %d numbers, want 3", key, len(list))
	}
	copy(c[:], list)
	return c, nil
}

// applyProcessor replaces defaults by the numbers of dir's picture settings, and
// refuses settings that make other pixels than [-1, 1] of a stretched square.
// Where both files have settings, transformers 5's place wins, and a note says so
// if they differ.
func (c *Config) applyProcessor(dir string) (notes []string, err error) {
	files := map[string]map[string]json.RawMessage{}
	for _, name := range []string{imageProcessorName, processorName} {
		path := filepath.Join(dir, name)
		if !exists(path) {
			continue
		}
		var settings map[string]json.RawMessage
		if err := readJSON(path, &settings); err != nil {
			return nil, err
		}
		if nested, there := settings["image_processor"]; there && len(nested) > 0 && nested[0] == '{' {
			settings = nil
			if err := unmarshal(path+": image_processor", nested, &settings); err != nil {
				return nil, err
			}
		} else if name == processorName && files[imageProcessorName] != nil {
			continue // transformers 4's file, without settings of pictures
		}
		files[name] = settings
	}
	name := processorName
	if files[name] == nil {
		name = imageProcessorName
	}
	if files[name] == nil {
		return nil, nil
	}
	before, path := *c, filepath.Join(dir, name)
	p, err := parseProcessor(path, files[name])
	if err != nil {
		return nil, err
	}
	if err := c.take(p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if old := files[imageProcessorName]; old != nil && name == processorName {
		p, err := parseProcessor(path, old)
		if err == nil {
			err = before.take(p)
		}
		if err != nil || before != *c {
			notes = append(notes, fmt.Sprintf("%s: the settings of pictures are those of %s, as transformers 5 reads them; %s, which transformers 4 reads, has others and is passed over", dir, processorName, imageProcessorName))
		}
	}
	return notes, nil
}

// parseProcessor reads the settings of a file at path.
func parseProcessor(path string, settings map[string]json.RawMessage) (p processor, err error) {
	data, err := json.Marshal(settings)
	if err == nil {
		err = unmarshal(path, data, &p)
	}
	return p, err
}

// take replaces numbers by those of p. An error names the first key that this
// program does not follow.
func (c *Config) take(p processor) error {
	if err := p.check(); err != nil {
		return err
	}
	if n := p.ImageTokens.or(c.ImageTokens); n != c.ImageTokens {
		return fmt.Errorf("image_seq_length is %d, but the position embeddings are for %d", n, c.ImageTokens)
	}
	var err error
	if c.ImageMean, err = channels("image_mean", p.Mean, c.ImageMean); err != nil {
		return err
	}
	if c.ImageStd, err = channels("image_std", p.Std, c.ImageStd); err != nil {
		return err
	}
	r := pilBicubic
	switch {
	case p.Resample.null: // chooses a filter by the version of transformers
		return fmt.Errorf("resample is null, want %d (bicubic) or %d (bilinear)", pilBicubic, pilBilinear)
	case p.Resample.set:
		r = p.Resample.value
	}
	switch r {
	case pilBicubic:
		c.Resample = hparams.Bicubic
	case pilBilinear:
		c.Resample = hparams.Bilinear
	default:
		return fmt.Errorf("resample is %d, want %d (bicubic) or %d (bilinear)", r, pilBicubic, pilBilinear)
	}
	if p.Size.set && !p.Size.null {
		var size struct{ Height, Width int }
		if err := json.Unmarshal(p.Size.value, &size); err != nil || size.Height == 0 || size.Width == 0 {
			return fmt.Errorf("size is %s, want a height and a width: pictures are stretched to a square", p.Size.value)
		}
		if side := c.ImageSize(); size.Height != side || size.Width != side {
			return fmt.Errorf("size is %d x %d, but the position embeddings are for %d x %d", size.Width, size.Height, side, side)
		}
	}
	return c.check() // the caller has checked all but the numbers read here
}

// check refuses steps that SigLIP's image processor does not take.
func (p processor) check() error {
	if kind := p.Kind.or(p.OldKind.or(siglipKinds[0])); !slices.Contains(siglipKinds, kind) {
		return fmt.Errorf("image_processor_type is %q, want one of %q: others crop or pad pictures", kind, siglipKinds)
	}
	for _, s := range []struct {
		key  string
		flag option[bool]
		want bool
	}{
		{"do_resize", p.Resize, true}, {"do_rescale", p.Rescale, true}, {"do_normalize", p.Normalize, true},
		{"do_center_crop", p.CenterCrop, false}, {"do_pad", p.Pad, false}, {"do_image_splitting", p.Split, false},
		{"do_pan_and_scan", p.PanScan, false}, {"do_thumbnail", p.Thumbnail, false},
		{"do_flip_channel_order", p.Flip, false}, {"do_grayscale", p.Greyscale, false}, {"offset", p.Offset, false},
	} {
		if v := s.flag.value; s.flag.set && v != s.want { // null is false, as in Python
			return fmt.Errorf("%s is %v, want %v: pictures are stretched to the model's square and scaled to -1 to 1, nothing else", s.key, v, s.want)
		}
	}
	if f := p.Factor.or(1. / 255); !(math.Abs(f*255-1) < 1e-6) {
		return fmt.Errorf("rescale_factor is %v, want 1/255", f)
	}
	return nil
}

// siglipKinds are the classes that PaliGemma's processor takes, by their names.
var siglipKinds = []string{"SiglipImageProcessor", "SiglipImageProcessorFast", "SiglipImageProcessorPil", "SiglipFeatureExtractor"}
