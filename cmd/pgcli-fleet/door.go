package main

import _ "github.com/pgcli/paligemma/ggml" // the built-in door
