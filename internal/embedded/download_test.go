package embedded_test

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/embedded"
)

// mavenURL lets machines that reach Maven Central only through a mirror run the download.
func mavenURL() string { return os.Getenv("DUOLOG_MAVEN_URL") }

func TestPostgresIsDownloadedWhereNoneIsInstalled(t *testing.T) {
	t.Parallel()
	if testing.Short() && !servicesRequired() {
		t.Skip("-short: unpacking a server takes a minute under the race detector")
	}
	needRegistry(t)
	cfg := embedded.PostgresConfig{Ephemeral: true, DownloadOnly: true, CacheDir: t.TempDir(), MavenURL: mavenURL()}
	p := startPostgres(t, cfg)
	if version := query(t, p.URL("postgres"), "SHOW server_version"); !strings.HasPrefix(version, "18.") {
		t.Errorf("version = %s; want 18", version)
	}
	cfg.MavenURL = "http://127.0.0.1:1" // the second start must not need it
	startPostgres(t, cfg)
}

func servicesRequired() bool { return os.Getenv("REQUIRE_SERVICES") == "1" }

// needRegistry skips only where the registry cannot be reached, and never where services are required.
func needRegistry(t *testing.T) {
	t.Helper()
	response, err := http.DefaultClient.Do(newHead(t, cmp.Or(mavenURL(), embedded.MavenCentral)))
	http.DefaultClient.CloseIdleConnections()
	if err == nil {
		_ = response.Body.Close()
		return
	}
	if servicesRequired() {
		t.Fatalf("Maven Central cannot be reached: %v", err)
	}
	t.Skipf("Maven Central cannot be reached, so the download is not tested: %v", err)
}

func newHead(t *testing.T, base string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, base+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestDownloadFailuresNameTheFix(t *testing.T) {
	t.Parallel()
	forged := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("forged")) }))
	defer forged.Close()
	absent := httptest.NewServer(http.NotFoundHandler())
	defer absent.Close()
	for url, want := range map[string]string{
		forged.URL:                         "not the published file",
		absent.URL:                         "404",
		"http://user:secret@127.0.0.1:1/m": "connection refused",
		"no url":                           "not one",
	} {
		_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Ephemeral: true, DownloadOnly: true, CacheDir: t.TempDir(), MavenURL: url})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "apt-get install postgresql") {
			t.Errorf("download from %s = %v; want %q and a fix", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}
