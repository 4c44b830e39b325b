// The checkpoint of the embedded model is left out of the module's zip: only tests and
// scripts of a clone read it.
module github.com/pgcli/paligemma/models/tiny
