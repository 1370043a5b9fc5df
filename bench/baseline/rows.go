package baseline

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Rows are rows of one of the product's tables, column by column, as the product
// sends them: one array a column.
type Rows struct {
	table   string
	columns []column
	n       int
}

// column appends values as they are read and cuts arrays of them.
type column interface {
	name() string
	kind() string
	target() any
	keep()
	cut(from, to int) any
}

// values is a column of one type.
type values[T any] struct {
	title, array string
	next         T
	all          []T
}

func (v *values[T]) name() string         { return v.title }
func (v *values[T]) kind() string         { return v.array }
func (v *values[T]) target() any          { return &v.next }
func (v *values[T]) keep()                { v.all = append(v.all, v.next); v.next = *new(T) }
func (v *values[T]) cut(from, to int) any { return v.all[from:to] }

// columnOf is a column of a type that the product's tables have.
func columnOf(name string, oid uint32) (column, error) {
	switch oid {
	case pgtype.Int2OID:
		return &values[int16]{title: name, array: "int2[]"}, nil
	case pgtype.Int4OID:
		return &values[int32]{title: name, array: "int4[]"}, nil
	case pgtype.Int8OID:
		return &values[pgtype.Int8]{title: name, array: "int8[]"}, nil
	case pgtype.BoolOID:
		return &values[pgtype.Bool]{title: name, array: "bool[]"}, nil
	case pgtype.TextOID:
		return &values[pgtype.Text]{title: name, array: "text[]"}, nil
	case pgtype.ByteaOID:
		return &values[[]byte]{title: name, array: "bytea[]"}, nil
	case pgtype.UUIDOID:
		return &values[pgtype.UUID]{title: name, array: "uuid[]"}, nil
	case pgtype.TimestamptzOID:
		return &values[pgtype.Timestamptz]{title: name, array: "timestamptz[]"}, nil
	}
	return nil, fmt.Errorf("column %s has a type that is not known here: %d", name, oid)
}

// Len is how many rows there are.
func (r *Rows) Len() int { return r.n }

// collect reads all rows of a result.
func collect(table string, found pgx.Rows) (*Rows, error) {
	defer found.Close()
	r := &Rows{table: table}
	targets := []any{}
	for _, f := range found.FieldDescriptions() {
		c, err := columnOf(f.Name, f.DataTypeOID)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", table, err)
		}
		r.columns, targets = append(r.columns, c), append(targets, c.target())
	}
	for found.Next() {
		if err := found.Scan(targets...); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		for _, c := range r.columns {
			c.keep()
		}
		r.n++
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return r, nil
}

// querier is a connection or a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Fetch reads the next rows of a cursor over a table.
func Fetch(ctx context.Context, q querier, table, cursor string, n int) (*Rows, error) {
	found, err := q.Query(ctx, fmt.Sprintf("FETCH %d FROM %s", n, cursor))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return collect(table, found)
}

// Select reads rows of a table; the condition follows its name.
func Select(ctx context.Context, q querier, table, condition string, args ...any) (*Rows, error) {
	found, err := q.Query(ctx, "SELECT * FROM "+table+" "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return collect(table, found)
}

// queue adds the insert of rows from to to into the copy of their table. With a
// generation, their keys are made new by it, so that they can be inserted again.
func (r *Rows) queue(batch *pgx.Batch, from, to int, generation int64) {
	if from == to {
		return
	}
	names, kinds, picked, args := []string{}, []string{}, []string{}, []any{}
	for i, c := range r.columns {
		name := pgx.Identifier{c.name()}.Sanitize()
		names, kinds = append(names, name), append(kinds, fmt.Sprintf("$%d::%s", i+1, c.kind()))
		picked, args = append(picked, r.renewed(c.name(), name, generation)), append(args, c.cut(from, to))
	}
	if generation != 0 {
		args = append(args, generation)
	}
	batch.Queue(fmt.Sprintf("INSERT INTO %s.%s (%s) SELECT %s FROM unnest(%s) AS t (%s)", schema, r.table,
		strings.Join(names, ", "), strings.Join(picked, ", "), strings.Join(kinds, ", "), strings.Join(names, ", ")), args...)
}

// renewed is how a column is picked: the leading columns of the keys of commits and blobs
// are stream or offset.
func (r *Rows) renewed(plain, name string, generation int64) string {
	parameter := fmt.Sprintf("$%d::int8", len(r.columns)+1)
	switch {
	case generation == 0:
		return name
	case plain == "stream":
		return "md5(" + name + "::text || " + parameter + ")::uuid"
	case plain == "offset":
		return name + " + " + parameter + " * 10000000"
	}
	return name
}
