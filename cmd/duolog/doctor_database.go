package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections/queries/operations"
)

// checkDatabase opens the database and tries whether it takes writes.
func checkDatabase(ctx context.Context, p *patient) []finding {
	const answers, written = "database answers", "database can be written"
	db, err := openDatabase(ctx, postgres.Config{URL: p.where.Database, MaxConns: 4})
	if err != nil {
		return []finding{failed(answers, err), notLooked(written, "the database does not answer", "")}
	}
	p.db = db
	p.of, _ = db.Log(ctx) // checkTables says why it is not known
	out := []finding{well(answers, "")}
	if err := db.Writable(ctx); err != nil {
		return append(out, failed(written, err))
	}
	return append(out, well(written, ""))
}

func checkTables(ctx context.Context, p *patient) []finding {
	const name = "database has its tables"
	if p.db == nil {
		return []finding{notLooked(name, "the database does not answer", "")}
	}
	switch missing, err := p.db.MissingTables(ctx); {
	case err != nil:
		return []finding{failed(name, err)}
	case len(missing) > 0:
		return []finding{wrong(name, "there is no table "+strings.Join(missing, ", "), "start a node, which makes them and fills them from the log: duolog serve")}
	}
	return []finding{well(name, "")}
}

// oldestPostgres is the oldest major version that is still looked after.
const oldestPostgres = 14

// checkServer is about version and settings.
func checkServer(ctx context.Context, p *patient) []finding {
	const version, encoding, settings = "database version", "database encoding", "database settings"
	if p.db == nil {
		return []finding{notLooked("database version, encoding and settings", "the database does not answer", "")}
	}
	s, err := p.db.Server(ctx)
	if err != nil {
		return []finding{failed(version, err)}
	}
	out := []finding{well(version, "Postgres "+s.VersionText), well(encoding, s.Encoding), well(settings, "synchronous_commit is off for Duolog alone: what a crash loses is derived again")}
	if s.Version < oldestPostgres*10_000 {
		out[0] = warn(version, "Postgres "+s.VersionText+" is older than what Duolog is tested with", fmt.Sprintf("go to Postgres %d or newer; an empty database will do: duolog projection rebuild fills it from the log", oldestPostgres))
	}
	if s.Encoding != "UTF8" {
		out[1] = wrong(encoding, "the database is in "+s.Encoding+" and cannot hold every text", "make a database with ENCODING 'UTF8' TEMPLATE template0, point --database-url at it and start the nodes: they fill it from the log")
	}
	switch {
	case s.Isolation != "repeatable read":
		out[2] = wrong(settings, "a reading connection runs at "+s.Isolation+": something between drops the settings of a connection, and one answer can mix two moments",
			"connect to Postgres itself, or to a pooler that keeps sessions and their settings")
	case s.SynchronousCommit != "off":
		out[2] = warn(settings, "synchronous_commit is "+s.SynchronousCommit+" on Duolog's connections, so each batch waits for the disk for nothing",
			"connect to Postgres itself, or to a pooler that keeps sessions and their settings")
	case s.StatementTimeout != "0":
		out[2] = warn(settings, "statement_timeout is "+s.StatementTimeout+": it ends migrations and rebuilds that take longer", "ALTER ROLE … SET statement_timeout = 0 for the role of Duolog")
	}
	return out
}

// checkConnections compares what the server has with what the living nodes and the
// tools may take.
func checkConnections(ctx context.Context, p *patient) []finding {
	const name = "database connections"
	const tools = 10
	if p.db == nil {
		return []finding{notLooked(name, "the database does not answer", "")}
	}
	s, err := p.db.Server(ctx)
	if err != nil {
		return []finding{failed(name, err)}
	}
	nodes, err := operations.New(p.db.Read).Nodes(ctx)
	if err != nil {
		return []finding{notLooked(name, "the living nodes are not known", "")}
	}
	most := max(1, len(nodes))*postgres.NodeConns + tools
	if s.Conns < most {
		return []finding{warn(name, fmt.Sprintf("%d nodes and a tool may take %d connections, the server has %d", len(nodes), most, s.Conns),
			fmt.Sprintf("ALTER SYSTEM SET max_connections = %d, then restart Postgres", most+tools))}
	}
	return []finding{well(name, fmt.Sprintf("%d, and %d nodes with a tool take at most %d", s.Conns, len(nodes), most))}
}

// maxSkew is how far two clocks may be apart before somebody is told.
const maxSkew = 2 * time.Second

// checkClocks compares the clock of this machine with that of Postgres, by which
// leases and due times go, and with the newest commit: a node whose clock is ahead
// stamps commits in the future. The brokers' clocks decide nothing.
func checkClocks(ctx context.Context, p *patient) []finding {
	const database, nodes = "clock of the database", "clocks of the nodes"
	if p.db == nil {
		return []finding{notLooked(database, "the database does not answer", ""), notLooked(nodes, "the database does not answer", "")}
	}
	before := p.app.now()
	s, err := p.db.Server(ctx)
	if err != nil {
		return []finding{failed(database, err)}
	}
	after := p.app.now()
	out := []finding{clockOfDatabase(database, s.Now, before, after)}
	newest, err := operations.New(p.db.Read).Newest(ctx)
	ahead := newest.Sub(p.app.now())
	switch {
	case err != nil:
		return append(out, notLooked(nodes, "the commits cannot be read", ""))
	case newest.IsZero():
		return append(out, well(nodes, "no commit tells yet"))
	case ahead > maxSkew:
		return append(out, warn(nodes, fmt.Sprintf("the newest commit is stamped %s after the time of this machine", ahead.Round(time.Millisecond)),
			"keep the clocks of all nodes with NTP; the times of those streams go on from there, nothing else is wrong with them"))
	}
	return append(out, well(nodes, "no commit is stamped in the future"))
}

// clockOfDatabase allows for the time that the question took.
func clockOfDatabase(name string, there, before, after time.Time) finding {
	apart := max(before.Sub(there), there.Sub(after), 0)
	if apart > maxSkew {
		return warn(name, fmt.Sprintf("it is %s apart from the clock of this machine", apart.Round(time.Millisecond)), "keep both with NTP: leases and due times go by the database, the times of commits by the nodes")
	}
	return well(name, fmt.Sprintf("less than %s apart from this machine", max(time.Millisecond, apart+after.Sub(before)).Round(time.Millisecond)))
}
