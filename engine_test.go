package paligemma

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
)

// TestAdviceFitsTheProgram: advice says that a lack matters only without our kernels
// where they run, and names a remedy that the program has.
func TestAdviceFitsTheProgram(t *testing.T) {
	for _, c := range []struct {
		door            bindings.Door
		kernels, unused []string
		want, not       string
	}{
		{bindings.BuiltIn, []string{"avx2"}, []string{"AVX2", "FMA"}, "10 to 20 times slower, which matters only with Options.Kernels off", ""},
		{bindings.BuiltIn, []string{"avx2"}, []string{"AVX512"}, "may be slower than they could be, which matters only", "10 to 20"},
		{bindings.BuiltIn, nil, []string{"AVX"}, "10 to 20 times slower; to change that, compile the program with CGO_CFLAGS", "only"},
		{bindings.SharedLibrary, nil, []string{"AVX"}, "use a ggml built for this processor", "CGO_CFLAGS"},
	} {
		e := &Engine{Kernels: c.kernels, Unused: c.unused}
		got := advice(c.door, e)
		if !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("advice is %q, want %q and not %q in it", got, c.want, c.not)
		}
	}
	if got := advice(bindings.BuiltIn, &Engine{}); got != "" {
		t.Errorf("advice without unused instruction sets: %q", got)
	}
}

// TestOpenLogsAdvice: the log of Open has the advice of the engine that is in use,
// as a warning if the model computes with ggml.
func TestOpenLogsAdvice(t *testing.T) {
	for kernels, level := range map[string]string{"off": "WARN", "auto": "INFO"} {
		var log bytes.Buffer
		m := openOracle(t, "pg1-a", Options{Kernels: kernels, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		e := describe(m.lib)
		if level == "WARN" && !crippled(e.Unused) {
			level = "INFO" // ggml uses the instructions that matter
		}
		if (e.Advice != "") != strings.Contains(log.String(), "level="+level+` msg="ggml was compiled without`) {
			t.Errorf("kernels %s: advice is %q, the log %q", kernels, e.Advice, &log)
		}
	}
}
