package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testhub"
)

// TestEveryCommandTakesHub: each command with -m asks the Hub for the model of -hf, and
// with --offline and HF_HUB_OFFLINE says in the same words that the cache lacks it.
func TestEveryCommandTakesHub(t *testing.T) {
	h := atHub(t, &testhub.Hub{Files: checkpoint(t)})
	picture := "demo/scene-08.jpg"
	out := filepath.Join(t.TempDir(), "out.jsonl")
	data := filepath.Join(t.TempDir(), "data.jsonl")
	must(t, os.WriteFile(data, []byte(`{"image":"x.png","prompt":"ocr","expected":"x"}`+"\n"), 0o600))
	arguments := map[string][]string{
		"run": {picture, "ocr"}, "chat": {picture}, "detect": {picture, "cat"}, "segment": {picture, "cat"}, "demo": {picture, "-o", filepath.Join(t.TempDir(), "g")},
		"batch": {picture, "-p", "ocr", "-o", out}, "serve": {"--listen", "127.0.0.1:0"}, "tokenize": {"a"}, "eval": {data}, "bench": {"-r", "1"},
	}
	tested := 0
	for _, c := range newApp(strings.NewReader(""), nil, nil).Commands {
		takes := false
		for _, f := range c.Flags {
			takes = takes || f.Names()[0] == "model"
		}
		if !takes {
			continue
		}
		tested++
		args := append([]string{c.Name}, append(arguments[c.Name], "-hf", testhub.Repo)...)
		_, flag, code := pgcli(t, append(args, "--offline")...)
		if code != exitFailed || !strings.Contains(flag, testhub.Repo+` at revision "main" is not in the cache`) || !strings.Contains(flag, "--offline (or HF_HUB_OFFLINE)") {
			t.Errorf("%s --offline: code %d, %q", c.Name, code, flag)
		}
		t.Setenv("HF_HUB_OFFLINE", "1")
		_, variable, code2 := pgcli(t, args...)
		t.Setenv("HF_HUB_OFFLINE", "")
		if variable != flag || code2 != code {
			t.Errorf("%s with HF_HUB_OFFLINE: code %d, %q, want %d, %q", c.Name, code2, variable, code, flag)
		}
	}
	if tested != len(arguments) {
		t.Errorf("%d commands take -m, want %d: give new ones their arguments here", tested, len(arguments))
	}
	if r := h.Requests(); len(r) != 0 {
		t.Errorf("offline, and yet asked for: %q", r)
	}
}

// TestTokenIsNeverShown: whatever the Hub answers, the token is in no message, and a file
// of a token may end as editors end files.
func TestTokenIsNeverShown(t *testing.T) {
	const secret = "hf_VerySecretToken"
	status := 0
	h := atHub(t, &testhub.Hub{Files: checkpoint(t), Gated: true, Token: secret, Fault: func(w http.ResponseWriter, r *http.Request) bool {
		if status != 0 {
			w.Header().Set("X-Error-Message", r.Header.Get("Authorization"))
			http.Error(w, r.Header.Get("Authorization"), status)
		}
		return status != 0
	}})
	must(t, os.WriteFile(filepath.Join(os.Getenv("HF_HOME"), "token"), []byte(secret+"\r\n"), 0o600))
	for _, status = range []int{400, 401, 403, 404, 418} {
		for _, more := range [][]string{nil, {"--hf-token", secret + "\n"}, {"--hf-token", secret + "\x01"}} {
			out, errs, code := pgcli(t, append([]string{"tokenize", "a", "-hf", testhub.Repo}, more...)...)
			if code == 0 || errs == "" || strings.Contains(out+errs, secret) {
				t.Errorf("%d, %q: code %d, %s%s", status, more, code, out, errs)
			}
		}
	}
	status = 0
	if _, errs, code := pgcli(t, "tokenize", "a", "-hf", testhub.Repo+":q8_0"); code != 0 || strings.Contains(errs, secret) {
		t.Errorf("with the token's file: code %d, %s", code, errs)
	}
	for _, r := range h.Requests() {
		if strings.HasPrefix(r, "hub ") && !strings.HasSuffix(r, " token") {
			t.Errorf("%q: without the token", r)
		}
	}
	err := filepath.WalkDir(os.Getenv("HF_HOME"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "token" {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), secret) {
			t.Errorf("%s has the token", path)
		}
		return err
	})
	must(t, err)
}

// TestModelInUseIsNotTakenAway: models --remove leaves alone what another process fetches,
// converts or has open, from its first file to its end.
func TestModelInUseIsNotTakenAway(t *testing.T) {
	atHub(t, &testhub.Hub{Files: checkpoint(t), Slow: 5 * time.Millisecond})
	chat := exec.Command("pgcli", "chat", "-hf", testhub.Repo+":q8_0", "../../testdata/scene.png")
	var messages bytes.Buffer
	chat.Stderr = &messages
	lines, err := chat.StdinPipe()
	must(t, err)
	answers, err := chat.StdoutPipe()
	must(t, err)
	must(t, chat.Start())
	t.Cleanup(func() { chat.Process.Kill() })
	refused := 0
	remove := func() { // at any moment once something is there
		_, errs, code := pgcli(t, "models", "--remove", testhub.Repo)
		switch {
		case code == exitFailed && strings.Contains(errs, "cannot be removed now: another process uses it"):
			refused++
		case code != exitUsage || !strings.Contains(errs, "is no model of the list") || refused > 0:
			t.Errorf("while it is used: code %d, %s", code, errs)
		}
	}
	converted := false
	for began := time.Now(); !converted && time.Since(began) < time.Minute; {
		remove()
		list, _, _ := pgcli(t, "models")
		for line := range strings.Lines(list) {
			converted = converted || strings.Contains(line, "@") && !strings.Contains(line, "not complete")
		}
	}
	fmt.Fprintln(lines, "caption en")
	answer, err := bufio.NewReader(answers).ReadString('\n')
	remove()
	must(t, lines.Close())
	if ended := chat.Wait(); ended != nil || err != nil || !converted {
		t.Errorf("chat: %q, %v, converted: %v, %v, %s", answer, err, converted, ended, &messages)
	}
	if refused == 0 {
		t.Error("never refused")
	}
	if _, errs, code := pgcli(t, "models", "--remove", testhub.Repo); code != 0 {
		t.Errorf("afterwards: code %d, %s", code, errs)
	}
}
