package fleettest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// Query reads one number or text from the database.
func Query[T any](tb testing.TB, url, sql string, args ...any) T {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(tb.Context()) }()
	var out T
	if err := conn.QueryRow(tb.Context(), sql, args...).Scan(&out); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return out
}

// Execute runs statements.
func Execute(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(tb.Context()) }()
	for _, s := range statements {
		if _, err := conn.Exec(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}
