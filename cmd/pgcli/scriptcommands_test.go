package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are commands of testdata/*.txt beside testscript's own. They stand in for a
// shell, which Windows has none of.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"status": checkStatus, "concat": concatFiles, "head": headOfFile, "pick": pickGroups, "strip": stripFile, "bytes": writeBytes,
}

// missingFile returns a pattern of the system's words for a file that does not exist.
func missingFile() string {
	words := []error{syscall.ENOENT}
	if runtime.GOOS == "windows" { // of a file, and of a folder; Wine's are others than Windows'
		words = append(words, syscall.Errno(2), syscall.Errno(3))
	}
	var patterns []string
	for _, err := range words {
		patterns = append(patterns, regexp.QuoteMeta(err.Error()))
	}
	return "(" + strings.Join(patterns, "|") + ")"
}

// usage ends a script whose command has wrong arguments.
func usage(ts *testscript.TestScript, neg, right bool, text string) {
	if neg || !right {
		ts.Fatalf("usage: %s", text)
	}
}

// checkStatus runs a program and compares its exit code.
func checkStatus(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "status CODE PROGRAM ARGUMENTS...")
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s; standard error:\n%s", code, args[0], ts.ReadFile("stderr"))
	}
}

// concatFiles writes files one after the other.
func concatFiles(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "concat OUT FILES...")
	var all bytes.Buffer
	for _, name := range args[1:] {
		all.WriteString(ts.ReadFile(name))
	}
	writeFile(ts, args[0], all.Bytes())
}

// headOfFile writes the first bytes of a file.
func headOfFile(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "head BYTES FILE OUT")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	writeFile(ts, args[2], []byte(ts.ReadFile(args[1]))[:n])
}

// pickGroups writes the text of a pattern's first group, of each place that it matches, a line each.
func pickGroups(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "pick PATTERN FILE OUT")
	var out bytes.Buffer
	for _, match := range regexp.MustCompile(args[0]).FindAllStringSubmatch(ts.ReadFile(args[1]), -1) {
		out.WriteString(match[1] + "\n")
	}
	if out.Len() == 0 {
		ts.Fatalf("%s: nothing matches %s", args[1], args[0])
	}
	writeFile(ts, args[2], out.Bytes())
}

// stripFile takes out of a file what a pattern matches.
func stripFile(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "strip PATTERN FILE")
	writeFile(ts, args[1], regexp.MustCompile(args[0]).ReplaceAll([]byte(ts.ReadFile(args[1])), nil))
}

// writeBytes writes a Go string without its quotes, such as \xff\n.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "bytes STRING OUT")
	text, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	writeFile(ts, args[1], []byte(text))
}

func writeFile(ts *testscript.TestScript, name string, data []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), data, fs.FileMode(0o666)))
}
