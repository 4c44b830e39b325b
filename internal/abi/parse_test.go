package abi

import (
	"reflect"
	"strings"
	"testing"
)

const header = `
#pragma once
#define API \
	extern
#ifdef __cplusplus
template <typename... Args> constexpr inline void unused(Args &&...) noexcept {}
extern "C" {
#endif
typedef void (*log_cb)(enum level l, const char * text, void * data); // before its enum
enum level { NONE = 0, DEBUG, /* two */ WARN = 4, ERROR, LAST = 1 << 3, AFTER };
typedef struct ggml_backend * ggml_backend_t;
struct params {
	size_t mem_size; // bytes
	void * mem;
	bool   flag;
};
struct mask { bool cpu[MOST]; };
GGML_API const char * name(const struct t * GGML_RESTRICT x);
GGML_API void none(void);
GGML_API void unnamed(ggml_backend_t, int64_t, unsigned int);
GGML_DEPRECATED(GGML_API int old(int n, float f[4]), "use new, (please)");
static inline int body(int a) { if (a) { return 1; } return 2; }
GGML_API int logf(const char * fmt, ...) ATTRIBUTE(printf(1, 2));
GGML_API struct t * last(log_cb cb, ggml_backend_t * list, enum level l);
#ifdef __cplusplus
}
#endif
`

func TestParseUnderstandsDeclarations(t *testing.T) {
	h := Parse(header)
	want := map[string]string{
		"name":    "char *(struct t *)",
		"none":    "void()",
		"unnamed": "void(struct ggml_backend *, int64_t, unsigned int)",
		"old":     "int(int, float *)",
		"last":    "struct t *(function, struct ggml_backend **, enum level)",
	}
	got := map[string]string{}
	for name, p := range h.Functions {
		got[name] = show(p)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("functions:\n got %v\nwant %v", got, want)
	}
	if got, want := show(h.Callbacks["log_cb"]), "void(enum level, char *, void *)"; got != want {
		t.Errorf("log_cb is %s, want %s", got, want)
	}
	if got, want := h.Enums["level"], map[string]int{"NONE": 0, "DEBUG": 1, "WARN": 4, "ERROR": 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("enum level is %v, want %v", got, want)
	}
	if got := h.Structs["params"]; len(got) != 3 || got[2].Name != "flag" || got[0].Type.Base != "size_t" {
		t.Errorf("struct params is %v", got)
	}
	if got := h.Structs["mask"]; len(got) != 1 || got[0].Name != "cpu" || got[0].Type.String() != "bool [MOST]" {
		t.Errorf("struct mask: %v", got)
	}
	if n := h.Functions["old"].Params[1].Name; n != "f" {
		t.Errorf("argument 2 of old is named %q, want f", n)
	}
}

func show(p Prototype) string {
	var args []string
	for _, a := range p.Params {
		args = append(args, a.Type.String())
	}
	return p.Result.String() + "(" + strings.Join(args, ", ") + ")"
}

func TestFolderWithoutHeadersIsAnError(t *testing.T) {
	if _, err := ReadHeaders(t.TempDir()); err == nil {
		t.Error("an empty folder has headers")
	}
}

func TestStructOfAnotherLayoutIsRefused(t *testing.T) {
	audit := Audit{Headers: Parse(header)}
	type good struct {
		Size uintptr
		Mem  uint64
		Flag bool
	}
	type swapped struct {
		Flag bool
		Mem  uint64
		Size uintptr
	}
	type short struct{ Size uintptr }
	named := map[reflect.Type]string{reflect.TypeFor[uint64](): "void *"}
	audit.Named = named
	if wrong := audit.CheckStruct("params", reflect.TypeFor[good]()); wrong != nil {
		t.Errorf("the right struct is refused: %q", wrong)
	}
	for _, bad := range []reflect.Type{reflect.TypeFor[swapped](), reflect.TypeFor[short]()} {
		if wrong := audit.CheckStruct("params", bad); wrong == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if wrong := audit.CheckStruct("absent", reflect.TypeFor[good]()); wrong == nil {
		t.Error("a struct that no header has is accepted")
	}
}
