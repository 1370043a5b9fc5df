package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

// journalCmd are the tools of the log.
type journalCmd struct {
	Init   journalInitCmd   `cmd:"" help:"Create the topics and write the genesis records. Example: duolog journal init --brokers k1:9092 --database-url postgres://…"`
	Tail   journalTailCmd   `cmd:"" help:"Print records with their verdicts. Example: duolog journal tail --follow --stream 1003"`
	Stats  journalStatsCmd  `cmd:"" help:"What the log consists of: records and bytes by kind, ignored ones by reason. Example: duolog journal stats"`
	Verify journalVerifyCmd `cmd:"" help:"Admit every record again, from the first one, and report. Example: duolog journal verify"`
}

type journalInitCmd struct {
	storeFlags

	Partitions  int32 `help:"Partitions, for ever." default:"64"`
	Replication int16 `help:"Replicas of each partition; -1 is the cluster's default." default:"-1"`
}

// Run creates the log once; a database that knows one keeps it from a second.
func (c journalInitCmd) Run(ctx context.Context, a app) error {
	cfg, where, err := c.kafka()
	if err != nil {
		return err
	}
	if where.Database != "" {
		if err := refuseKnownLog(ctx, cfg, where.Database); err != nil {
			return err
		}
	}
	g, err := initLog(ctx, cfg, c.Partitions, c.Replication)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(g)
	}
	_, err = fmt.Fprintf(a.out, "log %s is ready: %d partitions, topics %s, %s, %s\n", g.Log, g.Partitions, cfg.JournalTopic(), cfg.CommandsTopic(), cfg.EventsTopic())
	return err
}

func initLog(ctx context.Context, cfg kafka.Config, partitions int32, replication int16) (journal.Genesis, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return kafka.Init(ctx, cfg, partitions, replication, uuid.New)
}

// refuseKnownLog keeps init from beginning a second log beside read models that
// know one, unless it is the same.
func refuseKnownLog(ctx context.Context, cfg kafka.Config, url string) error {
	db, err := openDatabase(ctx, postgresConfig(url))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	known, err := db.KnowsLog(ctx)
	if err != nil || !known {
		return err
	}
	switch g, err := kafka.Identify(ctx, cfg); {
	case err == nil:
		return db.OfLog(ctx, g)
	case domain.CodeOf(err) != domain.CodeNotFound:
		return err
	}
	return problem{"the database knows a log already, and the brokers do not have it", "point --brokers at that log or restore it from a copy; for a new log, use an empty database"}
}
