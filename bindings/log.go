package bindings

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// SetLogger sends ggml's log to logger; nil silences it, which is the default.
// The whole process shares a Lib, so the last call wins.
func (l *Lib) SetLogger(logger *slog.Logger) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l.logger.Store(logger)
}

// captureLog points ggml's log at this Lib, silent until SetLogger.
func (l *Lib) captureLog() {
	l.SetLogger(nil)
	logSinks.Lock()
	logSinks.sinks = append(logSinks.sinks, &logSink{lib: l})
	l.sink = len(logSinks.sinks) - 1
	logSinks.Unlock()
	l.fn.logSet(callback(logCallback()), address(l.sink))
}

// logSinks and logCallback are global because purego's callbacks cannot be freed
// and are limited in number. One callback serves every Lib; the id tells which.
var logSinks struct {
	sync.Mutex
	sinks []*logSink
}

var logCallback = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(level int32, text *byte, id uintptr) uintptr {
		logSinks.Lock()
		sink := logSinks.sinks[id]
		lines := sink.add(level, cString(text))
		logSinks.Unlock()
		for _, l := range lines { // without the lock: a logger may do anything, such as load a ggml
			sink.lib.logger.Load().Log(context.Background(), l.level, l.text, "source", "ggml")
		}
		return 0
	})
})

// A logSink joins the pieces that ggml logs into whole lines.
type logSink struct {
	lib   *Lib
	level slog.Level
	line  strings.Builder
}

// logContinued marks a piece that continues the last (GGML_LOG_LEVEL_CONT).
const logContinued = 5

// A logLine is a line of ggml's log.
type logLine struct {
	level slog.Level
	text  string
}

// add adds a piece, and returns the lines that it ends.
func (s *logSink) add(level int32, text string) (lines []logLine) {
	if level != logContinued {
		s.level = slog.Level(4 * (level - 2)) // ggml's 1 to 4 are debug to error
	}
	for part, rest, found := strings.Cut(text, "\n"); ; part, rest, found = strings.Cut(rest, "\n") {
		s.line.WriteString(part)
		if !found {
			return lines
		}
		if s.line.Len() > 0 {
			lines = append(lines, logLine{s.level, s.line.String()})
		}
		s.line.Reset()
	}
}

// cString copies a C string; nil gives "".
func cString(p *byte) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}
