package main

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/internal/kafka"
)

// admitLog admits every record that the log has now again, from the first one, and
// gives each with its reason to visit, one at a time. It returns the log's id and how
// many streams there are; no stream stands in two partitions.
func (f storeFlags) admitLog(ctx context.Context, visit func(p journal.Parsed, reason journal.Reason)) (id uuid.UUID, streams int, err error) {
	log, _, err := f.openLog(ctx)
	if err != nil {
		return id, 0, err
	}
	defer log.Close() //nolint:errcheck // a tool at its end
	ends, err := log.Reach(ctx)
	if err != nil {
		return id, 0, err
	}
	var mu sync.Mutex
	err = together(ctx, slices.Collect(maps.Keys(ends)), func(ctx context.Context, p int32) error {
		n, err := admitPartition(ctx, log, p, ends[p], func(p journal.Parsed, reason journal.Reason) {
			mu.Lock()
			defer mu.Unlock()
			visit(p, reason)
		})
		mu.Lock()
		defer mu.Unlock()
		streams += n
		return err
	})
	return log.Genesis().Log, streams, err
}

// admitPartition does so up to an offset of one partition. It needs the log alone:
// heads and addresses are kept in memory.
func admitPartition(ctx context.Context, log *kafka.Log, partition int32, end int64, visit func(p journal.Parsed, reason journal.Reason)) (streams int, err error) {
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
