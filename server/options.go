package server

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Options choose how a Server behaves. The zero value is useful: it answers
// programs on this machine, and reads no picture but those in requests.
type Options struct {
	Name    string // the model's id in answers; "" means "paligemma"
	Version string // of the program, for /props; "" means "0.0.0"

	Parallel int           // requests that are computed at a time; 0 means 16
	Queue    int           // requests that wait or are being read beside those; 0 means 64, -1 none
	Timeout  time.Duration // of a request, waiting included; 0 means 2 minutes

	MaxBody      int64 // bytes of a request, and of all its pictures behind URLs; 0 means 32 MiB
	MaxTokens    int   // of an answer, also for requests that ask for more; 0 means 512
	PictureCache int64 // bytes of soft tokens of pictures seen before; 0 means 256 MiB, -1 none

	Keys []string // API keys, of which requests need one; none are needed if it is empty

	// Hosts are names that requests may address the server by, without a port,
	// beside localhost and IP addresses; "*" is any. Another name may be a page's
	// on the internet that points to this machine (DNS rebinding).
	Hosts []string

	// Origins are those of pages that may call the server from a browser, such as
	// "https://example.com"; "*" is any. Pages of the server itself always may.
	Origins []string

	// AllowURLs are hosts, or host:port, from which pictures are read that a
	// request names by URL. Private addresses are refused all the same.
	AllowURLs []string

	LabelStudio LabelStudio // where Label Studio's tasks have their pictures

	Logger     *slog.Logger // receives a record of each request; nil discards them
	LogPrompts bool         // records hold prompts, too; pictures are in none
}

// LabelStudio names a Label Studio, whose tasks may have pictures by paths of its own.
type LabelStudio struct {
	URL   string // such as http://localhost:8080; its address may be private
	Token string // of a user, sent to that host alone
}

// fill sets defaults, and refuses values out of range.
func (o *Options) fill() error {
	defaults(&o.Name, "paligemma")
	defaults(&o.Version, "0.0.0")
	defaults(&o.Parallel, 16)
	defaults(&o.Queue, 64)
	defaults(&o.Timeout, 2*time.Minute)
	defaults(&o.MaxBody, 32<<20)
	defaults(&o.MaxTokens, 512)
	defaults(&o.PictureCache, 256<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	for _, v := range []struct {
		name               string
		value, least, most int64
	}{
		{"parallel", int64(o.Parallel), 1, 1 << 10}, {"queue", int64(o.Queue), -1, 1 << 20}, {"timeout in ns", int64(o.Timeout), 1, 1 << 62},
		{"max body", o.MaxBody, 1 << 10, 1 << 34}, {"max tokens", int64(o.MaxTokens), 1, 1 << 20}, {"picture cache", o.PictureCache, -1, 1 << 50},
	} {
		if v.value < v.least || v.value > v.most {
			return fmt.Errorf("%s is %d, want %d to %d", v.name, v.value, v.least, v.most)
		}
	}
	o.Queue, o.PictureCache = max(o.Queue, 0), max(o.PictureCache, 0)
	if i := slices.Index(o.Keys, ""); i >= 0 {
		return fmt.Errorf("API key %d is empty", i+1)
	}
	for _, origin := range o.Origins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin) {
			return fmt.Errorf("origin %q, want one such as https://example.com, without a path, or *", origin)
		}
	}
	for _, host := range slices.Concat(o.Hosts, o.AllowURLs) {
		if host == "" || strings.ContainsAny(host, "/@ ") {
			return fmt.Errorf("host %q, want a name such as example.com", host)
		}
	}
	if u, err := url.Parse(o.LabelStudio.URL); o.LabelStudio.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("the URL of Label Studio is %q, want one such as http://localhost:8080", o.LabelStudio.URL)
	}
	return nil
}

// defaults sets a value that is not set.
func defaults[T comparable](value *T, to T) {
	if *value == *new(T) {
		*value = to
	}
}
