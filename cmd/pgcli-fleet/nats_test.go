package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A natsServer can be killed, and started again with what it has stored.
type natsServer interface {
	url() string
	start(t testing.TB)
	kill(t testing.TB)
}

// inProcess is a server in the test's process.
type inProcess struct {
	dir  string
	port int
	s    *server.Server
}

func newInProcess(t testing.TB) *inProcess {
	p := &inProcess{dir: t.TempDir(), port: -1}
	p.start(t)
	t.Cleanup(func() { p.kill(t) })
	return p
}

func (p *inProcess) url() string { return p.s.ClientURL() }

func (p *inProcess) start(t testing.TB) {
	var err error
	p.s, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: p.port, JetStream: true, StoreDir: p.dir, SyncAlways: true, NoLog: true, NoSigs: true})
	must(t, err)
	p.s.Start()
	if !p.s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server did not start")
	}
	if at := p.s.Addr(); at != nil {
		_, err = fmt.Sscanf(at.String(), "127.0.0.1:%d", &p.port)
		must(t, err)
	}
}

func (p *inProcess) kill(testing.TB) {
	p.s.Shutdown()
	p.s.WaitForShutdown()
}

// ownProcess is nats-server as it is shipped, with the configuration that is shipped.
type ownProcess struct {
	binary, dir string
	port        int
	cmd         *exec.Cmd
}

func newOwnProcess(t testing.TB) *ownProcess {
	p := &ownProcess{binary: filepath.Join(t.TempDir(), "nats-server"), dir: t.TempDir(), port: freePort(t)}
	build := exec.Command("go", "build", "-o", p.binary, "github.com/nats-io/nats-server/v2")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	shipped, err := os.ReadFile("../../deploy/nats.conf")
	must(t, err)
	config := strings.ReplaceAll(string(shipped), "/var/lib/nats", filepath.Join(p.dir, "store"))
	config = regexp.MustCompile(`(?m)^(listen|http):.*$`).ReplaceAllString(config, "")
	config += fmt.Sprintf("\nlisten: 127.0.0.1:%d\n", p.port)
	must(t, os.WriteFile(filepath.Join(p.dir, "nats.conf"), []byte(config), 0o644))
	p.start(t)
	t.Cleanup(func() { p.kill(t) })
	return p
}

func (p *ownProcess) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", p.port) }

func (p *ownProcess) start(t testing.TB) {
	p.cmd = exec.Command(p.binary, "-c", filepath.Join(p.dir, "nats.conf"))
	must(t, p.cmd.Start())
	eventually(t, "the server starts", func() bool { return dials(p.port) })
}

func (p *ownProcess) kill(testing.TB) {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// dials reports whether a program listens on a port.
func dials(port int) bool {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// suspects returns the pictures that are in their second attempt or a later one, but for known.
func suspects(t testing.TB, url string, known map[string]bool) (all []string) {
	nc, err := nats.Connect(url)
	must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	state, err := js.Stream(t.Context(), stateStream)
	must(t, err)
	info, err := state.Info(t.Context(), jetstream.WithSubjectFilter(">"))
	must(t, err)
	for subject := range info.State.Subjects {
		m, err := state.GetLastMsgForSubject(t.Context(), subject)
		var attempt struct{ N int }
		if err == nil && strings.Contains(subject, ".attempts.") && json.Unmarshal(m.Data, &attempt) == nil && attempt.N > 1 {
			if !known[subject] {
				all = append(all, subject)
			}
		}
	}
	return all
}
