//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgcli/paligemma/internal/testengine"
)

// nobody is a user who owns no file of these tests: root may read all of them.
const nobody = 65534

// TestUnreadableFiles has pgcli use files that its user may not read, and a file in a
// folder that the user may not enter: the error names the file, what is wrong and what to
// do, and no such file is taken for something else.
func TestUnreadableFiles(t *testing.T) {
	p := newUnprivileged(t)
	for _, name := range []string{"keys.txt", "cert.pem", "key.pem", "picture.jpg", "picture", "model.gguf", "prompt.txt"} {
		p.write(name, 0)
	}
	p.write("open.pem", 0o644)
	p.write("inside/picture", 0o644)
	must(t, os.Chmod(p.path("inside"), 0))
	serve := func(flags ...string) []string { return append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...) }
	for file, args := range map[string][]string{
		"keys.txt":       serve("--api-key-file", "keys.txt"),
		"cert.pem":       serve("--tls-cert", "cert.pem", "--tls-key", "key.pem"),
		"model.gguf":     serve("-m", "model.gguf"),
		"picture.jpg":    {"run", "picture.jpg", "-p", "ocr"},
		"./picture":      {"run", "./picture", "-p", "ocr"},
		"inside/picture": {"detect", "cross", "inside/picture"},
		"prompt.txt":     {"run", "--image", "open.pem", "-f", "prompt.txt"},
	} {
		t.Run(strings.ReplaceAll(file, "/", "_"), func(t *testing.T) {
			out, code := p.run(args...)
			if code != exitFailed || !strings.Contains(out, file+": permission denied\n  pgcli runs as user ") || !strings.HasSuffix(out, " above it\n") {
				t.Errorf("pgcli %q: exit code %d, want 1 and what to do about %s:\n%s", args, code, file, out)
			}
		})
	}
}

// TestForbiddenAddress asks for a socket in a folder that the user may not change, and for
// a port as the system refuses those of root.
func TestForbiddenAddress(t *testing.T) {
	p := newUnprivileged(t)
	must(t, os.Mkdir(p.path("kept"), 0o555))
	const want = "kept/pgcli.sock: bind: permission denied\n  pgcli runs as user "
	if out, code := p.run("serve", "--listen", "unix:kept/pgcli.sock"); code != exitFailed || !strings.Contains(out, want) {
		t.Errorf("exit code %d, want 1 and %q:\n%s", code, want, out)
	}
	port := &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{Port: 80}, Err: os.NewSyscallError("bind", syscall.EACCES)}
	if got := message(port); !strings.HasSuffix(got, "permission denied\n  ports below 1024 are for root: choose another, such as 9931") {
		t.Errorf("message %q does not say what to do about a port", got)
	}
}

// An unprivileged pgcli runs in a folder of its own, as nobody if the test is root's.
type unprivileged struct {
	t      *testing.T
	dir    string
	engine string // a copy that anybody may read; "" for the built-in one
}

func newUnprivileged(t *testing.T) *unprivileged {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgcli-unprivileged") // those of t.TempDir are closed to others
	must(t, err)
	p := &unprivileged{t: t, dir: dir}
	t.Cleanup(func() {
		_ = os.Chmod(p.path("inside"), 0o755)
		must(t, os.RemoveAll(dir))
	})
	must(t, os.Chmod(dir, 0o755))
	program, err := exec.LookPath("pgcli") // in a folder that is closed to others
	must(t, err)
	if os.Link(program, p.path("pgcli")) != nil {
		data, err := os.ReadFile(program)
		must(t, err)
		must(t, os.WriteFile(p.path("pgcli"), data, 0o755))
	}
	must(t, os.Chmod(p.path("pgcli"), 0o755))
	if !builtIn {
		p.engine = testengine.Shared(t)
		if info, err := os.Stat(p.engine); err == nil && info.IsDir() {
			must(t, os.CopyFS(p.path("engine"), os.DirFS(p.engine)))
			p.engine = p.path("engine")
		}
	}
	return p
}

func (p *unprivileged) path(name string) string { return filepath.Join(p.dir, name) }

// write makes a file with a mode.
func (p *unprivileged) write(name string, mode os.FileMode) {
	p.t.Helper()
	must(p.t, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	must(p.t, os.WriteFile(p.path(name), []byte("text"), 0o600))
	must(p.t, os.Chmod(p.path(name), mode))
}

// run runs pgcli and returns all that it prints, and its exit code.
func (p *unprivileged) run(args ...string) (output string, code int) {
	p.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(p.path("pgcli"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &out, &out
	cmd.Env = append(os.Environ(), "HOME="+p.dir)
	if p.engine != "" {
		cmd.Env = append(cmd.Env, "PALIGEMMA_GGML="+p.engine)
	}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		p.t.Fatalf("pgcli does not start: %v", err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}
