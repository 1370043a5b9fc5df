package fleettest

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/kafka/access"
)

// Fleet is a broker and a database of the test, and what it takes to run
// processes of duolog serve over them.
type Fleet struct {
	TB         testing.TB
	Dir        string
	Brokers    string
	Access     access.Settings // what the brokers want of tools
	Prefix     string
	Broker     *embedded.Broker
	Postgres   *embedded.Postgres
	Database   string
	Config     string
	Token      string
	Repository string
	Agent      Agent
}

// NewFleet has an empty log of four partitions.
func NewFleet(tb testing.TB, step time.Duration) *Fleet {
	tb.Helper()
	f := NewFleetOn(tb, step, "")
	if r := f.Init(1); r.Code != 0 {
		tb.Fatalf("journal init: %s%s", r.Out, r.Err)
	}
	return f
}

// Init makes the log.
func (f *Fleet) Init(replication int) Result {
	f.TB.Helper()
	return f.Tool("journal", "init", "--partitions", "4", "--replication", strconv.Itoa(replication), "--json")
}

// NewFleetOn has no log yet. It uses the brokers of somebody else, under a
// prefix of its own, or starts one.
func NewFleetOn(tb testing.TB, step time.Duration, brokers string) *Fleet {
	tb.Helper()
	dir := tb.TempDir()
	f := &Fleet{TB: tb, Dir: dir, Brokers: brokers, Prefix: "duolog", Token: "a-token-of-mia-0123456789", Repository: Repository(tb, dir), Agent: NewAgent(tb, dir, step)}
	if brokers != "" {
		f.Prefix = "t" + uuid.NewString()[:8]
	} else {
		f.Brokers = Address(tb)
		f.StartBroker()
		tb.Cleanup(func() { _ = f.Broker.Close() })
	}
	f.Postgres = embeddedtest.OwnPostgres(tb)
	if err := f.Postgres.EnsureDatabase(tb.Context(), "duolog"); err != nil {
		tb.Fatal(err)
	}
	f.Database = f.Postgres.URL("duolog")
	Write(tb, f.Token+"\n", dir, "token")
	f.Config = f.Write("duolog.yaml", "")
	return f
}

// Log is the log's id, as the log says.
func (f *Fleet) Log() string {
	f.TB.Helper()
	r := f.Tool("journal", "verify", "--json")
	return Decode[struct{ Log string }](f.TB, r.Out).Log
}

// SetRetention sets the retention of the journal, as an operator does by mistake.
func (f *Fleet) SetRetention(ms string) {
	f.TB.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	admin, err := sarama.NewClusterAdmin([]string{f.Brokers}, cfg)
	OK(f.TB, err)
	defer func() { _ = admin.Close() }()
	OK(f.TB, admin.IncrementalAlterConfig(sarama.TopicResource, "duolog.journal", map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &ms},
	}, false))
}

// StartBroker opens the log, again if it was closed.
func (f *Fleet) StartBroker() {
	f.TB.Helper()
	var err error
	f.Broker, err = embedded.StartBroker(f.TB.Context(), embedded.BrokerConfig{Dir: filepath.Join(f.Dir, "log"), Addr: f.Brokers})
	if err != nil {
		f.TB.Fatal(err)
	}
}

// Write writes a configuration file, with lines of the test's own.
func (f *Fleet) Write(name, more string) string {
	f.TB.Helper()
	return Write(f.TB, fmt.Sprintf(`brokers: [%s]
topic_prefix: %s
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
%s`, strings.ReplaceAll(f.Brokers, ",", ", "), f.Prefix, f.Database, filepath.Join(f.Dir, "keystore.jsonl"), f.Repository, strings.Join(f.Agent.Program, ", "), filepath.Join(f.Dir, "token"), more), f.Dir, name)
}

// Tool runs a command on the log and the database themselves.
func (f *Fleet) Tool(args ...string) Result {
	f.TB.Helper()
	return Command(f.TB, f.Dir, []string{
		"DUOLOG_BROKERS=" + f.Brokers, "DUOLOG_TOPIC_PREFIX=" + f.Prefix, "DUOLOG_DATABASE_URL=" + f.Database,
		"DUOLOG_KAFKA_CA=" + f.Access.CA, "DUOLOG_KAFKA_USER=" + f.Access.User, "DUOLOG_KAFKA_PASSWORD_FILE=" + f.Access.PasswordFile,
	}, args...)
}

// Node is a process with a name; base is where its agents reach the API.
func (f *Fleet) Node(name, base string) *Node {
	f.TB.Helper()
	n := &Node{Fleet: f, Name: name, API: Address(f.TB), Base: base}
	if base == "" {
		n.Base = "http://" + n.API
	}
	f.TB.Cleanup(func() { End(filepath.Join(f.Dir, name)) })
	return n
}

// Ask asks an address in the background.
func (f *Fleet) Ask(base, text string) *Process {
	f.TB.Helper()
	return Launch(f.TB, f.Dir, []string{"DUOLOG_URL=" + base, "DUOLOG_TOKEN=" + f.Token}, Duolog(f.TB), "ask", text)
}

// User is a client at an address.
func (f *Fleet) User(base string) *User {
	f.TB.Helper()
	return NewUser(f.TB, base, f.Token)
}

// Clean says that the read models are those of the log, that nothing is owed and
// that no stream has stopped.
func (f *Fleet) Clean() {
	f.TB.Helper()
	Eventually(f.TB, 30*time.Second, func() error {
		if n := Query[int](f.TB, f.Database, "SELECT count(*) FROM intents"); n != 0 {
			return fmt.Errorf("%d intents are left", n)
		}
		return nil
	})
	if n := Query[int](f.TB, f.Database, "SELECT count(*) FROM stopped"); n != 0 {
		f.TB.Errorf("%d streams are stopped", n)
	}
	if r := f.Tool("projection", "verify"); r.Code != 0 {
		f.TB.Errorf("projection verify: %s%s", r.Out, r.Err)
	}
}

// Owners are the nodes that own partitions.
func (f *Fleet) Owners() map[string]int {
	f.TB.Helper()
	r := f.Tool("projection", "status", "--json")
	if r.Code != 0 {
		f.TB.Fatalf("projection status: %s", r.Err)
	}
	owners := map[string]int{}
	for _, p := range Decode[[]Partition](f.TB, r.Out) {
		owners[p.Owner]++
	}
	return owners
}

// Partition is a row of projection status.
type Partition struct {
	Partition int32
	Next, End int64
	Lag       int64
	Owner     string
}

// AskMany asks at once.
func (f *Fleet) AskMany(base string, n int) []*Process {
	f.TB.Helper()
	var out []*Process
	for i := range n {
		out = append(out, f.Ask(base, fmt.Sprintf("what changed, asked by %d?", i)))
	}
	return out
}

// Answered waits for the answer to a question, which comes once, from one start.
func (f *Fleet) Answered(t *testing.T, p *Process) {
	t.Helper()
	if code := p.Await(t, 60*time.Second); code != 0 || strings.Count(p.Out.String(), "✓ delivered") != 1 {
		t.Errorf("ask: exit code %d\n%s%s", code, p.Out.String(), p.Err.String())
	}
	goal := p.Cmd.Args[len(p.Cmd.Args)-1]
	if n := f.Agent.Starts(t, goal); n != 1 {
		t.Errorf("the agent was started %d times for %q", n, goal)
	}
}
