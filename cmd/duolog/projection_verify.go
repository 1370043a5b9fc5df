package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/duolog/duolog/projections"
)

// projectionVerifyCmd compares the live read models with a replay.
type projectionVerifyCmd struct{ storeFlags }

// Run replays into a schema of its own, compares one cut, and drops it.
func (c projectionVerifyCmd) Run(ctx context.Context, a app) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	_, where, err := c.kafka()
	if err != nil {
		return err
	}
	cut, err := projections.OpenCut(ctx, s.db.Read)
	if err != nil {
		return err
	}
	defer cut.Close(context.WithoutCancel(ctx)) //nolint:errcheck // a read-only transaction at its end
	differences, err := c.compare(ctx, a, s, where.Database, cut)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(a.out).Encode(differences); err != nil {
			return err
		}
	} else if err := printDifferences(a, differences); err != nil {
		return err
	}
	if len(differences) > 0 {
		return problem{fmt.Sprintf("the read models differ from the log in %d rows", len(differences)), "duolog projection rebuild derives them anew"}
	}
	return nil
}

func (c projectionVerifyCmd) compare(ctx context.Context, a app, s *store, url string, cut *projections.Cut) (found []projections.Difference, err error) {
	db, drop, err := scratch(ctx, s, url, "verify_"+strings.ReplaceAll(uuid.NewString(), "-", ""))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	projector, err := s.projector(a, db, projections.NewVisible(), true)
	if err != nil {
		return nil, err
	}
	m := newMeter(a, cut.Ends)
	defer m.end()
	if err := replay(ctx, projector, cut.Ends, m); err != nil {
		return nil, err
	}
	m.say("comparing")
	return cut.Compare(ctx, db.Read)
}

func printDifferences(a app, differences []projections.Difference) error {
	for _, d := range differences {
		if _, err := fmt.Fprintf(a.out, "%s: only in the %s: %s\n", d.Table, d.Side, clipText(d.Row, 300)); err != nil {
			return err
		}
	}
	if len(differences) > 0 {
		return nil
	}
	_, err := fmt.Fprintln(a.out, "the read models are what the log says")
	return err
}
