package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// States of the SQL standard and of Postgres that operators can do something about.
const (
	sqlstateDiskFull = "53100"
	sqlstateReadOnly = "25006"
)

// IsFull says whether the server has no room on its disk.
func IsFull(err error) bool { return hasState(err, sqlstateDiskFull) }

// IsReadOnly says whether the server takes no writes, as a standby does.
func IsReadOnly(err error) bool { return hasState(err, sqlstateReadOnly) }

func hasState(err error, state string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == state
}

// IsRefusal says whether the server refused for a reason of its own, other than
// that it is being started or stopped.
func IsRefusal(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && !strings.HasPrefix(pg.Code, "57") // operator intervention
}
