package deploy_test

import (
	"cmp"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/fleettest"
)

// stand is what compose.yaml starts besides Duolog, and the secrets that compose/prepare makes, in a directory of
// the test's own.
type stand struct {
	dir, own, brokers, database, binary string
}

// newStand takes the brokers it is given, or starts the embedded one. The binary is that of DUOLOG_IMAGE_BINARY, which
// check-deploy names, or the one of the tests.
func newStand(t *testing.T, brokers string) stand {
	t.Helper()
	dir := t.TempDir()
	s := stand{dir: dir, own: filepath.Join(dir, "own"), brokers: brokers}
	s.binary = cmp.Or(os.Getenv("DUOLOG_IMAGE_BINARY"), fleettest.Duolog(t))
	for _, name := range []string{"prepare", "duolog.yaml"} {
		copyOf(t, filepath.Join("compose", name), filepath.Join(dir, name))
	}
	// Bash reads it: a process that was forked while it was copied may hold it open, and then it cannot be executed.
	if out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, "prepare")).CombinedOutput(); err != nil {
		t.Fatalf("prepare: %v\n%s", err, out)
	}
	if s.brokers == "" {
		s.brokers = embeddedtest.Broker(t)[0]
	}
	s.database = s.newDatabase(t)
	return s
}

// newDatabase makes what the image of Postgres makes: a user and a database, under the password of the secret.
func (s stand) newDatabase(t *testing.T) (address string) {
	t.Helper()
	server := embeddedtest.OwnPostgres(t)
	fleettest.OK(t, server.EnsureDatabase(t.Context(), "duolog"))
	fleettest.Execute(t, server.URL("duolog"), "ALTER ROLE duolog PASSWORD '"+s.secret(t, "postgres-password")+"'")
	u, err := url.Parse(server.URL("duolog"))
	fleettest.OK(t, err)
	return u.Host
}

func (s stand) secret(t *testing.T, name string) string {
	t.Helper()
	return fleettest.Read(t, s.own, name)
}

// databaseURL is the configured address with the host of the stand: its password is still to be found.
func (s stand) databaseURL(t *testing.T, configured string) string {
	t.Helper()
	u, err := url.Parse(configured)
	fleettest.OK(t, err)
	u.Host = s.database
	return u.String()
}
