package main

import (
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testhub"
	"github.com/pgcli/paligemma/models"
)

// TestAModelFromTheHub: enqueue and work take -hf in place of -m, fetch the model once, and
// it is the one whose file -m would name.
func TestAModelFromTheHub(t *testing.T) {
	h := &testhub.Hub{Files: map[string][]byte{"tiny-f16.gguf": models.Tiny()}}
	h.Start()
	t.Cleanup(h.Close)
	home := t.TempDir()
	for name, value := range map[string]string{"HF_ENDPOINT": h.URL, "HF_HOME": home, "XDG_CACHE_HOME": home, "HOME": home, "HF_TOKEN": "", "HF_HUB_CACHE": "", "LLAMA_CACHE": "", "HF_HUB_OFFLINE": "", "PALIGEMMA_MODEL": ""} {
		t.Setenv(name, value)
	}
	b := newBench(t, 2)
	b.enqueue(0, "-hf", testhub.Repo+":f16")
	b.work(0, "-hf", testhub.Repo, "--offline", "--threads", "1")
	if got := b.collect(0); len(got) != 2 {
		t.Errorf("%d records, want 2", len(got))
	}
	b.enqueue(0) // the same model, that of the program
	for want, args := range map[string][]string{
		"-m and -hf both name the model":    {"-hf", testhub.Repo, "-m", "x.gguf"},
		"-hff names a file":                 {"-hff", "tiny-f16.gguf"},
		"no GGUF file of type q2_k, want o": {"-hf", testhub.Repo + ":q2_k"},
	} {
		code := 2
		if strings.HasPrefix(want, "no GGUF") {
			code = 1
		}
		if text := b.work(code, args...); !strings.Contains(text, want) {
			t.Errorf("%q: %s", args, text)
		}
	}
}
