package bindings

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/ggml"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/abi"
)

// headersVariable names a folder of other ggml headers to audit against, to
// see whether a newer ggml can be loaded.
const headersVariable = "PALIGEMMA_ABI_HEADERS"

// headersDir returns the folder of the headers that the built-in ggml is compiled
// with.
func headersDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv(headersVariable); dir != "" {
		return dir
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", ggml.Module).Output()
	if err != nil {
		t.Fatalf("find the headers: go list -m %s: %v", ggml.Module, err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), filepath.FromSlash(ggml.Source), "include")
}

func newAudit(t *testing.T) *abi.Audit {
	t.Helper()
	headers, err := abi.ReadHeaders(headersDir(t))
	if err != nil {
		t.Fatal(err)
	}
	return &abi.Audit{Headers: headers, Named: map[reflect.Type]string{
		reflect.TypeFor[contextPtr]():       "struct ggml_context *",
		reflect.TypeFor[tensorPtr]():        "struct ggml_tensor *",
		reflect.TypeFor[graphPtr]():         "struct ggml_cgraph *",
		reflect.TypeFor[gallocrPtr]():       "struct ggml_gallocr *",
		reflect.TypeFor[schedPtr]():         "struct ggml_backend_sched *",
		reflect.TypeFor[backendPtr]():       "struct ggml_backend *",
		reflect.TypeFor[devicePtr]():        "struct ggml_backend_device *",
		reflect.TypeFor[regPtr]():           "struct ggml_backend_reg *",
		reflect.TypeFor[bufferPtr]():        "struct ggml_backend_buffer *",
		reflect.TypeFor[buftPtr]():          "struct ggml_backend_buffer_type *",
		reflect.TypeFor[callback]():         "function",
		reflect.TypeFor[address]():          "void *",
		reflect.TypeFor[initParams]():       "struct ggml_init_params",
		reflect.TypeFor[threadpoolPtr]():    "struct ggml_threadpool *",
		reflect.TypeFor[threadpoolParams](): "struct ggml_threadpool_params",
		reflect.TypeFor[[maxThreads]bool](): "bool [GGML_MAX_N_THREADS]",
		reflect.TypeFor[gguf.Type]():        "enum ggml_type",
		reflect.TypeFor[Status]():           "enum ggml_status",
		reflect.TypeFor[DeviceType]():       "enum ggml_backend_dev_type",
	}}
}

func TestABI(t *testing.T) {
	audit := newAudit(t)
	symbols := new(functions).symbols()
	for _, s := range symbols {
		for _, wrong := range audit.Check(s.name, reflect.TypeOf(s.fn).Elem()) {
			t.Error(wrong)
		}
	}
	for _, wrong := range audit.CheckStruct("ggml_init_params", reflect.TypeFor[initParams]()) {
		t.Error(wrong)
	}
	for _, wrong := range audit.CheckStruct("ggml_threadpool_params", reflect.TypeFor[threadpoolParams]()) {
		t.Error(wrong)
	}
	if n := reflect.TypeFor[functions]().NumField(); n != len(symbols) {
		t.Errorf("functions has %d fields, symbols lists %d", n, len(symbols))
	}
}

// TestABIOfCallbacks covers the functions beside the table: those that backends
// offer by name, and ours that ggml calls.
func TestABIOfCallbacks(t *testing.T) {
	audit := newAudit(t)
	for name, fn := range map[string]reflect.Type{
		"ggml_backend_set_n_threads_t":       reflect.TypeFor[func(backendPtr, int32)](),
		"ggml_backend_set_abort_callback_t":  reflect.TypeFor[func(backendPtr, callback, address)](),
		"ggml_backend_dev_get_extra_bufts_t": reflect.TypeFor[func(devicePtr) *buftPtr](),
		"ggml_log_callback":                  reflect.TypeFor[func(int32, *byte, address)](),
		"ggml_custom_op_t":                   reflect.TypeFor[func(tensorPtr, int32, int32, address)](),
		"ggml_abort_callback":                reflect.TypeFor[func(address) bool](),
	} {
		for _, wrong := range audit.CheckCallback(name, fn) {
			t.Error(wrong)
		}
	}
	// giveThreads calls these.
	for name, fn := range map[string]reflect.Type{
		"ggml_threadpool_new":             reflect.TypeFor[func(*threadpoolParams) threadpoolPtr](),
		"ggml_threadpool_free":            reflect.TypeFor[func(threadpoolPtr)](),
		"ggml_backend_cpu_set_threadpool": reflect.TypeFor[func(backendPtr, threadpoolPtr)](),
	} {
		for _, wrong := range audit.Check(name, fn) {
			t.Error(wrong)
		}
	}
	// AbortOn passes this accessor as a ggml_abort_callback.
	for _, wrong := range audit.Check("ggml_get_no_alloc", reflect.TypeFor[func(contextPtr) bool]()) {
		t.Error(wrong)
	}
	feature := audit.Headers.Structs["ggml_backend_feature"]
	if len(feature) != 2 || feature[0].Type.String() != "char *" || feature[1].Type.String() != "char *" {
		t.Errorf("ggml_backend_feature is %v, Features reads two strings", feature)
	}
}

