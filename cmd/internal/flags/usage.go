// Package flags holds what pgcli and pgcli-fleet share of their command lines: the
// prompts, the pictures they are asked about, and the settings that answers depend on.
// Functions named Flags return flags, the others read them from a cli.Context.
package flags

import "fmt"

// A UsageError is a mistake in the command line.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Dashed spells a flag.
func Dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
