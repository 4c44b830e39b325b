// Package nn builds and runs neural-network graphs on ggml, checked in Go.
//
// ggml ends the process when a shape or a type is wrong. Here every [Tensor]
// knows its shape and every operation checks its rules before it calls ggml.
// A [Graph] keeps the first error (see [Graph.Err]) and ignores what follows,
// so a model's forward reads without error handling:
//
//	w := weights.Sub("v.blk", i)
//	x = g.Add(x, attn.Forward(g, norm.Forward(g, x)))
//	if err := g.Compile(x); err != nil { ... }
//
// Shapes are in ggml's order, fastest axis first: a row-major matrix
// [out, in] is a Tensor of shape [in, out]. The elements along axis 0 are a
// row of a tensor.
//
// ggml computes the operations. On a backend of [NewKernelBackend], package
// kernels computes those for which it has faster code.
//
// A [Backend] is a device with its threads; it runs one graph at a time. A
// [Store] owns tensors that outlive graphs: weights, or a key-value cache.
// Each has a Close, idempotent and safe on nil, that frees its native memory;
// a Backend or a Store that is still used by an open graph refuses to close.
package nn
