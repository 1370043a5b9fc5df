package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// streamTables and keyTables are the tables whose rows a fold writes; the latter name the
// stream by its short key. Commits and blobs are what they are folded from.
func streamTables() []string {
	return []string{"heads", "stopped", "workflows", "states", "conversations", "messages", "directory", "deliveries", "attempts", "intents", "pins", "access_decisions"}
}

func keyTables() []string {
	return []string{"manifests", "manifest_parts", "checkpoints", "writes", "lineages"}
}

// retryStopped folds the streams anew that another build could not fold.
func (p *Projector) retryStopped(ctx context.Context, partition int32, at standing) error {
	found, err := p.cfg.Pool.Query(ctx, `SELECT stream FROM stopped WHERE partition = $1 AND build <> $2`, partition, p.cfg.Build)
	if err != nil {
		return fmt.Errorf("list stopped streams: %w", err)
	}
	streams, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list stopped streams: %w", err)
	}
	for _, key := range streams {
		id, err := domain.ParseStreamID(key)
		if err != nil {
			return err
		}
		if err := p.refold(ctx, partition, at, id); err != nil {
			return fmt.Errorf("fold %s anew: %w", key, err)
		}
	}
	return nil
}

// refold drops the rows of one stream and folds its accepted commits again, in
// one transaction with the fence: the offset is swapped for itself.
func (p *Projector) refold(ctx context.Context, partition int32, at standing, id domain.StreamID) error {
	tx, err := p.cfg.Pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit it does nothing
	drop := &pgx.Batch{}
	drop.Queue(`SELECT swap_offset($1, $2, $2, $3)`, partition, at.next, at.tables)
	for _, table := range streamTables() {
		drop.Queue(`DELETE FROM `+table+` WHERE stream = $1`, id.String())
	}
	for _, table := range keyTables() {
		drop.Queue(`DELETE FROM `+table+` WHERE stream = $1`, ShortKeyOf(id.String()))
	}
	if err := sent(tx.SendBatch(ctx, drop), drop.Len()); err != nil {
		return err
	}
	r, err := p.foldHistory(ctx, tx, partition, id)
	if err != nil {
		return err
	}
	rows := &pgx.Batch{}
	r.queue(rows)
	if err := sent(tx.SendBatch(ctx, rows), rows.Len()); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func (p *Projector) foldHistory(ctx context.Context, q querier, partition int32, id domain.StreamID) (*rows, error) {
	set, err := newWorkingSet(p.codec)
	if err != nil {
		return nil, err
	}
	b := p.builder(partition, set)
	b.db = q
	s := newStream(id)
	var r rows
	for from := int64(-1); ; {
		commits, err := p.commitsAfter(ctx, q, id, from)
		if err != nil {
			return nil, err
		}
		if len(commits) == 0 {
			break
		}
		ids := make([]uuid.UUID, len(commits))
		for i, c := range commits {
			ids[i] = c.Commit.ID
		}
		traces, err := TracesOf(ctx, q, ids)
		if err != nil {
			return nil, err
		}
		for _, parsed := range commits {
			e := entry{parsed: parsed, stream: s, trace: traces[parsed.Commit.ID]}
			e.decoded, e.undecodable = p.fold.decode(parsed)
			var keep rows
			b.advance(&e, &keep)
			b.foldTraced(ctx, &e, &r)
			if b.broken != nil {
				return nil, b.broken
			}
			from = parsed.Record.Position.Offset
		}
	}
	if s.number < 0 {
		return nil, errors.New("it has no accepted commits")
	}
	return &r, p.fold.finish(s, &r)
}

// commitsAfter reads the next accepted commits of a stream.
func (p *Projector) commitsAfter(ctx context.Context, q querier, id domain.StreamID, after int64) ([]journal.Parsed, error) {
	found, err := q.Query(ctx, `SELECT partition, "offset", record FROM commits WHERE stream = $1 AND "offset" > $2 ORDER BY "offset" LIMIT 500`, ShortKeyOf(id.String()), after)
	if err != nil {
		return nil, fmt.Errorf("read commits: %w", err)
	}
	defer found.Close()
	var out []journal.Parsed
	for found.Next() {
		var at domain.Position
		var packed []byte
		if err := found.Scan(&at.Partition, &at.Offset, &packed); err != nil {
			return nil, fmt.Errorf("read a commit: %w", err)
		}
		record, err := p.codec.UnpackCommit(packed)
		if err != nil {
			return nil, err
		}
		out = append(out, journal.Parse(journal.Record{Position: at, Key: []byte(id.String()), Value: record}, p.cfg.Partitions))
	}
	return out, found.Err()
}
