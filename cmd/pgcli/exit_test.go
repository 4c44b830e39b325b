package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/interrupt"
)

// A faulty writer panics.
type faulty struct{}

func (faulty) Write([]byte) (int, error) { panic("faulty writer") }

// TestPanicIsNoWrongCall: a panic has an exit code and a message of its own.
func TestPanicIsNoWrongCall(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"pgcli", "help", "run"}, nil, faulty{}, &stderr); code != 70 {
		t.Errorf("exit code %d, want 70", code)
	}
	for _, want := range []string{"this is a bug of pgcli", "panic: faulty writer\n", "exit_test.go"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, &stderr)
		}
	}
	err := fmt.Errorf("open: %w", &paligemma.PanicError{Value: "while opening"})
	if code := exitCode(t.Context(), err, &stderr); code != 70 || !strings.Contains(stderr.String(), "panic: while opening\n") {
		t.Errorf("a panic while a model is opened: exit code %d, want 70\n%s", code, &stderr)
	}
}

// TestExitCodes has an error of each kind.
func TestExitCodes(t *testing.T) {
	over, cancel := context.WithCancelCause(t.Context())
	cancel(interrupt.Error{Signal: 15})
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, 0},
		{t.Context(), errors.New("x"), 1},
		{t.Context(), context.Canceled, 1}, // by nobody
		{t.Context(), usagef("x"), 2},
		{t.Context(), someFailed(1, 2, "x"), 3},
		{t.Context(), errors.Join(someFailed(1, 2, "x"), nil), 3},
		{t.Context(), someFailed(0, 2, "x"), 0},
		{t.Context(), outputError{&fs.PathError{Op: "write", Path: "stdout", Err: brokenPipes()[0]}}, 141},
		{t.Context(), &net.OpError{Op: "write", Err: syscall.EPIPE}, 1},
		{over, context.Cause(over), 143},
		{over, context.Canceled, 143},
		{over, errors.New("x"), 1},
	} {
		if got := exitCode(c.ctx, c.err, new(bytes.Buffer)); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}