func TestABIOfConstants(t *testing.T) {
	header, err := os.ReadFile(filepath.Join(headersDir(t), "ggml.h"))
	must(t, err)
	if define := fmt.Sprintf("#define GGML_MAX_N_THREADS %d\n", maxThreads); !strings.Contains(regexp.MustCompile(` +`).ReplaceAllString(string(header), " "), define) {
		t.Errorf("ggml.h has no line %q", define)
	}
	enums := newAudit(t).Headers.Enums
	for _, c := range []struct {
		enum, name string
		value      int
	}{
		{"ggml_type", "GGML_TYPE_F32", int(gguf.F32)}, {"ggml_type", "GGML_TYPE_F16", int(gguf.F16)},
		{"ggml_type", "GGML_TYPE_BF16", int(gguf.BF16)}, {"ggml_type", "GGML_TYPE_I32", int(gguf.I32)},
		{"ggml_type", "GGML_TYPE_I64", int(gguf.I64)}, {"ggml_type", "GGML_TYPE_Q4_0", int(gguf.Q4_0)},
		{"ggml_type", "GGML_TYPE_Q5_0", int(gguf.Q5_0)}, {"ggml_type", "GGML_TYPE_Q8_0", int(gguf.Q8_0)},
		{"ggml_type", "GGML_TYPE_Q2_K", int(gguf.Q2_K)}, {"ggml_type", "GGML_TYPE_Q3_K", int(gguf.Q3_K)},
		{"ggml_type", "GGML_TYPE_Q4_K", int(gguf.Q4_K)}, {"ggml_type", "GGML_TYPE_Q5_K", int(gguf.Q5_K)},
		{"ggml_type", "GGML_TYPE_Q6_K", int(gguf.Q6_K)}, {"ggml_type", "GGML_TYPE_IQ4_NL", int(gguf.IQ4_NL)},
		{"ggml_type", "GGML_TYPE_IQ4_XS", int(gguf.IQ4_XS)},
		{"ggml_status", "GGML_STATUS_ALLOC_FAILED", int(AllocFailed)},
		{"ggml_status", "GGML_STATUS_FAILED", int(Failed)},
		{"ggml_status", "GGML_STATUS_SUCCESS", int(Success)},
		{"ggml_status", "GGML_STATUS_ABORTED", int(Aborted)},
		{"ggml_backend_dev_type", "GGML_BACKEND_DEVICE_TYPE_CPU", int(CPU)},
		{"ggml_backend_dev_type", "GGML_BACKEND_DEVICE_TYPE_GPU", int(GPU)},
		{"ggml_backend_dev_type", "GGML_BACKEND_DEVICE_TYPE_IGPU", int(Integrated)},
		{"ggml_backend_dev_type", "GGML_BACKEND_DEVICE_TYPE_ACCEL", int(Accel)},
		{"ggml_prec", "GGML_PREC_F32", precF32},
		{"ggml_backend_buffer_usage", "GGML_BACKEND_BUFFER_USAGE_WEIGHTS", usageWeights},
		{"ggml_log_level", "GGML_LOG_LEVEL_DEBUG", 1}, {"ggml_log_level", "GGML_LOG_LEVEL_ERROR", 4},
		{"ggml_log_level", "GGML_LOG_LEVEL_CONT", logContinued},
	} {
		if got, ok := enums[c.enum][c.name]; !ok || got != c.value {
			t.Errorf("%s is %d in Go, %d in C (found %v)", c.name, c.value, got, ok)
		}
	}
}

