package exports

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/archive"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

const (
	// pageCommits is how many commits are read at once, groupBytes about how many
	// bytes of values.
	pageCommits = 100
	groupBytes  = 8 << 20
)

// Queries reads exports. It is safe for concurrent use.
type Queries struct {
	db      cut.DB
	decoder workflow.Decoder
}

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db, decoder: workflow.NewDecoder()} }

// Export is a workflow on its way into a file.
type Export struct {
	Header archive.Header

	q      *Queries
	stream string
	last   int64
	seen   map[value.Address]bool
}

// Open begins an export of what shows now, or returns not_found.
func (q *Queries) Open(ctx context.Context, stream domain.StreamID) (*Export, error) {
	e := &Export{q: q, stream: stream.String(), seen: map[value.Address]bool{}}
	e.Header = archive.Header{Format: archive.Format, Version: archive.Version, Stream: stream, Partitions: q.db.Partitions}
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		var hash []byte
		err := tx.QueryRow(ctx, `SELECT l.id, h."offset", h.hash, (SELECT count(*) FROM commits WHERE stream = $2) FROM heads h, log l WHERE h.stream = $1`, e.stream, projections.ShortKeyOf(e.stream)).
			Scan(&e.Header.Log, &e.last, &hash, &e.Header.Commits)
		if errors.Is(err, pgx.ErrNoRows) {
			return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow", Fix: "check the id; duolog workflow list shows yours"}
		}
		copy(e.Header.Head[:], hash)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", stream, err)
	}
	return e, nil
}

// Lines gives each the lines of the file, in order, header and end among them.
func (e *Export) Lines(ctx context.Context, each func(line []byte) error) error {
	send := func(l archive.Line) error {
		raw, err := l.Encode()
		if err != nil {
			return err
		}
		return each(raw)
	}
	if err := send(archive.Line{Header: &e.Header}); err != nil {
		return err
	}
	n := 0
	for after := int64(-1); after < e.last; {
		page, err := e.page(ctx, after)
		if err != nil {
			return fmt.Errorf("export %s after %d: %w", e.stream, after, err)
		}
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			for _, l := range c.lines() {
				if err := send(l); err != nil {
					return err
				}
			}
			after = c.position.Offset
		}
		n += len(page)
	}
	return send(archive.Line{End: &archive.End{Head: e.Header.Head, Commits: n}})
}

// commit is one of them with the bytes that it was the first to name.
type commit struct {
	position domain.Position
	record   []byte
	values   []value.Value
	blobs    []archive.Blob
	gone     []value.Address
}

// lines are that of the commit, behind those of the bytes that it has no room for.
func (c *commit) lines() []archive.Line {
	var out []archive.Line
	first, size := 0, 0
	for i, b := range c.blobs {
		if size+len(b.Data) > archive.LineBytes && i > first {
			out = append(out, archive.Line{Bytes: c.blobs[first:i]})
			first, size = i, 0
		}
		size += len(b.Data)
	}
	return append(out, archive.Line{Commit: &archive.Commit{
		Position: c.position.String(), Record: string(c.record), Hash: journal.HashOf(c.record), Bytes: c.blobs[first:], Gone: c.gone,
	}})
}

// page reads the next commits, no more than have about groupBytes.
func (e *Export) page(ctx context.Context, after int64) ([]commit, error) {
	var out []commit
	err := e.q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		if out, err = e.commits(ctx, tx, after); err != nil {
			return err
		}
		return e.bytes(ctx, tx, out)
	})
	return out, err
}

func (e *Export) commits(ctx context.Context, tx *cut.Tx, after int64) ([]commit, error) {
	found, err := tx.Query(ctx, `SELECT partition, "offset", record FROM commits WHERE stream = $1 AND "offset" > $2 AND "offset" <= $3 ORDER BY "offset" LIMIT $4`,
		projections.ShortKeyOf(e.stream), after, e.last, pageCommits)
	if err != nil {
		return nil, fmt.Errorf("read commits: %w", err)
	}
	defer found.Close()
	var out []commit
	size := int64(0)
	for found.Next() {
		c, err := e.scan(tx, found)
		if err != nil {
			return nil, err
		}
		for _, v := range c.values {
			size += brings(v)
		}
		if size > groupBytes && len(out) > 0 {
			break
		}
		out = append(out, c)
	}
	return out, found.Err()
}

func (e *Export) scan(tx *cut.Tx, found pgx.Rows) (c commit, err error) {
	var packed []byte
	if err := found.Scan(&c.position.Partition, &c.position.Offset, &packed); err != nil {
		return c, fmt.Errorf("read a commit: %w", err)
	}
	if c.record, err = e.q.db.Codec.UnpackCommit(packed); err != nil {
		return c, fmt.Errorf("commit at %s: %w", c.position, err)
	}
	decoded, err := journal.DecodeCommit(c.record)
	if err != nil {
		return c, fmt.Errorf("commit at %s: %w", c.position, err)
	}
	for _, raw := range decoded.Events {
		event, err := e.q.decoder.Decode(raw)
		if err != nil {
			return c, fmt.Errorf("commit at %s: %w", c.position, err)
		}
		c.values = append(c.values, archive.Values(event)...)
	}
	return c, nil
}

// brings is about how many bytes a value names anew.
func brings(v value.Value) (n int64) {
	if !v.Manifest.IsZero() {
		return v.Size
	}
	for _, entry := range v.Add {
		n += entry.Size
	}
	return n
}

// bytes gives each commit the bytes that it is the first to name: those of one level
// of all of them are one query.
func (e *Export) bytes(ctx context.Context, tx *cut.Tx, page []commit) error {
	have := map[value.Address][]byte{}
	gone := map[value.Address]bool{}
	get := func(a value.Address) ([]byte, bool) {
		b, ok := have[a]
		return b, ok || e.seen[a] || gone[a]
	}
	for {
		var missing []value.Address
		for _, c := range page {
			m, err := reach(c.values, get)
			if err != nil {
				return err
			}
			missing = append(missing, m...)
		}
		if len(missing) == 0 {
			break
		}
		read, err := tx.Blobs(ctx, e.stream, missing)
		if err != nil {
			return err
		}
		for _, a := range missing {
			if b, there := read[a]; there {
				have[a] = b
			} else {
				gone[a] = true
			}
		}
	}
	for i := range page {
		e.assign(&page[i], have, gone)
	}
	return nil
}

// reach is archive.Reach that does not look into what is seen or gone.
func reach(values []value.Value, get func(value.Address) ([]byte, bool)) ([]value.Address, error) {
	var missing []value.Address
	_, err := archive.Reach(values, func(a value.Address) ([]byte, bool) {
		b, known := get(a)
		if !known {
			missing = append(missing, a)
		}
		return b, b != nil
	})
	return missing, err
}

func (e *Export) assign(c *commit, have map[value.Address][]byte, gone map[value.Address]bool) {
	// What is seen is not looked into: all below it was seen with it.
	_, _ = archive.Reach(c.values, func(a value.Address) ([]byte, bool) {
		b, there := have[a]
		switch {
		case e.seen[a]:
			return nil, false
		case gone[a]:
			c.gone = append(c.gone, a)
		case there:
			c.blobs = append(c.blobs, archive.Blob{Address: a, Data: b})
		}
		e.seen[a] = true
		return b, there
	})
}
