// Package convert makes GGUF files of PaliGemma checkpoints.
//
// [Run] reads a Hugging Face folder, a big_vision .npz or a GGUF file made before.
// It writes one file that holds everything a program needs to run the model: the
// weights of both towers, the tokenizer, and every number that is not in the
// shapes.
//
//	report, err := convert.Run(ctx, "paligemma2-3b-mix-224", "model.gguf", convert.Options{Type: "q4_k_m"})
//	if err != nil {
//		return err
//	}
//	fmt.Println(report.Bytes(), "bytes in", report.Elapsed)
//
// [Options].Remote lists weights that arrive over a network: they are read once, in the
// order of their bytes, hashed, and kept nowhere. A conversion of them that breaks off is
// an [UnfinishedError], and the next one goes on with it.
//
// A GGUF file made before is requantized; a model in llama.cpp's two files
// becomes one file. [Options].SplitMaxSize gives parts, which [gguf.Join] joins to the
// same file. [MakePlan] returns the files and tensors that Run would write,
// and [ReadConfig] the config of a model in a file.
//
// # From checkpoint to file
//
//	reader -> registry -> permute, pad, merge adapters -> quantize -> file
//
// The registry (names.go) lists every parameter of the architecture: its name
// in each format, its shape, its role. Arrays that a checkpoint lacks, has in
// another shape, or has beyond that list are an error that names them all. Only
// the rows of the embedding beyond the tokenizer's pieces, and an output head that
// equals the embedding, are dropped silently. A head that differs becomes
// output.weight, and [Plan].Notes says so.
//
// Adapters are those of PEFT's LoraConfig, version 0.12 to 0.21, and the result is
// its merge_and_unload: LoRA with every pattern, rsLoRA, DoRA, trained biases, rows
// of single tokens, whole modules. Options that cannot be merged, and ways to start
// an adapter that change the base weights (PiSSA, OLoRA, CorDA, LoRA-GA, LoftQ),
// are errors that name the key (adapterkeys.go). Where versions of PEFT differ,
// the newest decides: the bias of lora_bias is scaled, as since 0.18.
//
// Sizes come from the shapes of the tensors and are compared with the config.
// A folder is read as transformers reads it: its choice among several files of
// weights (folder.go), the tokenizer with the tokens that a fine-tuning added
// (tokenizer.go, also of an adapter's folder), the settings of pictures (processor.go), which are followed or
// refused, and the tokens that end an answer (generation.go). [Plan].Notes names the
// files that are passed over, and settings of transformers' generate that are not
// followed.
//
// Numbers that no shape tells have the released models' defaults, in [Options] and
// defaults (config.go). The file leaves none of them out: package internal/hparams
// lists its keys.
//
// # Types
//
// A type such as "q4_k_m" is a mix. In the text half it is llama.cpp's, tensor
// by tensor. Vectors are always F32; the patch kernel, position table and
// projector are never quantized unless asked for by name. The tower of a
// quantized file is Q8_0, unless [Options].VisionType names another mix. A mix
// gives the tower one type; if its blocks have 256 elements, all matrices but
// ffn_down take a type of 32-blocks instead, since 256 does not divide 1152. The
// MLP is padded from 4304 to 4352 rows with zeros, which changes no result and
// lets ggml quantize ffn_down.
//
// # Promises
//
// Memory is bounded: some megabytes for each thread, and for an .npz twice its
// largest layer, whatever the size of the model. No length in a file is
// believed before it is compared with the bytes there. Weights that are not
// finite, or too large for their type, are errors. The output appears under its
// name when it is complete and on the disk, never before; on an error, and when
// the context ends, an older file of that name is as it was.
package convert
