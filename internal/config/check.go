package config

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// InvalidError lists everything that is wrong at once, so that it is put right once.
type InvalidError struct {
	Problems []*domain.Error
}

// Error names each field, the reason and the fix.
func (e *InvalidError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s\n        fix: %s", p.Field, p.Message, p.Fix)
	}
	return b.String()
}

// Unwrap gives each problem to errors.As and errors.Is.
func (e *InvalidError) Unwrap() []error {
	out := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		out[i] = p
	}
	return out
}

type problems []*domain.Error

func (p *problems) want(ok bool, field, message, fix string) {
	if !ok {
		*p = append(*p, domain.InvalidField(field, message, fix))
	}
}

func (c Config) check() error {
	var p problems
	c.checkStores(&p)
	c.checkAPI(&p)
	c.checkEngine(&p)
	c.checkLimits(&p)
	c.checkTenants(&p)
	c.checkTokens(&p)
	c.checkProviders(&p)
	c.checkWebhooks(&p)
	if len(p) > 0 {
		return &InvalidError{Problems: p}
	}
	return nil
}

func isTopic(s string) bool { return regexp.MustCompile(`^[a-zA-Z0-9._-]{1,200}$`).MatchString(s) }

func (c Config) checkStores(p *problems) {
	p.want(c.Embedded || len(c.Brokers) > 0, "brokers", "no Kafka broker is given", "name at least one host:port, or use duolog dev")
	for _, b := range c.Brokers {
		p.want(isAddress(b, 1), "brokers", quote(b)+" is not host:port", "write it like kafka-1:9092")
	}
	*p = append(*p, c.Kafka.Problems()...)
	p.want(isTopic(c.TopicPrefix), "topic_prefix",
		quote(c.TopicPrefix)+" cannot begin a topic's name", "use up to 200 letters, digits, dots, dashes and underscores")
	for _, prefix := range c.ReplyTopics {
		p.want(isTopic(prefix), "reply_topics", quote(prefix)+" cannot begin a topic's name", "use up to 200 letters, digits, dots, dashes and underscores")
	}
	p.want(c.Embedded || c.DatabaseURL != "", "database_url", "no database is given",
		"set it to postgres://user:password@host:5432/name, or use duolog dev")
	if c.DatabaseURL != "" {
		u, err := url.Parse(c.DatabaseURL.Reveal()) // the error would show the password
		p.want(err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql"), "database_url",
			"the address of the database is not a postgres:// URL", "write it like postgres://user:password@host:5432/name")
	}
}