// TestABIFaults plants wrong prototypes, each of which must be caught with a
// message that says where.
func TestABIFaults(t *testing.T) {
	audit := newAudit(t)
	for _, fault := range []struct {
		name string
		fn   reflect.Type
		want string
	}{
		{"ggml_norm", reflect.TypeFor[func(contextPtr, tensorPtr) tensorPtr](), "ggml_norm: Go has 2 arguments, C 3"},
		{"ggml_sqr", reflect.TypeFor[func(contextPtr, tensorPtr, bool) tensorPtr](), "ggml_sqr: Go has 3 arguments, C 2"},
		{"ggml_sqr", reflect.TypeFor[func(tensorPtr, contextPtr) tensorPtr](), "ggml_sqr: argument 1 (ctx): Go bindings.tensorPtr, C struct ggml_context *"},
		{"ggml_norm", reflect.TypeFor[func(contextPtr, tensorPtr, float64) tensorPtr](), "ggml_norm: argument 3 (eps): Go float64, C float"},
		{"ggml_row_size", reflect.TypeFor[func(gguf.Type, int32) uintptr](), "ggml_row_size: argument 2 (ne): Go int32, C int64_t"},
		{"ggml_row_size", reflect.TypeFor[func(int64, int64) uintptr](), "ggml_row_size: argument 1 (type): Go int64, C enum ggml_type"},
		{"ggml_row_size", reflect.TypeFor[func(int32, int64) uintptr](), "ggml_row_size: argument 1 (type): Go int32, C enum ggml_type"},
		{"ggml_row_size", reflect.TypeFor[func(gguf.Type, int64) int64](), "ggml_row_size: result: Go int64, C size_t"},
		{"ggml_nbytes", reflect.TypeFor[func(tensorPtr) uint32](), "ggml_nbytes: result: Go uint32, C size_t"},
		{"ggml_nbytes", reflect.TypeFor[func(tensorPtr)](), "ggml_nbytes: result: Go none, C size_t"},
		{"ggml_free", reflect.TypeFor[func(contextPtr) bool](), "ggml_free: result: Go bool, C void"},
		{"ggml_set_name", reflect.TypeFor[func(tensorPtr, *string) tensorPtr](), "ggml_set_name: argument 2 (name): Go *string, C char *"},
		{"ggml_init", reflect.TypeFor[func(uintptr) contextPtr](), "ggml_init: argument 1 (params): Go uintptr, C struct ggml_init_params"},
		{"ggml_gallocr_get_buffer_size", reflect.TypeFor[func(gallocrPtr, uintptr) uintptr](), "argument 2 (buffer_id): Go uintptr, C int"},
		{"ggml_backend_free", reflect.TypeFor[func(bufferPtr)](), "argument 1 (backend): Go bindings.bufferPtr, C struct ggml_backend *"},
		{"ggml_backend_graph_compute", reflect.TypeFor[func(backendPtr, graphPtr) DeviceType](), "result: Go bindings.DeviceType, C enum ggml_status"},
		{"ggml_backend_tensor_set", reflect.TypeFor[func(tensorPtr, *float32, uintptr, uintptr)](), "argument 2 (data): Go *float32, C void *"},
		{"ggml_log_set", reflect.TypeFor[func(address, address)](), "argument 1 (log_callback): Go bindings.address, C function"},
		{"ggml_no_such", reflect.TypeFor[func()](), "ggml_no_such: no prototype in the headers"},
	} {
		wrong := audit.Check(fault.name, fault.fn)
		if !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, fault.want) }) {
			t.Errorf("%s as %v: got %q, want %q", fault.name, fault.fn, wrong, fault.want)
		}
	}
	type moved struct { // the last two fields swapped
		_ uintptr
		_ bool
		_ address
	}
	if wrong := audit.CheckStruct("ggml_init_params", reflect.TypeFor[moved]()); len(wrong) == 0 {
		t.Error("ggml_init_params with two fields swapped is accepted")
	}
}
