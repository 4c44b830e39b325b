package testmodel

import _ "github.com/pgcli/paligemma/ggml" // the built-in door, for every test that imports this package
