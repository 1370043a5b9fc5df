package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
)

// journalStatsCmd says what the log consists of.
type journalStatsCmd struct{ storeFlags }

// statistics is what a walk over the log counted.
type statistics struct {
	Log     uuid.UUID     `json:"log"`
	Records int           `json:"records"`
	Bytes   int64         `json:"bytes"`
	Streams int           `json:"streams"`
	Kinds   []kindOfBytes `json:"kinds"`
}

// kindOfBytes is what records of one kind take: their keys, values and headers, before
// the broker's framing and compression.
type kindOfBytes struct {
	// Kind is commit and the command behind it, blobs (bytes that went ahead of their
	// commit), genesis, or ignored and the reason.
	Kind    string `json:"kind"`
	Records int    `json:"records"`
	Bytes   int64  `json:"bytes"`
	// New is the part of Bytes that is the new bytes of values.
	New int64 `json:"new_bytes"`
}

// Run reads the whole log.
func (c journalStatsCmd) Run(ctx context.Context, a app) error {
	kinds := map[string]kindOfBytes{}
	id, streams, err := c.admitLog(ctx, func(p journal.Parsed, reason journal.Reason) { count(kinds, p, reason) })
	if err != nil {
		return err
	}
	out := summed(kinds)
	out.Log, out.Streams = id, streams
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	return out.print(a)
}

func count(kinds map[string]kindOfBytes, p journal.Parsed, reason journal.Reason) {
	name := kindOf(p, reason)
	k := kinds[name]
	k.Kind, k.Records, k.Bytes = name, k.Records+1, k.Bytes+int64(p.Record.Size())
	for _, b := range p.Blobs {
		k.New += int64(len(b.Bytes))
	}
	kinds[name] = k
}

func kindOf(p journal.Parsed, reason journal.Reason) string {
	switch {
	case reason != "":
		return "ignored " + string(reason)
	case p.What == journal.WhatCommit:
		return "commit " + p.Commit.Command.Type
	case p.What == journal.WhatBlobs:
		return "blobs"
	}
	return "genesis"
}

// summed sorts the kinds, the largest first.
func summed(kinds map[string]kindOfBytes) statistics {
	var out statistics
	for _, k := range kinds {
		out.Records += k.Records
		out.Bytes += k.Bytes
		out.Kinds = append(out.Kinds, k)
	}
	slices.SortFunc(out.Kinds, func(a, b kindOfBytes) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

func (s statistics) print(a app) error {
	_, _ = fmt.Fprintf(a.out, "log %s: %d records of %d streams, %d bytes before compression\n\n %-44s %10s %14s %6s %14s\n", s.Log, s.Records, s.Streams, s.Bytes, "kind", "records", "bytes", "", "of it new")
	for _, k := range s.Kinds {
		_, _ = fmt.Fprintf(a.out, " %-44s %10d %14d %5.1f%% %14d\n", k.Kind, k.Records, k.Bytes, 100*float64(k.Bytes)/float64(max(1, s.Bytes)), k.New)
	}
	return nil
}
