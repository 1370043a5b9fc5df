package embedded

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

const (
	downloadVersion = "18.4.0"
	downloadMajor   = 18
	mostBytes       = 256 << 20
)

// MavenCentral is where servers are downloaded from unless the configuration names a mirror.
const MavenCentral = "https://repo1.maven.org/maven2"

// downloadSum returns the published SHA-256 of the server for a platform, "" if none is published. It
// stands here, not only beside the download, so that a mirror cannot exchange both.
func downloadSum(platform string) string {
	switch platform {
	case "linux-amd64":
		return "401d4e69baba9072d3772607710df0d47b39a7632c6b01b2a5f5d85a9514e212"
	case "linux-arm64v8":
		return "a9ec284923b9a7d2db41509bfb88c3d0eeb9f4aa5e2b29ea0aac5e8dbaf4c335"
	case "linux-amd64-alpine":
		return "fe42b1e2a60eb4c50f6859bf17e933fd87f6ad701a1e72ac54070a67acc58e14"
	case "darwin-amd64":
		return "68381ed1488edd337345c6c4bc6ae0c823832a4dd7af8b04656ee5c218c291b5"
	case "darwin-arm64v8":
		return "ab698c4486a795d2aa8a158b3a41e1201a77e7ff72a6255094cd5900080853c2"
	default:
		return ""
	}
}

// platform names this machine as the published servers do.
func platform() string {
	arch := runtime.GOARCH
	if arch == "arm64" {
		arch = "arm64v8"
	}
	name := runtime.GOOS + "-" + arch
	if musl, _ := filepath.Glob("/lib/ld-musl-*"); len(musl) > 0 { // only a malformed pattern fails
		name += "-alpine"
	}
	return name
}

// DefaultCacheDir is where this user's downloads are kept between directories. Root's own cache lies
// where the user that may have to run the server for root cannot reach it.
func DefaultCacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/duolog", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(dir, "duolog"), nil
}

// downloadedServer returns the server in the cache, downloading it first if it is not there. Processes
// that need it at the same time wait for one download.
func (p *Postgres) downloadedServer(ctx context.Context) (server, error) {
	cache := cmp.Or(p.cfg.CacheDir, filepath.Join(p.dir, "cache"))
	home := filepath.Join(cache, "postgresql-"+downloadVersion+"-"+platform())
	found := server{bin: filepath.Join(home, "bin"), major: downloadMajor}
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // another user may have to run the server
		return server{}, fmt.Errorf("create cache: %w", err)
	}
	turn := flock.New(home + ".lock")
	if err := turn.Lock(); err != nil {
		return server{}, fmt.Errorf("lock %s: %w", turn.Path(), err)
	}
	defer func() { _ = turn.Close() }()
	if exists, err := fileExists(home); exists || err != nil {
		return found, err
	}
	if err := p.download(ctx, home); err != nil {
		return server{}, fmt.Errorf("no PostgreSQL %d or newer is installed, and PostgreSQL %s cannot be downloaded: %w; install one (apt-get install postgresql, brew install postgresql) or name a reachable mirror of Maven Central",
			oldestMajor, downloadVersion, err)
	}
	return found, nil
}

// download fetches, verifies and unpacks the server beside home and renames it: home is complete or absent.
func (p *Postgres) download(ctx context.Context, home string) error {
	sum := downloadSum(platform())
	if sum == "" {
		return fmt.Errorf("none is published for %s", platform())
	}
	source, err := downloadURL(cmp.Or(p.cfg.MavenURL, MavenCentral))
	if err != nil {
		return err
	}
	p.logger.InfoContext(ctx, "downloading postgres, once", slog.String("url", source.Redacted()), slog.String("to", home))
	jar, err := fetch(ctx, source)
	if err != nil {
		return err
	}
	if got := sha256.Sum256(jar); hex.EncodeToString(got[:]) != sum {
		return fmt.Errorf("what %s answered is not the published file: its SHA-256 is %x, expected %s", source.Redacted(), got, sum)
	}
	partial := home + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("remove unfinished download: %w", err)
	}
	if err := unpack(jar, partial); err != nil {
		return errors.Join(fmt.Errorf("unpack: %w", err), os.RemoveAll(partial))
	}
	return os.Rename(partial, home)
}

func downloadURL(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, errors.New("the Maven URL is not one: want something like " + MavenCentral)
	}
	artifact := "embedded-postgres-binaries-" + platform()
	return u.JoinPath("io/zonky/test/postgres", artifact, downloadVersion, artifact+"-"+downloadVersion+".jar"), nil
}

// fetch reads a URL. Errors never show a password that the URL holds.
func fetch(ctx context.Context, source *url.URL) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", source.Redacted(), errors.Unwrap(err))
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err // a *url.Error, which hides the password itself
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", source.Redacted(), response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", source.Redacted(), err)
	}
	return body, nil
}
