package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/fakegitlab"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/kafka/access"
	"github.com/duolog/duolog/internal/keystore"
	"github.com/duolog/duolog/internal/postgres"
)

// devCmd runs everything on one machine.
type devCmd struct {
	config.Config

	LogListen      string `help:"Where the embedded log listens." default:"127.0.0.1:9092" placeholder:"HOST:PORT"`
	DatabaseListen string `help:"Where the embedded database listens." default:"127.0.0.1:5433" placeholder:"HOST:PORT"`
	Ephemeral      bool   `help:"Keep nothing: state in a temporary directory that goes when this ends."`
	Demo           string `help:"Ask this once it runs, show the thread, and stay up for more." placeholder:"QUESTION"`
	Hook           string `help:"Tell this address what happens to workflows, as hook dev; the key it is signed with is hook.secret in the state directory." placeholder:"URL"`
	GitLab         bool   `name:"gitlab" help:"Also run a fake GitLab with a small company and a runner; see duolog fake-gitlab." env:"DUOLOG_DEV_GITLAB"`
	GitLabListen   string `name:"gitlab-listen" help:"Where the fake GitLab listens." default:"127.0.0.1:8929" placeholder:"HOST:PORT"`
	MavenURL       string `help:"Where a Postgres is downloaded from when none is installed." env:"DUOLOG_MAVEN_URL" placeholder:"URL"`
}

// Help is shown below the flags.
func (devCmd) Help() string {
	return "Examples:\n  duolog dev\n  duolog dev --gitlab --ephemeral --demo \"what changed in the last 10 commits?\"\n\nAlone it starts agents itself, as is good for who writes one; with --gitlab they are jobs of a CI runner. For trying, developing and small single-node use: the log is an embedded broker on one disk."
}

const (
	devPartitions  = 4
	devDatabase    = "duolog"
	warnLogBytes   = 1 << 30
	embeddedCloses = 10 * time.Second
)

// Run starts the parts, then a node over them, and stays until a signal comes.
func (c devCmd) Run(ctx context.Context, a app) error {
	if c.Ephemeral {
		dir, err := os.MkdirTemp("", "duolog-dev-")
		if err != nil {
			return fmt.Errorf("make a temporary directory: %w", err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // in the system's temporary directory
		c.StateDir = dir
	}
	defaults := config.Dev(c.StateDir)
	if err := demoAgent(&defaults); err != nil {
		return err
	}
	defaults.OTLPEndpoint = a.getenv(envCollector)
	if c.GitLab {
		// The runner is a part of this process, and its jobs are lost with it.
		defaults.EngineOnLost = config.OnLostRetry
	}
	cfg, err := c.Resolve(defaults)
	if err != nil {
		return err
	}
	if cfg, err = c.addHook(cfg); err != nil {
		return err
	}
	if c.LogLevel == "" {
		cfg.LogLevel = "warn"
	}
	dir, err := filepath.Abs(cfg.StateDir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	cfg.StateDir = dir
	lock, err := embedded.Lock(dir)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // goes with the process too
	parts, err := c.startParts(ctx, a, &cfg)
	if err != nil {
		return err
	}
	defer parts.close(context.WithoutCancel(ctx))
	return c.serve(ctx, a, cfg, parts)
}

// parts are the embedded log and database.
type parts struct {
	broker   *embedded.Broker
	postgres *embedded.Postgres
	gitlab   *fakegitlab.Server
}

func (p *parts) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, embeddedCloses)
	defer cancel()
	if p.gitlab != nil {
		p.gitlab.Close()
	}
	if p.postgres != nil {
		_ = p.postgres.Close(ctx)
	}
	if p.broker != nil {
		_ = p.broker.Close()
	}
}

// startParts starts both and makes an empty log and database where there are
// none.
func (c devCmd) startParts(ctx context.Context, a app, cfg *config.Config) (*parts, error) {
	logger, err := newLogger(a, *cfg)
	if err != nil {
		return nil, err
	}
	p := &parts{}
	cache, err := embedded.DefaultCacheDir()
	if err != nil {
		cache = "" // the state directory then
	}
	group, starting := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		p.broker, err = embedded.StartBroker(starting, embedded.BrokerConfig{Dir: filepath.Join(cfg.StateDir, "log"), Addr: c.LogListen, Logger: logger})
		return portProblem(err, c.LogListen, "--log-listen")
	})
	group.Go(func() (err error) {
		p.postgres, err = embedded.StartPostgres(starting, embedded.PostgresConfig{
			Dir: filepath.Join(cfg.StateDir, "postgres"), Addr: c.DatabaseListen, Logger: logger, CacheDir: cache, MavenURL: c.MavenURL,
		})
		if err == nil {
			err = p.postgres.EnsureDatabase(ctx, devDatabase)
		}
		return portProblem(err, c.DatabaseListen, "--database-listen")
	})
	if err := group.Wait(); err != nil {
		p.close(context.WithoutCancel(ctx))
		return nil, err
	}
	cfg.Brokers, cfg.Kafka = p.broker.Addrs(), access.Settings{} // the embedded broker wants nothing
	cfg.DatabaseURL = config.DatabaseURL(p.postgres.URL(devDatabase))
	err = prepareLog(ctx, *cfg)
	if err == nil {
		p.gitlab, err = c.startGitLab(a, cfg)
	}
	if err != nil {
		p.close(context.WithoutCancel(ctx))
		return nil, err
	}
	return p, nil
}

