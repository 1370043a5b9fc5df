package main

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/internal/kafka"
)

// admitAll admits the records of a partition up to an offset again, from the first
// one, and gives each with its reason to visit. It needs the log alone: heads and
// addresses are kept in memory. It returns how many streams there are.
func admitAll(ctx context.Context, log *kafka.Log, partition int32, end int64, visit func(p journal.Parsed, reason journal.Reason)) (streams int, err error) {
	if end == 0 {
		return 0, nil
	}
	reader, err := log.Reader(ctx, partition, 0)
	if err != nil {
		return 0, err
	}
	defer reader.Close() //nolint:errcheck // a tool at its end
	w := walk{heads: map[domain.StreamID]journal.Hash{}, known: map[string]map[value.Address]bool{}}
	for next := int64(0); next < end; {
		records, err := reader.Next(ctx, 500, 8<<20)
		if err != nil {
			return 0, err
		}
		for _, r := range records {
			next = r.Position.Offset + 1
			p := journal.Parse(r, log.Genesis().Partitions)
			visit(p, w.admit(p))
		}
	}
	return len(w.heads), nil
}

// walk is what admission needs to know of a partition.
type walk struct {
	heads map[domain.StreamID]journal.Hash
	known map[string]map[value.Address]bool
}

func (w walk) admit(p journal.Parsed) journal.Reason {
	key := p.Stream.String()
	reason, _ := journal.Admit(journal.Facts{Head: w.heads[p.Stream], Known: func(a value.Address) bool { return w.known[key][a] }}, p)
	if reason != "" {
		return reason
	}
	if len(p.Blobs) > 0 && w.known[key] == nil {
		w.known[key] = map[value.Address]bool{}
	}
	for _, b := range p.Blobs {
		w.known[key][b.Address] = true
	}
	if p.What == journal.WhatCommit {
		w.heads[p.Stream] = p.Hash
	}
	return ""
}
