//go:build faults

package faults_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/internal/fleettest"
)

// maintain runs statements beside the nodes' database, which nobody may use
// meanwhile.
func (s *stand) maintain(t *testing.T, statements ...string) {
	t.Helper()
	all := []string{
		"ALTER DATABASE duolog ALLOW_CONNECTIONS false",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'duolog'",
		"DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'duolog') LOOP PERFORM pg_sleep(0.02); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$",
	}
	fleettest.Execute(t, s.Postgres.URL("postgres"), append(append(all, statements...), "ALTER DATABASE duolog ALLOW_CONNECTIONS true")...)
}

// snapshotDatabase copies the database as it is.
func (s *stand) snapshotDatabase(t *testing.T, name string) {
	t.Helper()
	s.maintain(t, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE duolog")
}

// swapDatabase puts another database in the place of the nodes', which keeps
// another name.
func (s *stand) swapDatabase(t *testing.T, in, out string) {
	t.Helper()
	s.maintain(t, "ALTER DATABASE duolog RENAME TO "+pgx.Identifier{out}.Sanitize(), "ALTER DATABASE "+pgx.Identifier{in}.Sanitize()+" RENAME TO duolog")
}

// foreignDatabase is a database of another log.
func (s *stand) foreignDatabase(t *testing.T, name string) {
	t.Helper()
	s.snapshotDatabase(t, name)
	fleettest.Execute(t, s.Postgres.URL(name), "UPDATE log SET id = '"+uuid.NewString()+"'")
}
