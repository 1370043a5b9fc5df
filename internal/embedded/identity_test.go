package embedded_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/duolog/duolog/internal/embedded"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root has to run Postgres as somebody else")
	}
}

func ownerUID(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

func TestRootRunsPostgresInANamespaceBelowAPrivateDirectory(t *testing.T) {
	t.Parallel()
	needRoot(t)
	private := t.TempDir()
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(private, "state")
	p, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir})
	if err != nil && strings.Contains(err.Error(), "may not enter "+filepath.Dir(private)) {
		t.Skipf("this system refuses user namespaces: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if uid := ownerUID(t, filepath.Join(dir, "data")); uid != 0 {
		t.Errorf("the data went to uid %d", uid)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRootRunsPostgresAsAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := stateDir(t)
	p := startPostgres(t, embedded.PostgresConfig{Dir: dir, RunAs: "nobody"})
	remember(t, p.URL("postgres"))
	if uid := ownerUID(t, filepath.Join(dir, "data")); uid == 0 {
		t.Error("the data belongs to root")
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The data stays theirs, whatever the next start would have chosen.
	recall(t, startPostgres(t, embedded.PostgresConfig{Dir: dir}).URL("postgres"))
}

func TestRootGivesItsDatabaseToAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := stateDir(t)
	p := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	remember(t, p.URL("postgres"))
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	recall(t, startPostgres(t, embedded.PostgresConfig{Dir: dir, RunAs: "nobody"}).URL("postgres"))
}

func TestAnotherUserThatCannotReachTheDirectory(t *testing.T) {
	t.Parallel()
	needRoot(t)
	private := filepath.Join(stateDir(t), "private")
	if err := os.MkdirAll(private, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: filepath.Join(private, "state"), RunAs: "nobody"})
	if err == nil || !strings.Contains(err.Error(), private) || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("StartPostgres = %v; want the directory and the user named", err)
	}
}
