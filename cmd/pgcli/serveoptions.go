package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/server"
	"github.com/urfave/cli/v2"
)

// serverOptions reads the flags.
func serverOptions(c *cli.Context) (*server.Options, error) {
	for _, flag := range []string{"parallel", "queue", "predict", "max-body", "picture-cache"} {
		least := 1
		if flag == "queue" || flag == "picture-cache" {
			least = -1
		}
		if n := c.Int(flag); n < least || n > 1<<20 {
			return nil, usagef("--%s is %d, want %d to %d", flag, n, least, 1<<20)
		}
	}
	for _, flag := range []string{"timeout", "drain"} {
		if d := c.Duration(flag); d <= 0 {
			return nil, usagef("--%s is %v, want more than 0", flag, d)
		}
	}
	name := cmp.Or(c.String("alias"), modelName(c))
	if c.Path("model") == "" && c.String("hf-repo") == "" {
		name = cmp.Or(c.String("alias"), "paligemma-tiny")
	}
	o := &server.Options{
		Name: name, Version: flags.Version(),
		Parallel: c.Int("parallel"), Queue: nonZero(c.Int("queue")), Timeout: c.Duration("timeout"), MaxTokens: c.Int("predict"),
		MaxBody: int64(c.Int("max-body")) << 20, PictureCache: int64(nonZero(c.Int("picture-cache"))) << 20,
		Keys: c.StringSlice("api-key"), Hosts: c.StringSlice("hosts"), Origins: c.StringSlice("cors-origins"), AllowURLs: c.StringSlice("allow-url"),
		LabelStudio: server.LabelStudio{URL: c.String("label-studio"), Token: c.String("label-studio-token")},
		LogPrompts:  c.Bool("log-prompts"), Logger: serveLog(c),
	}
	if path := c.Path("api-key-file"); path != "" {
		keys, err := flags.Lines(c, path)
		if err != nil {
			return nil, fmt.Errorf("API keys: %w", err)
		}
		if len(keys) == 0 {
			return nil, usagef("--api-key-file %s has no key", path)
		}
		for _, key := range keys {
			o.Keys = append(o.Keys, strings.TrimSpace(string(key)))
		}
	}
	if strings.HasPrefix(c.String("listen"), "unix:") {
		o.Hosts = append(o.Hosts, "*") // no page reaches a socket
	}
	return o, nil
}

// nonZero spells "none" as the server does: 0 there means its default.
func nonZero(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// serveLog returns the log of requests.
func serveLog(c *cli.Context) *slog.Logger {
	if c.Bool("log-json") {
		return slog.New(slog.NewJSONHandler(c.App.ErrWriter, nil))
	}
	return slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))
}
