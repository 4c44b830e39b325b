package kernels

// Limits are the most that a processor does with the threads of a pool, measured.
// A multiply-add counts as two operations.
type Limits struct {
	Int8   float64 `json:"int8_ops"`     // per second, of int8 summed in int32, by the instructions of the level
	Float  float64 `json:"float32_ops"`  // per second
	BFloat float64 `json:"bfloat16_ops"` // per second, summed in float32; 0 if the level has no such products
	Read   float64 `json:"read_bytes"`   // per second, from memory
}
