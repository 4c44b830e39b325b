package convert

import (
	"fmt"

	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/spm"
)

// A KV is one metadata entry; Value has a type that [gguf.Writer.Add] takes.
type KV struct {
	Key   string
	Value any
}

// entries returns the values of the fields that a file has.
func entries(fields []hparams.Field) []KV {
	var list []KV
	for _, f := range fields {
		if v := f.Value(); v != nil {
			list = append(list, KV{f.Key, v})
		}
	}
	return list
}

// metadata lists the entries of the file that holds a whole model. The order of
// the keys, which package hparams describes, is part of the format: the same
// checkpoint gives the same bytes.
func metadata(c Config, m mix, name string, tokenizer []KV) []KV {
	model := c.hyperparameters()
	list := general(hparams.PaliGemma, "model", name, m)
	list = append(list, entries(model.OneFile())...)
	return append(list, tokenizer...)
}

func general(arch, kind, name string, m mix) []KV {
	g := hparams.General{Architecture: arch, Type: kind, Name: name, FileType: m.code}
	return entries(g.Fields())
}

func tokenizerMetadata(v spm.Vocabulary) []KV {
	t := hparams.Tokenizer(v)
	return entries(t.Fields())
}

// splitMetadata lists the entries of llama.cpp's two files. Its text half has
// no key for the scale of queries, and llama.cpp takes a soft cap of zero for a
// cap, not for none. Both have the id of the pair.
func splitMetadata(c Config, types typing, name, id string, v spm.Vocabulary) (text, projector []KV, err error) {
	model := c.hyperparameters()
	if theirs := model.Text.LlamaQueryScalar(model.Family); c.QueryPreAttnScalar != theirs {
		return nil, nil, fmt.Errorf("llama.cpp's %s of %d layers has a query_pre_attn_scalar of %v, this model %v: only the one-file form can hold it", c.Family, c.Layers, theirs, c.QueryPreAttnScalar)
	}
	if c.Family == Gemma2 && (c.AttnSoftcap == 0 || c.FinalSoftcap == 0) {
		return nil, nil, fmt.Errorf("llama.cpp's gemma2 cannot turn soft caps off, this model has %v and %v: only the one-file form can hold it", c.AttnSoftcap, c.FinalSoftcap)
	}
	pair := KV{hparams.PairKey, id}
	text = append(general(model.Family, "model", name, types.text), pair)
	text = append(text, entries(model.TextFile())...)
	text = append(text, tokenizerMetadata(v)...)
	projector = append(general(hparams.Projector, "mmproj", name, types.vision), pair)
	projector = append(projector, entries(model.ProjectorFile())...)
	return text, projector, nil
}
