package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/internal/spm"
)

// lay distributes the tensors over one file or two.
func (j *job) lay(dst string, types typing, v spm.Vocabulary) error {
	name := j.options.Name
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(j.plan.Source), filepath.Ext(j.plan.Source))
	}
	if !j.options.Split {
		j.plan.Outputs = []Output{{Path: dst, Metadata: metadata(j.plan.Config, types.text, name, tokenizerMetadata(v)), Tensors: planned(j.tensors)}}
		return nil
	}
	id, err := j.pairID()
	if err != nil {
		return err
	}
	text, projector, err := splitMetadata(j.plan.Config, types, name, id, v)
	if err != nil {
		return err
	}
	isText := func(t *tensor) bool { return t.part == Text }
	rest := slices.DeleteFunc(slices.Clone(j.tensors), isText)
	texts := slices.DeleteFunc(slices.Clone(j.tensors), func(t *tensor) bool { return !isText(t) })
	j.plan.Outputs = []Output{
		{Path: dst, Metadata: text, Tensors: planned(texts)},
		{Path: filepath.Join(filepath.Dir(dst), "mmproj-"+filepath.Base(dst)), Metadata: projector, Tensors: planned(rest)},
	}
	return nil
}

// planned describes tensors for a plan.
func planned(list []*tensor) []TensorPlan {
	plans := make([]TensorPlan, len(list))
	for i, t := range list {
		shape := slices.Clone(t.shape)
		slices.Reverse(shape)
		plans[i] = TensorPlan{
			Name: t.name, Part: t.part, Shape: shape, Type: t.typ, Bytes: t.bytes(product(t.shape)),
			From: fmt.Sprintf("%s (%s)", t.from, t.from.where), tensor: t,
		}
	}
	return plans
}

// pairSample is how many bytes of each array a pair's id depends on: few, so that
// the id is known before a conversion starts, and enough, because training changes
// all of an array.
const pairSample = 4096

// pairID returns the id that both halves of a model carry, so that halves of
// different models are told apart. It depends on the weights alone, so that a half
// may be made again with another type.
func (j *job) pairID() (string, error) {
	sources := []checkpoint{j.ck}
	for _, l := range j.loras {
		sources = append(sources, l.ck)
	}
	hash := sha256.New()
	for _, a := range j.options.Adapters {
		fmt.Fprintf(hash, "%v\n", a.Scale)
	}
	for _, ck := range sources {
		for _, a := range ck.arrays() {
			fmt.Fprintf(hash, "%s %v\n", a.name, a.shape)
			r, err := ck.open(a.name)
			if err != nil {
				return "", fmt.Errorf("%s: %w", a.where, err)
			}
			_, err = io.CopyN(hash, r, pairSample)
			r.Close()
			if err != nil && err != io.EOF {
				return "", fmt.Errorf("%s: %s: %w", a.where, a.name, err)
			}
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:8]), nil
}
