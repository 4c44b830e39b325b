package flags

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
)

// parse runs a command with arguments.
func parse(t *testing.T, do func(*cli.Context) error, args ...string) error {
	t.Helper()
	app := &cli.App{Commands: []*cli.Command{{Name: "x", Flags: slices.Concat(SamplingFlags("on"), ModelFlags()), Action: do}}}
	return app.Run(append([]string{"app", "x"}, args...))
}

// TestSettingsAreFollowed: whoever follows an Identity answers as the flags say that it
// came from.
func TestSettingsAreFollowed(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"-n", "7", "--temp", "0.25", "--top-k", "3", "--top-p", "0.5", "--min-p", "0.125", "-s", "11", "--grammar", "off", "--repeats", "-c", "600", "--kernels", "off", "--cache-type", "f32", "--loc-scale", "1023"},
		{"--precise", "--kernels", "avx2", "-n", "-1"},
	} {
		err := parse(t, func(c *cli.Context) error {
			id := Identity(c, "digest")
			own, err := Sampler(c)
			if err != nil {
				return err
			}
			return parse(t, func(other *cli.Context) error {
				followed, err := Follow(other, id)
				if err != nil {
					return err
				}
				if got := Identity(followed, "digest"); !slices.Equal(got.Settings, id.Settings) || got.Key("a", "ocr") != id.Key("a", "ocr") {
					t.Errorf("%v: followed as %v", args, got.Settings)
				}
				theirs, err := Sampler(followed)
				if err != nil {
					return err
				}
				a, b := own("detect cat"), theirs("detect cat")
				if a.Temperature == 0 { // the seed is random, and not used
					a.Seed, b.Seed = 0, 0
				}
				if (a.Grammar == nil) != (b.Grammar == nil) {
					t.Errorf("%v: another grammar", args)
				}
				a.Grammar, b.Grammar = nil, nil
				if !reflect.DeepEqual(a, b) {
					t.Errorf("%v: sampling %+v, followed as %+v", args, *a, *b)
				}
				var x, y paligemma.Options
				if err := SetModel(c, &x); err != nil {
					return err
				}
				if err := SetModel(followed, &y); err != nil {
					return err
				}
				if x.Context != y.Context || x.Kernels != y.Kernels || x.Precise != y.Precise || x.CacheF32 != y.CacheF32 || x.LocScale != y.LocScale {
					t.Errorf("%v: model %+v, followed as %+v", args, x, y)
				}
				return nil
			})
		}, args...)
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestSettingsOfOtherVersionsAreRefused: fewer, more, others, and values that are none.
func TestSettingsOfOtherVersionsAreRefused(t *testing.T) {
	err := parse(t, func(c *cli.Context) error {
		right := Identity(c, "digest").Settings
		for want, settings := range map[string][]batch.Setting{
			"another version":     right[1:],
			"want 13":             right[:5],
			"--shiny":             append(slices.Clone(right), batch.Setting{Name: "--shiny", Value: "1"}),
			"setting --predict: ": append([]batch.Setting{{Name: "--predict", Value: "many"}}, right[1:]...),
		} {
			if _, err := Follow(c, batch.Identity{Settings: settings}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: error %v, want %s", settings, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
