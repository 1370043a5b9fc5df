package e2e_test

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// dev is a duolog dev on its own state directory and ports, which stay the same
// when it is started again.
type dev struct {
	tb                 testing.TB
	dir, state         string
	api, log, database string
	flags              []string
	agent              fleettest.Agent
	proc               *fleettest.Process
}

// newDev makes the directory; the agent pauses so long between its steps.
func newDev(tb testing.TB, step time.Duration) *dev {
	tb.Helper()
	dir := tb.TempDir()
	d := &dev{
		tb: tb, dir: dir, state: filepath.Join(dir, "state"),
		api: fleettest.Address(tb), log: fleettest.Address(tb), database: fleettest.Address(tb), agent: fleettest.NewAgent(tb, dir, step),
	}
	tb.Cleanup(d.sweep) // after every process was killed
	d.flags = []string{"--engine-base-path", fleettest.Repository(tb, dir), "--engine-program", strings.Join(d.agent.Program, " ")}
	return d
}

// launch starts a process on the directory and does not wait for it.
func (d *dev) launch(binary string, env ...string) *fleettest.Process {
	d.tb.Helper()
	args := append([]string{"dev", "--state-dir", d.state, "--listen", d.api, "--log-listen", d.log, "--database-listen", d.database}, d.flags...)
	d.proc = fleettest.Launch(d.tb, d.dir, env, binary, args...)
	return d.proc
}

// start starts the plain binary and waits until it serves.
func (d *dev) start() {
	d.tb.Helper()
	d.launch(fleettest.Duolog(d.tb))
	d.ready()
}

// ready waits until the process serves, or has ended.
func (d *dev) ready() {
	d.tb.Helper()
	fleettest.Eventually(d.tb, 30*time.Second, func() error {
		if !d.proc.Alive() {
			return fleettest.FinalError{Err: errors.New("dev ended: " + d.proc.Err.String())}
		}
		return fleettest.Answers("http://" + d.api + "/readyz")
	})
}

// stop is Ctrl-C; it must end in good order, soon.
func (d *dev) stop() {
	d.tb.Helper()
	_ = d.proc.Cmd.Process.Signal(syscall.SIGINT)
	if code := d.proc.Await(d.tb, 10*time.Second); code != 0 {
		d.tb.Fatalf("after Ctrl-C the exit code is %d\n%s", code, d.proc.Err.String())
	}
}

// sweep ends what outlives the processes of a dev: the runs of its engine, and
// for a moment its database.
func (d *dev) sweep() {
	fleettest.End(d.state)
	pid, _, _ := strings.Cut(fleettest.ReadOr(filepath.Join(d.state, "postgres", "data", "postmaster.pid")), "\n")
	if n, err := strconv.Atoi(pid); err == nil {
		fleettest.Gone(d.tb, n)
	}
}

// run runs a tool that finds this dev by its state directory.
func (d *dev) run(args ...string) fleettest.Result {
	d.tb.Helper()
	return fleettest.Command(d.tb, d.dir, nil, append(args, "--state-dir", d.state)...)
}

// must is run that has to go well.
func (d *dev) must(args ...string) string {
	d.tb.Helper()
	r := d.run(args...)
	if r.Code != 0 {
		d.tb.Fatalf("duolog %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Out, r.Err)
	}
	return r.Out
}

// ask begins to ask in the background.
func (d *dev) ask(text string, more ...string) *fleettest.Process {
	d.tb.Helper()
	return fleettest.Launch(d.tb, d.dir, nil, fleettest.Duolog(d.tb), append([]string{"ask", "--state-dir", d.state, text}, more...)...)
}
