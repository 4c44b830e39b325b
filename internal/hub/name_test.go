package hub

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// TestParseName has the forms that users write, and what must not become a path.
func TestParseName(t *testing.T) {
	for s, want := range map[string]Name{
		"google/paligemma2-3b-mix-448":                  {"google/paligemma2-3b-mix-448", "", "main"},
		"google/paligemma2-3b-mix-448:Q4_K_M":           {"google/paligemma2-3b-mix-448", "Q4_K_M", "main"},
		"hf://google/x.y:q8_0@refs/pr/1":                {"google/x.y", "q8_0", "refs/pr/1"},
		"https://huggingface.co/google/paligemma-3b@v1": {"google/paligemma-3b", "", "v1"},
		"hf.co/a/b/": {"a/b", "", "main"},
	} {
		if got, err := ParseName(s); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "a", "a/b/c", "../b", "a/..", "a/b@", "a/b:", "a/b@../x", "a/b@x/../y", "a b/c", "a/b:q4/8", "-a/b", "a/b@-x", "a--b/c", `a\b/c`} {
		if got, err := ParseName(s); err == nil {
			t.Errorf("%q: %+v, want an error", s, got)
		}
	}
}

// TestFromEnvironment has huggingface_hub's rules for where the cache and the token are.
func TestFromEnvironment(t *testing.T) {
	home := filepath.FromSlash("/home/u")
	path := filepath.FromSlash
	for _, c := range []struct {
		env   map[string]string
		cache string
		token string // as read from this path
	}{
		{nil, "/home/u/.cache/huggingface/hub", "/home/u/.cache/huggingface/token"},
		{map[string]string{"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub", "/x/huggingface/token"},
		{map[string]string{"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/hub", "/h/token"},
		{map[string]string{"HF_HUB_CACHE": "~/c", "HF_HOME": "/h"}, "/home/u/c", "/h/token"},
		{map[string]string{"LLAMA_CACHE": "/l", "HF_HUB_CACHE": "/c", "HF_TOKEN_PATH": "/t"}, "/l", "/t"},
		{map[string]string{"HF_TOKEN": " hf_1\n"}, "/home/u/.cache/huggingface/hub", "hf_1"},
	} {
		h := FromEnvironment(func(name string) string { return c.env[name] }, home, func(path string) string { return path + "\n" })
		if h.Cache != path(c.cache) || h.Token != path(c.token) || h.Endpoint != DefaultEndpoint || h.Offline {
			t.Errorf("%v: %+v, want the cache %s and the token %s", c.env, h, c.cache, c.token)
		}
	}
	for folder, want := range map[string]string{"": "", "/h": "/h/hub"} {
		h := FromEnvironment(func(name string) string { return map[string]string{"HF_HOME": folder}[name] }, "", func(string) string { return "" })
		if h.Cache != path(want) {
			t.Errorf("without a home, HF_HOME=%s: the cache is %q, want %q", folder, h.Cache, want)
		}
	}
	env := map[string]string{"HF_HUB_OFFLINE": "true", "HF_ENDPOINT": "http://mirror/"}
	if h := FromEnvironment(func(name string) string { return env[name] }, home, func(string) string { return "" }); !h.Offline || h.Endpoint != "http://mirror" {
		t.Errorf("%+v, want to be offline, and the mirror", h)
	}
}

// TestTokenStaysWithItsHost: not even a subdomain gets it, nor the same host by http.
func TestTokenStaysWithItsHost(t *testing.T) {
	request := func(link string) *http.Request {
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u, Header: http.Header{"Authorization": {"Bearer x"}}}
	}
	for link, want := range map[string]string{"https://hub.test/b": "Bearer x", "https://cdn.hub.test/b": "", "https://hub.test:1/b": "", "https://other.test/b": ""} {
		r := request(link)
		if err := checkRedirect(r, []*http.Request{request("https://hub.test/a")}); err != nil || r.Header.Get("Authorization") != want {
			t.Errorf("%s: token %q, %v, want %q", link, r.Header.Get("Authorization"), err, want)
		}
	}
	if err := checkRedirect(request("http://hub.test/b"), []*http.Request{request("https://hub.test/a")}); err == nil {
		t.Error("a redirect from https to http is followed")
	}
}
