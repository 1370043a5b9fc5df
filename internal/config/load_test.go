package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/kafka/access"
)

// load parses as cmd does.
func load(t *testing.T, args ...string) (config.Config, error) {
	t.Helper()
	var cli struct {
		Serve struct{ config.Config } `cmd:""`
		// Other commands have the same file, and are not run.
		Dev   struct{ config.Config } `cmd:""`
		Check struct {
			File config.FileFlag `name:"config" env:"DUOLOG_CONFIG"`
		} `cmd:""`
	}
	parser, err := kong.New(&cli, kong.Name("duolog"), kong.Configuration(config.Loader(os.LookupEnv)),
		kong.Exit(func(int) { t.Error("kong exits") }))
	if err != nil {
		t.Fatalf("kong does not take the struct: %v", err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return cli.Serve.Config, err
}

func file(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "duolog.yaml")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFlagOverEnvironmentOverFileOverDefault(t *testing.T) {
	p := file(t, "topic_prefix: file\nlisten: 127.0.0.1:1\nbrokers: [a:1, b:2]\nengine_grace: 7s\nmax_body: 1MiB\nlog_level: warn\n")
	t.Setenv("DUOLOG_TOPIC_PREFIX", "env")
	t.Setenv("DUOLOG_LISTEN", "127.0.0.1:2")
	t.Setenv("DUOLOG_ENGINE_PROGRAM", "python -m agent")
	t.Setenv("DUOLOG_TENANT_BYTES", "2GiB")
	got, err := load(t, "--config", p, "--listen", "127.0.0.1:3", "--brokers", "c:3,d:4")
	if err != nil {
		t.Fatal(err)
	}
	got, _ = got.Resolve(config.Serve(got.StateDir))
	got.File = ""
	want := config.Serve("")
	want.ReplyTopics = []string{"env.replies"}
	want.TopicPrefix, want.Listen, want.PublicURL = "env", "127.0.0.1:3", "http://127.0.0.1:3"
	want.Brokers, want.EngineProgram = []string{"c:3", "d:4"}, []string{"python", "-m", "agent"}
	want.EngineGrace, want.MaxBody, want.TenantBytes, want.LogLevel = 7*time.Second, config.MiB, 2*config.GiB, "warn"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheFileIsFoundThroughTheEnvironment(t *testing.T) {
	t.Setenv("DUOLOG_CONFIG", file(t, "node_id: n1\nengine_program: [agent, a b, 5]\nbrokers: a:1,b:2\nlisten:\n"))
	got, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	if got.NodeID != "n1" || len(got.EngineProgram) != 3 || got.EngineProgram[1] != "a b" || len(got.Brokers) != 2 {
		t.Errorf("got %+v", got)
	}
}

// TestTheFlagNamesTheFileNotTheEnvironment: nothing of the file that the environment
// names is there beside that of the command line.
func TestTheFlagNamesTheFileNotTheEnvironment(t *testing.T) {
	p := file(t, "node_id: flag\ntenants: [{name: flag}]\ntokens: [{tenant: flag, user: mia, token_file: flag}]\n")
	for name, environment := range map[string]string{
		"another file":     file(t, "node_id: env\nlog_level: warn\ntenants: [{name: env}]\ntokens: [{tenant: env, user: eve, token_file: env}]\n"),
		"a file too many":  file(t, "no setting: x\n"),
		"one not there":    filepath.Join(t.TempDir(), "none.yaml"),
		"the same, in one": p,
	} {
		t.Setenv("DUOLOG_CONFIG", environment)
		got, err := load(t, "--config", p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(got.Tenants) != 1 || got.Tenants[0].Name != "flag" || len(got.Tokens) != 1 || got.Tokens[0].Tenant != "flag" || got.NodeID != "flag" || got.LogLevel != "" || string(got.File) != p {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestSettingsOfKafkaAreSettingsLikeOthers: they are fields of an embedded struct.
func TestSettingsOfKafkaAreSettingsLikeOthers(t *testing.T) {
	p := file(t, "kafka_tls: true\nkafka_ca: file.pem\nkafka_user: file\nkafka_sasl: scram-sha-256\n")
	t.Setenv("DUOLOG_KAFKA_USER", "env")
	t.Setenv("DUOLOG_KAFKA_CA", "env.pem")
	got, err := load(t, "--config", p, "--kafka-ca", "flag.pem", "--kafka-password-file", "password")
	if err != nil {
		t.Fatal(err)
	}
	want := access.Settings{TLS: true, CA: "flag.pem", User: "env", SASL: "scram-sha-256", PasswordFile: "password"}
	if diff := cmp.Diff(want, got.Kafka); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = load(t, "--config", file(t, "kafka_password: hunter2\n"))
	if err == nil || !strings.Contains(err.Error(), "did you mean kafka_password_file?") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password in the file: %v", err)
	}
}

func TestTenantsAndTokensComeFromTheFileOnly(t *testing.T) {
	t.Parallel()
	p := file(t, `
tenants:
  - name: acme
    namespace: {path: acme, id: 7}
    flow: {definition: developer/v1, version: 2.0.0}
    allow_runless: true
tokens:
  - {tenant: acme, user: mia, token_file: /run/secrets/mia}
`)
	got, err := load(t, "--config", p)
	if err != nil {
		t.Fatal(err)
	}
	got, _ = got.Resolve(config.Serve(""))
	wantTenants := config.Tenants{{
		Name: "acme", Directory: config.DirectoryConfig, Namespace: workflow.Container{ID: 7, Path: "acme"}, Engine: "local", AllowRunless: true, FollowUp: workflow.FollowUpInject,
		Threads: config.Threads{Writers: config.WritersAllow, TTLStrategy: "delete"},
		Flow:    workflow.Flow{Definition: "developer/v1", Version: "2.0.0"}, Flows: []string{"developer/v1"},
	}}
	if diff := cmp.Diff(wantTenants, got.Tenants); diff != "" {
		t.Errorf("tenants (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(config.Tokens{{Tenant: "acme", User: "mia", TokenFile: "/run/secrets/mia"}}, got.Tokens); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	for _, flag := range []string{"--tenants=acme", "--tokens=x"} {
		if _, err := load(t, flag); err == nil || !strings.Contains(err.Error(), "configuration file") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestKeysThatDoNotExist(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"brokrs: [a:1]\n":      {"brokrs", "did you mean brokers?"},
		"topic-prefix: x\n":    {"topic-prefix", "did you mean topic_prefix?"},
		"config: other.yaml\n": {"config", "did you mean "},
		"embedded: true\n":     {"embedded", "did you mean "},
		"tenants:\n  - name: a\n    servce_account: b\n":    {"tenants[0].servce_account", "did you mean service_account?"},
		"tenants:\n  - name: a\n    flow: {definitio: b}\n": {"tenants[0].flow.definitio", "did you mean definition?"},
		"tokens: [{tenant: a}, {tenant: a, sha_256: b}]\n":  {"tokens[1].sha_256", "did you mean sha256?"},
		"listen: [a]\n":        {"listen", "compare"},
		"state_dir: {a: b}\n":  {"state_dir", "compare"},
		"brokers: {a: b}\n":    {"brokers", "compare"},
		"tenants: {name: a}\n": {"tenants", "compare"},
		"database_url: postgres://u:hunter2@h/d\n  broken: [}": {"config", "duolog config example"},
		"listen: a\nlisten: b\n":                               {"config", "duolog config example"},
		"tenants:\n  - {name: a, namespace: {id: x}}\n":        {"config", "duolog config example"},
		"tenants: acme\n":                                      {"config", "duolog config example"},
		"- a\n":                                                {"config", "duolog config example"},
	} {
		_, err := load(t, "--config", file(t, text))
		e, ok := errors.AsType[*domain.Error](err)
		if !ok || e.Field != want[0] || !strings.Contains(e.Fix, want[1]) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestAllUnknownKeysAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, "--config", file(t, "lisen: a\nbroker: [b]\n"))
	invalid, ok := errors.AsType[*config.InvalidError](err)
	if !ok || len(invalid.Problems) != 2 {
		t.Fatalf("got %v", err)
	}
}

func TestFilesThatSayNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "tenants:\n", "---\n"} {
		if got, err := load(t, "--config", file(t, text)); err != nil || got.Listen != "" {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if _, err := load(t, "--config", filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestValuesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"engine_grace: 5\n", "engine_grace: soon\n", "max_body: 16MB\n", "max_body: -1\n", "max_body: 9999999999GiB\n"} {
		key, _, _ := strings.Cut(text, ":")
		if _, err := load(t, "--config", file(t, text)); err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(key, "_", "-")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEveryFieldHasOneNameInThreeSpellings(t *testing.T) {
	t.Parallel()
	for _, s := range config.Settings() {
		if s.Field.Tag.Get("kong") == "-" {
			continue
		}
		if _, fileOnly := s.Field.Tag.Lookup("hidden"); !fileOnly && s.Env != "DUOLOG_"+strings.ToUpper(s.Key()) {
			t.Errorf("%s: flag %q, variable %q", s.Field.Name, s.Name, s.Env)
		}
		if s.Field.Tag.Get("help") == "" {
			t.Errorf("%s has no help", s.Field.Name)
		}
	}
}

func TestTheExampleIsValidAndComplete(t *testing.T) {
	t.Parallel()
	got, err := load(t, "--config", file(t, config.Example()))
	if err != nil {
		t.Fatal(err)
	}
	got, err = got.Resolve(config.Serve(got.StateDir))
	if err != nil {
		t.Error(err)
	}
	if len(got.Brokers) != 2 || len(got.Tokens) != 2 || got.MaxBody != 16*config.MiB {
		t.Errorf("got %+v", got)
	}
	for _, s := range config.Settings() {
		// What most brokers do not want stands in a comment.
		shown := strings.Contains(config.Example(), "\n"+s.Key()+":") || strings.Contains(config.Example(), "\n# "+s.Key()+":")
		if s.Name != "" && s.Name != "config" && !shown {
			t.Errorf("the example does not show %s", s.Key())
		}
	}
}
