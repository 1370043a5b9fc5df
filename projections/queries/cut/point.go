package cut

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/projections"
)

// Point is where a stream is read: after one of its commits.
type Point struct {
	// Position is that commit and Time its time; of now they are not looked up.
	Position domain.Position
	Time     time.Time
	// AsOf is the time that was asked for, where one was.
	AsOf time.Time
	// Before is the first number that is behind the point: rows of versions with
	// numbers below it count.
	Before int64
	// Now says that nothing is behind it.
	Now bool
}

// Upto is the last offset that counts.
func (p Point) Upto() int64 {
	if p.Now {
		return math.MaxInt64
	}
	return p.Position.Offset
}

// Point finds where a stream is read in this cut: now, or as of the moment that was
// asked for. Behind the head is the head. It returns not_found for a moment before the
// stream, invalid_field for a position of another partition or a checkpoint that the
// stream does not have, and gone where what counted then was taken away since.
func (t *Tx) Point(ctx context.Context, stream domain.StreamID) (Point, error) {
	if !t.at.Set() {
		return Point{Before: projections.AllNumbers, Now: true}, nil
	}
	return t.Find(ctx, stream, t.at)
}

// Find is Point for a moment of its own; now is the head.
func (t *Tx) Find(ctx context.Context, stream domain.StreamID, at At) (p Point, err error) {
	p.AsOf = at.time
	p.Position.Partition = journal.PartitionOf([]byte(stream.String()), t.partitions)
	switch {
	case at.position != nil:
		if at.position.Partition != p.Position.Partition {
			return p, t.notOf(ctx, stream, at, fmt.Sprintf("is not in partition %d, where the %s is", p.Position.Partition, stream.Kind))
		}
		err = t.commitUpto(ctx, stream, at.position.Offset, &p)
	case at.checkpoint != uuid.Nil:
		var offset int64
		if offset, err = t.offsetOf(ctx, stream, at); err == nil {
			err = t.commitUpto(ctx, stream, offset, &p)
		}
	case at.Set():
		err = t.commitAsOf(ctx, stream, at.time, &p)
	default:
		err = t.commitUpto(ctx, stream, math.MaxInt64, &p)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return p, t.noSuchMoment(ctx, stream, at)
	}
	if err != nil {
		return p, fmt.Errorf("find %s at %q: %w", stream, at, err)
	}
	if p.Time = p.Time.UTC(); p.Now {
		p.Before = projections.AllNumbers
		return p, nil
	}
	p.Before = domain.Position{Partition: p.Position.Partition, Offset: p.Position.Offset + 1}.ItemNumber(t.partitions, 0)
	return p, t.stillThere(ctx, stream, at, p)
}

// Moment is as of when many streams are read together: the time that was asked for, or
// that of the last commit of its partition that a position shows; zero for now.
func (t *Tx) Moment(ctx context.Context) (time.Time, error) {
	if t.at.position == nil {
		if t.at.checkpoint != uuid.Nil {
			return time.Time{}, invalidAt(t.at.field, t.at.text, "is a checkpoint, which says nothing of this", nil)
		}
		return t.at.time, nil
	}
	var at time.Time
	err := t.QueryRow(ctx, `SELECT time FROM commits WHERE partition = $1 AND "offset" <= $2 ORDER BY "offset" DESC LIMIT 1`, t.at.position.Partition, t.at.position.Offset).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return at, invalidAt(t.at.field, t.at.text, "is before everything", nil)
	}
	if err != nil {
		return at, fmt.Errorf("find the time of %s: %w", t.at.position, err)
	}
	return at.UTC(), nil
}

// stillThere refuses a point before something of the stream was removed: what counted
// then is not all there any more.
func (t *Tx) stillThere(ctx context.Context, stream domain.StreamID, at At, p Point) error {
	var raw []byte
	if err := t.QueryRow(ctx, `SELECT state FROM heads WHERE stream = $1`, stream.String()).Scan(&raw); err != nil {
		return fmt.Errorf("read the state of %s: %w", stream, err)
	}
	var state struct {
		Pruned int64 `json:"pruned"`
	}
	if err := DecodeJSON("the state of "+stream.String(), raw, &state); err != nil || state.Pruned < p.Before {
		return err
	}
	removed := domain.PositionOf(state.Pruned, t.partitions)
	return &domain.Error{
		Code: domain.CodeGone, Field: at.field, Message: fmt.Sprintf("what there was at %s was removed at %s", at, removed),
		Fix: fmt.Sprintf("ask as of %s or later; the log still has it: duolog projection rebuild --until %s --into SCHEMA", removed, p.Position),
	}
}

