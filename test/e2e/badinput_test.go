package e2e_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
)

// refused says that a command failed soon, in the product's own words, with what
// can be done about it.
func refused(tb testing.TB, r result, words ...string) {
	tb.Helper()
	if r.code == 0 {
		tb.Errorf("exit code 0\n%s%s", r.out, r.err)
	}
	if r.took > 25*time.Second {
		tb.Errorf("it took %s", r.took)
	}
	for _, w := range append(words, "duolog: ") {
		if !strings.Contains(r.err, w) {
			tb.Errorf("it does not say %q:\n%s%s", w, r.out, r.err)
		}
	}
	for _, w := range []string{"goroutine ", "panic", "%!"} {
		if strings.Contains(r.err, w) {
			tb.Errorf("it says %q:\n%s", w, r.err)
		}
	}
}

// listening takes an address.
func listening(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// ended waits for a dev that cannot start.
func (d *dev) ended() result {
	d.tb.Helper()
	began := time.Now()
	p := d.launch(duolog(d.tb))
	code := p.await(d.tb, 40*time.Second)
	return result{p.out.String(), p.err.String(), code, time.Since(began)}
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
	second.api, second.log, second.database = address(t), address(t), address(t)
	refused(t, second.ended(), "is in use by process", "choose another directory", "fix:")
	if !running.alive() {
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
	refused(t, command(t, dir, nil, "ask", "hello"), "no Duolog is known here", "fix:", "duolog dev")
	away := []string{"DUOLOG_URL=http://" + address(t), "DUOLOG_TOKEN=x"}
	refused(t, command(t, dir, away, "ask", "hello"), "nothing answers at", "fix:", "duolog dev")
	refused(t, command(t, dir, away, "workflow", "list"), "nothing answers at", "fix:")
	refused(t, command(t, dir, nil, "ask"), "fix:", "text")
	refused(t, command(t, dir, nil, "ask", "--lound", "x"), "fix:", "--lound")
	refused(t, command(t, dir, nil, "aks", "x"), "fix:", "aks")

	d := newDev(t, 0)
	d.start()
	here := "DUOLOG_URL=http://" + d.api
	refused(t, command(t, dir, []string{here, "DUOLOG_TOKEN=nonsense"}, "ask", "hello"), "unauthenticated", "fix:")
	refused(t, command(t, dir, []string{here}, "ask", "hello"), "there is no token", "fix:", "DUOLOG_TOKEN")
	refused(t, d.run("workflow", "show", "99999999"), "not_found", "fix:")
	refused(t, d.run("workflow", "show", "../../v1/messages"), "fix:")
	refused(t, d.run("workflow", "list", "--status", "busy"), "status", "fix:")
	r := d.run("ask", "--flow", "nobody/v1", "hello")
	if r.code == 0 || !strings.Contains(r.out, "refused: ") || !strings.Contains(r.out, "flow_not_enabled") {
		t.Errorf("a flow that is not enabled: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	d.proc.kill()
	refused(t, d.run("ask", "hello"), "nothing answers at", "fix:")
}

// TestServeThatCannotStart names what is wrong with the configuration, the
// brokers, the database or the log, and writes nothing.
func TestServeThatCannotStart(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0)
	serve := func(config string, more ...string) result {
		return command(t, f.dir, nil, append([]string{"serve", "--config", config, "--listen", "127.0.0.1:0", "--state-dir", filepath.Join(f.dir, "s")}, more...)...)
	}
	refused(t, command(t, t.TempDir(), nil, "serve"), "broker", "fix:")
	refused(t, serve(filepath.Join(f.dir, "nothing.yaml")), "nothing.yaml", "fix:")
	refused(t, serve(f.write("unknown.yaml", "brokrs: [x:1]\n")), "brokrs", "brokers", "fix:")
	refused(t, serve(f.config, "--brokers", address(t)), "fix:", "broker")
	refused(t, serve(f.config, "--database-url", "postgres://duolog@"+address(t)+"/duolog"), "fix:", "Postgres")
	refused(t, serve(f.config, "--topic-prefix", "nobody"), "fix:", "journal init")
	refused(t, serve(f.config, "--listen", listening(t)), "fix:", "--listen")
	refused(t, command(t, f.dir, nil, "journal", "init", "--brokers", address(t)), "fix:")
	f.setRetention("604800000")
	refused(t, serve(f.config), "duolog.journal", "7 days", "fix: kafka-configs", "--add-config retention.ms=-1")
	f.setRetention("-1")

	n := f.node("a", "")
	n.start()
	f.answered(t, f.ask(n.base, "what changed after all that?"))
	n.proc.kill()
	f.foreignLogs(serve)
	n.start()
	f.answered(t, f.ask(n.base, "what changed at last?"))
	f.clean()
}

// foreignLogs are a database of another log, and a database whose log is gone.
func (f *fleet) foreignLogs(serve func(string, ...string) result) {
	f.tb.Helper()
	execute(f.tb, f.database, "UPDATE log SET id = '"+uuid.NewString()+"'")
	refused(f.tb, serve(f.config), "another log", "fix:")
	r := f.tool("doctor")
	if r.code == 0 || !strings.Contains(r.out, "✗ database belongs to the log") {
		f.tb.Errorf("doctor: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	refused(f.tb, f.tool("journal", "init", "--partitions", "4"), "another log", "fix:")
	execute(f.tb, f.database, "UPDATE log SET id = '"+f.log()+"'")
	refused(f.tb, f.tool("journal", "init", "--partitions", "4", "--topic-prefix", "second"), "the database knows a log already", "fix:")
	refused(f.tb, f.tool("journal", "init", "--partitions", "8"), "fix:")
}

// log is the log's id, as the log says.
func (f *fleet) log() string {
	f.tb.Helper()
	r := f.tool("journal", "verify", "--json")
	return decode[struct{ Log string }](f.tb, r.out).Log
}

func (f *fleet) setRetention(ms string) {
	f.tb.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	admin, err := sarama.NewClusterAdmin([]string{f.brokers}, cfg)
	ok(f.tb, err)
	defer func() { _ = admin.Close() }()
	ok(f.tb, admin.IncrementalAlterConfig(sarama.TopicResource, "duolog.journal", map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &ms},
	}, false))
}
