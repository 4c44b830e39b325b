//go:build cgo && !asan && !tsan

// Without the sanitizer, which would compile ggml too.

package kernels

import _ "github.com/pgcli/paligemma/ggml" // the built-in door
