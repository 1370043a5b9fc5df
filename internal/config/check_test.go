package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/internal/config"
)

func dev(t *testing.T) config.Config {
	t.Helper()
	c, err := config.Config{EngineProgram: []string{"agent"}}.Resolve(config.Dev("state"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDevNeedsNothingButAProgram(t *testing.T) {
	t.Parallel()
	c := dev(t)
	if c.Keystore != "state/keystore.jsonl" || c.PublicURL != "http://127.0.0.1:8080" || !c.Tenants[0].Allows("developer/v1") {
		t.Errorf("got %+v", c)
	}
}

func TestServeNamesEverythingThatIsMissingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Config{}.Resolve(config.Serve(""))
	if diff := cmp.Diff([]string{"brokers", "database_url", "node_id", "tenants"}, fields(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

func fields(t *testing.T, err error) []string {
	t.Helper()
	invalid, ok := errors.AsType[*config.InvalidError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	var out []string
	for _, p := range invalid.Problems {
		out = append(out, p.Field)
		if p.Code != domain.CodeInvalidField || p.Message == "" || p.Fix == "" {
			t.Errorf("%+v says too little", p)
		}
	}
	return out
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field  string
		change func(*config.Config)
	}{
		{"brokers", func(c *config.Config) { c.Brokers = []string{"kafka"} }},
		{"brokers", func(c *config.Config) { c.Brokers = []string{"kafka:0"} }},
		{"kafka_sasl", func(c *config.Config) { c.Kafka.SASL, c.Kafka.User, c.Kafka.PasswordFile = "GSSAPI", "u", "p" }},
		{"topic_prefix", func(c *config.Config) { c.TopicPrefix = "a/b" }},
		{"database_url", func(c *config.Config) { c.DatabaseURL = "host=h password=hunter2" }},
		{"database_url", func(c *config.Config) { c.DatabaseURL = "mysql://u:hunter2@h/d" }},
		{"database_url", func(c *config.Config) { c.DatabaseURL = "postgres://u:hunter2@h:%zz/d" }},
		{"listen", func(c *config.Config) { c.Listen = "8080" }},
		{"listen", func(c *config.Config) { c.Listen = ":http" }},
		{"public_url", func(c *config.Config) { c.PublicURL = "duolog.example.com" }},
		{"public_url", func(c *config.Config) { c.PublicURL = "https://h/?a=b" }},
		{"state_dir", func(c *config.Config) { c.StateDir = "" }},
		{"keystore", func(c *config.Config) { c.Keystore = "" }},
		{"node_id", func(c *config.Config) { c.NodeID = "a b" }},
		{"engine_program", func(c *config.Config) { c.EngineProgram = nil }},
		{"engine_on_lost", func(c *config.Config) { c.EngineOnLost = "ignore" }},
		{"engine_grace", func(c *config.Config) { c.EngineGrace = -time.Second }},
		{"max_body", func(c *config.Config) { c.MaxBody = 1 }},
		{"tenant_rate", func(c *config.Config) { c.TenantRate = -1 }},
		{"tenant_bytes", func(c *config.Config) { c.TenantBytes = c.MaxBody - 1 }},
		{"log_level", func(c *config.Config) { c.LogLevel = "trace" }},
		{"log_format", func(c *config.Config) { c.LogFormat = "xml" }},
		{"log_check", func(c *config.Config) { c.LogCheck = time.Millisecond }},
		{"shutdown_grace", func(c *config.Config) { c.ShutdownGrace = time.Hour }},
		{"tenants[0].name", func(c *config.Config) { c.Tenants[0].Name = "A" }},
		{"tenants[1].name", func(c *config.Config) { c.Tenants = append(c.Tenants, c.Tenants[0]) }},
		{"tenants[0].namespace.path", func(c *config.Config) {
			c.Tenants[0].Namespace, c.Tenants[0].Project = workflow.Container{}, workflow.Container{}
		}},
		{"tenants[0].project.path", func(c *config.Config) { c.Tenants[0].Project.Path = "duo-workspace" }},
		{"tenants[0].flow.definition", func(c *config.Config) { c.Tenants[0].Flow.Definition = "" }},
		{"tenants[0].flows", func(c *config.Config) { c.Tenants[0].Flows = []string{"fix_pipeline/v1"} }},
		{"tenants[0].flags", func(c *config.Config) {
			c.Tenants[0].Directory, c.Tenants[0].Flags = config.DirectoryDuolog, []string{"fix_pipeline_next"}
		}},
		{"tenants[0].follow_up", func(c *config.Config) { c.Tenants[0].FollowUp = "shout" }},
		{"tenants[0].routing[1].word", func(c *config.Config) {
			c.Tenants[0].Routing = []routing.Rule{{Flow: "a/v1"}, {Word: "two words", Flow: "a/v1"}}
		}},
		{"tenants[0].engine", func(c *config.Config) { c.Tenants[0].Engine = "mainframe" }},
		{"tenants[0].threads.writers", func(c *config.Config) { c.Tenants[0].Threads.Writers = "both" }},
		{"tenants[0].threads.ttl", func(c *config.Config) { c.Tenants[0].Threads.TTL = 1 }},
		{"tenants[0].threads.ttl_strategy", func(c *config.Config) { c.Tenants[0].Threads.TTLStrategy = "some" }},
		{"tokens[0].tenant", token(config.Token{Tenant: "other", User: "mia", TokenFile: "f"})},
		{"tokens[0].user", token(config.Token{Tenant: "acme", TokenFile: "f"})},
		{"tokens[0].sha256", token(config.Token{Tenant: "acme", User: "mia"})},
		{"tokens[0].sha256", token(config.Token{Tenant: "acme", User: "mia", SHA256: strings.Repeat("a", 64), TokenFile: "f"})},
		{"tokens[0].sha256", token(config.Token{Tenant: "acme", User: "mia", SHA256: "hunter2"})},
	} {
		t.Run(test.field, func(t *testing.T) {
			t.Parallel()
			c := dev(t)
			test.change(&c)
			_, err := c.Resolve(config.Config{})
			if got := fields(t, err); len(got) != 1 || got[0] != test.field {
				t.Errorf("got %v: %v", got, err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func token(token config.Token) func(*config.Config) {
	return func(c *config.Config) { c.Tokens = config.Tokens{token} }
}

func TestAnErrorReadsLikeAnAnswer(t *testing.T) {
	t.Parallel()
	c := dev(t)
	c.LogLevel, c.LogFormat = "trace", "xml"
	want := `log_level: "trace" is not known
        fix: use debug, info, warn, error
log_format: "xml" is not known
        fix: use auto, text, json`
	_, err := c.Resolve(config.Config{})
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestThePublicAddressIsOneThatCanBeReached(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:1": "http://127.0.0.1:1", ":2": "http://127.0.0.1:2", "0.0.0.0:3": "http://127.0.0.1:3",
		"[::]:4": "http://127.0.0.1:4", "[::1]:5": "http://[::1]:5", "duolog:6": "http://duolog:6",
	} {
		c, _ := config.Config{Listen: listen}.Resolve(config.Dev(""))
		if c.PublicURL != want {
			t.Errorf("%s: %s", listen, c.PublicURL)
		}
	}
}

func TestThePasswordOfTheDatabaseIsNotPrinted(t *testing.T) {
	t.Parallel()
	for _, address := range []config.DatabaseURL{
		"postgres://u:hunter2@h:5432/d?sslmode=disable", "postgres://h/d?password=hunter2", "host=h password=hunter2", "postgres://u:hunter2@h:%zz/d",
	} {
		c := config.Config{DatabaseURL: address}
		var out strings.Builder
		fmt.Fprintf(&out, "%v %+v %#v %s %q", c, c, c, address, address)
		slog.New(slog.NewJSONHandler(&out, nil)).LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Any("config", c), slog.Any("url", address))
		if strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s", out.String())
		}
		if address.Reveal() != string(address) {
			t.Error("Reveal does not give the address")
		}
	}
	if got := config.DatabaseURL("postgres://u:p@h:5432/d").String(); got != "postgres://u:xxxxx@h:5432/d" {
		t.Errorf("got %s", got)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Bytes{"0": 0, "1": 1, "65536": 64 * config.KiB, "512KiB": 512 << 10, "16 MiB": 16 << 20, "3GiB": 3 << 30} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
		var again config.Bytes
		if err := again.UnmarshalText([]byte(want.String())); err != nil || again != want {
			t.Errorf("%s prints as %s", text, want)
		}
	}
}
