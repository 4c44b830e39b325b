package gemma

import "github.com/pgcli/paligemma/internal/hparams"

// ConfigOf returns the config of a model's decoder.
func ConfigOf(m hparams.Model) Config {
	t := m.Text
	return Config{
		Width: t.Width, Layers: t.Layers, MLP: t.MLP, Vocab: t.Vocab,
		Heads: t.Heads, KVHeads: t.KVHeads, HeadDim: t.HeadDim,
		Context:      t.Context,
		QueryScale:   t.QueryScale,
		EmbedScale:   t.EmbedScale,
		RopeBase:     t.RopeBase,
		Eps:          t.Eps,
		AttnSoftcap:  t.AttnSoftcap,
		FinalSoftcap: t.FinalSoftcap,
		PostNorms:    m.Family == hparams.Gemma2,
	}
}