// pointColumns are a commit of the stream $1, whose short key is $2, and whether it is the head.
const pointColumns = `SELECT "offset", time, "offset" = (SELECT "offset" FROM heads WHERE stream = $1) FROM commits WHERE stream = $2 `

// commitUpto finds the last commit of a stream that is not behind an offset.
func (t *Tx) commitUpto(ctx context.Context, stream domain.StreamID, offset int64, p *Point) error {
	return t.QueryRow(ctx, pointColumns+`AND "offset" <= $3 ORDER BY "offset" DESC LIMIT 1`, stream.String(), projections.ShortKeyOf(stream.String()), offset).
		Scan(&p.Position.Offset, &p.Time, &p.Now)
}

// commitAsOf finds the last commit of a stream that is not after a time. The kept
// states say between which of them it is.
func (t *Tx) commitAsOf(ctx context.Context, stream domain.StreamID, at time.Time, p *Point) error {
	return t.QueryRow(ctx, pointColumns+`AND time <= $3
		AND "offset" >= (SELECT coalesce(max("offset"), 0) FROM states WHERE stream = $1 AND time <= $3)
		AND "offset" <= (SELECT coalesce(min("offset"), $4) FROM states WHERE stream = $1 AND time > $3)
		ORDER BY "offset" DESC LIMIT 1`, stream.String(), projections.ShortKeyOf(stream.String()), at, int64(math.MaxInt64)).Scan(&p.Position.Offset, &p.Time, &p.Now)
}

// offsetOf finds the commit that put a checkpoint, the last time where it was put again.
func (t *Tx) offsetOf(ctx context.Context, stream domain.StreamID, at At) (int64, error) {
	var number int64
	err := t.QueryRow(ctx, `SELECT number FROM checkpoints WHERE stream = $1 AND thread_ts = $2 ORDER BY length(ns), ns_hash, number DESC LIMIT 1`,
		projections.ShortKeyOf(stream.String()), at.checkpoint).Scan(&number)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, t.notOf(ctx, stream, at, fmt.Sprintf("is no checkpoint of the %s", stream.Kind))
	}
	return domain.PositionOf(number, t.partitions).Offset, err
}

// notOf refuses a moment that is not one of the stream, if there is such a stream.
func (t *Tx) notOf(ctx context.Context, stream domain.StreamID, at At, why string) error {
	var there bool
	if err := t.QueryRow(ctx, `SELECT EXISTS (SELECT FROM heads WHERE stream = $1)`, stream.String()).Scan(&there); err != nil {
		return fmt.Errorf("look for %s: %w", stream, err)
	}
	if !there {
		return noSuch(stream)
	}
	return invalidAt(at.field, at.text, why, nil)
}

func noSuch(stream domain.StreamID) error {
	return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such " + string(stream.Kind), Fix: "check the id; duolog workflow list shows yours"}
}

// noSuchMoment tells an unknown stream from one that was not there yet.
func (t *Tx) noSuchMoment(ctx context.Context, stream domain.StreamID, at At) error {
	var first domain.Position
	var began time.Time
	err := t.QueryRow(ctx, `SELECT partition, "offset", time FROM commits WHERE stream = $1 ORDER BY "offset" LIMIT 1`, projections.ShortKeyOf(stream.String())).
		Scan(&first.Partition, &first.Offset, &began)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return noSuch(stream)
	case err != nil:
		return err
	}
	return &domain.Error{
		Code: domain.CodeNotFound, Field: at.field, Message: fmt.Sprintf("the %s was not there at %s", stream.Kind, at),
		Fix: fmt.Sprintf("ask as of %s (%s) or later", first, began.UTC().Format(time.RFC3339Nano)),
	}
}
