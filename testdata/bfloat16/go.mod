// The goldens of bfloat16 are left out of the module's zip, as the checkpoints are
// that they are made of.
module github.com/pgcli/paligemma/testdata/bfloat16
