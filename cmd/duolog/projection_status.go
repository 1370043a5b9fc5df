package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/projections/queries/operations"
)

type projectionStatusCmd struct{ storeFlags }

// partitionStatus is one partition's row.
type partitionStatus struct {
	Partition int32 `json:"partition"`
	Next      int64 `json:"next"`
	End       int64 `json:"end"`
	Lag       int64 `json:"lag"`
	// Owner is the node that works on it, Until how long it may unless it says so
	// again.
	Owner string     `json:"owner,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Stopped counts the streams that a build could not fold.
	Stopped int `json:"stopped"`
}

// Run compares offsets with the ends of the log.
func (c projectionStatusCmd) Run(ctx context.Context, a app) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	rows, err := statusOf(ctx, s)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(rows)
	}
	return printStatus(a, rows)
}

// printStatus ends with what a person would add up.
func printStatus(a app, rows []partitionStatus) error {
	var b strings.Builder
	var lag int64
	var unowned, stopped int
	b.WriteString("partition       next        end     lag  stopped  lease ends  owner\n")
	for _, r := range rows {
		until := "–"
		if r.Until != nil {
			until = "in " + r.Until.Sub(a.now()).Round(100*time.Millisecond).String()
		} else {
			unowned++
		}
		lag, stopped = lag+max(r.Lag, 0), stopped+r.Stopped
		fmt.Fprintf(&b, "%9d %10d %10d %7d %8d  %10s  %s\n", r.Partition, r.Next, r.End, r.Lag, r.Stopped, until, cmp.Or(r.Owner, "nobody"))
	}
	fmt.Fprintf(&b, "%d records wait, %d partitions have no owner, %d streams are stopped\n", lag, unowned, stopped)
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func statusOf(ctx context.Context, s *store) ([]partitionStatus, error) {
	offsets, err := s.db.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	ends, err := s.log.Reach(ctx)
	if err != nil {
		return nil, err
	}
	owners, err := operations.New(s.db.Read).Owners(ctx)
	if err != nil {
		return nil, err
	}
	stopped, err := operations.New(s.db.Read).StoppedIn(ctx)
	if err != nil {
		return nil, err
	}
	var out []partitionStatus
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		row := partitionStatus{Partition: p, Next: offsets[p], End: ends[p], Lag: ends[p] - offsets[p], Stopped: stopped[p]}
		if o, owned := owners[p]; owned {
			row.Owner, row.Until = o.Node, &o.Until
		}
		out = append(out, row)
	}
	return out, nil
}
