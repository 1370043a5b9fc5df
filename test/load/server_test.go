//go:build load

package load_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/fleettest"
)

// server is a duolog serve that is looked at from outside.
type server struct {
	*fleettest.Node

	t *testing.T
}

// serve starts a node of the fleet with its own environment.
func serve(t *testing.T, f *fleettest.Fleet, env ...string) server {
	t.Helper()
	s := server{f.Node("a", ""), t}
	s.start(env...)
	return s
}

// start starts the process, again if it was stopped.
func (s server) start(env ...string) {
	s.t.Helper()
	s.Launch(fleettest.Duolog(s.t), env...)
	fleettest.Eventually(s.t, 30*time.Second, func() error {
		if !s.Proc.Alive() {
			return fleettest.FinalError{Err: errors.New("it ended: " + s.Proc.Err.String())}
		}
		return fleettest.Answers(s.Base + "/readyz")
	})
}

// stop sends SIGTERM and returns how long the process took to end.
func (s server) stop() time.Duration {
	s.t.Helper()
	began := time.Now()
	fleettest.OK(s.t, s.Proc.Cmd.Process.Signal(syscall.SIGTERM))
	if code := s.Proc.Await(s.t, time.Minute); code != 0 {
		s.t.Errorf("it ended with %d: %s", code, s.Proc.Err.String())
	}
	return time.Since(began)
}

// memory is a field of the process's status in bytes: VmRSS is what it takes,
// VmHWM the most that it ever took.
func (s server) memory(field string) int64 {
	s.t.Helper()
	status := fleettest.Read(s.t, "/proc", strconv.Itoa(s.Proc.Cmd.Process.Pid), "status")
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			fleettest.OK(s.t, err)
			return kib << 10
		}
	}
	s.t.Fatalf("no %s in %s", field, status)
	return 0
}

// metric is the sum of a metric over its labels.
func (s server) metric(name string) (sum float64, err error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(s.Base + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || !strings.ContainsAny(rest[:1], " {") {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += value
	}
	_, err = io.Copy(io.Discard, res.Body)
	return sum, err
}

// goroutines of the process when nobody calls: the least of some seconds.
func (s server) goroutines() float64 {
	s.t.Helper()
	least := math.Inf(1)
	for range 6 {
		fleettest.Pass(s.t, s.Proc, 500*time.Millisecond)
		n, err := s.metric("go_goroutines")
		fleettest.OK(s.t, err)
		least = min(least, n)
	}
	return least
}

// settles waits until the process has no more goroutines than it had at rest.
// Pools of connections may differ by a few.
func (s server) settles(rest float64) {
	s.t.Helper()
	const few = 10
	fleettest.Eventually(s.t, 30*time.Second, func() error {
		now, err := s.metric("go_goroutines")
		if err == nil && now > rest+few {
			err = fmt.Errorf("%.0f goroutines, %.0f at rest", now, rest)
		}
		return err
	})
}

// quiet waits until the process hardly works any more: what it had to catch up
// with is done.
func (s server) quiet() {
	s.t.Helper()
	const ticks = 10 // hundredths of a second of a processor, in a second
	last := s.worked()
	fleettest.Eventually(s.t, 3*time.Minute, func() error {
		fleettest.Pass(s.t, s.Proc, time.Second)
		was := last
		if last = s.worked(); last-was > ticks {
			return fmt.Errorf("it took %d ticks of a processor within a second", last-was)
		}
		return nil
	})
}

// worked is the processor time the process took, in ticks.
func (s server) worked() (ticks int64) {
	s.t.Helper()
	stat := fleettest.Read(s.t, "/proc", strconv.Itoa(s.Proc.Cmd.Process.Pid), "stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		fleettest.OK(s.t, err)
		ticks += n
	}
	return ticks
}

// shows says that each of the checkpoints is there, once.
func shows(t *testing.T, f *fleettest.Fleet, answered []uuid.UUID) {
	t.Helper()
	n := fleettest.Query[int](t, f.Database, "SELECT count(*) FROM checkpoints WHERE thread_ts = ANY($1)", answered)
	if n != len(answered) {
		t.Errorf("%d checkpoints were answered, %d are there", len(answered), n)
	}
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
