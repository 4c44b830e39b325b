package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/pgcli/paligemma/internal/textfile"
)

// A lineReader reads the lines of standard input: on a terminal with a prompt and keys to
// edit them.
type lineReader struct {
	terminal *os.File // nil for anything else
	screen   io.Writer
	editor   *term.Terminal
	text     chan string // from other input, which a goroutine reads
	err      error       // after text is closed
}

func newLineReader(c *cli.Context) *lineReader {
	in, ok := c.App.Reader.(*os.File)
	out := c.App.ErrWriter
	if ok && term.IsTerminal(int(in.Fd())) && isTerminal(out) {
		return &lineReader{terminal: in, screen: out, editor: term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{keyboard{in}, out}, "> ")}
	}
	l := &lineReader{text: make(chan string)}
	go func() {
		defer close(l.text)
		s := textfile.NewScanner(c.App.Reader)
		for s.Scan() {
			l.text <- strings.TrimRight(s.Text(), "\r")
		}
		if l.err = s.Err(); l.err != nil {
			l.err = fmt.Errorf("standard input: %w", l.err)
		}
	}()
	return l
}

// next returns a line, or io.EOF. The terminal is raw only meanwhile, so that Ctrl-C
// is a signal again while an answer comes.
func (l *lineReader) next(interrupts <-chan os.Signal) (string, error) {
	if l.terminal == nil {
		select {
		case line, ok := <-l.text:
			switch {
			case ok:
				return line, nil
			case l.err != nil:
				return "", l.err
			}
			return "", io.EOF
		case <-interrupts:
			return "", context.Canceled
		}
	}
	fd := int(l.terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	if width, height, err := term.GetSize(fd); err == nil && width > 0 {
		l.editor.SetSize(width, height)
	}
	line, err := l.editor.ReadLine()
	err = errors.Join(err, term.Restore(fd, before))
	if errors.Is(err, io.EOF) {
		fmt.Fprintln(l.screen)
	}
	return line, err
}

// A keyboard passes keys to the editor, which would end at Ctrl-C as at Ctrl-D. In its
// place the editor gets the keys that empty the line, as in a shell.
type keyboard struct{ in io.Reader }

// Keys, as a raw terminal sends them.
const (
	ctrlC = 3
	ctrlE = 5    // to the end of the line
	ctrlU = 0x15 // erase to its start
)

func (k keyboard) Read(p []byte) (int, error) {
	if len(p) < 2 {
		return k.in.Read(p)
	}
	n, err := k.in.Read(p[:len(p)/2]) // a key may become two
	keys := slices.Clone(p[:n])
	n = 0
	for _, key := range keys {
		if key == ctrlC {
			n += copy(p[n:], []byte{ctrlE, ctrlU})
		} else {
			n += copy(p[n:], []byte{key})
		}
	}
	return n, err
}
