package checkpoints

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/plain"
	"github.com/duolog/duolog/projections/queries/stored"
)

// channelsMember is the member of a checkpoint whose values stand apart.
const channelsMember = "channel_values"

// find says which checkpoints are read.
type find struct {
	// where and order are SQL over columns of checkpoints; order names a key. args are
	// the parameters of where, from $4 on.
	where, order string
	args         []any
	// most is 0 where the first is wanted alone.
	skip, most int
}

// newest is the order of a page.
const newest = `thread_ts DESC, ns_hash`

// byNS prefers the root namespace.
const byNS = `length(ns), ns_hash, thread_ts`

// query finds the rows of a stream, of each checkpoint the version that counts, and
// one more than the most.
func (f find) query(stream domain.StreamID, at cut.Point) stored.Query {
	return stored.Query{
		Select: fmt.Sprintf(`SELECT DISTINCT ON (%s) * FROM checkpoints WHERE stream = $2 AND number < $1 AND %s ORDER BY %s, number DESC LIMIT %d OFFSET $3`,
			strings.ReplaceAll(f.order, " DESC", ""), f.where, f.order, f.most+1),
		Args: append([]any{projections.ShortKeyOf(stream.String()), f.skip}, f.args...), Before: at.Before,
	}
}

// read runs one query for checkpoints and puts all of its rows together. A row
// beyond the most only says that there are more.
func (q *Queries) read(ctx context.Context, stream domain.StreamID, f find) (out []Checkpoint, more bool, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		at, err := tx.Point(ctx, stream)
		if err != nil {
			return err
		}
		page, err := stored.Find(ctx, tx, f.query(stream, at))
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return exists(ctx, tx, stream)
		}
		if f.most > 0 && len(page) > f.most {
			page, more = page[:f.most], true
		}
		if n, size := stored.Fit(page); n < len(page) {
			return tooLarge(n, size)
		}
		if err := stored.Read(ctx, tx, page); err != nil {
			return err
		}
		out, err = whole(page)
		return err
	})
	return out, more, err
}

// exists tells an unknown workflow from one without checkpoints.
func exists(ctx context.Context, tx *cut.Tx, stream domain.StreamID) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM workflows WHERE stream = $1`, stream.String()).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow", Fix: "check the id; duolog workflow list shows yours"}
	}
	return err
}

// tooLarge refuses a page that would not fit an answer.
func tooLarge(fit int, size int64) error {
	return &domain.Error{
		Code: domain.CodeTooLarge, Field: "per_page",
		Message: fmt.Sprintf("the first %d checkpoints of this page have %d bytes; a page holds %d", fit+1, size, stored.MaxPageBytes),
		Fix:     fmt.Sprintf("ask for fewer, such as per_page=%d", fit),
	}
}

// whole puts the values of each checkpoint back where they were.
func whole(page []stored.Checkpoint) ([]Checkpoint, error) {
	out := make([]Checkpoint, len(page))
	for i, c := range page {
		values := make(map[string][]byte, len(c.Values))
		for _, v := range c.Values {
			values[v.Channel] = v.Bytes()
		}
		joined, err := value.JoinTemplate(c.Header, channelsMember, func(name string) ([]byte, error) {
			b, ok := values[name]
			if !ok {
				return nil, errors.New("the channel has no value")
			}
			return b, nil
		})
		if err != nil {
			return nil, fmt.Errorf("checkpoint %s: %w", c.ThreadTS, err)
		}
		out[i] = Checkpoint{c, withValues(joined, c)}
	}
	return out, nil
}

// withValues is a checkpoint whose values were sent apart, with them shown as JSON; one
// that was sent whole stays as it is.
func withValues(joined []byte, c stored.Checkpoint) []byte {
	if names, err := value.Names(c.Header, channelsMember); err != nil || len(names) > 0 || len(c.Values) == 0 {
		return joined
	}
	end := bytes.LastIndexByte(joined, '}')
	out := bytes.Clone(bytes.TrimRight(joined[:end], " \t\r\n"))
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out = append(domain.AppendText(out, channelsMember), ":{"...)
	for i, v := range c.Values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(domain.AppendText(out, v.Channel), ':'), plain.JSON(v.Type, v.Bytes())...)
	}
	return append(out, "}}"...)
}
