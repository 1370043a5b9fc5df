package config

import (
	"cmp"
	"net"
	"path/filepath"
	"time"

	"github.com/duolog/duolog/internal/kafka/access"
)

// Config is everything a node can be told. A zero field is one nobody set; see
// Serve and Dev for what it means then.
type Config struct {
	File FileFlag `name:"config" env:"DUOLOG_CONFIG" placeholder:"FILE" help:"YAML file with any of these settings (topic_prefix for --topic-prefix), the tenants and the tokens."`

	Brokers []string        `name:"brokers" env:"DUOLOG_BROKERS" placeholder:"HOST:PORT,…" help:"Kafka brokers to begin with; the cluster names the rest."`
	Kafka   access.Settings `embed:"" prefix:"kafka-" envprefix:"DUOLOG_KAFKA_"`

	TopicPrefix string      `name:"topic-prefix" env:"DUOLOG_TOPIC_PREFIX" placeholder:"NAME" help:"What topic names begin with (default duolog). Another prefix is another log."`
	ReplyTopics []string    `name:"reply-topics" env:"DUOLOG_REPLY_TOPICS" placeholder:"PREFIX,…" help:"What the topics begin with that answers to commands may be sent to (default the topic prefix and .replies). Wider lets who may send a command write to more topics."`
	DatabaseURL DatabaseURL `name:"database-url" env:"DUOLOG_DATABASE_URL" placeholder:"URL" help:"postgres:// address of the read models. With a password, use the environment or the file: a flag shows in the process list."`

	Listen    string `name:"listen" env:"DUOLOG_LISTEN" placeholder:"HOST:PORT" help:"Where the API listens (default 127.0.0.1:8080)."`
	PublicURL string `name:"public-url" env:"DUOLOG_PUBLIC_URL" placeholder:"URL" help:"How agents and people reach the API (default http:// and the listen address)."`

	StateDir string `name:"state-dir" env:"DUOLOG_STATE_DIR" placeholder:"DIR" help:"Where runs of the local engine and, in dev, the log and the database are kept (default .duolog)."`
	Keystore string `name:"keystore" env:"DUOLOG_KEYSTORE" placeholder:"FILE" help:"The tokens, mode 0600; nodes of one deployment share it (default keystore.jsonl in the state directory)."`
	NodeID   string `name:"node-id" env:"DUOLOG_NODE_ID" placeholder:"NAME" help:"Name of this process among those that share the database (default the host's name). Two with one name work on the same partitions."`

	EngineProgram  []string      `name:"engine-program" env:"DUOLOG_ENGINE_PROGRAM" sep:" " placeholder:"PROGRAM" help:"The agent that the local engine starts, with its arguments, separated by spaces."`
	EngineBasePath string        `name:"engine-base-path" env:"DUOLOG_ENGINE_BASE_PATH" placeholder:"DIR" help:"The checkout that agents of the local engine work on (default the working directory)."`
	EngineWorkDir  string        `name:"engine-work-dir" env:"DUOLOG_ENGINE_WORK_DIR" placeholder:"DIR" help:"Where the local engine starts the program (default the working directory)."`
	EngineGrace    time.Duration `name:"engine-grace" env:"DUOLOG_ENGINE_GRACE" placeholder:"5s" help:"How long a stopped program may take before it is killed. Shorter loses an agent's last words, longer delays a stop."`
	EngineOnLost   string        `name:"engine-on-lost" env:"DUOLOG_ENGINE_ON_LOST" placeholder:"fail|retry" help:"What happens to a workflow whose run was lost: it fails (default), or a new run goes on from its last checkpoint."`

	GitLab GitLab `embed:"" prefix:"gitlab-" envprefix:"DUOLOG_GITLAB_"`

	MaxBody     Bytes `name:"max-body" env:"DUOLOG_MAX_BODY" placeholder:"16MiB" help:"The largest request body. Smaller refuses big checkpoints, larger costs memory for each request."`
	TenantBytes Bytes `name:"tenant-bytes" env:"DUOLOG_TENANT_BYTES" placeholder:"64MiB" help:"Bytes of one tenant in flight on a node. Above it new triggers are refused with 429 and agents' writes wait."`
	TenantRate  int   `name:"tenant-rate" env:"DUOLOG_TENANT_RATE" placeholder:"N" help:"Writes that one tenant may begin each second on a node; 0 (default) is no bound. Above it new triggers are refused with 429 and agents' writes wait: one tenant's flood takes no processor from the others."`

	WebhookAllow []string `name:"webhook-allow" env:"DUOLOG_WEBHOOK_ALLOW" placeholder:"CIDR,…" help:"Networks that hooks reach though they are not the internet, also without TLS (default none; with duolog dev this machine). Too many let the owner of a hook reach what is not theirs."`

	LogLevel      string        `name:"log-level" env:"DUOLOG_LOG_LEVEL" placeholder:"debug|info|warn|error" help:"The least serious messages to log (default info)."`
	LogFormat     string        `name:"log-format" env:"DUOLOG_LOG_FORMAT" placeholder:"auto|text|json" help:"How to log (default auto: text to a terminal, JSON elsewhere)."`
	LogCheck      time.Duration `name:"log-check" env:"DUOLOG_LOG_CHECK" placeholder:"1m" help:"How often it is checked that the log keeps everything and that the database derives from it. Longer leaves a mistake in force longer, shorter asks the brokers more often."`
	OTLPEndpoint  string        `name:"otlp-endpoint" env:"DUOLOG_OTLP_ENDPOINT" placeholder:"URL" help:"Where traces go: a collector that speaks OTLP over HTTP, such as http://collector:4318 (default OTEL_EXPORTER_OTLP_ENDPOINT of the environment; without either nothing is traced)."`
	ShutdownGrace time.Duration `name:"shutdown-grace" env:"DUOLOG_SHUTDOWN_GRACE" placeholder:"20s" help:"How long requests under way may take to end after SIGTERM. Shorter cuts them off: clients send them again."`

	Tenants Tenants `name:"tenants" hidden:"" help:"In the file only."`
	Tokens  Tokens  `name:"tokens" hidden:"" help:"In the file only."`

	Providers Providers `name:"oidc" hidden:"" help:"In the file only."`

	// Embedded says that brokers and database may be left out: this process
	// brings its own. Dev sets it.
	Embedded bool `kong:"-"`
}

