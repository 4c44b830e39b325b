package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/cmd/internal/interrupt"
)

const chatHelp = `A line is a prompt, asked by itself: the model does not see the lines before it.
For example: caption en, ocr, answer en what is this?, detect cat
  /image FILE...  look at other pictures
  /help           show this
  /bye            end, as Ctrl-D does; Ctrl-C stops an answer or /image, or empties the line`

func chatCommand() *cli.Command {
	return &cli.Command{
		Name:      "chat",
		Usage:     "ask about a picture, prompt by prompt",
		ArgsUsage: "[IMAGE...]",
		Description: `Keeps the model and the picture, and reads a prompt from each line of standard
input.

` + chatHelp + `

` + promptRule + `

Examples:
  pgcli chat photo.jpg -m model.gguf
  pgcli chat photo.jpg <prompts.txt >answers.txt`,
		Flags: slices.Concat([]cli.Flag{modelFlag(), imageFlag()},
			grouped(groupOutput, []cli.Flag{objectFlags()[0], timingsFlag()}), grouped(groupSampling, flags.SamplingFlags("off")), modelFlags()),
		OnUsageError: wrongFlag,
		Action:       chatAction,
	}
}

// chatAction opens the model, looks at the pictures, and answers lines until they
// end. A mistake in a line is reported, and the next line is read.
func chatAction(c *cli.Context) error {
	pictures, words, err := picturesAndTexts(c)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return usagef("chat takes pictures, got %q, which is no file; prompts come line by line, or with pgcli run", words)
	}
	asked, err := newAsking(c, pictures, false, 1)
	if err != nil {
		return err
	}
	if err := asked.open(c); err != nil {
		return err
	}
	defer asked.close()
	t := &talk{asking: asked, c: c}
	if t.view, _, err = asked.look(c.Context, c, pictures); err != nil {
		return err
	}
	lines := newLineReader(c)
	c.Context = context.WithoutCancel(c.Context) // from here on Ctrl-C stops one line's work only
	if lines.watched {
		t.help()
	}
	interrupts := make(chan os.Signal, 2) // one of each
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	for {
		line, err := lines.next(interrupts)
		switch {
		case errors.Is(err, io.EOF):
			return t.end(lines)
		case errors.Is(err, errLongLine):
			fmt.Fprintf(c.App.ErrWriter, "pgcli: %s\n", message(err))
			continue
		case err != nil:
			return err
		}
		again, err := t.line(line, interrupts)
		if err != nil {
			return err
		}
		if !again {
			return t.end(lines)
		}
	}
}

// A talk is a chat about pictures, which /image replaces.
type talk struct {
	*asking
	c             *cli.Context
	view          *view
	asked, failed int  // lines that are not blank
	ended         bool // by SIGTERM
}

// end returns the chat's error: for input that nobody watches, that lines failed.
func (t *talk) end(lines *lineReader) error {
	switch {
	case lines.watched:
		return nil
	case t.failed > 0 && t.failed == t.asked:
		return fmt.Errorf("nothing is answered: %d of %d lines failed", t.failed, t.asked)
	}
	return someFailed(t.failed, t.asked, "lines")
}

// line answers a line. It returns false after /bye, and an error if no other line can
// be answered.
func (t *talk) line(line string, interrupts <-chan os.Signal) (again bool, err error) {
	command, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch {
	case command == "":
		return true, nil
	case command == "/bye" || command == "/exit" || command == "/quit":
		return false, nil
	case command == "/help" || command == "/?":
		t.help()
	case command == "/image":
		err = t.look(rest, interrupts)
	case strings.HasPrefix(command, "/"):
		err = fmt.Errorf("no command %s; /help lists them", command)
	default:
		err = t.ask(paligemma.Prompt(line), interrupts)
	}
	switch {
	case errors.As(err, new(outputError)):
		return false, err
	case t.ended:
		return false, interrupt.By(syscall.SIGTERM)
	}
	t.asked++
	if err != nil {
		t.failed++
		fmt.Fprintf(t.c.App.ErrWriter, "pgcli: %s\n", message(err))
	}
	return true, nil
}

func (t *talk) help() {
	w := t.c.App.ErrWriter
	fmt.Fprintln(w, paragraphs(chatHelp, helpWidth(w)))
}

// look replaces the pictures by the files that a text names: one whose name is the
// whole text, or one for each word. Ctrl-C stops it, and leaves the pictures as they were.
func (t *talk) look(files string, interrupts <-chan os.Signal) error {
	paths := []string{strings.TrimSpace(files)}
	if !flags.Exists(paths[0]) {
		paths = strings.Fields(files)
	}
	switch {
	case len(paths) == 0:
		return errors.New("/image names no picture: want /image FILE")
	case slices.Contains(paths, "-"):
		return errors.New("/image - names standard input, from which the lines come: want /image FILE")
	}
	return t.stoppable(interrupts, func(ctx context.Context) error {
		v, _, err := t.asking.look(ctx, t.c, paths)
		if err == nil {
			t.view = v
		}
		return err
	})
}

// ask answers a prompt. Ctrl-C stops the answer.
func (t *talk) ask(p paligemma.Prompt, interrupts <-chan os.Signal) error {
	return t.stoppable(interrupts, func(ctx context.Context) error {
		_, err := t.answer(ctx, t.c, t.view, p)
		return err
	})
}

// stoppable does work for a line. Ctrl-C ends its context, and so does SIGTERM, which
// ends the chat too.
func (t *talk) stoppable(interrupts <-chan os.Signal, work func(context.Context) error) error {
	select {
	case s := <-interrupts: // came too late to stop the last line's work
		if s == syscall.SIGTERM {
			t.ended = true
			return nil
		}
	default:
	}
	ctx, stop := context.WithCancel(t.c.Context)
	defer stop()
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case s := <-interrupts:
				t.ended = t.ended || s == syscall.SIGTERM // which may follow Ctrl-C
				stop()
			case <-ended:
				return
			}
		}
	}()
	err := work(ctx)
	close(ended)
	<-watched
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped")
	}
	return err
}
