package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
)

// PostgresConfig says where the embedded Postgres keeps its data and listens.
type PostgresConfig struct {
	// Dir holds the database, the password and the server's log. Required unless Ephemeral.
	Dir string
	// Addr is host:port to listen on; port 0 takes a free one, and keeps it over Stop and Start.
	// Default 127.0.0.1:0. Anything but a loopback host opens the database to the network.
	Addr string
	// Ephemeral is for tests: a temporary directory instead of Dir, removed by Close, and no fsync. A
	// power cut loses such a database; a stopped or killed server does not.
	Ephemeral bool
	// Logger receives what a person may want to know: a download, a leftover ended, a server that died.
	// Default: discarded.
	Logger *slog.Logger
	// CacheDir keeps a downloaded server for other directories; see DefaultCacheDir. Default: Dir/cache.
	CacheDir string
	// DownloadOnly passes over installed servers.
	DownloadOnly bool
	// MavenURL is where a server is downloaded from when none is installed: Maven Central or a mirror of
	// it. Default MavenCentral.
	MavenURL string
	// RunAs names the user that runs the server when this process is root, which Postgres refuses to be.
	// That user gets the database in Dir. Default: an unprivileged user namespace, and where the system refuses those
	// the user postgres or nobody. Ignored when this process is not root.
	RunAs string
}

// Validate reports a missing directory or an address that is none.
func (c PostgresConfig) Validate() error {
	if c.Dir == "" && !c.Ephemeral {
		return errors.New("embedded postgres: a directory is required unless it is ephemeral")
	}
	if c.Dir != "" && c.Ephemeral {
		return errors.New("embedded postgres: an ephemeral server makes its own directory; leave Dir empty")
	}
	_, _, err := c.hostPort()
	return err
}

func (c PostgresConfig) hostPort() (host string, port int, err error) {
	addr := cmp.Or(c.Addr, anyLoopback)
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("embedded postgres address %q: want host:port: %w", addr, err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("embedded postgres address %q: want host:port", addr)
	}
	return host, int(number), nil
}
