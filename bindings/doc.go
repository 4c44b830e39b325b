// Package bindings calls ggml: one table of C functions, filled through
// purego from either of two doors.
//
//   - Built in: the ggml that a program compiles in, with cgo, by importing
//     package ggml.
//   - Shared library: any other ggml, found at run time, with or without cgo.
//
// [Open] picks the door. A [Lib] gives devices, buffers, contexts, graphs and
// row quantization as typed handles; no C type and no raw pointer leaves this
// package. Handles that own native memory have a Close that is idempotent and
// safe on nil; [Lib.Live] counts the ones still open.
//
// This is the low-level layer. ggml ends the process when a shape or type is
// wrong, and this package checks neither. Package internal/nn checks both, and
// models are written with it. Operations on a closed context or on a zero
// [Tensor] return the zero Tensor.
package bindings
