package hub_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestUntrustedCertificate: a machine without the system's certificates, as a bare
// container is, is told what to install. Nothing is sent, and one try is enough.
func TestUntrustedCertificate(t *testing.T) {
	asked := make(chan string, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	defer server.Close()
	client := &hub.Hub{Endpoint: server.URL, Cache: t.TempDir(), Token: "secret", Wait: time.Hour}
	_, err := client.Snapshot(t.Context(), testhub.Repo, "main")
	if !errors.Is(err, hub.ErrNetwork) || !strings.Contains(err.Error(), "apt-get install ca-certificates") {
		t.Errorf("%v, want ErrNetwork and the package to install", err)
	}
	if len(asked) > 0 {
		t.Errorf("%s was asked for", <-asked)
	}
}
