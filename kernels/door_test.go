//go:build cgo && !asan

// Without the sanitizer, which would compile ggml too.

package kernels

import _ "github.com/pgcli/paligemma/ggml" // the built-in door
