package e2e_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/fleettest"
)

// refused says that a command failed soon, in the product's own words, with what
// can be done about it.
func refused(tb testing.TB, r fleettest.Result, words ...string) {
	tb.Helper()
	if r.Code == 0 {
		tb.Errorf("exit code 0\n%s%s", r.Out, r.Err)
	}
	if r.Took > 25*time.Second {
		tb.Errorf("it took %s", r.Took)
	}
	for _, w := range append(words, "duolog: ") {
		if !strings.Contains(r.Err, w) {
			tb.Errorf("it does not say %q:\n%s%s", w, r.Out, r.Err)
		}
	}
	for _, w := range []string{"goroutine ", "panic", "%!"} {
		if strings.Contains(r.Err, w) {
			tb.Errorf("it says %q:\n%s", w, r.Err)
		}
	}
}

// listening takes an address.
func listening(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fleettest.OK(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// ended waits for a dev that cannot start.
func (d *dev) ended() fleettest.Result {
	d.tb.Helper()
	began := time.Now()
	p := d.launch(fleettest.Duolog(d.tb))
	code := p.Await(d.tb, 40*time.Second)
	return fleettest.Result{Out: p.Out.String(), Err: p.Err.String(), Code: code, Took: time.Since(began)}
}

// TestDevThatCannotStart damages nothing: afterwards it starts.
func TestDevThatCannotStart(t *testing.T) {
	t.Parallel()
	d := newDev(t, 0)
	for flag, taken := range map[string]func(*dev, string){
		"--listen":          func(d *dev, at string) { d.api = at },
		"--log-listen":      func(d *dev, at string) { d.log = at },
		"--database-listen": func(d *dev, at string) { d.database = at },
	} {
		other, at := *d, listening(t)
		taken(&other, at)
		refused(t, other.ended(), "fix:", at, flag)
	}
	d.start()
	running := d.proc
	second := *d
	second.api, second.log, second.database = fleettest.Address(t), fleettest.Address(t), fleettest.Address(t)
	refused(t, second.ended(), "is in use by process", "choose another directory", "fix:")
	if !running.Alive() {
		t.Fatal("a second dev ended the first")
	}
	if out := d.must("ask", "what changed?"); !strings.Contains(out, "✓ delivered") {
		t.Errorf("after all that:\n%s", out)
	}
	d.clean()
}

// TestAskThatCannotBe says what is missing.
func TestAskThatCannotBe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	refused(t, fleettest.Command(t, dir, nil, "ask", "hello"), "no Duolog is known here", "fix:", "duolog dev")
	away := []string{"DUOLOG_URL=http://" + fleettest.Address(t), "DUOLOG_TOKEN=x"}
	refused(t, fleettest.Command(t, dir, away, "ask", "hello"), "nothing answers at", "fix:", "duolog dev")
	refused(t, fleettest.Command(t, dir, away, "workflow", "list"), "nothing answers at", "fix:")
	refused(t, fleettest.Command(t, dir, nil, "ask"), "fix:", "text")
	refused(t, fleettest.Command(t, dir, nil, "ask", "--lound", "x"), "fix:", "--lound")
	refused(t, fleettest.Command(t, dir, nil, "aks", "x"), "fix:", "aks")

	d := newDev(t, 0)
	d.start()
	here := "DUOLOG_URL=http://" + d.api
	refused(t, fleettest.Command(t, dir, []string{here, "DUOLOG_TOKEN=nonsense"}, "ask", "hello"), "unauthenticated", "fix:")
	refused(t, fleettest.Command(t, dir, []string{here}, "ask", "hello"), "there is no token", "fix:", "DUOLOG_TOKEN")
	refused(t, d.run("workflow", "show", "99999999"), "not_found", "fix:")
	refused(t, d.run("workflow", "show", "../../v1/messages"), "fix:")
	refused(t, d.run("workflow", "list", "--status", "busy"), "status", "fix:")
	r := d.run("ask", "--flow", "nobody/v1", "hello")
	if r.Code == 0 || !strings.Contains(r.Out, "refused: ") || !strings.Contains(r.Out, "flow_not_enabled") {
		t.Errorf("a flow that is not enabled: exit code %d\n%s%s", r.Code, r.Out, r.Err)
	}
	_, again, _ := strings.Cut(r.Out, "then: duolog ")
	words := strings.Fields(again) // conversation retry CONVERSATION MESSAGE
	if len(words) != 4 {
		t.Fatalf("a refused message can be tried again by %q", again)
	}
	if r := d.run(words...); r.Code == 0 || !strings.Contains(r.Out, "flow_not_enabled") {
		t.Errorf("tried again: exit code %d\n%s%s", r.Code, r.Out, r.Err)
	}
	shown := d.must("conversation", "show", words[2])
	if !strings.Contains(shown, "✗ flow: flow_not_enabled") || !strings.Contains(shown, "nobody/v1: it was asked for") {
		t.Errorf("the refusal shows as\n%s", shown)
	}
	d.proc.Kill()
	refused(t, d.run("ask", "hello"), "nothing answers at", "fix:")
}

// TestServeThatCannotStart names what is wrong with the configuration, the
// brokers, the database or the log, and writes nothing.
func TestServeThatCannotStart(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 0)
	serve := func(config string, more ...string) fleettest.Result {
		return fleettest.Command(t, f.Dir, nil, append([]string{"serve", "--config", config, "--listen", "127.0.0.1:0", "--state-dir", filepath.Join(f.Dir, "s")}, more...)...)
	}
	refused(t, fleettest.Command(t, t.TempDir(), nil, "serve"), "brokers: ", "database_url: ", "tenants: ", "fix:")
	refused(t, serve(filepath.Join(f.Dir, "nothing.yaml")), "nothing.yaml", "fix:")
	refused(t, serve(f.Write("unknown.yaml", "brokrs: [x:1]\n")), "brokrs", "brokers", "fix:")
	refused(t, serve(f.Config, "--brokers", fleettest.Address(t)), "fix:", "broker")
	refused(t, serve(f.Config, "--database-url", "postgres://duolog@"+fleettest.Address(t)+"/duolog"), "fix:", "Postgres")
	refused(t, serve(f.Config, "--kafka-user", "mia", "--kafka-sasl", "plain"), "kafka_sasl: ", "kafka_password_file: ", "fix:")
	refused(t, serve(f.Config, "--kafka-user", "mia", "--kafka-password-file", filepath.Join(f.Dir, "nothing")), "password file", "fix:", "kafka_password_file")
	refused(t, fleettest.Command(t, f.Dir, nil, "journal", "init", "--brokers", f.Brokers, "--kafka-ca", f.Config), "no certificate", "fix:")
	refused(t, serve(f.Config, "--topic-prefix", "nobody"), "fix:", "journal init")
	refused(t, serve(f.Config, "--listen", listening(t)), "fix:", "--listen")
	refused(t, fleettest.Command(t, f.Dir, nil, "journal", "init", "--brokers", fleettest.Address(t)), "fix:")
	f.SetRetention("604800000")
	refused(t, serve(f.Config), "duolog.journal", "7 days", "fix: kafka-configs", "--add-config retention.ms=-1")
	f.SetRetention("-1")

	n := f.Node("a", "")
	n.Start()
	f.Answered(t, f.Ask(n.Base, "what changed after all that?"))
	n.Proc.Kill()
	foreignLogs(f, serve)
	n.Start()
	f.Answered(t, f.Ask(n.Base, "what changed at last?"))
	f.Clean()
}

// foreignLogs are a database of another log, and a database whose log is gone.
func foreignLogs(f *fleettest.Fleet, serve func(string, ...string) fleettest.Result) {
	f.TB.Helper()
	fleettest.Execute(f.TB, f.Database, "UPDATE log SET id = '"+uuid.NewString()+"'")
	refused(f.TB, serve(f.Config), "another log", "fix:")
	r := f.Tool("doctor")
	if r.Code == 0 || !strings.Contains(r.Out, "✗ database belongs to the log") {
		f.TB.Errorf("doctor: exit code %d\n%s%s", r.Code, r.Out, r.Err)
	}
	refused(f.TB, f.Tool("journal", "init", "--partitions", "4"), "another log", "fix:")
	fleettest.Execute(f.TB, f.Database, "UPDATE log SET id = '"+f.Log()+"'")
	refused(f.TB, f.Tool("journal", "init", "--partitions", "4", "--topic-prefix", "second"), "the database knows a log already", "fix:")
	refused(f.TB, f.Tool("journal", "init", "--partitions", "8"), "fix:")
}
