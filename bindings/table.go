package bindings

import "github.com/pgcli/paligemma/gguf"

// Addresses inside ggml. To Go they are plain numbers: the garbage collector does
// not follow them, and this package knows the layout of no struct behind them.
type (
	contextPtr uintptr // struct ggml_context *
	tensorPtr  uintptr // struct ggml_tensor *
	graphPtr   uintptr // struct ggml_cgraph *
	gallocrPtr uintptr // ggml_gallocr_t
	schedPtr   uintptr // ggml_backend_sched_t
	backendPtr uintptr // ggml_backend_t
	devicePtr  uintptr // ggml_backend_dev_t
	regPtr     uintptr // ggml_backend_reg_t
	bufferPtr  uintptr // ggml_backend_buffer_t
	buftPtr    uintptr // ggml_backend_buffer_type_t
	callback   uintptr // address of a C function
	address    uintptr // void * into memory that ggml or the caller owns
)

// initParams is struct ggml_init_params, the one struct passed by value.
type initParams struct {
	memSize   uintptr
	memBuffer address
	noAlloc   bool
}

// functions is the table of every C function that this project calls, each a Go
// variable that either door fills. abi_test.go compares each field with the
// prototype in ggml's headers.
type functions struct {
	// Versions, types and rows.
	version         func() string
	typeName        func(gguf.Type) string
	blckSize        func(gguf.Type) int64
	typeSize        func(gguf.Type) uintptr
	rowSize         func(gguf.Type, int64) uintptr
	isQuantized     func(gguf.Type) bool
	quantizeChunk   func(t gguf.Type, src *float32, dst *byte, start, rows, rowLen int64, imatrix *float32) uintptr
	validateRowData func(t gguf.Type, data *byte, size uintptr) bool

	// Contexts and tensors.
	init             func(initParams) contextPtr
	free             func(contextPtr)
	getNoAlloc       func(contextPtr) bool
	setNoAlloc       func(contextPtr, bool)
	tensorOverhead   func() uintptr
	graphOverhead    func(size uintptr, grads bool) uintptr
	newTensor        func(c contextPtr, t gguf.Type, dims int32, ne *int64) tensorPtr
	setName          func(tensorPtr, string) tensorPtr
	getName          func(tensorPtr) string
	setInput         func(tensorPtr)
	setOutput        func(tensorPtr)
	getData          func(tensorPtr) address
	opDesc           func(tensorPtr) string
	nelements        func(tensorPtr) int64
	nbytes           func(tensorPtr) uintptr
	nDims            func(tensorPtr) int32
	isContiguous     func(tensorPtr) bool
	isContiguousRows func(tensorPtr) bool

	// Graph operations.
	add           func(c contextPtr, a, b tensorPtr) tensorPtr
	mul           func(c contextPtr, a, b tensorPtr) tensorPtr
	div           func(c contextPtr, a, b tensorPtr) tensorPtr
	scale         func(c contextPtr, a tensorPtr, s float32) tensorPtr
	scaleBias     func(c contextPtr, a tensorPtr, s, b float32) tensorPtr
	sqr           func(c contextPtr, a tensorPtr) tensorPtr
	tanh          func(c contextPtr, a tensorPtr) tensorPtr
	silu          func(c contextPtr, a tensorPtr) tensorPtr
	sum           func(c contextPtr, a tensorPtr) tensorPtr
	norm          func(c contextPtr, a tensorPtr, eps float32) tensorPtr
	rmsNorm       func(c contextPtr, a tensorPtr, eps float32) tensorPtr
	mulMat        func(c contextPtr, a, b tensorPtr) tensorPtr
	mulMatSetPrec func(a tensorPtr, prec int32)
	softMax       func(c contextPtr, a tensorPtr) tensorPtr
	softMaxExt    func(c contextPtr, a, mask tensorPtr, scale, maxBias float32) tensorPtr
	ropeExt       func(c contextPtr, a, pos, freqs tensorPtr, dims, mode, ctxOrig int32,
		freqBase, freqScale, extFactor, attnFactor, betaFast, betaSlow float32) tensorPtr
	getRows   func(c contextPtr, a, rows tensorPtr) tensorPtr
	setRows   func(c contextPtr, a, b, rows tensorPtr) tensorPtr
	cpy       func(c contextPtr, a, b tensorPtr) tensorPtr
	cont      func(c contextPtr, a tensorPtr) tensorPtr
	cast      func(c contextPtr, a tensorPtr, t gguf.Type) tensorPtr
	reshape4D func(c contextPtr, a tensorPtr, ne0, ne1, ne2, ne3 int64) tensorPtr
	view4D    func(c contextPtr, a tensorPtr, ne0, ne1, ne2, ne3 int64, nb1, nb2, nb3, offset uintptr) tensorPtr
	permute   func(c contextPtr, a tensorPtr, axis0, axis1, axis2, axis3 int32) tensorPtr
	concat    func(c contextPtr, a, b tensorPtr, dim int32) tensorPtr
	im2col    func(c contextPtr, kernel, image tensorPtr, s0, s1, p0, p1, d0, d1 int32, is2D bool, t gguf.Type) tensorPtr
	custom4D  func(c contextPtr, t gguf.Type, ne0, ne1, ne2, ne3 int64, args *tensorPtr, nArgs int32,
		fun callback, tasks int32, userdata address) tensorPtr

	// Graphs and their memory.
	newGraph         func(c contextPtr, size uintptr, grads bool) graphPtr
	graphExpand      func(graphPtr, tensorPtr)
	graphNodes       func(graphPtr) int32
	graphNode        func(graphPtr, int32) tensorPtr
	graphAddNode     func(graphPtr, tensorPtr)
	gallocNew        func(buftPtr) gallocrPtr
	gallocFree       func(gallocrPtr)
	gallocAllocGraph func(gallocrPtr, graphPtr) bool
	gallocBufferSize func(g gallocrPtr, buffer int32) uintptr
	allocCtxTensors  func(contextPtr, buftPtr) bufferPtr

	// Scheduler over several backends.
	schedNew        func(backends *backendPtr, bufts *buftPtr, n int32, size uintptr, parallel, offload bool) schedPtr
	schedFree       func(schedPtr)
	schedAllocGraph func(schedPtr, graphPtr) bool
	schedCompute    func(schedPtr, graphPtr) Status
	schedBufferSize func(schedPtr, backendPtr) uintptr

	// Backends, devices and plug-ins.
	backendFree      func(backendPtr)
	backendCompute   func(backendPtr, graphPtr) Status
	devCount         func() uintptr
	devGet           func(uintptr) devicePtr
	devName          func(devicePtr) string
	devDescription   func(devicePtr) string
	devMemory        func(d devicePtr, free, total *uintptr)
	devType          func(devicePtr) DeviceType
	devReg           func(devicePtr) regPtr
	devInit          func(d devicePtr, params *byte) backendPtr
	devBufferType    func(devicePtr) buftPtr
	devHostPtrBuffer func(d devicePtr, ptr address, size, maxTensor uintptr) bufferPtr
	devSupportsOp    func(devicePtr, tensorPtr) bool
	regName          func(regPtr) string
	regProc          func(regPtr, string) address
	load             func(path string) regPtr
	loadAll          func(dir string)

	// Buffers and tensor data.
	buftName        func(buftPtr) string
	buftAlloc       func(buftPtr, uintptr) bufferPtr
	buftAlignment   func(buftPtr) uintptr
	buftAllocSize   func(buftPtr, tensorPtr) uintptr
	bufferFree      func(bufferPtr)
	bufferBase      func(bufferPtr) address
	bufferSize      func(bufferPtr) uintptr
	bufferAllocSize func(bufferPtr, tensorPtr) uintptr
	bufferClear     func(bufferPtr, uint8)
	bufferSetUsage  func(b bufferPtr, usage int32)
	tensorAlloc     func(b bufferPtr, t tensorPtr, addr address) Status
	tensorSet       func(t tensorPtr, data *byte, offset, size uintptr)
	tensorGet       func(t tensorPtr, data *byte, offset, size uintptr)

	// Log.
	logSet func(fn callback, userdata address)
}
