package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pgcli": main,
	})
}

// TestScripts runs testdata/*.txt, which check output, standard error and exit codes.
func TestScripts(t *testing.T) {
	engine, err := testEngine()
	if err != nil && os.Getenv("PALIGEMMA_REQUIRE_ENGINE") != "" {
		t.Fatal(err)
	}
	tiny := makeTiny(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ENGINE", engine)
			env.Setenv("TINY", tiny)
			checkpoint, err := filepath.Abs("../../testdata/oracle/pg1-a")
			env.Setenv("CHECKPOINT", checkpoint)
			return err
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "builtin": // this build has ggml inside
				return builtIn, nil
			case "engine": // a shared library to test with; make engines fetches it
				return engine != "", nil
			}
			return false, nil
		},
	})
}

// testEngine returns the folder of the shared library that make engines fetches.
func testEngine() (string, error) {
	dir, err := filepath.Abs("../../.engines/linux-x64")
	if err != nil {
		return "", err
	}
	_, err = os.Stat(dir)
	if err != nil {
		return "", err
	}
	return dir, nil
}
