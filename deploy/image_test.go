package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// confine makes a directory the root of a command, as a container engine does: read-only but for two volumes, as the
// user of the image and without capabilities. It ends as the command itself, which gets the signals.
const confine = `set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount --bind /proc "$1/proc"
mount --bind "$2" "$1/var/lib/duolog/state"
mount --bind "$3" "$1/var/lib/duolog/keystore"
root=$1
shift 3
exec chroot --userspec=65532:65532 --groups= "$root" /duolog "$@"`

// nobody is the user of the image.
const nobody = 65532

// TestImageStages: a stage without a user would run as root, and each ends with a command of the product.
func TestImageStages(t *testing.T) {
	t.Parallel()
	stages := strings.Split(fleettest.Read(t, "Dockerfile"), "\nFROM ")[2:]
	if len(stages) != 2 {
		t.Fatalf("%d stages make an image", len(stages))
	}
	for _, stage := range stages {
		if !strings.Contains(stage, fmt.Sprintf("\nUSER %d:%d\n", nobody, nobody)) {
			t.Errorf("no user in FROM %s", stage)
		}
		_, text, _ := strings.Cut(stage, "\nCMD ")
		var command []string
		if err := json.Unmarshal([]byte(text), &command); err != nil {
			t.Errorf("CMD %s: %v", text, err)
		}
		understood(t, command)
	}
}

// TestImageServesAlone runs a node as its container does: in a root that holds nothing but what the last stage of
// the Dockerfile copies and compose.yaml mounts.
func TestImageServesAlone(t *testing.T) {
	t.Parallel()
	if os.Getenv("DUOLOG_IMAGE_ALONE") == "" {
		t.Skip("it takes the binary of the image, and the right to mount: deploy/tools/check-deploy")
	}
	r := runner{newStand(t, ""), composed(t), ""}
	if init := r.start(t, "init", ""); init.Await(t, time.Minute) != 0 {
		t.Fatalf("init: %s", init.Err.String())
	}
	api := fleettest.Address(t)
	node := r.confined(t, "node-1", "DUOLOG_LISTEN="+api)
	ready(t, node, api)
	r.stops(t, "node-1", node)
}

// confined starts a node in the root of the image.
func (r runner) confined(t *testing.T, name string, env ...string) *fleettest.Process {
	t.Helper()
	c := load(t, filepath.Join(r.own, "duolog.yaml"))
	args := []string{"--mount", "sh", "-c", confine, "confine", r.imageRoot(t)}
	for _, inside := range []string{c.StateDir, filepath.Dir(c.Keystore)} {
		volume := r.outside(t, r.file.Services[name], inside)
		fleettest.OK(t, os.Chown(volume, nobody, nobody))
		args = append(args, volume)
	}
	env = append(env, "DUOLOG_BROKERS="+r.brokers, "DUOLOG_DATABASE_URL="+r.databaseURL(t, c.DatabaseURL.Reveal()), "PGPASSFILE=/run/secrets/pgpass")
	return fleettest.Launch(t, r.dir, env, "unshare", append(args, r.file.Services[name].Command...)...)
}

// imageRoot is the file system of the image, with the files that compose.yaml mounts into it.
func (r runner) imageRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(r.dir, "root")
	for _, dir := range []string{"proc", "var/lib/duolog/state", "var/lib/duolog/keystore"} {
		fleettest.OK(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for inside, from := range map[string]string{
		"duolog": r.binary, "etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt",
		"etc/duolog/duolog.yaml": filepath.Join(r.own, "duolog.yaml"), "run/secrets/pgpass": filepath.Join(r.own, "pgpass"),
	} {
		fleettest.OK(t, os.MkdirAll(filepath.Dir(filepath.Join(root, inside)), 0o755))
		copyOf(t, from, filepath.Join(root, inside))
	}
	return root
}
