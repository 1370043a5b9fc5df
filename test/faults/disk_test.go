//go:build faults

package faults_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/fleettest"
)

// disk is a small one of the test's own.
type disk struct {
	t   *testing.T
	dir string
}

// mount makes a disk of so many megabytes at a directory.
func mount(t *testing.T, dir string, megabytes int) disk {
	t.Helper()
	fleettest.OK(t, os.MkdirAll(dir, 0o700))
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=0755", megabytes), "duolog-test", dir).CombinedOutput()
	if err != nil {
		leftOut(t, fmt.Sprintf("a disk cannot be mounted, which takes root: %v: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return disk{t, dir}
}

func (d disk) free() int64 {
	d.t.Helper()
	var s syscall.Statfs_t
	fleettest.OK(d.t, syscall.Statfs(d.dir, &s))
	return int64(s.Bavail) * s.Bsize
}

// fill leaves so many bytes free until the returned function makes room again.
func (d disk) fill(leave int64) (clear func()) {
	d.t.Helper()
	ballast := filepath.Join(d.dir, "ballast")
	f, err := os.Create(ballast)
	fleettest.OK(d.t, err)
	defer func() { _ = f.Close() }()
	block := make([]byte, 64<<10)
	for d.free() > leave {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			d.t.Fatal(err)
		}
	}
	return func() { d.t.Helper(); fleettest.OK(d.t, os.Remove(ballast)) }
}

// newDev is a stand of one duolog dev.
func newDev(t *testing.T, dir string) *stand {
	t.Helper()
	f := &fleettest.Fleet{TB: t, Dir: dir, Repository: fleettest.Repository(t, dir)}
	s := &stand{Fleet: f, t: t}
	n := &fleettest.Node{Fleet: f, Name: "dev", API: fleettest.Address(t)}
	n.Base = "http://" + n.API
	s.nodes, s.front = []*fleettest.Node{n}, n.Base
	s.launchDev()
	return s
}

// launchDev starts it, again if it was killed, and waits until it serves.
func (s *stand) launchDev() {
	s.t.Helper()
	n := s.nodes[0]
	state := filepath.Join(s.Dir, "state")
	n.Proc = fleettest.Launch(s.t, s.Repository, []string{"DUOLOG_LOG_CHECK=" + checkEvery}, fleettest.Duolog(s.t), "dev", "--state-dir", state,
		"--listen", n.API, "--log-listen", fleettest.Address(s.t), "--database-listen", fleettest.Address(s.t))
	s.ready()
	at := fleettest.Decode[struct {
		Brokers  []string
		Database string
	}](s.t, fleettest.Read(s.t, state, "connection.json"))
	s.Brokers, s.Database = strings.Join(at.Brokers, ","), at.Database
	s.Token = strings.TrimSpace(fleettest.Read(s.t, state, "token"))
}

// TestDiskOfTheEmbeddedLog fills the disk of the log of duolog dev. Before it is
// full writing stops, with a reason that doctor names too; when there is room
// again writing goes on; what was acknowledged survives kill -9.
func TestDiskOfTheEmbeddedLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mount(t, filepath.Join(dir, "state", "log"), 128)
	s := newDev(t, dir)
	l := s.newLoad(s.front)
	for _, leave := range []int64{40 << 20, 0} {
		stop := l.begin(2)
		l.progress(20)
		clear := d.fill(leave)
		l.refused(t, "the disk of the embedded log")
		state := filepath.Join(dir, "state")
		r := fleettest.Command(t, s.Repository, nil, "doctor", "--json", "--state-dir", state)
		if !strings.Contains(r.Out, "free space on that disk") || r.Code == 0 {
			t.Errorf("doctor does not say what to do: %s%s", r.Out, r.Err)
		}
		clear()
		l.progress(20)
		stop()
	}
	answeredOrUnsafe(t, l.since(start))
	l.verify(t)
	s.nodes[0].Proc.Kill()
	s.launchDev()
	l.verify(t)
}

// refused waits until every write is answered with a reason.
func (l *load) refused(t *testing.T, why string) {
	t.Helper()
	fleettest.Eventually(t, recovery, func() error {
		if s := l.probe(t); s.status != http.StatusServiceUnavailable || !strings.Contains(s.answer, why) {
			return fmt.Errorf("it should be refused because of %s: %s", why, s)
		}
		return nil
	})
}

// answeredOrUnsafe is answered where writes are refused because the log is unsafe:
// those are not held.
func answeredOrUnsafe(t *testing.T, shots []shot) {
	t.Helper()
	var rest []shot
	for _, s := range shots {
		if !strings.Contains(s.answer, "log_unsafe") {
			rest = append(rest, s)
		}
	}
	answered(t, rest)
}

// TestDiskOfPostgres fills the disk of the database. What was acknowledged is
// there, the reason is told, and when there is room again everything goes on.
func TestDiskOfPostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := mount(t, filepath.Join(dir, "disk"), 256)
	s := newStand(t, "")
	cfg := embeddedtest.Config()
	cfg.Dir, cfg.Ephemeral = filepath.Join(d.dir, "postgres"), false
	p, err := embedded.StartPostgres(t.Context(), cfg)
	fleettest.OK(t, err)
	t.Cleanup(func() { fleettest.OK(t, p.Close(t.Context())) })
	fleettest.OK(t, p.EnsureDatabase(t.Context(), "duolog"))
	s.Postgres, s.Database = p, p.URL("duolog")
	s.Config = s.Write("disk.yaml", "log_check: "+checkEvery+"\n")
	s.start(1)
	l := s.newLoad(s.front)
	stop := l.begin(3)
	l.progress(20)
	clear := d.fill(1 << 20)
	s.full(t, p)
	clear()
	s.restarted(t, p)
	l.progress(40)
	stop()
	answered(t, l.since(start))
	s.ready()
	l.verify(t)
}

// restarted starts the database until it answers. One whose own log does not fit
// ends, and may still be about to end, of a full disk, when there is room again.
func (s *stand) restarted(t *testing.T, p *embedded.Postgres) {
	t.Helper()
	fleettest.Eventually(t, recovery, func() error {
		if err := p.Start(t.Context()); err != nil {
			return err
		}
		conn, err := pgx.Connect(t.Context(), s.Database)
		if err != nil {
			return err
		}
		return conn.Close(t.Context())
	})
}

// full waits until the database takes no more, which the node or doctor says.
func (s *stand) full(t *testing.T, p *embedded.Postgres) {
	t.Helper()
	fleettest.Eventually(t, recovery, func() error {
		client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get("http://" + s.nodes[0].API + "/readyz")
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode == http.StatusOK {
			return errors.New("the node is ready")
		}
		return nil
	})
	var says []string
	for _, f := range s.doctor(t) {
		says = append(says, f.Problem+" fix: "+f.Fix)
	}
	t.Logf("doctor: %s", strings.Join(says, "\n"))
	if all := strings.Join(says, " "); !strings.Contains(all, "No space left on device") && !strings.Contains(all, "cannot be reached") {
		t.Errorf("doctor does not say that the database is full or gone: %s", all)
	}
}
