package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/engine/local"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/crash"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/keystore"
	"github.com/duolog/duolog/internal/telemetry"
)

// serveCmd runs a node of a deployment.
type serveCmd struct {
	config.Config

	ReadSchema string `help:"Answer reads from the read models in this schema, which duolog projection rebuild --into made. Nothing is written, and the log is not opened." placeholder:"SCHEMA"`
}

// Help is shown below the flags.
func (serveCmd) Help() string {
	return "Example:\n  duolog serve --config duolog.yaml\n\nThe log is created once, before: duolog journal init. A configuration file: duolog config example."
}

// Run serves until a signal comes.
func (c serveCmd) Run(ctx context.Context, a app) error {
	host, _ := os.Hostname()
	defaults := config.Serve(c.StateDir)
	defaults.NodeID = host
	if err := demoAgent(&defaults); err != nil {
		return err
	}
	defaults.OTLPEndpoint = a.getenv(envCollector)
	cfg, err := c.Resolve(defaults)
	if err != nil {
		return err
	}
	if c.ReadSchema != "" {
		return servePast(ctx, a, cfg, c.ReadSchema)
	}
	n, err := buildNode(ctx, a, cfg)
	if err != nil {
		return err
	}
	n.cfg.logger.InfoContext(ctx, "serving", slog.String("api", n.cfg.url), slog.String("node", cfg.NodeID), slog.String("log", n.log.Genesis().Log.String()))
	return n.run(ctx)
}

// buildNode turns a configuration into a node that is ready to run.
func buildNode(ctx context.Context, a app, cfg config.Config) (n *node, err error) {
	logger, err := newLogger(a, cfg)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.StateDir, 0o750); err != nil {
		return nil, problem{"the state directory cannot be made: " + err.Error(), "choose another with --state-dir"}
	}
	listener, err := listen(ctx, cfg.Listen)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = listener.Close()
		}
	}()
	keys, err := keystore.Open(cfg.Keystore, a.now)
	if err == nil {
		err = declare(keys, cfg.Tokens)
	}
	if err != nil {
		return nil, err
	}
	engine, basePath, err := engineConfig(a, cfg, logger)
	if err != nil {
		return nil, err
	}
	traces, err := newTraces(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	hooks, err := hookBook(cfg.Tenants)
	if err != nil {
		return nil, err
	}
	instance, err := openGitLab(cfg.GitLab, cfg.Tenants, publicURL(cfg, listener), logger, a.now)
	if err != nil {
		return nil, err
	}
	known, err := newTenants(cfg.Tenants, instance != nil)
	if err != nil {
		return nil, err
	}
	n, err = newNode(ctx, nodeConfig{
		kafka: kafka.Config{
			Brokers: cfg.Brokers, Access: cfg.Kafka, Prefix: cfg.TopicPrefix, ClientID: "duolog-" + cfg.NodeID, Member: cfg.NodeID, WatchInterval: cfg.LogCheck, Logger: logger,
		},
		replyTopics: cfg.ReplyTopics, database: cfg.DatabaseURL.Reveal(), listen: listener, url: publicURL(cfg, listener), node: cfg.NodeID,
		keys: keys, callers: callers(keys, cfg.Providers, publicURL(cfg, listener), a.now), tenants: known, engine: engine, gitlab: instance, basePath: basePath, onLost: onLost(cfg.EngineOnLost),
		hooks: hooks, webhookAllow: cfg.AllowedNetworks(),
		tenantCap: int64(cfg.TenantBytes), tenantRate: cfg.TenantRate, maxBody: int64(cfg.MaxBody), grace: cfg.ShutdownGrace, logger: logger, traces: traces, getenv: a.getenv,
		point: crash.Point(a.getenv), now: a.now,
	})
	if err != nil {
		return nil, err
	}
	n.closers = append([]func(){func() { _ = keys.Close() }, func() { traces.Close(context.WithoutCancel(ctx)) }}, n.closers...)
	return n, nil
}

func newLogger(a app, cfg config.Config) (*slog.Logger, error) {
	return telemetry.NewLogger(a.err, telemetry.LogConfig{Level: cfg.LogLevel, Format: cfg.LogFormat})
}

// demoAgent makes the demo agent of this binary the program of the local engine
// where no other is named.
func demoAgent(defaults *config.Config) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	defaults.EngineProgram = []string{self, "demo-agent"}
	return nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, problem{fmt.Sprintf("the API cannot listen on %s: %v", address, err), "stop what listens there, or choose another address with --listen"}
	}
	return l, nil
}

// publicURL is the configured one, with the port that was really taken.
func publicURL(cfg config.Config, l net.Listener) string {
	_, port, err := net.SplitHostPort(cfg.Listen)
	if err == nil && port == "0" {
		return "http://" + l.Addr().String()
	}
	return cfg.PublicURL
}

func onLost(policy string) string {
	if policy == config.OnLostRetry {
		return effects.OnLostRestart
	}
	return effects.OnLostFail
}

// engineConfig is the local engine: its supervisor is this binary.
func engineConfig(a app, cfg config.Config, logger *slog.Logger) (local.Config, string, error) {
	self, err := os.Executable()
	if err != nil {
		return local.Config{}, "", fmt.Errorf("find this program: %w", err)
	}
	basePath, err := filepath.Abs(cmp.Or(cfg.EngineBasePath, "."))
	if err != nil {
		return local.Config{}, "", fmt.Errorf("engine base path: %w", err)
	}
	return local.Config{
		Dir: cfg.StateDir, Program: cfg.EngineProgram, Supervisor: []string{self, "engine-supervise"}, WorkDir: cfg.EngineWorkDir,
		Node: cfg.NodeID, Grace: cfg.EngineGrace, Getenv: a.getenv, Logger: logger,
	}, basePath, nil
}
