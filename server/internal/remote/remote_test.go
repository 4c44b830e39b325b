package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestPublic knows every kind of private address, in every spelling.
func TestPublic(t *testing.T) {
	for _, private := range []string{"127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "0.0.0.0", "0.1.2.3", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fec0::1", "::ffff:0:7f00:1"} {
		if Public(netip.MustParseAddr(private)) {
			t.Errorf("%s is public", private)
		}
	}
	for _, public := range []string{"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"} {
		if !Public(netip.MustParseAddr(public)) {
			t.Errorf("%s is private", public)
		}
	}
}

// nameServer answers each question for an IPv4 address with the next of some, the last
// again and again, on loopback.
func nameServer(t *testing.T, addresses ...[4]byte) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		for b := make([]byte, 1500); ; {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			end := 12 // of the question: labels, type, class
			for end < n && b[end] != 0 {
				end += int(b[end]) + 1
			}
			kind := binary.BigEndian.Uint16(b[end+1:])
			out := append([]byte{b[0], b[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, b[12:end+5]...)
			if kind == 1 {
				out[7] = 1
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				out = append(out, addresses[0][:]...)
				addresses = addresses[min(1, len(addresses)-1):]
			}
			c.WriteTo(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// TestRefused is each way to a private address, and to a host that is not allowed.
func TestRefused(t *testing.T) {
	asked := 0
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer web.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(web.URL, "http://"))
	r := &Reader{Hosts: []string{"pictures.example", "pictures.example:" + port, "127.0.0.1:" + port, "localhost:" + port, "[::ffff:127.0.0.1]:" + port, "2130706433:" + port},
		Most: 100, Timeout: 5 * time.Second, Resolver: nameServer(t, [4]byte{127, 0, 0, 1})}
	for _, link := range []string{
		web.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, // allowed, but private
		"http://pictures.example:" + port + "/a.png", // a public name that points to a private address
		"http://other.example/", "http://pictures.example.evil/", "http://pictures.example:1/", "http://evil@pictures.example/",
		"http://pictures.example@other.example/", "file:///etc/passwd", "ftp://pictures.example/", "gopher://pictures.example/", "/etc/passwd", "", "http://", "http://%zz/",
	} {
		if _, err := r.Read(t.Context(), link); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: error %v, want it refused", link, err)
		}
	}
	if asked > 0 {
		t.Errorf("%d requests reached a private address", asked)
	}
}

// TestSpellings: a private address is refused in each way to spell it, also those that
// only some programs read as an address, where every name points to loopback.
func TestSpellings(t *testing.T) {
	r := &Reader{Most: 100, Timeout: 5 * time.Second, Resolver: nameServer(t, [4]byte{127, 0, 0, 1})}
	for _, host := range []string{"127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "localhost", "localhost.", "LOCALHOST", "0", "0.0.0.0",
		"10.0.0.1", "169.254.169.254", "255.255.255.255", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[fe80::1%25lo]", "[fc00::1]",
		"[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[ff02::1]", "127.0.0.1.nip.io", "xn--127-e08a"} {
		u := &url.URL{Scheme: "http", Host: host + ":9", Path: "/"}
		r.Hosts = []string{u.Host}
		_, err := r.Read(t.Context(), "http://"+host+":9/")
		noName := new(net.DNSError) // a name that is none points nowhere
		if !errors.Is(err, ErrRefused) && !(errors.As(err, &noName) && noName.IsNotFound) {
			t.Errorf("%s: error %v, want it refused", host, err)
		}
	}
}

// TestNameThatChanges: the first answer about a name is public and the next is not, as
// of a name server that means harm. The address that is dialled is the one that counts.
func TestNameThatChanges(t *testing.T) {
	reached := false
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer web.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(web.URL, "http://"))
	names := nameServer(t, [4]byte{8, 8, 8, 8}, [4]byte{127, 0, 0, 1})
	r := &Reader{Hosts: []string{"pictures.example:" + port}, Most: 100, Timeout: 5 * time.Second, Resolver: names}
	if list, err := names.LookupHost(t.Context(), "pictures.example"); err != nil || len(list) != 1 || !Public(netip.MustParseAddr(list[0])) {
		t.Fatalf("the first answer is %v, %v", list, err)
	}
	if _, err := r.Read(t.Context(), "http://pictures.example:"+port+"/"); !errors.Is(err, ErrRefused) || reached {
		t.Errorf("error %v, reached %v, want it refused", err, reached)
	}
}

// TestRedirects are checked as the URL is, and take no header elsewhere.
func TestRedirects(t *testing.T) {
	var elsewhere *httptest.Server
	seen := ""
	elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen += r.Header.Get("Authorization") + "reached" }))
	defer elsewhere.Close()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/big", http.StatusFound)
		case "/big":
			w.Write(make([]byte, 100))
		case "/bigger":
			w.Write(make([]byte, 101))
		case "/slow":
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	defer web.Close()
	u, _ := url.Parse(web.URL)
	r := &Reader{Hosts: []string{u.Host}, Private: true, Most: 100, Timeout: 5 * time.Second, Header: http.Header{"Authorization": {"Token secret"}}}
	for path, want := range map[string]error{"/away": ErrRefused, "/file": ErrRefused, "/loop": ErrRefused, "/bigger": ErrTooBig, "/here": nil, "/big": nil} {
		data, err := r.Read(t.Context(), web.URL+path)
		if !errors.Is(err, want) || err == nil && len(data) != 100 {
			t.Errorf("%s: %d bytes, error %v, want %v", path, len(data), err, want)
		}
	}
	r.Hosts, r.Header = append(r.Hosts, strings.TrimPrefix(elsewhere.URL, "http://")), nil
	if _, err := r.Read(t.Context(), web.URL+"/none"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a missing file: %v", err)
	}
	r.Timeout = 50 * time.Millisecond
	if _, err := r.Read(t.Context(), web.URL+"/slow"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a slow host: %v", err)
	}
	if seen != "" {
		t.Errorf("the other host saw %q", seen)
	}
}
