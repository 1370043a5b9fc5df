package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/projections"
)

// journalCmd are the tools of the log.
type journalCmd struct {
	Init   journalInitCmd   `cmd:"" help:"Create the topics and write the genesis records. Example: duolog journal init --brokers k1:9092 --database postgres://…"`
	Tail   journalTailCmd   `cmd:"" help:"Print records with their verdicts. Example: duolog journal tail -n 20 --follow"`
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

// journalTailCmd prints what stands in the log.
type journalTailCmd struct {
	storeFlags

	Lines  int    `short:"n" help:"How many records of each partition to begin with." default:"10"`
	Follow bool   `short:"f" help:"Go on with what comes."`
	Stream string `help:"Only this stream, tenant/kind/id." placeholder:"STREAM"`
}

// line is one record as the tools print it.
type line struct {
	Position  string   `json:"position"`
	Stream    string   `json:"stream,omitempty"`
	What      string   `json:"what"`
	Verdict   string   `json:"verdict"`
	Events    []string `json:"events,omitempty"`
	Bytes     int      `json:"bytes"`
	Command   string   `json:"command,omitempty"`
	Principal string   `json:"principal,omitempty"`
	Time      string   `json:"time,omitempty"`
}

// Run reads each partition near its end.
func (c journalTailCmd) Run(ctx context.Context, a app) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	ends, err := s.log.Reach(ctx)
	if err != nil {
		return err
	}
	if !c.Follow {
		for _, p := range slices.Sorted(maps.Keys(ends)) {
			if err := c.tail(ctx, a, s, p, ends[p]); err != nil {
				return err
			}
		}
		return nil
	}
	return together(ctx, slices.Sorted(maps.Keys(ends)), func(ctx context.Context, p int32) error { return c.tail(ctx, a, s, p, ends[p]) })
}

