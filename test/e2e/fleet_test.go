package e2e_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
)

// fleet is a broker and a database of the test, and what it takes to run
// processes of duolog serve over them.
type fleet struct {
	tb         testing.TB
	dir        string
	brokers    string
	broker     *embedded.Broker
	postgres   *embedded.Postgres
	database   string
	config     string
	token      string
	repository string
	agent      agent
}

// newFleet has an empty log of four partitions.
func newFleet(tb testing.TB, step time.Duration) *fleet {
	tb.Helper()
	dir := tb.TempDir()
	f := &fleet{tb: tb, dir: dir, brokers: address(tb), token: "a-token-of-mia-0123456789", repository: repository(tb, dir), agent: newAgent(tb, dir, step)}
	f.startBroker()
	tb.Cleanup(func() { _ = f.broker.Close() })
	f.postgres = embeddedtest.OwnPostgres(tb)
	if err := f.postgres.EnsureDatabase(tb.Context(), "duolog"); err != nil {
		tb.Fatal(err)
	}
	f.database = f.postgres.URL("duolog")
	write(tb, f.token+"\n", dir, "token")
	f.config = f.write("duolog.yaml", "")
	if r := f.tool("journal", "init", "--partitions", "4", "--replication", "1"); r.code != 0 {
		tb.Fatalf("journal init: %s%s", r.out, r.err)
	}
	return f
}

func (f *fleet) startBroker() {
	f.tb.Helper()
	var err error
	f.broker, err = embedded.StartBroker(f.tb.Context(), embedded.BrokerConfig{Dir: filepath.Join(f.dir, "log"), Addr: f.brokers})
	if err != nil {
		f.tb.Fatal(err)
	}
}

// write writes a configuration file, with lines of the test's own.
func (f *fleet) write(name, more string) string {
	f.tb.Helper()
	return write(f.tb, fmt.Sprintf(`brokers: [%s]
database_url: %s
keystore: %s
engine_base_path: %s
engine_program: [%s]
tenants:
  - name: acme
    namespace: {path: acme, id: 1}
    project: {path: acme/duo-workspace, id: 2}
    flow: {definition: developer/v1, version: 2.0.0}
    service_account: duo-developer
    allow_runless: true
    default_user: mia
tokens:
  - {tenant: acme, user: mia, token_file: %s}
%s`, f.brokers, f.database, filepath.Join(f.dir, "keystore.jsonl"), f.repository, strings.Join(f.agent.program, ", "), filepath.Join(f.dir, "token"), more), f.dir, name)
}

// tool runs a command on the log and the database themselves.
func (f *fleet) tool(args ...string) result {
	f.tb.Helper()
	return command(f.tb, f.dir, []string{"DUOLOG_BROKERS=" + f.brokers, "DUOLOG_DATABASE_URL=" + f.database}, args...)
}

// node is one duolog serve.
type node struct {
	fleet           *fleet
	name, api, base string
	proc            *process
}

// node is a process with a name; base is where its agents reach the API.
func (f *fleet) node(name, base string) *node {
	f.tb.Helper()
	n := &node{fleet: f, name: name, api: address(f.tb), base: base}
	if base == "" {
		n.base = "http://" + n.api
	}
	f.tb.Cleanup(func() { end(filepath.Join(f.dir, name)) })
	return n
}

func (n *node) start() {
	n.fleet.tb.Helper()
	n.proc = launch(n.fleet.tb, n.fleet.dir, nil, duolog(n.fleet.tb), "serve", "--config", n.fleet.config,
		"--state-dir", filepath.Join(n.fleet.dir, n.name), "--node-id", n.name, "--listen", n.api, "--public-url", n.base)
	eventually(n.fleet.tb, 30*time.Second, func() error {
		if !n.proc.alive() {
			return final{errors.New(n.name + " ended: " + n.proc.err.String())}
		}
		return answers("http://" + n.api + "/readyz")
	})
}

// ask asks an address in the background.
func (f *fleet) ask(base, text string) *process {
	f.tb.Helper()
	return launch(f.tb, f.dir, []string{"DUOLOG_URL=" + base, "DUOLOG_TOKEN=" + f.token}, duolog(f.tb), "ask", text)
}

func (f *fleet) user(base string) *user {
	f.tb.Helper()
	return newUser(f.tb, base, f.token)
}

// clean says that the read models are those of the log, that nothing is owed and
// that no stream has stopped.
func (f *fleet) clean() {
	f.tb.Helper()
	eventually(f.tb, 30*time.Second, func() error {
		if n := query[int](f.tb, f.database, "SELECT count(*) FROM intents"); n != 0 {
			return fmt.Errorf("%d intents are left", n)
		}
		return nil
	})
	if n := query[int](f.tb, f.database, "SELECT count(*) FROM stopped"); n != 0 {
		f.tb.Errorf("%d streams are stopped", n)
	}
	if r := f.tool("projection", "verify"); r.code != 0 {
		f.tb.Errorf("projection verify: %s%s", r.out, r.err)
	}
}

// owners are the nodes that own partitions.
func (f *fleet) owners() map[string]int {
	f.tb.Helper()
	r := f.tool("projection", "status", "--json")
	if r.code != 0 {
		f.tb.Fatalf("projection status: %s", r.err)
	}
	owners := map[string]int{}
	for _, p := range decode[[]partition](f.tb, r.out) {
		owners[p.Owner]++
	}
	return owners
}
