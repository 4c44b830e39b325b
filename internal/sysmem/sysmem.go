// Package sysmem tells how much memory the process may still take.
package sysmem

import "fmt"

// A Limit is something that bounds the memory of the process.
type Limit struct {
	Name  string // for messages, such as "the limit of address space (ulimit -v)"
	Bytes int64  // that the process may still take; not negative

	// Address says that mapped files count, and memory that is reserved and not used.
	Address bool
}

func (l Limit) String() string { return fmt.Sprintf("%s leaves %s", l.Name, Size(l.Bytes)) }

// Limits returns the limits that this system has and tells; none elsewhere than on
// Linux.
func Limits() []Limit { return limits() }

// Size spells a number of bytes.
func Size(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