func (c journalTailCmd) tail(ctx context.Context, a app, s *store, partition int32, end int64) error {
	from := max(0, end-int64(c.Lines))
	if from >= end && !c.Follow {
		return nil
	}
	reader, err := s.log.Reader(ctx, partition, from)
	if err != nil {
		return err
	}
	defer reader.Close() //nolint:errcheck // a tool at its end
	snapshots, err := projections.NewSnapshots(s.db.Read, s.log.Genesis().Partitions)
	if err != nil {
		return err
	}
	for from < end || c.Follow {
		records, err := reader.Next(ctx, 100, 1<<20)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		for _, r := range records {
			from = r.Position.Offset + 1
			if err := c.print(ctx, a, s, snapshots, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// ignoreEnd takes a Ctrl-C for what it is: the end.
func ignoreEnd(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

func (c journalTailCmd) print(ctx context.Context, a app, s *store, snapshots *projections.Snapshots, r journal.Record) error {
	p := journal.Parse(r, s.log.Genesis().Partitions)
	if c.Stream != "" && string(r.Key) != c.Stream {
		return nil
	}
	l := lineOf(p)
	if p.What == journal.WhatCommit || p.Reason != "" {
		v, err := c.verdict(ctx, s, snapshots, r.Position)
		if err != nil {
			return err
		}
		l.Verdict = v
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(l)
	}
	_, err := fmt.Fprintf(a.out, "%-9s %-24s %-60s %s\n", l.Position, clipText(l.Verdict, 24), clipText(l.Stream, 60), strings.Join(append([]string{l.What}, l.Events...), " "))
	return err
}

// verdict is what the read models say of the record.
func (c journalTailCmd) verdict(ctx context.Context, s *store, snapshots *projections.Snapshots, at domain.Position) (string, error) {
	offsets, err := s.db.Offsets(ctx)
	if err != nil {
		return "", err
	}
	if offsets[at.Partition] <= at.Offset {
		return "not projected yet", nil
	}
	v, err := snapshots.Verdict(ctx, at)
	if err != nil || v.Reason == "" {
		return "accepted", err
	}
	return "ignored: " + string(v.Reason), nil
}

func lineOf(p journal.Parsed) line {
	l := line{Position: p.Record.Position.String(), Bytes: p.Record.Size(), Verdict: "–"}
	switch p.What {
	case journal.WhatGenesis:
		l.What = "genesis"
	case journal.WhatBlobs:
		l.What, l.Stream, l.Verdict = fmt.Sprintf("%d blobs", len(p.Blobs)), p.Stream.String(), "accepted"
	case journal.WhatCommit:
		l.What, l.Stream = "commit", p.Stream.String()
		l.Command, l.Time = p.Commit.Command.Type, p.Commit.Time.Format(time.RFC3339Nano)
		l.Principal = by(p.Commit.Principal)
		for _, e := range p.Commit.Events {
			l.Events = append(l.Events, journal.TypeName(e.Type, e.V))
		}
	case journal.WhatNothing:
		l.What, l.Verdict = "not a record of Duolog", "ignored: "+string(p.Reason)
	}
	return l
}

// by names a principal in a few words.
func by(p domain.Principal) string {
	switch {
	case p.Run != nil:
		return fmt.Sprintf("run %d", p.Run.Epoch)
	case p.System != "" && p.System != "trigger":
		return p.System
	case p.ServiceAccount != "":
		return p.User + " ∩ " + p.ServiceAccount
	}
	return cmp.Or(p.User, p.System)
}

func clipText(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// journalVerifyCmd admits the whole log again.
type journalVerifyCmd struct{ storeFlags }

// verification is what a walk over the log found.
type verification struct {
	Log      uuid.UUID      `json:"log"`
	Records  int            `json:"records"`
	Accepted int            `json:"accepted"`
	Blobs    int            `json:"blob_records"`
	Ignored  map[string]int `json:"ignored"`
	Streams  int            `json:"streams"`
}

// Run needs the log alone: heads and addresses are kept in memory.
func (c journalVerifyCmd) Run(ctx context.Context, a app) error {
	log, _, err := c.openLog(ctx)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // a tool at its end
	ends, err := log.Reach(ctx)
	if err != nil {
		return err
	}
	out := verification{Log: log.Genesis().Log, Ignored: map[string]int{}}
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		if err := out.partition(ctx, log, p, ends[p]); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	_, err = fmt.Fprintf(a.out, "log %s: %d records, %d commits of %d streams accepted, %d blob records, ignored %v\n",
		out.Log, out.Records, out.Accepted, out.Streams, out.Blobs, out.Ignored)
	return err
}

func (v *verification) partition(ctx context.Context, log *kafka.Log, partition int32, end int64) error {
	if end == 0 {
		return nil
	}
	reader, err := log.Reader(ctx, partition, 0)
	if err != nil {
		return err
	}
	defer reader.Close() //nolint:errcheck // a tool at its end
	heads, known := map[domain.StreamID]journal.Hash{}, map[string]map[value.Address]bool{}
	for next := int64(0); next < end; {
		records, err := reader.Next(ctx, 500, 8<<20)
		if err != nil {
			return err
		}
		for _, r := range records {
			next = r.Position.Offset + 1
			v.take(journal.Parse(r, log.Genesis().Partitions), heads, known)
		}
	}
	v.Streams += len(heads)
	return nil
}

func (v *verification) take(p journal.Parsed, heads map[domain.StreamID]journal.Hash, known map[string]map[value.Address]bool) {
	v.Records++
	key := p.Stream.String()
	reason, _ := journal.Admit(journal.Facts{Head: heads[p.Stream], Known: func(a value.Address) bool { return known[key][a] }}, p)
	if reason != "" {
		v.Ignored[string(reason)]++
		return
	}
	if len(p.Blobs) > 0 && known[key] == nil {
		known[key] = map[value.Address]bool{}
	}
	for _, b := range p.Blobs {
		known[key][b.Address] = true
	}
	switch p.What {
	case journal.WhatCommit:
		v.Accepted++
		heads[p.Stream] = p.Hash
	case journal.WhatBlobs:
		v.Blobs++
	case journal.WhatGenesis, journal.WhatNothing:
	}
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
	if log, err := openLog(ctx, cfg); err == nil {
		defer log.Close() //nolint:errcheck // only looked at
		return db.BindLog(ctx, log.Genesis())
	} else if errors.Is(err, context.Canceled) {
		return err
	}
	return problem{"the database knows a log already, and the brokers do not have it", "point --brokers at that log, or use an empty database for a new one"}
}