const (
	defaultPrefix   = "duolog"
	defaultListen   = "127.0.0.1:8080"
	defaultStateDir = ".duolog"
	engineLocal     = "local"
)

// What happens to a workflow whose run was lost.
const (
	OnLostFail  = "fail"
	OnLostRetry = "retry"
)

// Serve is what a node of a deployment runs with where nobody says otherwise.
// Brokers, database, tenants and the node's id have no default.
func Serve(stateDir string) Config {
	dir := cmp.Or(stateDir, defaultStateDir)
	return Config{
		TopicPrefix: defaultPrefix, Listen: defaultListen,
		StateDir: dir, Keystore: filepath.Join(dir, "keystore.jsonl"),
		EngineBasePath: ".", EngineGrace: 5 * time.Second, EngineOnLost: OnLostFail,
		MaxBody: 16 * MiB, TenantBytes: 64 * MiB,
		LogLevel: "info", LogFormat: "auto", LogCheck: time.Minute, ShutdownGrace: 20 * time.Second,
	}
}

// Dev is Serve for one person on one machine: its own log and database, one
// tenant that allows what is needed to try Duolog. The program of the local
// engine is the caller's to add.
func Dev(stateDir string) Config {
	c := Serve(stateDir)
	c.Embedded = true
	c.NodeID = "dev"
	c.WebhookAllow = []string{"127.0.0.0/8", "::1/128"}
	c.Tenants = Tenants{devTenant()}
	return c
}

// Resolve fills the fields that nobody set and says, in an *InvalidError, everything
// that cannot work then. It looks at what is written, not at the network or the
// disk.
func (c Config) Resolve(defaults Config) (Config, error) {
	c = c.withDefaults(defaults)
	return c, c.check()
}

func (c Config) withDefaults(d Config) Config {
	c.Brokers = orList(c.Brokers, d.Brokers)
	c.TopicPrefix = cmp.Or(c.TopicPrefix, d.TopicPrefix)
	c.ReplyTopics = orList(orList(c.ReplyTopics, d.ReplyTopics), []string{c.TopicPrefix + ".replies"})
	c.DatabaseURL = cmp.Or(c.DatabaseURL, d.DatabaseURL)
	c.Listen = cmp.Or(c.Listen, d.Listen)
	c.PublicURL = cmp.Or(c.PublicURL, d.PublicURL, reachable(c.Listen))
	c.StateDir = cmp.Or(c.StateDir, d.StateDir)
	c.Keystore = cmp.Or(c.Keystore, d.Keystore)
	c.NodeID = cmp.Or(c.NodeID, d.NodeID)
	c.EngineProgram = orList(c.EngineProgram, d.EngineProgram)
	c.EngineBasePath = cmp.Or(c.EngineBasePath, d.EngineBasePath)
	c.EngineWorkDir = cmp.Or(c.EngineWorkDir, d.EngineWorkDir)
	c.EngineGrace = cmp.Or(c.EngineGrace, d.EngineGrace)
	c.EngineOnLost = cmp.Or(c.EngineOnLost, d.EngineOnLost)
	c.GitLab = c.GitLab.withDefaults()
	c.MaxBody = cmp.Or(c.MaxBody, d.MaxBody)
	c.TenantBytes = cmp.Or(c.TenantBytes, d.TenantBytes)
	c.WebhookAllow = orList(c.WebhookAllow, d.WebhookAllow)
	c.LogLevel = cmp.Or(c.LogLevel, d.LogLevel)
	c.LogFormat = cmp.Or(c.LogFormat, d.LogFormat)
	c.OTLPEndpoint = cmp.Or(c.OTLPEndpoint, d.OTLPEndpoint)
	c.LogCheck = cmp.Or(c.LogCheck, d.LogCheck)
	c.ShutdownGrace = cmp.Or(c.ShutdownGrace, d.ShutdownGrace)
	c.Tenants = Tenants(orList(c.Tenants, d.Tenants)).withDefaults()
	c.Tokens = orList(c.Tokens, d.Tokens)
	c.Providers = Providers(orList(c.Providers, d.Providers)).withDefaults()
	c.Embedded = c.Embedded || d.Embedded
	return c
}

func orList[T any](a, b []T) []T {
	if len(a) > 0 {
		return a
	}
	return b
}

// reachable is the address under which this machine reaches its own API.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
