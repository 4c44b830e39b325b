package schedule

import (
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
)

// A PanicError says that work panicked: a mistake of the program, or of a type that
// its caller wrote.
type PanicError struct {
	Value any    // that panic was called with
	Stack []byte // of the goroutine, as package runtime/debug prints it
	place string // the function that panicked, with its file and line
}

// Error is one line: the stack is for the program's log.
func (e *PanicError) Error() string {
	value := strings.Join(strings.Fields(fmt.Sprint(e.Value)), " ")
	return fmt.Sprintf("panic: %.200s, in %s; please report it with PanicError.Stack", value, e.place)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Guard calls f and makes a PanicError of a panic: the caller of the work, who may
// know what to do about it, is often in another goroutine.
func Guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack(), panicPlace()}
		}
	}()
	return f()
}

// panicPlace finds the function that panicked, below those of the runtime.
func panicPlace() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	panicking := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicking = panicking || inRuntime; panicking && !inRuntime || !more {
			return fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), path.Base(frame.File), frame.Line)
		}
	}
}
