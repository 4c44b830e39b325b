// Package kernels computes what a PaliGemma spends its time on, several times
// faster than ggml's CPU kernels: products with quantized weights, attention,
// norms. It prepares pictures, too. The C files hold a kernel for each level of
// instruction sets, chosen when the program runs; beside each stands a plain Go
// definition of what it computes, which the tests compare it with.
//
// Without cgo there are no kernels; ggml's are used, and Go for pictures.
package kernels
