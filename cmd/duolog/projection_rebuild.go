package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
)

// projectionRebuildCmd derives the read models anew.
type projectionRebuildCmd struct {
	storeFlags

	Until   []string `help:"Build the read models as of then: a time, how long ago, or positions. A partition that no position names is taken whole. With --into." placeholder:"MOMENT"`
	Into    string   `help:"Leave the new tables in this schema, beside those that serve; duolog serve --read-schema reads them." placeholder:"SCHEMA"`
	InPlace bool     `help:"Empty the tables that serve and fill them again. It takes no room for a second set, but reads and writes wait until it is done."`
}

// Help is shown below the flags.
func (projectionRebuildCmd) Help() string {
	return "The new tables are built beside those that serve, while nodes read and write, and take their place in one transaction when they are complete. Until then nothing changes: interrupted, it leaves nothing behind.\n\nExamples:\n  duolog projection rebuild\n  duolog projection rebuild --in-place\n  duolog projection rebuild --until 2026-11-21T10:00:00Z --into before"
}

// rebuilt is what a rebuild came to.
type rebuilt struct {
	Records int64   `json:"records"`
	Seconds float64 `json:"seconds"`
	// Held is for how long writes waited.
	Held float64 `json:"held_seconds"`
}

// Run opens both and rebuilds in one of two ways.
func (c projectionRebuildCmd) Run(ctx context.Context, a app) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.db.Migrate(ctx); err != nil {
		return err
	}
	if err := s.db.BindLog(ctx, s.log.Genesis()); err != nil {
		return err
	}
	switch {
	case c.Into != "" && c.InPlace:
		return problem{"--in-place and --into exclude each other", "leave one out"}
	case c.Into != "":
		return c.past(ctx, a, s)
	case len(c.Until) > 0:
		return problem{"--until needs a schema of its own: the tables that serve are always those of now", "add --into, such as --into before"}
	}
	began := a.now()
	var out rebuilt
	if c.InPlace {
		out.Records, err = inPlace(ctx, a, s)
		out.Held = a.now().Sub(began).Seconds()
	} else {
		out, err = c.beside(ctx, a, s)
	}
	if err != nil {
		return err
	}
	out.Seconds = a.now().Sub(began).Seconds()
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	_, err = fmt.Fprintf(a.out, "rebuilt from %d records in %s; writes waited for %s\n", out.Records, seconds(out.Seconds), seconds(out.Held))
	return err
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}

// inPlace may be interrupted: whoever projects next goes on from where it stopped.
func inPlace(ctx context.Context, a app, s *store) (int64, error) {
	ends, err := s.log.Reach(ctx)
	if err != nil {
		return 0, err
	}
	if err := projections.Truncate(ctx, s.db.Write); err != nil {
		return 0, err
	}
	projector, err := s.projector(a, s.db, projections.NewVisible(), false)
	if err != nil {
		return 0, err
	}
	m := newMeter(a, ends)
	defer m.end()
	if err := replay(ctx, projector, ends, m); err != nil {
		return 0, err
	}
	return m.total, projections.Analyze(ctx, s.db.Write)
}

// replay projects every partition up to ends.
func replay(ctx context.Context, projector *projections.Projector, ends map[int32]int64, m *meter) error {
	return together(ctx, slices.Sorted(maps.Keys(ends)), func(ctx context.Context, p int32) error {
		return projector.Replay(ctx, p, ends[p], m.advance)
	})
}

// beside builds a second set of tables and swaps it in.
func (c projectionRebuildCmd) beside(ctx context.Context, a app, s *store) (out rebuilt, err error) {
	live, err := projections.Schema(ctx, s.db.Write)
	if err != nil {
		return out, err
	}
	free, err := alone(ctx, s.db.Write, live)
	if err != nil {
		return out, err
	}
	defer free()
	if err := ready(ctx, s.db.Write, live); err != nil {
		return out, err
	}
	_, where, err := c.kafka()
	if err != nil {
		return out, err
	}
	db, drop, err := scratch(ctx, s, where.Database, live+"_rebuild")
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	out, err = c.build(ctx, a, s, db)
	if ctx.Err() != nil && err != nil {
		_, _ = fmt.Fprintln(a.err, "interrupted: the tables that serve are as they were")
	}
	if err != nil {
		return out, err
	}
	return out, projections.DropReplaced(context.WithoutCancel(ctx), s.db.Write, live)
}

// ready drops what a rebuild that was killed left behind, and refuses to take away what
// operators made of the tables.
func ready(ctx context.Context, pool *pgxpool.Pool, live string) error {
	if err := projections.DropReplaced(ctx, pool, live); err != nil {
		return problem{err.Error(), "drop what stands on those tables, then the schema: DROP SCHEMA " + projections.Replaced(live) + " CASCADE"}
	}
	attached, err := projections.Attached(ctx, pool)
	if err != nil {
		return err
	}
	if len(attached) > 0 {
		return problem{
			"the tables cannot be replaced while other things stand on them: " + strings.Join(attached, ", "),
			"drop those and make them again afterwards; or duolog projection rebuild --in-place, which keeps the tables",
		}
	}
	return nil
}

// swapPause is how long it is waited before a swap is tried again.
const swapPause = 2 * time.Second

// build fills the new tables and swaps them in.
func (c projectionRebuildCmd) build(ctx context.Context, a app, s *store, db *postgres.DB) (out rebuilt, err error) {
	ends, err := s.log.Reach(ctx)
	if err != nil {
		return out, err
	}
	visible := projections.NewVisible()
	projector, err := s.projector(a, db, visible, true)
	if err != nil {
		return out, err
	}
	m := newMeter(a, ends)
	defer m.end()
	if err := replay(ctx, projector, ends, m); err != nil {
		return out, err
	}
	out.Records = m.total
	m.say("the new tables are complete; counting them for the planner")
	if err := projections.Analyze(ctx, db.Write); err != nil {
		return out, err
	}
	r := projections.Replacement{
		Live: s.db.Write, Fresh: db.Write, Projector: projector, Visible: visible, Partitions: s.log.Genesis().Partitions, Ends: s.log.Reach, Now: a.now,
	}
	for {
		m.say("swapping the new tables in")
		held, err := r.Swap(ctx)
		out.Held += held.Seconds()
		if !errors.Is(err, projections.ErrInUse) {
			return out, err
		}
		m.say(err.Error() + "; trying again")
		if !wait.For(ctx, swapPause) {
			return out, ctx.Err()
		}
	}
}
