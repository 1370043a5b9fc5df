package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// FleetConfig says what log a fleet stands on.
type FleetConfig struct {
	// Broker is a running one, which stays with the caller; nil makes an empty
	// embedded one.
	Broker *Broker
	// Tags are build tags of the product; without any it is the build that users get.
	Tags []string
	// Engine runs the agents; empty is the local one. Another has a project to work in.
	Engine string
	// Environment is added to that of the nodes.
	Environment []string
}

// Partitions is how many the log has, as that of duolog dev.
const Partitions = 4

// Project is where runs of an engine work that needs one.
const Project = "bench/duo-workspace"

// Prefix leads the topics' names.
const Prefix = "duolog"

// Fleet is a log and a database with nodes over them.
type Fleet struct {
	Broker   *Broker
	Database string
	Token    string
	Nodes    []*Node
	// Tools are the commands that Tool runs, one at a time.
	Tools Profiled

	lab    *Lab
	cfg    FleetConfig
	own    bool
	dir    string
	config string
}

// NewFleet makes the log and the database. Its nodes are started by Start.
func (l *Lab) NewFleet(ctx context.Context, cfg FleetConfig) (f *Fleet, err error) {
	l.fleets++
	f = &Fleet{lab: l, cfg: cfg, Broker: cfg.Broker, Token: "a-token-of-the-bench", dir: filepath.Join(l.Dir, "fleet-"+strconv.Itoa(l.fleets))}
	f.Tools.socket = filepath.Join(f.dir, "tool.pprof")
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return nil, fmt.Errorf("make %s: %w", f.dir, err)
	}
	if f.Broker == nil {
		if f.Broker, err = StartBroker(ctx, filepath.Join(f.dir, "log")); err != nil {
			return nil, err
		}
		f.own = true
	}
	if f.Database, err = l.Database(ctx); err == nil {
		err = f.writeConfig()
	}
	if err == nil {
		_, err = f.Tool(ctx, "journal", "init", "--partitions", strconv.Itoa(Partitions), "--replication", "1")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Fleet) writeConfig() error {
	token := filepath.Join(f.dir, "token")
	if err := os.WriteFile(token, []byte(f.Token+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the token: %w", err)
	}
	f.config = filepath.Join(f.dir, "duolog.yaml")
	return os.WriteFile(f.config, fmt.Appendf(nil, `brokers: [%s]
topic_prefix: %s
database_url: %s
keystore: %s
engine_program: ["true"]
log_level: error
tenants:
  - name: bench
    namespace: {path: bench, id: 1}
    flow: {definition: developer/v1, version: 1.0.0}
    allow_runless: true
    default_user: mia
%stokens:
  - {tenant: bench, user: mia, token_file: %s}
`, f.Broker.Address, Prefix, f.Database, filepath.Join(f.dir, "keystore.jsonl"), f.placement(), token), 0o600)
}

// placement is where runs of the tenant go, as lines of its configuration.
func (f *Fleet) placement() string {
	if f.cfg.Engine == "" {
		return ""
	}
	return "    engine: " + f.cfg.Engine + "\n    project: {path: " + Project + "}\n"
}

// Tool runs a command of the product on the log and the database and returns what
// it printed.
func (f *Fleet) Tool(ctx context.Context, args ...string) ([]byte, error) {
	binary, err := f.lab.Binary(ctx, f.cfg.Tags)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, binary, args...) //nolint:gosec // what we built
	command.Env = append(os.Environ(), "DUOLOG_BROKERS="+f.Broker.Address, "DUOLOG_DATABASE_URL="+f.Database, "DUOLOG_PPROF="+f.Tools.socket)
	_ = os.Remove(f.Tools.socket) // of the one before
	said, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("duolog %v: %w\n%s", args, err, exit.Stderr)
	}
	return said, err
}

// LogBytes is what a topic takes on the disk of the fleet's own broker.
func (f *Fleet) LogBytes(topic string) (total int64, err error) {
	files, err := filepath.Glob(filepath.Join(f.dir, "log", "partitions", Prefix+"."+topic+"-*", "*.dat"))
	if err != nil {
		return 0, fmt.Errorf("measure the log: %w", err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, fmt.Errorf("measure the log: %w", err)
		}
		total += info.Size()
	}
	return total, nil
}

// Close stops the nodes, then the log if it is the fleet's own.
func (f *Fleet) Close() error {
	var errs []error
	for _, n := range f.Nodes {
		errs = append(errs, n.stop())
	}
	if f.own {
		errs = append(errs, f.Broker.Close(), os.RemoveAll(filepath.Join(f.dir, "log")))
	}
	return errors.Join(errs...)
}

// Quiet returns when the nodes have done what is left to do behind the answers:
// it belongs to what was measured, not to what is measured next. Whoever is still
// at work after the time for it is left so.
func (f *Fleet) Quiet(ctx context.Context) error {
	const look, idle = 200 * time.Millisecond, 0.1 // of one processor
	tick := time.NewTicker(look)
	defer tick.Stop()
	before := f.CPU()
	for range int(quietTimeout / look) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now := f.CPU()
		if used := now.Since(before); used.Product+used.Broker < idle*look.Seconds() {
			return nil
		}
		before = now
	}
	return nil
}

const quietTimeout = 30 * time.Second

// CPU is the processor time, in seconds, that the parts have used.
type CPU struct {
	Product, Postgres, Broker float64
}

// CPU looks at all processes of the fleet. An Apache Kafka is not among them.
func (f *Fleet) CPU() CPU {
	c := CPU{Postgres: cpuOf(f.lab.PostgresPID()), Broker: cpuOf(f.Broker.PID)}
	for _, n := range f.Nodes {
		c.Product += cpuOf(n.command.Process.Pid)
	}
	return c
}

// Since is what was used after before.
func (c CPU) Since(before CPU) CPU {
	return CPU{c.Product - before.Product, c.Postgres - before.Postgres, c.Broker - before.Broker}
}

// Total is that of all parts.
func (c CPU) Total() float64 { return c.Product + c.Postgres + c.Broker }
