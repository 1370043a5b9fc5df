package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
)

// projectionCmd are the tools of the read models.
type projectionCmd struct {
	Status  projectionStatusCmd  `cmd:"" help:"How far the read models are. Example: duolog projection status"`
	Rebuild projectionRebuildCmd `cmd:"" help:"Empty the read models and derive them from the log. Example: duolog projection rebuild"`
	Verify  projectionVerifyCmd  `cmd:"" help:"Replay beside the read models and print any difference. Example: duolog projection verify"`
}

func postgresConfig(url string) postgres.Config { return postgres.Config{URL: url, MaxConns: 4} }

// together runs one function per partition and returns the first error.
func together(ctx context.Context, partitions []int32, each func(context.Context, int32) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range partitions {
		group.Go(func() error { return each(ctx, p) })
	}
	return group.Wait()
}

// projectionRebuildCmd truncates and replays.
type projectionRebuildCmd struct{ storeFlags }

// Run may be interrupted: whoever projects next goes on from where it stopped.
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
	ends, err := s.log.Reach(ctx)
	if err != nil {
		return err
	}
	if err := projections.Truncate(ctx, s.db.Write); err != nil {
		return err
	}
	began := a.now()
	records, err := replay(ctx, a, s, s.db, ends)
	if err != nil {
		return err
	}
	if err := projections.Analyze(ctx, s.db.Write); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]any{"records": records, "seconds": a.now().Sub(began).Seconds()})
	}
	_, err = fmt.Fprintf(a.out, "rebuilt from %d records in %s\n", records, a.now().Sub(began).Round(time.Millisecond))
	return err
}

// replay projects every partition into db up to ends, with progress on stderr.
func replay(ctx context.Context, a app, s *store, db *postgres.DB, ends map[int32]int64) (int64, error) {
	collectLess(a.getenv, replayGC)
	projector, err := s.projector(db)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, end := range ends {
		total += end
	}
	show := progress(a, total)
	return total, together(ctx, slices.Sorted(maps.Keys(ends)), func(ctx context.Context, p int32) error {
		return projector.Replay(ctx, p, ends[p], show)
	})
}

// progress prints how much of the log is done, at most once a second.
func progress(a app, total int64) projections.Progress {
	var mu sync.Mutex
	done := map[int32]int64{}
	last := a.now()
	return func(partition int32, next, _ int64) {
		mu.Lock()
		defer mu.Unlock()
		done[partition] = next
		if a.now().Sub(last) < time.Second {
			return
		}
		last = a.now()
		var sum int64
		for _, n := range done {
			sum += n
		}
		_, _ = fmt.Fprintf(a.err, "%d of %d records (%d %%)\n", sum, total, 100*sum/max(total, 1))
	}
}

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

func (c projectionVerifyCmd) compare(ctx context.Context, a app, s *store, url string, cut *projections.Cut) ([]projections.Difference, error) {
	schema := "verify_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := s.db.Write.Exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		return nil, fmt.Errorf("create a schema to replay into: %w", err)
	}
	defer s.db.Write.Exec(context.WithoutCancel(ctx), "DROP SCHEMA "+schema+" CASCADE") //nolint:errcheck // a leftover is named verify_…
	db, err := openDatabase(ctx, postgres.Config{URL: url, Schema: schema, MaxConns: 8})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	if _, err := replay(ctx, a, s, db, cut.Ends); err != nil {
		return nil, err
	}
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
