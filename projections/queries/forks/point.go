package forks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Ref names a checkpoint of a workflow: by its id, or by its number.
type Ref struct {
	ThreadTS uuid.UUID
	// NS narrows an id; nil prefers the root namespace where several have it.
	NS *string
	// Number counts where ThreadTS is nil.
	Number int64
}

// ParseRef reads a checkpoint's UUID or number.
func ParseRef(s string, ns *string) (Ref, error) {
	if id, err := uuid.Parse(s); err == nil && len(s) == 36 && id != uuid.Nil {
		return Ref{ThreadTS: id, NS: ns}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return Ref{}, domain.InvalidField("checkpoint", fmt.Sprintf("checkpoint must be a checkpoint's UUID or number, got %.64q", s), "send one of those that the list of checkpoints shows")
	}
	return Ref{Number: n}, nil
}

// Point is a checkpoint that something goes on from.
type Point struct {
	Step

	// State is that of the workflow, Goal its goal.
	State workflow.State
	Goal  string
	// FlowConfig is the configuration that the workflow brings; nil for none.
	FlowConfig []byte
	// With are the checkpoints without which this one is not whole, parents first: the
	// steps before it that hold what it says of channels only as a change, and those of
	// subgraphs that had begun in the step after it.
	With []Step
}

// Step is one checkpoint.
type Step struct {
	Number int64
	// Checkpoint has its values whole. The writes of a step that was made are not
	// pending any more, and not among it.
	Checkpoint workflow.ForkedCheckpoint
	// Header and Metadata are the bytes of both.
	Header, Metadata []byte
}

// Queries reads what forks begin with. It is safe for concurrent use.
type Queries struct {
	db      cut.DB
	decoder workflow.Decoder
}

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db, decoder: workflow.NewDecoder()} }

// Point reads a checkpoint, or returns not_found.
func (q *Queries) Point(ctx context.Context, stream domain.StreamID, ref Ref) (Point, error) {
	var out Point
	err := q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		out, err = point(ctx, tx, stream.String(), ref)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("read a checkpoint of %s: %w", stream, err)
	}
	return out, nil
}

func point(ctx context.Context, tx *cut.Tx, stream string, ref Ref) (Point, error) {
	var p Point
	if err := p.head(ctx, tx, stream); err != nil {
		return p, err
	}
	var err error
	if p.Step, err = step(ctx, tx, stream, ref); err != nil {
		return p, err
	}
	return p, p.whole(ctx, tx, stream)
}

// step reads one checkpoint.
func step(ctx context.Context, tx *cut.Tx, stream string, ref Ref) (Step, error) {
	var s Step
	channels, err := s.row(ctx, tx, stream, ref)
	if err != nil {
		return s, err
	}
	if err := s.values(ctx, tx, stream, channels); err != nil {
		return s, err
	}
	if err := s.writes(ctx, tx, stream); err != nil {
		return s, err
	}
	texts, err := assemble(ctx, tx, stream, s.Checkpoint.Header, s.Checkpoint.Metadata)
	if err == nil {
		s.Header, s.Metadata = texts[0], texts[1]
	}
	return s, err
}

func assemble(ctx context.Context, tx *cut.Tx, stream string, values ...value.Value) ([][]byte, error) {
	items := make([]cut.Item, len(values))
	for i, v := range values {
		var err error
		if items[i], err = cut.ItemOf(stream, v); err != nil {
			return nil, err
		}
	}
	return tx.Assemble(ctx, items)
}

func (p *Point) head(ctx context.Context, tx *cut.Tx, stream string) error {
	var state []byte
	err := tx.QueryRow(ctx, `SELECT h.state FROM workflows w JOIN heads h USING (stream) WHERE w.stream = $1`, stream).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow", Fix: "check the id; duolog workflow list shows yours"}
	}
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	if err := cut.DecodeJSON("the state of "+stream, state, &p.State); err != nil {
		return err
	}
	whole := []value.Value{p.State.Created.Goal}
	if p.State.FlowConfig != nil {
		whole = append(whole, *p.State.FlowConfig)
	}
	texts, err := assemble(ctx, tx, stream, whole...)
	if err != nil {
		return err
	}
	p.Goal = string(texts[0])
	if len(texts) > 1 {
		p.FlowConfig = texts[1]
	}
	return nil
}

