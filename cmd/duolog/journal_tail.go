package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/projections"
)

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
	partitions := slices.Sorted(maps.Keys(ends))
	if c.Follow {
		return together(ctx, partitions, func(ctx context.Context, p int32) error { return c.tail(ctx, a, s, p, ends[p]) })
	}
	texts := make([]bytes.Buffer, len(partitions))
	err = together(ctx, partitions, func(ctx context.Context, p int32) error {
		part := a
		part.out = &texts[slices.Index(partitions, p)]
		return c.tail(ctx, part, s, p, ends[p])
	})
	for i := range texts {
		_, _ = texts[i].WriteTo(a.out)
	}
	return err
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
		v, err := c.verdict(ctx, s, snapshots, p)
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
func (c journalTailCmd) verdict(ctx context.Context, s *store, snapshots *projections.Snapshots, p journal.Parsed) (string, error) {
	at := p.Record.Position
	offsets, err := s.db.Offsets(ctx)
	if err != nil {
		return "", err
	}
	if offsets[at.Partition] <= at.Offset {
		return "not projected yet", nil
	}
	v, err := snapshots.Verdict(ctx, p.Stream, at)
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
