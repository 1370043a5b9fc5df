package e2e_test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

// finding is a line of the doctor.
type finding struct {
	Name, Status, Problem, Fix string
	OK                         bool
}

// sick is what doctor must find when one thing is wrong.
type sick struct {
	name, status, problem, fix string
}

// TestDoctor breaks one thing after another: doctor names each with its fix, makes
// all other checks, ends with 1 for what must be put right, and is well again.
func TestDoctor(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 0)
	n := f.Node("a", "")
	config := f.Write("doctor.yaml", "listen: "+n.API+"\n")
	if bad := failures(examine(t, f, config)); len(bad) > 0 {
		t.Errorf("before the first node starts: %+v", bad)
	}
	n.Start()
	f.Answered(t, f.Ask(n.Base, "are you well?"))

	healthy := examine(t, f, config)
	if bad := unwell(healthy); len(bad) > 0 {
		t.Fatalf("a healthy deployment has %+v", bad)
	}
	finds := func(s sick) {
		t.Helper()
		found := examine(t, f, config)
		if last := healthy[len(healthy)-1].Name; found[len(found)-1].Name != last {
			t.Errorf("%s: the checks end before %s", s.name, last)
		}
		i := slices.IndexFunc(found, func(f finding) bool { return f.Name == s.name })
		if i < 0 || found[i].Status != s.status || !strings.Contains(found[i].Problem, s.problem) || !strings.Contains(found[i].Fix, s.fix) {
			t.Errorf("want %+v, found %+v", s, unwell(found))
		}
	}

	keystore := filepath.Join(f.Dir, "keystore.jsonl")
	fleettest.OK(t, os.Chmod(keystore, 0o644))
	finds(sick{"tokens", "failure", "others may read", "chmod 600 " + keystore})
	fleettest.OK(t, os.Chmod(keystore, 0o600))

	f.SetRetention("604800000")
	finds(sick{"duolog.journal retention.ms", "failure", "7 days", "retention.ms=-1"})
	f.SetRetention("-1")

	const stream = "acme/workflow/018f0000-0000-7000-8000-000000000001"
	fleettest.Execute(t, f.Database, `INSERT INTO stopped VALUES ('`+stream+`', 2, 7, 'it is from the future', 'old', now())`)
	finds(sick{"stream " + stream, "failure", "stopped at 2:7 by build old: it is from the future", "run a build"})
	fleettest.Execute(t, f.Database, `DELETE FROM stopped`)

	fleettest.Execute(t, f.Database, `ALTER ROLE CURRENT_USER SET statement_timeout = '1min'`)
	finds(sick{"database settings", "warning", "statement_timeout is 1min", "ALTER ROLE"})
	fleettest.Execute(t, f.Database, `ALTER ROLE CURRENT_USER RESET statement_timeout`)

	agent := f.Agent.Program[0]
	fleettest.OK(t, os.Rename(agent, agent+".away"))
	finds(sick{"program of the local engine", "failure", agent, "engine_program"})
	fleettest.OK(t, os.Rename(agent+".away", agent))

	n.Proc.Kill()
	squatter, err := net.Listen("tcp", n.API)
	fleettest.OK(t, err)
	go func() {
		for c, err := squatter.Accept(); err == nil; c, err = squatter.Accept() {
			_, _ = http.ReadRequest(bufio.NewReader(c)) // who answers before is asked is no HTTP server at all
			_, _ = c.Write([]byte("HTTP/1.0 200 OK\r\n\r\nhello"))
			_ = c.Close()
		}
	}()
	finds(sick{"API answers at http://" + n.API, "failure", "no node of Duolog", "--listen"})
	fleettest.OK(t, squatter.Close())

	fleettest.OK(t, f.Broker.Close())
	finds(sick{"kafka brokers", "failure", "Kafka does not answer", "start the brokers"})
	f.StartBroker()
	if bad := failures(examine(t, f, config)); len(bad) > 0 {
		t.Errorf("after all was put right: %+v", bad)
	}
}

func examine(t *testing.T, f *fleettest.Fleet, config string) []finding {
	t.Helper()
	r := f.Tool("doctor", "--json", "--config", config)
	found := fleettest.Decode[[]finding](t, r.Out)
	sick := slices.ContainsFunc(found, func(f finding) bool { return !f.OK })
	if (r.Code != 0) != sick {
		t.Errorf("doctor ended with %d and %+v", r.Code, unwell(found))
	}
	return found
}

// failures are what must be put right.
func failures(found []finding) []finding {
	return slices.DeleteFunc(found, func(f finding) bool { return f.OK })
}

func unwell(found []finding) (bad []finding) {
	for _, f := range found {
		if f.Status != "ok" {
			bad = append(bad, f)
		}
	}
	return bad
}
