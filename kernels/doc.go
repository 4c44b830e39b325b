// Package kernels computes the operations that take a PaliGemma most time, several
// times faster than ggml's CPU kernels: products with quantized weights, attention,
// norms. It also stretches pictures and converts their colours. The C files hold a
// kernel for each level of instruction sets; the level is chosen when the program
// runs. A file ref_*.go defines each kernel in plain Go, and the tests compare both.
//
// Without cgo there are no kernels: ggml's are used, and Go for pictures.
package kernels
