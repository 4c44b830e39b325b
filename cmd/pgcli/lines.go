package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/pgcli/paligemma/cmd/internal/interrupt"
	"github.com/pgcli/paligemma/internal/textfile"
)

// A lineReader reads the lines of standard input: on a terminal after a prompt, with keys to
// edit them if the terminal can move its cursor.
type lineReader struct {
	watched  bool     // somebody types the lines
	terminal *os.File // that has the editor; nil without one
	screen   io.Writer
	editor   *term.Terminal
	text     chan string // without an editor, from a goroutine that reads
	err      error       // after text is closed
}

// linePrompt comes before a line that somebody types.
const linePrompt = "> "

// mostTyped is the most characters of a line that the editor, or the system without it, takes;
// they drop others without a word.
const mostTyped = 4094

var errLongLine = fmt.Errorf("the line has more than %d characters, and a terminal takes no more; put such prompts into a file, for pgcli run -f FILE", mostTyped)

func newLineReader(c *cli.Context) *lineReader {
	in, ok := c.App.Reader.(*os.File)
	out := c.App.ErrWriter
	l := &lineReader{watched: ok && term.IsTerminal(int(in.Fd())) && isTerminal(out), screen: out}
	if l.watched && movesCursor(out) {
		l.terminal = in
		l.editor = term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{keyboard{in}, out}, linePrompt)
		return l
	}
	l.text = make(chan string)
	s := textfile.NewScanner(c.App.Reader)
	if l.watched { // a text file's reader waits for the bytes that would tell its encoding
		s = bufio.NewScanner(c.App.Reader)
	}
	go func() {
		defer close(l.text)
		for s.Scan() {
			l.text <- strings.TrimRight(s.Text(), "\r")
		}
		if l.err = s.Err(); l.err != nil {
			l.err = fmt.Errorf("standard input: %w", l.err)
		}
	}()
	return l
}

// next returns a line, or io.EOF, an interruption, or errLongLine, after which it may be called
// again.
func (l *lineReader) next(interrupts <-chan os.Signal) (line string, err error) {
	if l.terminal != nil {
		line, err = l.edit(interrupts)
	} else {
		line, err = l.read(interrupts)
	}
	if err == nil && l.watched && utf8.RuneCountInString(line) > mostTyped {
		return "", errLongLine
	}
	if l.watched && err != nil { // a message follows
		fmt.Fprintln(l.screen)
	}
	return line, err
}

// read returns a line that nobody can edit. Ctrl-C drops one that is being typed.
func (l *lineReader) read(interrupts <-chan os.Signal) (string, error) {
	for {
		if l.watched {
			fmt.Fprint(l.screen, linePrompt)
		}
		select {
		case line, ok := <-l.text:
			switch {
			case ok:
				return line, nil
			case l.err != nil:
				return "", l.err
			}
			return "", io.EOF
		case s := <-interrupts:
			if !l.watched || s != os.Interrupt {
				return "", interrupt.By(s)
			}
			fmt.Fprintln(l.screen)
		}
	}
}

// edit returns a line that can be edited. The terminal is raw only meanwhile, so that Ctrl-C
// is a signal again while an answer comes.
func (l *lineReader) edit(interrupts <-chan os.Signal) (string, error) {
	fd := int(l.terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	if width, height, err := term.GetSize(fd); err == nil && width > 0 {
		l.editor.SetSize(width, height)
	}
	var line string
	done := make(chan struct{})
	go func() {
		defer close(done)
		line, err = l.editor.ReadLine()
	}()
	for {
		select {
		case <-done:
			if errors.Is(err, term.ErrPasteIndicator) { // the line is whole, and was pasted
				err = nil
			}
			return line, errors.Join(err, term.Restore(fd, before))
		case s := <-interrupts:
			if s != os.Interrupt { // Ctrl-C is a key; the reading ends with the program
				return "", errors.Join(interrupt.By(s), term.Restore(fd, before))
			}
		}
	}
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
