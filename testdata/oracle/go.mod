// The oracle's checkpoints are left out of the module's zip: only tests of a clone
// read them.
module github.com/pgcli/paligemma/testdata/oracle
