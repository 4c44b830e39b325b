// Package abi compares Go function types with the C prototypes they are
// called through.
//
// purego trusts the Go type of a function variable: a wrong width, order or
// count is not an error but a corrupted stack. So a test reads the library's
// own headers with [ReadHeaders], and [Audit.Check] compares every bound
// function with its prototype.
//
// The parser understands the C of ggml's public headers: prototypes, typedefs,
// enums and plain structs. A declaration that it does not understand is left
// out, and is then reported as having no prototype if it is bound.
package abi
