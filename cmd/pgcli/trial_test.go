package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma"
)

// trialVariable makes TestTrialChild answer trials; its value is a ggml, or "built-in".
const trialVariable = "PALIGEMMA_TEST_TRIALS"

// A trial is a file that may be broken, for a child process to use in every way.
type trial struct {
	Source  string   // a GGUF file, a folder or an npz file
	Adapter string   // merged into a source that is converted; may be ""
	Type    string   // to convert to
	Levels  []string // of kernels
	Threads int
}

// A use of a trial's file, and how it ended.
type use struct {
	Use    string
	Err    string
	Answer string
}

// TestTrialChild is the child: it reads trials from standard input, one in a line,
// and writes their uses to standard output.
func TestTrialChild(t *testing.T) {
	engine := os.Getenv(trialVariable)
	if engine == "" {
		t.Skip("runs as a child of TestHostileModels")
	}
	if engine == "built-in" {
		engine = ""
	}
	picture := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range picture.Pix {
		picture.Pix[i] = byte(i * 37)
	}
	out := json.NewEncoder(os.Stdout)
	for in := json.NewDecoder(os.Stdin); ; {
		var x trial
		if err := in.Decode(&x); err == io.EOF {
			os.Exit(0) // without the line that go test prints
		} else if err != nil {
			t.Fatal(err)
		}
		must(t, out.Encode(x.uses(t, engine, picture)))
	}
}

// uses makes all uses of the file.
func (x trial) uses(t *testing.T, engine string, picture image.Image) (all []use) {
	pgcli := func(args ...string) bool {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"pgcli"}, args...), strings.NewReader(""), &stdout, &stderr)
		f := use{Use: args[0]}
		if code != exitOK {
			f.Err = fmt.Sprintf("%s (exit code %d)", stderr.String(), code)
		}
		all = append(all, f)
		return code == exitOK
	}
	file := x.Source
	if x.Type != "" {
		file = filepath.Join(t.TempDir(), "converted.gguf")
		args := []string{"convert", x.Source, "-o", file, "--type", x.Type, "--force"}
		if x.Adapter != "" {
			args = append(args, "--lora", x.Adapter)
		}
		if engine != "" {
			args = append(args, "--ggml", engine)
		}
		if !pgcli(args...) {
			return all
		}
		defer os.Remove(file)
	}
	pgcli("info", "--json", file)
	pgcli("info", "--tensors", file)
	for _, level := range x.Levels {
		m, err := paligemma.Open(file, &paligemma.Options{Engine: paligemma.EngineOptions{Library: engine}, Kernels: level, Threads: x.Threads})
		if err != nil {
			all = append(all, use{Use: "open, kernels " + level, Err: err.Error()})
			continue
		}
		for _, p := range []paligemma.Prompt{"caption en", paligemma.Segment("square")} {
			r, err := m.Run(t.Context(), picture, p, &paligemma.Sampling{MaxTokens: 24})
			f := use{Use: string(p) + ", kernels " + level}
			if err != nil {
				f.Err = err.Error()
			} else {
				f.Answer = fmt.Sprint(r.Tokens, r.Stop)
			}
			all = append(all, f)
		}
		if err := m.Close(); err != nil {
			all = append(all, use{Use: "close, kernels " + level, Err: err.Error()})
		}
	}
	return all
}

// trials is a child process that tries one file after the other.
type trials struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
	engine string
}

// close ends the child.
func (c *trials) close() {
	if c.cmd != nil {
		c.in.Close()
		c.cmd.Wait()
		c.cmd = nil
	}
}

func (c *trials) start() (err error) {
	c.cmd = exec.Command(os.Args[0], "-test.run=^TestTrialChild$", "-test.timeout=0")
	c.cmd.Env = append(os.Environ(), trialVariable+"="+c.engine)
	c.stderr.Reset()
	c.cmd.Stderr = &c.stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.out = bufio.NewReader(stdout)
	return c.cmd.Start()
}

// try has the child use a file. The error says that the child died, or took longer
// than limit; the next trial has a new child.
func (c *trials) try(x trial, limit time.Duration) (all []use, err error) {
	if c.cmd == nil {
		if err := c.start(); err != nil {
			return nil, err
		}
	}
	cmd := c.cmd
	late := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	err = json.NewEncoder(c.in).Encode(x)
	var line []byte
	if err == nil {
		line, err = c.out.ReadBytes('\n')
	}
	if err == nil && late.Stop() {
		return all, json.Unmarshal(line, &all)
	}
	late.Stop()
	c.in.Close()
	ended := cmd.Wait()
	c.cmd = nil
	text := c.stderr.String()
	return nil, fmt.Errorf("the process ended: %v, limit %v\n%s%.2000s", ended, limit, line, text)
}
