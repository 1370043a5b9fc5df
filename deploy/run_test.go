package deploy_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestComposeRuns starts what compose.yaml starts: the same commands, configuration and environment, with addresses
// and paths of this machine. A question to each node is answered, doctor is content, and who is stopped ends in time.
// DUOLOG_COMPOSE_KAFKA names an Apache Kafka with the settings of compose.yaml, which check-deploy starts.
func TestComposeRuns(t *testing.T) {
	t.Parallel()
	r := runner{newStand(t, os.Getenv("DUOLOG_COMPOSE_KAFKA")), composed(t), fleettest.Repository(t, t.TempDir())}
	for range 2 {
		init := r.start(t, "init", "")
		if code := init.Await(t, time.Minute); code != 0 {
			t.Fatalf("init: %s", init.Err.String())
		}
	}
	nodes := map[string]*fleettest.Process{}
	for _, name := range r.file.nodes() {
		api := fleettest.Address(t)
		nodes[name] = r.start(t, name, api)
		ready(t, nodes[name], api)
		r.answers(t, api)
	}
	r.healthy(t)
	for name, p := range nodes {
		r.stops(t, name, p)
	}
}

// runner starts services of compose.yaml as processes.
type runner struct {
	stand

	file     compose
	checkout string
}

// start runs a service. What it names in its container is told to it anew, by the environment.
func (r runner) start(t *testing.T, name, api string) *fleettest.Process {
	t.Helper()
	s, c := r.file.Services[name], load(t, filepath.Join(r.own, "duolog.yaml"))
	args := slices.Clone(s.Command)
	i := slices.Index(args, "--config") + 1
	args[i] = r.outside(t, s, args[i])
	env := []string{"DUOLOG_BROKERS=" + r.brokers, "DUOLOG_DATABASE_URL=" + r.databaseURL(t, c.DatabaseURL.Reveal())}
	for variable, value := range s.Environment {
		text := fmt.Sprint(value)
		if filepath.IsAbs(text) {
			text = r.outside(t, s, text)
		}
		env = append(env, variable+"="+text)
	}
	if api != "" {
		env = append(env, "DUOLOG_LISTEN="+api, "DUOLOG_PUBLIC_URL=http://"+api,
			"DUOLOG_STATE_DIR="+r.outside(t, s, c.StateDir), "DUOLOG_KEYSTORE="+r.outside(t, s, c.Keystore),
			"DUOLOG_ENGINE_BASE_PATH="+r.outside(t, s, c.EngineBasePath), "DUOLOG_ENGINE_WORK_DIR="+r.outside(t, s, c.EngineWorkDir))
	}
	return fleettest.Launch(t, r.dir, env, r.binary, args...)
}

// outside is where on this machine a path of a container is: a secret, the checkout, or a volume, which is made.
func (r runner) outside(t *testing.T, s service, inside string) string {
	t.Helper()
	from, below, ok := s.source(inside)
	if !ok {
		t.Fatalf("nothing is mounted over %s", inside)
	}
	if from == ".." {
		return r.checkout + below
	}
	if name, ok := strings.CutPrefix(from, "./compose/own/"); ok {
		return filepath.Join(r.own, name) + below
	}
	volume := filepath.Join(r.dir, "volumes", from)
	fleettest.OK(t, os.MkdirAll(volume, 0o700))
	return volume + below
}

func ready(t *testing.T, p *fleettest.Process, api string) {
	t.Helper()
	fleettest.Eventually(t, 30*time.Second, func() error {
		if !p.Alive() {
			return fleettest.FinalError{Err: errors.New(p.Err.String())}
		}
		return fleettest.Answers("http://" + api + "/readyz")
	})
}

// answers asks a node with the token that prepare made.
func (r runner) answers(t *testing.T, api string) {
	t.Helper()
	env := []string{"DUOLOG_URL=http://" + api, "DUOLOG_TOKEN=" + r.secret(t, "token")}
	ask := fleettest.Launch(t, r.dir, env, r.binary, "ask", "what changed in the last 10 commits?")
	if code := ask.Await(t, time.Minute); code != 0 || !strings.Contains(ask.Out.String(), "✓ delivered") {
		t.Errorf("ask: exit code %d\n%s%s", code, ask.Out.String(), ask.Err.String())
	}
}

// healthy asks the doctor, as an operator would in the container of init.
func (r runner) healthy(t *testing.T) {
	t.Helper()
	r.file.Services["doctor"] = func(s service) service {
		s.Command = []string{"doctor", "--config", argument(s.Command, "--config")}
		return s
	}(r.file.Services["init"])
	doctor := r.start(t, "doctor", "")
	if code := doctor.Await(t, time.Minute); code != 0 {
		t.Errorf("doctor:\n%s%s", doctor.Out.String(), doctor.Err.String())
	}
}

// stops ends a node as Docker does.
func (r runner) stops(t *testing.T, name string, p *fleettest.Process) {
	t.Helper()
	most, err := time.ParseDuration(r.file.Services[name].StopGracePeriod)
	fleettest.OK(t, err)
	fleettest.OK(t, p.Cmd.Process.Signal(syscall.SIGTERM))
	if code := p.Await(t, most); code != 0 {
		t.Errorf("%s ended with %d: %s", name, code, p.Err.String())
	}
}
