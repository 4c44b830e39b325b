// Command nodoor links the library without the built-in ggml and prints the
// door that it finds.
package main

import (
	"fmt"
	"os"

	"github.com/pgcli/paligemma"
)

func main() {
	engine, err := paligemma.LoadEngine(nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(engine.Door)
}
