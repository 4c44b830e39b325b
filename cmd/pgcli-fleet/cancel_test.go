package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/cmd/pgcli-fleet/queue"
)

// leaver is a source whose caller leaves while it is listed, and which then ends without an
// error, as a bucket or a table does.
type leaver struct{ leave func() }

func (l leaver) Items(context.Context) iter.Seq2[batch.Item, error] {
	return func(func(batch.Item, error) bool) { l.leave() }
}

// cancelledJob is what the queues of these tests ask.
var cancelledJob = queue.Job{Identity: batch.Identity{Model: "model"}, Prompts: []paligemma.Prompt{"ocr"}}

// newJob makes a queue with a job on a server.
func newJob(t *testing.T, url string) (*queue.Queue, *nats.Conn) {
	t.Helper()
	nc, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(nc.Close)
	q, err := queue.Create(t.Context(), nc, "default", queue.Config{})
	must(t, err)
	_, err = q.SetJob(t.Context(), cancelledJob)
	must(t, err)
	return q, nc
}

// TestCancelledEnqueue: an enqueue that is cancelled while its pictures are listed is no
// success, though a part of them needs no question.
func TestCancelledEnqueue(t *testing.T) {
	q, _ := newJob(t, newInProcess(t).url())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, err := q.Enqueue(ctx, &queue.Enqueuing{Sources: []batch.Source{leaver{cancel}}, Prompts: cancelledJob.Prompts})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, error %v, want %v", n, err, context.Canceled)
	}
}

// TestCancelledCollect: the end of a collect that waits for a silent server is not called the
// server's silence.
func TestCancelledCollect(t *testing.T) {
	s := newInProcess(t)
	_, nc := newJob(t, s.url())
	js, err := nc.JetStream()
	must(t, err)
	_, err = js.Publish("pgcli.default.results.aa.bb.cc.answer", []byte("a result"))
	must(t, err)
	for _, request := range []string{"$JS.API.CONSUMER.CREATE.", "$JS.API.CONSUMER.MSG.NEXT."} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		way, err := nats.Connect(silenced(t, s.url(), request, cancel))
		must(t, err)
		defer way.Close()
		q, err := queue.Open(ctx, way, "default")
		must(t, err)
		out, err := batch.Open(t.Context(), filepath.Join(t.TempDir(), "out.jsonl"), cancelledJob.Identity, false)
		must(t, err)
		defer out.Close()
		if _, err = q.Collect(ctx, out, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
			t.Errorf("silent at %s: error %v, want %v", request, err, context.Canceled)
		}
	}
}

// silenced returns the address of a way to a server that is silent from a request on, and
// calls then.
func silenced(t *testing.T, server, request string, then func()) string {
	t.Helper()
	u, err := url.Parse(server)
	must(t, err)
	return "nats://" + listen(t, func(client net.Conn) {
		up, err := net.Dial("tcp", u.Host)
		if err != nil {
			return
		}
		defer up.Close()
		go io.Copy(client, up)
		seen := make([]byte, 1<<16)
		for {
			n, err := client.Read(seen)
			if err != nil {
				return
			}
			if bytes.Contains(seen[:n], []byte(request)) {
				then()
				io.Copy(io.Discard, client) // until the client leaves
				return
			}
			if _, err := up.Write(seen[:n]); err != nil {
				return
			}
		}
	})
}

// listen calls do for each connection to the address that it returns.
func listen(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); do(conn) }()
		}
	}()
	return l.Addr().String()
}

// TestCancelledConnect: a command that connects to a server without an answer ends as
// interrupted, not as one without a server, with the code of the signal.
func TestCancelledConnect(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at := listen(t, func(conn net.Conn) { cancel(); io.Copy(io.Discard, conn) })
	if code, _, stderr := fleet(ctx, "status", "--server", "nats://"+at); code != 130 {
		t.Errorf("exit code %d, want 130: %s", code, stderr)
	}
	cmd, started := command("", "status"), make(chan struct{})
	at = listen(t, func(conn net.Conn) { <-started; _ = cmd.Process.Signal(syscall.SIGTERM); io.Copy(io.Discard, conn) })
	cmd.Args = append(cmd.Args, "--server", "nats://"+at)
	must(t, cmd.Start())
	close(started)
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("after SIGTERM: %v, want exit code 143", cmd.ProcessState)
	}
}
