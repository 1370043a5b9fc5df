package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const sqlstateLockTimeout = "55P03"

func isLockTimeout(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == sqlstateLockTimeout
}

// keepVacuumAway takes locks that vacuum cannot have beside it, and that are in nobody
// else's way. An autovacuum that is under way, as it is where a million rows have just
// come, is ended by Postgres once it has been waited for a second: longer than projectors
// may be held.
func (r *Replacement) keepVacuumAway(ctx context.Context, tx pgx.Tx) error {
	live, fresh, err := r.schemas(ctx, tx)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		`SET LOCAL lock_timeout = '10s'`,
		`LOCK TABLE ` + tablesOf(live) + `, ` + tablesOf(fresh) + ` IN SHARE UPDATE EXCLUSIVE MODE`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("keep vacuum away from the tables: %w", err)
		}
	}
	return nil
}

// schemas are where the tables that serve are, and those to come.
func (r *Replacement) schemas(ctx context.Context, tx pgx.Tx) (live, fresh string, err error) {
	if live, err = schemaOf(ctx, tx); err == nil {
		fresh, err = schemaOf(ctx, r.Fresh)
	}
	return live, fresh, err
}

// hold stops every projector at its first statement; readers go on. A session that is
// forgotten in the middle holds nobody for long.
func hold(ctx context.Context, tx pgx.Tx) error {
	for _, sql := range []string{
		`SET LOCAL idle_in_transaction_session_timeout = '10s'`,
		`SET LOCAL lock_timeout = '2s'`,
		`LOCK TABLE offsets IN EXCLUSIVE MODE`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("hold the projectors: %w", err)
		}
	}
	return nil
}

// exchange gives the new tables the names of the old ones, which move to a schema of
// their own, and announces where they are: they may be further than the old ones.
//
// The locks are taken at once or not at all. They are waited for shorter than Postgres
// waits before it looks for a deadlock, so that in one with a reader it is the swap
// that gives up.
func (r *Replacement) exchange(ctx context.Context, tx pgx.Tx) error {
	live, fresh, err := r.schemas(ctx, tx)
	if err != nil {
		return err
	}
	var sql strings.Builder
	sql.WriteString("SET LOCAL lock_timeout = '300ms';\n")
	for _, schema := range []string{live, fresh} {
		fmt.Fprintf(&sql, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE;\n", tablesOf(schema))
	}
	fmt.Fprintf(&sql, "CREATE SCHEMA %s;\n", quoted(Replaced(live)))
	for _, t := range derivedTables() {
		fmt.Fprintf(&sql, "ALTER TABLE %s SET SCHEMA %s;\n", pgx.Identifier{live, t.name}.Sanitize(), quoted(Replaced(live)))
		fmt.Fprintf(&sql, "ALTER TABLE %s SET SCHEMA %s;\n", pgx.Identifier{fresh, t.name}.Sanitize(), quoted(live))
		sql.WriteString(likeBefore(pgx.Identifier{Replaced(live), t.name}.Sanitize(), pgx.Identifier{live, t.name}.Sanitize()))
	}
	fmt.Fprintf(&sql, "SELECT pg_notify('%s', partition || ':' || next) FROM %s;\n", NotifyChannel, pgx.Identifier{live, "offsets"}.Sanitize())
	if _, err := tx.Exec(ctx, sql.String(), pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("exchange the tables: %w", err)
	}
	return nil
}

// likeBefore gives a new table the owner and the privileges of the old one.
func likeBefore(was, is string) string {
	return fmt.Sprintf(`DO $$ DECLARE g record; BEGIN
		FOR g IN SELECT c.relowner, a.grantee, a.privilege_type, a.is_grantable FROM pg_class c
			LEFT JOIN LATERAL aclexplode(c.relacl) a ON a.grantee <> c.relowner WHERE c.oid = '%[1]s'::regclass LOOP
			IF g.relowner <> (SELECT relowner FROM pg_class WHERE oid = '%[2]s'::regclass) THEN
				EXECUTE format('ALTER TABLE %[2]s OWNER TO %%I', pg_get_userbyid(g.relowner));
			END IF;
			IF g.privilege_type IS NOT NULL THEN
				EXECUTE format('GRANT %%s ON %[2]s TO %%s %%s', g.privilege_type,
					CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
					CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END);
			END IF;
		END LOOP;
	END $$;
`, was, is)
}

// Replaced is the schema of the tables that a swap put aside.
func Replaced(live string) string { return live + "_replaced" }

// DropReplaced drops what a swap put aside, if anything. It fails, and drops nothing,
// where somebody made something of those tables: a view, say.
func DropReplaced(ctx context.Context, pool *pgxpool.Pool, live string) error {
	schema := Replaced(live)
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, t := range derivedTables() {
			if _, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+pgx.Identifier{schema, t.name}.Sanitize()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "DROP SCHEMA IF EXISTS "+quoted(schema))
		return err
	})
	if err != nil {
		return fmt.Errorf("drop the replaced tables in schema %s: %w", schema, err)
	}
	return nil
}

// Attached lists what operators made of the read models and a swap would take from
// them: views, foreign keys, triggers, publications.
func Attached(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, `SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT to_regclass(t) FROM unnest($1::text[]) t)
		AND (d.deptype = 'n' OR d.classid IN ('pg_trigger'::regclass, 'pg_publication_rel'::regclass)) ORDER BY 1`, derivedNames())
	if err != nil {
		return nil, fmt.Errorf("look for views of the read models: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for views of the read models: %w", err)
	}
	return found, nil
}

// Schema is where the read models are that a pool finds.
func Schema(ctx context.Context, pool *pgxpool.Pool) (string, error) { return schemaOf(ctx, pool) }

// rowQueryer reads one row; a pool or a transaction.
type rowQueryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func schemaOf(ctx context.Context, q rowQueryer) (string, error) {
	var schema string
	err := q.QueryRow(ctx, `SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('offsets')`).Scan(&schema)
	if err != nil {
		return "", fmt.Errorf("find the schema of the read models: %w", err)
	}
	return schema, nil
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

func tablesOf(schema string) string {
	var names []string
	for _, t := range derivedTables() {
		names = append(names, pgx.Identifier{schema, t.name}.Sanitize())
	}
	return strings.Join(names, ", ")
}
