// Package gguf reads and writes GGUF, the model file format of ggml.
//
// Reading touches only the header of a file; tensors are read when they are asked
// for, or mapped into memory by [File.Map]:
//
//	f, err := gguf.Open(ctx, "model.gguf")
//	if err != nil {
//		return err
//	}
//	defer f.Close()
//	arch, err := gguf.Get[string](f, "general.architecture")
//	data, err := f.Bytes("token_embd.weight")
//
// Writing declares everything first, then streams one tensor at a time, in any
// order and from any number of goroutines. The file appears under its name
// only when it is complete:
//
//	w, err := gguf.Create("model.gguf")
//	if err != nil {
//		return err
//	}
//	defer w.Close() // discards what was not committed
//	w.Add("general.architecture", "paligemma")
//	w.AddTensor("output_norm.weight", gguf.F32, 2048)
//	if err := w.WriteHeader(); err != nil {
//		return err
//	}
//	if err := w.WriteTensor("output_norm.weight", data); err != nil {
//		return err
//	}
//	return w.Commit()
//
// # Limits
//
// Versions 2 and 3 are read, version 3 is written, both little-endian only;
// big-endian files and version 1 are refused by name. Arrays of arrays, which
// the specification allows and ggml does not read, are refused too. Shapes are
// in ggml order everywhere: the first dimension is the contiguous one.
//
// # Hostile files
//
// No count, length or offset of a file is believed before it is compared with
// the bytes that are there. A malformed file gives a [FormatError] that names
// the key or tensor and the byte offset; it never causes a panic, nor an
// allocation that is large compared with the file. Everything the reader
// refuses, the writer refuses to write.
package gguf
