package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

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
	var mu sync.Mutex
	err = together(ctx, slices.Collect(maps.Keys(ends)), func(ctx context.Context, p int32) error {
		part := verification{Ignored: map[string]int{}}
		err := part.partition(ctx, log, p, ends[p])
		mu.Lock()
		defer mu.Unlock()
		out.add(part)
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	_, err = fmt.Fprintf(a.out, "log %s: %d records, %d commits of %d streams accepted, %d blob records, ignored %v\n",
		out.Log, out.Records, out.Accepted, out.Streams, out.Blobs, out.Ignored)
	return err
}

// add sums up: no stream stands in two partitions.
func (v *verification) add(part verification) {
	v.Records += part.Records
	v.Accepted += part.Accepted
	v.Blobs += part.Blobs
	v.Streams += part.Streams
	for reason, n := range part.Ignored {
		v.Ignored[reason] += n
	}
}

func (v *verification) partition(ctx context.Context, log *kafka.Log, partition int32, end int64) error {
	streams, err := admitAll(ctx, log, partition, end, v.take)
	v.Streams += streams
	return err
}

func (v *verification) take(p journal.Parsed, reason journal.Reason) {
	v.Records++
	switch {
	case reason != "":
		v.Ignored[string(reason)]++
	case p.What == journal.WhatCommit:
		v.Accepted++
	case p.What == journal.WhatBlobs:
		v.Blobs++
	}
}