func (c Config) checkAPI(p *problems) {
	_, port, err := net.SplitHostPort(c.Listen)
	p.want(err == nil && isPort(port, 0), "listen", quote(c.Listen)+" is not host:port",
		"write it like 127.0.0.1:8080, or :8080 for all interfaces")
	u, err := url.Parse(c.PublicURL)
	p.want(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil,
		"public_url", quote(c.PublicURL)+" is not the address of a server", "write it like https://duolog.example.com")
	p.want(c.StateDir != "", "state_dir", "no directory for state is given", "name one that outlives a restart")
	p.want(c.Keystore != "", "keystore", "no file for the tokens is given", "name one that all nodes share")
	p.want(regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$`).MatchString(c.NodeID), "node_id",
		quote(c.NodeID)+" cannot name a node", "use up to 63 letters, digits, dots, dashes and underscores; each node its own")
}

func (c Config) checkEngine(p *problems) {
	local := slices.ContainsFunc(c.Tenants, func(t Tenant) bool { return t.Uses(engineLocal) })
	has := len(c.EngineProgram) > 0 && c.EngineProgram[0] != ""
	p.want(has || !local, "engine_program", "a tenant uses the local engine, and there is no program to run",
		"set it to the agent's command line")
	c.GitLab.check(p, slices.ContainsFunc(c.Tenants, func(t Tenant) bool { return t.Uses(EngineGitLab) || t.Directory == DirectoryGitLab }))
	oneOf(p, "engine_on_lost", c.EngineOnLost, OnLostFail, OnLostRetry)
	within(p, "engine_grace", c.EngineGrace, time.Second/10, 10*time.Minute)
}

func (c Config) checkLimits(p *problems) {
	p.want(c.MaxBody >= 64*KiB && c.MaxBody <= GiB, "max_body", c.MaxBody.String()+" is no sensible limit for a body",
		"use 64KiB to 1GiB; 16MiB is the default")
	p.want(c.TenantBytes >= c.MaxBody, "tenant_bytes",
		c.TenantBytes.String()+" is less than one body of "+c.MaxBody.String()+", which could never be taken", "use at least max_body")
	p.want(c.TenantRate >= 0, "tenant_rate", strconv.Itoa(c.TenantRate)+" is less than nothing", "use writes per second, or 0 for no bound")
	oneOf(p, "log_level", c.LogLevel, "debug", "info", "warn", "error")
	oneOf(p, "log_format", c.LogFormat, "auto", "text", "json")
	if c.OTLPEndpoint != "" {
		u, err := url.Parse(c.OTLPEndpoint)
		p.want(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "", "otlp_endpoint",
			quote(c.OTLPEndpoint)+" is not the address of a collector", "write it like http://collector:4318")
	}
	within(p, "log_check", c.LogCheck, time.Second/10, time.Hour)
	within(p, "shutdown_grace", c.ShutdownGrace, time.Second/10, 10*time.Minute)
}

func (c Config) checkTenants(p *problems) {
	p.want(len(c.Tenants) > 0, "tenants", "there is no tenant, so nobody could do anything",
		"add one to the file; duolog config example shows how")
	for i, t := range c.Tenants {
		field := fmt.Sprintf("tenants[%d].", i)
		p.want(t.Name.Valid(), field+"name", quote(string(t.Name))+" cannot name a tenant",
			`use 1 to 63 of a-z, 0-9, "-" and "_", the first a letter or digit`)
		first := slices.IndexFunc(c.Tenants, func(o Tenant) bool { return o.Name == t.Name })
		p.want(first == i, field+"name", fmt.Sprintf("%s is tenants[%d] already", quote(string(t.Name)), first), "give each tenant its own name")
		p.want(t.Namespace.Path != "", field+"namespace.path", "the tenant has no namespace", "set the path of its top group")
		p.want(t.Project.Path == "" || strings.HasPrefix(t.Project.Path, t.Namespace.Path+"/"), field+"project.path",
			quote(t.Project.Path)+" is not in namespace "+quote(t.Namespace.Path), "write the project's whole path")
		p.want(t.Flow.Definition != "", field+"flow.definition", "the tenant has no flow that a message could start", "set it, like developer/v1")
		p.want(t.Flow.Definition == "" || t.Allows(t.Flow.Definition), field+"flows",
			"the tenant's own flow "+quote(t.Flow.Definition)+" is not allowed", "add it to the list, or leave the list out")
		p.want(domain.CheckText("", t.Model, workflow.MaxModel) == nil, field+"model", "the model's metadata is longer than 1,024 bytes", "write it shorter, like {\"name\": \"…\"}")
		oneOf(p, field+"directory", t.Directory, DirectoryConfig, DirectoryDuolog, DirectoryGitLab)
		p.want(t.Directory != DirectoryDuolog || len(t.Flags) == 0, field+"flags", "Duolog's own directory says which flags are on", "leave the list out, and set them by duolog flag set")
		oneOf(p, field+"engine", t.Engine, engineLocal, EngineGitLab)
		for _, name := range t.Engines {
			oneOf(p, field+"engines", name, engineLocal, EngineGitLab)
		}
		p.want(len(t.Engines) == 0 || t.Engines[0] == t.Engine, field+"engines", "the list does not begin with the tenant's engine "+quote(t.Engine),
			"name that first, or leave engine out")
		t.Threads.check(p, field+"threads.")
		for _, a := range t.Deny {
			p.want(a.Check("deny") == nil, field+"deny", quote(string(a))+" is nothing that could be denied", "use start, resume, steer, stop, fork or redeliver")
		}
		t.checkHooks(p, field)
		t.checkTriggers(p, field)
	}
}

func (t Threads) check(p *problems, field string) {
	oneOf(p, field+"writers", t.Writers, WritersAllow, WritersFence)
	oneOf(p, field+"ttl_strategy", t.TTLStrategy, string(workflow.PruneDelete), string(workflow.PruneKeepLatest))
	p.want(t.TTL == 0 || t.TTL >= Duration(time.Minute), field+"ttl", time.Duration(t.TTL).String()+" is too short to keep a thread for",
		"use at least 1m, or leave it out to keep threads for ever")
}

func (c Config) checkTokens(p *problems) {
	for i, t := range c.Tokens {
		field := fmt.Sprintf("tokens[%d].", i)
		_, known := c.Tenants.Find(t.Tenant)
		p.want(known, field+"tenant", quote(string(t.Tenant))+" is none of the tenants", "use the name of one in the list tenants")
		p.want(t.User != "" || t.ServiceAccount != "", field+"user", "the token stands for nobody", "name the user or the service account")
		p.want((t.SHA256 == "") != (t.TokenFile == ""), field+"sha256", "a token is known by its hash or by a file, one of them",
			"set sha256 (printf %s \"$TOKEN\" | sha256sum) or token_file")
		p.want(t.Scope.Check() == nil, field+"scope", quote(string(t.Scope))+" is no scope", "use read, write or admin")
		raw, err := hex.DecodeString(t.SHA256)
		p.want(err == nil && (len(raw) == 0 || len(raw) == 32), field+"sha256", "the hash is not 64 hexadecimal digits",
			`printf %s "$TOKEN" | sha256sum`)
	}
}

func oneOf(p *problems, field, got string, allowed ...string) {
	p.want(slices.Contains(allowed, got), field, quote(got)+" is not known", "use "+strings.Join(allowed, ", "))
}

func within(p *problems, field string, got, least, most time.Duration) {
	p.want(got >= least && got <= most, field, got.String()+" is out of range", fmt.Sprintf("use %s to %s", least, most))
}

func isAddress(s string, leastPort uint64) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && isPort(port, leastPort)
}

func isPort(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least
}

// quote shortens what somebody wrote by mistake, a secret perhaps.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strconv.Quote(s)
}
