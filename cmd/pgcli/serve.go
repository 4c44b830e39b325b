package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/server"
)

// Variables for secrets: flags are shown to other users of a machine.
const (
	keyVariable         = "PGCLI_API_KEY"
	studioVariable      = "LABEL_STUDIO_URL"
	studioTokenVariable = "LABEL_STUDIO_API_KEY"
)

// Groups of flags of pgcli serve.
const (
	groupLimits = "Limits"
	groupAccess = "Access"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "answer HTTP requests in the forms of OpenAI, ollama and Label Studio, with a page for browsers",
		Description: `Listens on an address of this machine and prints it. Open it in a browser for a page
that asks about a picture and shows boxes and masks on it. Programs find OpenAI's
/v1/chat/completions and /v1/models, ollama's /api/generate and /api/chat, Label
Studio's ML backend, and /v1/detect, /v1/segment, /v1/caption, /v1/answer, /v1/ocr and
/v1/choose; /openapi.yaml describes them all, /metrics is for Prometheus.

The last message of the user is the prompt, as PaliGemma was not trained on
conversations. Pictures come in the request. They are read from other hosts only with
--allow-url, and never from files. A picture is encoded once for several prompts.

Requests beyond --parallel wait, and beyond --queue are answered with status 429. A
SIGTERM or Ctrl-C lets those that run end, for at most the time of --drain; a second
one ends the program at once. Pages of other origins may not call the server unless
--cors-origins names them, and requests must address it by an IP address, as localhost
or by a name of --hosts.

Examples:
  pgcli serve -m model.gguf
  pgcli serve -m model.gguf --listen 0.0.0.0:9931 --api-key-file keys.txt
  pgcli serve --listen unix:/run/pgcli.sock
  curl localhost:9931/v1/detect -F image=@photo.jpg -F labels=cat,dog`,
		Flags: slices.Concat([]cli.Flag{
			modelFlag(),
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:9931", Usage: "`address` to listen on: HOST:PORT, or unix:PATH for a socket; port 0 is a free one"},
			&cli.StringFlag{Name: "alias", Usage: "the model's `name` in answers (default: the name of its file)"},
		}, serveLimits(), serveAccess(), modelFlags()),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return serve(c)
		},
	}
}

func serveLimits() []cli.Flag {
	flags := grouped(groupLimits, []cli.Flag{
		&cli.IntFlag{Name: "parallel", Value: 16, Usage: "`requests` computed at a time"},
		&cli.IntFlag{Name: "queue", Value: 64, Usage: "`requests` that may wait beside those (-1: none)"},
		&cli.IntFlag{Name: "predict", Aliases: []string{"n"}, Value: 512, Usage: "most `tokens` of an answer, also for requests that ask for more"},
		&cli.IntFlag{Name: "max-body", Value: 32, Usage: "`megabytes` of a request, and of all its pictures behind URLs"},
		&cli.IntFlag{Name: "picture-cache", Value: 256, Usage: "`megabytes` of encoded pictures kept for later prompts (-1: none)"},
	})
	return append(flags,
		&cli.DurationFlag{Name: "timeout", Category: groupLimits, Value: 2 * time.Minute, Usage: "`time` of a request, waiting included"},
		&cli.DurationFlag{Name: "drain", Category: groupLimits, Value: 30 * time.Second, Usage: "`time` for requests to end after SIGTERM"})
}

func serveAccess() []cli.Flag {
	flags := grouped(groupAccess, []cli.Flag{
		&cli.StringSliceFlag{Name: "api-key", EnvVars: []string{keyVariable}, Usage: "`key` that requests need (repeatable)"},
		&cli.PathFlag{Name: "api-key-file", Usage: "`file` with a key on each line"},
		&cli.PathFlag{Name: "tls-cert", Usage: "PEM `file` of the certificate, for HTTPS"},
		&cli.PathFlag{Name: "tls-key", Usage: "PEM `file` of its key"},
		&cli.StringSliceFlag{Name: "hosts", Usage: "`name` of this server beside localhost and IP addresses; * is any (repeatable)"},
		&cli.StringSliceFlag{Name: "cors-origins", Usage: "`origin` of pages that may call the server, such as https://example.com; * is any (repeatable)"},
		&cli.StringSliceFlag{Name: "allow-url", Usage: "`host` that pictures may be read from by URL, never at a private address (repeatable)"},
		&cli.StringFlag{Name: "label-studio", EnvVars: []string{studioVariable}, Usage: "`URL` of the Label Studio whose tasks name pictures by paths"},
		&cli.StringFlag{Name: "label-studio-token", EnvVars: []string{studioTokenVariable}, Usage: "`token` for reading them"},
		&cli.BoolFlag{Name: "log-prompts", Usage: "log prompts and errors that quote them, too"},
		&cli.BoolFlag{Name: "log-json", Usage: "log lines of JSON"},
	})
	return flags
}

// webServer returns a server that bounds what clients take before and between requests.
func webServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}

// serve opens the model and answers until a signal comes.
func serve(c *cli.Context) error {
	opts, err := serverOptions(c)
	if err != nil {
		return err
	}
	certificate, err := readCertificate(c)
	if err != nil {
		return err
	}
	listener, address, err := listen(c.String("listen"), certificate)
	if err != nil {
		err = fmt.Errorf("--listen: %w", err)
		if errors.As(err, new(*net.AddrError)) {
			return usagef("%w: want HOST:PORT, such as 127.0.0.1:9931, or unix:PATH", err)
		}
		return err
	}
	defer listener.Close()
	keepPrompts(c, opts.LogPrompts)
	model, err := openModel(c)
	if err != nil {
		return err
	}
	defer model.Close()
	handler, err := server.New(model, opts)
	if err != nil {
		return flags.UsageError{Err: errors.New(strings.TrimPrefix(err.Error(), "server: options: "))}
	}
	defer handler.Close()
	web := webServer(handler)
	web.TLSConfig, web.ErrorLog = certificate, slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	if _, err := fmt.Fprintf(c.App.Writer, "%s\n", address); err != nil {
		return output(err)
	}
	if len(opts.Keys) == 0 && !isLocal(listener.Addr()) {
		fmt.Fprintln(c.App.ErrWriter, "pgcli: other machines may use this server: --api-key asks them for a key")
	}
	select {
	case err := <-failed:
		return err
	case <-c.Context.Done():
	}
	fmt.Fprintf(c.App.ErrWriter, "pgcli: requests that run have %v to end\n", c.Duration("drain"))
	handler.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), c.Duration("drain"))
	defer cancel()
	err = handler.Shutdown(ctx)
	late, end := context.WithTimeout(context.Background(), time.Second) // for the last bytes to leave
	defer end()
	if web.Shutdown(late) != nil {
		web.Close()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("requests still ran after %v: they were ended", c.Duration("drain"))
	}
	return err
}