func portProblem(err error, address, flag string) error {
	if err == nil || !strings.Contains(err.Error(), "address already in use") && !strings.Contains(err.Error(), "port is taken") {
		return err
	}
	return problem{address + " is taken by another program", "stop what listens there, or choose another port with " + flag + " (port 0 takes a free one)"}
}

// prepareLog begins the log in an empty directory. A database that knows a log
// which is not there keeps it from a second one: its truth would be gone.
func prepareLog(ctx context.Context, cfg config.Config) error {
	k := kafka.Config{Brokers: cfg.Brokers, Prefix: cfg.TopicPrefix, ClientID: "duolog-dev", Logger: slog.New(slog.DiscardHandler)}
	db, err := openDatabase(ctx, postgres.Config{URL: cfg.DatabaseURL.Reveal(), MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	known, err := db.KnowsLog(ctx)
	if err != nil {
		return err
	}
	if !known {
		_, err = initLog(ctx, k, devPartitions, 1)
		return err
	}
	log, err := openLog(ctx, k)
	if err != nil {
		return err
	}
	return log.Close()
}

func (c devCmd) serve(ctx context.Context, a app, cfg config.Config, parts *parts) error {
	n, err := buildNode(ctx, a, cfg)
	if err != nil {
		return err
	}
	n.cfg.checks = append(n.cfg.checks, room(parts.broker))
	n.cfg.prepare = func(ctx context.Context) error { return c.settle(ctx, n, cfg) }
	if err := c.introduce(ctx, n, cfg); err != nil {
		n.close()
		return err
	}
	if err := c.banner(a, n, cfg, parts); err != nil {
		n.close()
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.run(ctx) })
	if c.Demo != "" {
		group.Go(func() error {
			if err := c.demo(ctx, a, cfg); err != nil {
				a.fail(err) // told, and what runs stays up
			}
			return nil
		})
	}
	return group.Wait()
}

// room says that the log is unsafe while its disk is full.
func room(broker *embedded.Broker) kafka.SafetyCheck {
	return func(context.Context) (*kafka.SafetyError, error) {
		if full := broker.Full(); full != nil {
			return &kafka.SafetyError{Problem: full.Problem, Fix: full.Fix}, nil
		}
		return nil, nil //nolint:nilnil // nothing is wrong
	}
}

// introduce leaves what a second terminal needs: how to reach this Duolog, and
// a token, made once.
func (c devCmd) introduce(ctx context.Context, n *node, cfg config.Config) error {
	file := filepath.Join(cfg.StateDir, tokenFile)
	if b, err := os.ReadFile(file); errors.Is(err, fs.ErrNotExist) || len(b) == 0 { //nolint:gosec // the state directory is the user's own
		t := cfg.Tenants[0]
		secret, err := n.cfg.keys.Add(ctx, keystore.Token{Kind: keystore.KindUser, Tenant: t.Name, User: t.DefaultUser})
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(secret.Reveal()+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the token: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	return connection{API: n.cfg.url, Brokers: cfg.Brokers, Prefix: cfg.TopicPrefix, Database: cfg.DatabaseURL.Reveal()}.save(cfg.StateDir)
}

func (c devCmd) banner(a app, n *node, cfg config.Config, parts *parts) error {
	_, err := fmt.Fprintf(a.out, "duolog dev   log %s (embedded, %d partitions)   database %s (embedded)   api %s\n             state in %s   token in %s   stop with Ctrl-C, nothing is lost\n%s\n",
		strings.Join(cfg.Brokers, ","), n.partitions, hostOf(cfg.DatabaseURL), n.cfg.url, short(cfg.StateDir)+"/", filepath.Join(short(cfg.StateDir), tokenFile), gitLabLine(parts.gitlab, cfg))
	if err != nil {
		return err
	}
	if size, err := parts.broker.LogBytes(); err == nil && size > warnLogBytes {
		_, _ = fmt.Fprintf(a.err, "the log has %d MB; the embedded log reads all of it at each start. For more, use duolog serve with Apache Kafka.\n", size>>20)
	}
	return nil
}

// short is the directory as people would type it.
func short(dir string) string {
	wd, err := os.Getwd()
	if err != nil {
		return dir
	}
	if rel, err := filepath.Rel(wd, dir); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return dir
}

func hostOf(u config.DatabaseURL) string {
	_, rest, _ := strings.Cut(u.String(), "@")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// demo asks once, as a person in another terminal would.
func (c devCmd) demo(ctx context.Context, a app, cfg config.Config) error {
	api, err := apiFlags{State: cfg.StateDir}.client()
	if err != nil {
		return err
	}
	ask := askCmd{Text: c.Demo, Channel: "general"}
	if err := ask.ask(ctx, a, api); err != nil {
		return ignoreEnd(ctx, err)
	}
	_, err = fmt.Fprintf(a.out, `
now you:  duolog ask "who touched domain/ last?"        in another terminal
          duolog workflow list                          what was asked
          kcat -b %s -t %s.events -C        the same, from any language
`, cfg.Brokers[0], cfg.TopicPrefix)
	return err
}
