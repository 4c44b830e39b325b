package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/urfave/cli/v2"
)

// notices returns a logger that prints the library's warnings to standard error, each
// kind of warning once.
func notices(c *cli.Context) *slog.Logger {
	const key = "notices"
	if c.App.Metadata[key] == nil {
		c.App.Metadata[key] = &noticeHandler{w: c.App.ErrWriter, said: map[string]bool{}}
	}
	return slog.New(c.App.Metadata[key].(*noticeHandler))
}

// A noticeHandler prints warnings and errors as the command's own messages.
type noticeHandler struct {
	w    io.Writer
	mu   sync.Mutex
	said map[string]bool

	withoutPrompts bool // warnings do not quote them
}

// keepPrompts says whether warnings may quote prompts.
func keepPrompts(c *cli.Context, keep bool) {
	notices(c).Handler().(*noticeHandler).withoutPrompts = !keep
}

func (h *noticeHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

// Handle prints the message, after the prompt that it is about if it names one.
func (h *noticeHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.said[r.Message] {
		return nil
	}
	h.said[r.Message] = true
	about := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "prompt" && !h.withoutPrompts {
			about = fmt.Sprintf("%q: ", a.Value.String())
		}
		return true
	})
	return tell(h.w, "%s%s", about, r.Message)
}

func (h *noticeHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *noticeHandler) WithGroup(string) slog.Handler      { return h }
