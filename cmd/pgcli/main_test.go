package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pgcli/paligemma/internal/testengine"
	"github.com/pgcli/paligemma/internal/testrace"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pgcli": main,
	})
}

// TestScripts runs testdata/*.txt, which check output, standard error and exit codes.
func TestScripts(t *testing.T) {
	engine := testengine.Find()
	if engine == "" && os.Getenv(testengine.RequireVariable) == "1" {
		t.Fatal("no shared ggml to test with: run `make engines`")
	}
	tiny := makeTiny(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ENGINE", engine)
			env.Setenv("TINY", tiny)
			env.Setenv("MISSING", missingFile())
			env.Setenv("NL", "\n")
			table, err := filepath.Abs("../../batch/parquet/testdata/datasets.parquet")
			env.Setenv("TABLE", table)
			if err != nil {
				return err
			}
			checkpoint, err := filepath.Abs("../../testdata/oracle/pg1-a")
			env.Setenv("CHECKPOINT", checkpoint)
			return err
		},
		Cmds: scriptCommands,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "builtin": // this build has ggml inside
				return builtIn, nil
			case "engine": // a shared library to test with; make engines fetches it
				return engine != "", nil
			case "race": // scripts of commands that are one goroutine skip themselves
				return testrace.Slowness > 1, nil
			}
			return false, nil
		},
	})
}
