package legible

import "fmt"

// Count spells a number of things whose plural has an s: 1 picture, 2 pictures.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
