package main

import (
	"bytes"
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
	"github.com/duolog/duolog/projections/queries/operations"
)

// tail prints records of the log with what the read models say of them.
type tail struct {
	app       app
	store     *store
	snapshots *projections.Snapshots
	json      bool
	paint     painter
	// only is the one stream that is shown; nil shows all.
	only *domain.StreamID
	// ends is how far each partition reaches at the beginning.
	ends map[int32]int64
	// visible hears how far the read models come; nil where nobody waits for them.
	visible *projections.Visible
}

// streamOf is the stream that somebody named.
func streamOf(ctx context.Context, s *store, name string) (*domain.StreamID, error) {
	if strings.Contains(name, "/") {
		id, err := domain.ParseStreamID(name)
		if err != nil {
			return nil, problem{err.Error(), "write it as the tools print it, tenant/kind/id, or give the number or UUID of a workflow"}
		}
		return &id, nil
	}
	found, err := operations.New(s.db.Read).Streams(ctx, name)
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, problem{"there is no workflow or conversation " + name, "duolog workflow list shows numbers and UUIDs"}
	case 1:
		return &found[0], nil
	}
	return nil, problem{fmt.Sprintf("%s is the name of %d streams: %v", name, len(found), found), "give one of them whole"}
}

// beginOfStream is the position of one of its last commits, unless one was given.
func (t tail) beginOfStream(ctx context.Context, given map[int32]int64, commits int) (map[int32]int64, error) {
	p := journal.PartitionOf([]byte(t.only.String()), t.store.log.Genesis().Partitions)
	if from, ok := given[p]; ok {
		return map[int32]int64{p: from}, nil
	}
	if len(given) > 0 {
		return nil, problem{fmt.Sprintf("the records of %s are in partition %d", t.only, p), fmt.Sprintf("begin there: --from %d:0", p)}
	}
	from, err := operations.New(t.store.db.Read).NthLast(ctx, *t.only, commits)
	if err != nil {
		return nil, err
	}
	if from < 0 {
		from = t.ends[p]
	}
	return map[int32]int64{p: from}, nil
}

// whatIsThere prints the partitions one after another.
func (t tail) whatIsThere(ctx context.Context, from map[int32]int64) error {
	partitions := slices.Sorted(maps.Keys(from))
	texts := make([]bytes.Buffer, len(partitions))
	err := together(ctx, partitions, func(ctx context.Context, p int32) error {
		part := t
		part.app.out = &texts[slices.Index(partitions, p)]
		return part.read(ctx, p, from[p], false)
	})
	for i := range texts {
		_, _ = texts[i].WriteTo(t.app.out)
	}
	return err
}

// follow prints records as they come, each when the read models know it.
func (t tail) follow(ctx context.Context, from map[int32]int64) error {
	ctx, cancel := context.WithCancel(ctx)
	t.visible = projections.NewVisible()
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		_ = t.store.db.Listen(ctx, projections.NotifyChannel, t.visible.Announced) // without it, each is waited for in vain
	}()
	err := together(ctx, slices.Sorted(maps.Keys(from)), func(ctx context.Context, p int32) error { return t.read(ctx, p, from[p], true) })
	cancel()
	<-listening
	return err
}

func (t tail) read(ctx context.Context, partition int32, from int64, follow bool) error {
	end := t.ends[partition]
	if from >= end && !follow {
		return nil
	}
	reader, err := t.store.log.Reader(ctx, partition, from)
	if err != nil {
		return err
	}
	defer reader.Close() //nolint:errcheck // a tool at its end
	for from < end || follow {
		records, err := reader.Next(ctx, 100, 1<<20)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		for _, r := range records {
			from = r.Position.Offset + 1
			if err := t.print(ctx, r); err != nil {
				return ignoreEnd(ctx, err)
			}
		}
	}
	return nil
}

func (t tail) print(ctx context.Context, r journal.Record) error {
	if t.only != nil && string(r.Key) != t.only.String() {
		return nil
	}
	p := journal.Parse(r, t.store.log.Genesis().Partitions)
	l := lineOf(p)
	if p.What == journal.WhatCommit || p.Reason != "" {
		v, err := t.verdict(ctx, p)
		if err != nil {
			return err
		}
		l.Verdict = v
	}
	if t.json {
		return json.NewEncoder(t.app.out).Encode(l)
	}
	_, err := fmt.Fprintf(t.app.out, "%-9s %s %-60s %s\n", l.Position, colouredVerdict(t.paint, l.Verdict), clipText(l.Stream, 60), strings.Join(append([]string{l.What}, l.Events...), " "))
	return err
}

func colouredVerdict(paint painter, verdict string) string {
	text := fmt.Sprintf("%-24s", clipText(verdict, 24))
	switch {
	case strings.HasPrefix(verdict, "ignored"):
		return paint.paint(yellow, text)
	case verdict == "accepted":
		return paint.paint(green, text)
	}
	return paint.paint(grey, text)
}

// projectedWithin is how long a record that just came is waited for in the read
// models. Behind it, it is shown without a verdict.
const projectedWithin = 2 * time.Second

// verdict is what the read models say of the record.
func (t tail) verdict(ctx context.Context, p journal.Parsed) (string, error) {
	at := p.Record.Position
	if t.visible != nil {
		waiting, cancel := context.WithTimeout(ctx, projectedWithin)
		_ = t.visible.Wait(waiting, at) // the offset below says whether it came
		cancel()
	}
	offsets, err := t.store.db.Offsets(ctx)
	if err != nil {
		return "", err
	}
	if offsets[at.Partition] <= at.Offset {
		return "not projected yet", nil
	}
	v, err := t.snapshots.Verdict(ctx, p.Stream, at)
	if err != nil || v.Reason == "" {
		return "accepted", err
	}
	return "ignored: " + string(v.Reason), nil
}