// row reads the checkpoint as it stands now.
func (s *Step) row(ctx context.Context, tx *cut.Tx, stream string, ref Ref) (map[string]value.Address, error) {
	where, args := `number = $2`, []any{projections.ShortKeyOf(stream), ref.Number}
	if ref.ThreadTS != uuid.Nil {
		where, args = `thread_ts = $2`, []any{projections.ShortKeyOf(stream), ref.ThreadTS}
		if ref.NS != nil {
			where, args = where+` AND ns_hash = $3`, append(args, projections.NSHash(*ref.NS))
		}
	}
	c := &s.Checkpoint
	var ns, header, metadata, names, ids []byte
	var thread int32
	err := tx.QueryRow(ctx, `SELECT ns, thread_ts, parent_ts, number, header, metadata, channels, ids, current_thread
		FROM checkpoints WHERE stream = $1 AND `+where+` ORDER BY length(ns), ns_hash, number DESC LIMIT 1`, args...).
		Scan(&ns, &c.ThreadTS, &c.ParentTS, &s.Number, &header, &metadata, &names, &ids, &thread)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, &domain.Error{Code: domain.CodeNotFound, Field: "checkpoint", Message: "the workflow has no such checkpoint", Fix: "list its checkpoints"}
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	c.NS, c.CurrentThread = string(ns), int(thread)
	if c.Header, err = tx.ReadValue("header", header); err != nil {
		return nil, err
	}
	if c.Metadata, err = tx.ReadValue("metadata", metadata); err != nil {
		return nil, err
	}
	return projections.UnpackChannels(names, ids)
}

// values describes the channels, each whole, by name.
func (s *Step) values(ctx context.Context, tx *cut.Tx, stream string, channels map[string]value.Address) error {
	keys := make([][]byte, 0, len(channels))
	for _, id := range channels {
		keys = append(keys, id[:])
	}
	found, err := tx.Query(ctx, `SELECT m.id, `+projections.ManifestColumns+` FROM manifests m WHERE m.stream = $1 AND m.id = ANY($2)`, projections.ShortKeyOf(stream), keys)
	if err != nil {
		return fmt.Errorf("read %d manifests: %w", len(keys), err)
	}
	defer found.Close()
	manifests := map[value.Address]value.Manifest{}
	for found.Next() {
		var key, raw, part []byte
		if err := found.Scan(&key, &raw, &part); err != nil {
			return fmt.Errorf("read a manifest: %w", err)
		}
		m, err := value.ReadManifest(raw, part)
		if err != nil {
			return fmt.Errorf("read a manifest of %s: %w", stream, err)
		}
		manifests[value.Address(key)] = m
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("read %d manifests: %w", len(keys), err)
	}
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		m, ok := manifests[channels[name]]
		if !ok {
			return fmt.Errorf("manifest %s of %s is not there", channels[name], stream)
		}
		s.Checkpoint.Channels = append(s.Checkpoint.Channels, workflow.ChannelValue{Channel: name, Value: value.Diff(m, nil)})
	}
	return nil
}

// writes reads the pending writes, as they stand now.
func (s *Step) writes(ctx context.Context, tx *cut.Tx, stream string) error {
	found, err := tx.Query(ctx, `SELECT `+projections.WriteColumns+` FROM writes w WHERE w.stream = $1 AND w.ns_hash = $2 AND w.thread_ts = $3`,
		projections.ShortKeyOf(stream), projections.NSHash(s.Checkpoint.NS), s.Checkpoint.ThreadTS)
	if err != nil {
		return fmt.Errorf("read writes: %w", err)
	}
	rows, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (w projections.WriteRow, err error) {
		return w, row.Scan(w.Columns()...)
	})
	if err != nil {
		return fmt.Errorf("read writes: %w", err)
	}
	writes, err := tx.LatestWrites(rows)
	for _, w := range writes {
		s.Checkpoint.Writes = append(s.Checkpoint.Writes, w.Write)
	}
	return err
}
