package kernels

// Limits are what a processor does at most with threads of a pool, measured: a
// multiply-add counts as two operations.
type Limits struct {
	Int8  float64 `json:"int8_ops"`    // per second, of int8 summed in int32; by instructions of the level
	Float float64 `json:"float32_ops"` // per second
	Read  float64 `json:"read_bytes"`  // per second, from memory
}
