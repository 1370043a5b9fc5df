package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/projections"
)

// journalTailCmd prints what stands in the log.
type journalTailCmd struct {
	storeFlags

	Lines  int      `short:"n" help:"How many records of each partition, or commits of the stream, to begin with." default:"10"`
	From   []string `help:"Begin at these positions instead, and read their partitions alone." placeholder:"P:OFFSET"`
	Follow bool     `short:"f" help:"Go on with what comes."`
	Stream string   `help:"Only this stream: tenant/kind/id, the number of a workflow, or the UUID of a workflow or a conversation." placeholder:"STREAM"`
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
	snapshots, err := projections.NewSnapshots(s.db.Read, s.log.Genesis().Partitions)
	if err != nil {
		return err
	}
	t := tail{app: a, store: s, snapshots: snapshots, json: c.JSON, paint: a.painter()}
	if t.ends, err = s.log.Reach(ctx); err != nil {
		return err
	}
	if c.Stream != "" {
		if t.only, err = streamOf(ctx, s, c.Stream); err != nil {
			return err
		}
	}
	from, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	if c.Follow {
		return t.follow(ctx, from)
	}
	return t.whatIsThere(ctx, from)
}

// begin is where each partition that is read begins.
func (c journalTailCmd) begin(ctx context.Context, t tail) (map[int32]int64, error) {
	from := map[int32]int64{}
	for _, text := range c.From {
		at, err := domain.ParsePosition(text)
		if err != nil || at.Partition >= t.store.log.Genesis().Partitions {
			return nil, problem{text + " is no position of this log", "write it as the tools print it, partition:offset: --from 3:1042"}
		}
		from[at.Partition] = at.Offset
	}
	if t.only != nil {
		return t.beginOfStream(ctx, from, c.Lines)
	}
	if len(from) == 0 {
		for p, end := range t.ends {
			from[p] = max(0, end-int64(max(0, c.Lines)))
		}
	}
	return from, nil
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
