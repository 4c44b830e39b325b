package convert

// A Variant is a released model.
type Variant struct {
	Name               string // as in Google's repository names, without the kind
	Dims               Dims
	QueryPreAttnScalar float64 // queries are divided by its square root; the head width except in 28B
}

// texts are the released text halves. 257152 pieces are 256000 of Gemma, 1024
// locations and 128 codewords.
var texts = []Variant{
	{"paligemma-3b", Dims{Family: Gemma, Vocab: 257152, Width: 2048, Layers: 18, MLP: 16384, Heads: 8, KVHeads: 1, HeadDim: 256}, 256},
	{"paligemma2-3b", Dims{Family: Gemma2, Vocab: 257152, Width: 2304, Layers: 26, MLP: 9216, Heads: 8, KVHeads: 4, HeadDim: 256}, 256},
	{"paligemma2-10b", Dims{Family: Gemma2, Vocab: 257152, Width: 3584, Layers: 42, MLP: 14336, Heads: 16, KVHeads: 8, HeadDim: 256}, 256},
	{"paligemma2-28b", Dims{Family: Gemma2, Vocab: 257152, Width: 4608, Layers: 46, MLP: 36864, Heads: 32, KVHeads: 16, HeadDim: 128}, 144},
}

// resolutions are the released image sizes. Every text half has a checkpoint for
// each; they differ in the position embeddings alone.
var resolutions = []struct {
	suffix string
	tokens int
}{{"-224", 256}, {"-448", 1024}, {"-896", 4096}}

// Variants returns the released models: four text halves with the SigLIP
// So400m/14 tower at three resolutions each.
func Variants() []Variant {
	var list []Variant
	for _, v := range texts {
		for _, r := range resolutions {
			sized := v
			sized.Name += r.suffix
			sized.Dims.VisionWidth, sized.Dims.VisionLayers, sized.Dims.VisionMLP = 1152, 27, 4304
			sized.Dims.VisionHeads, sized.Dims.Patch, sized.Dims.ImageTokens = 16, 14, r.tokens
			list = append(list, sized)
		}
	}
	return list
}
