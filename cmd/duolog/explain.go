package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/IBM/sarama"
	"github.com/alecthomas/kong"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
)

// problem is an error in the product's own words: what is wrong and what to do.
type problem struct{ what, fix string }

func (p problem) Error() string { return p.what }

// explain finds what an error says and what its reader can do.
func explain(err error) (what, fix string) {
	if p, ok := errors.AsType[problem](err); ok {
		return p.what, p.fix
	}
	if e, ok := errors.AsType[*kafka.SafetyError](err); ok {
		return e.Problem, e.Fix + "\nthen start again. (Duolog writes nothing until this is right.)"
	}
	if e, ok := errors.AsType[*embedded.InUseError](err); ok {
		return inUse(e)
	}
	if e, ok := errors.AsType[*config.InvalidError](err); ok {
		return invalid(e.Problems)
	}
	if e, ok := errors.AsType[*domain.Error](err); ok {
		return e.Message + " (" + string(e.Code) + ")", e.Fix
	}
	return err.Error(), fixOf(err)
}

// invalid tells of every setting that cannot work, so that they are put right at
// once.
func invalid(problems []*domain.Error) (what, fix string) {
	if len(problems) == 1 {
		return problems[0].Field + ": " + problems[0].Message, problems[0].Fix
	}
	lines := []string{fmt.Sprintf("%d settings cannot work", len(problems))}
	for _, p := range problems {
		lines = append(lines, p.Field+": "+p.Message, "  fix: "+p.Fix)
	}
	return strings.Join(lines, "\n"), ""
}

func inUse(e *embedded.InUseError) (what, fix string) {
	if e.PID == 0 {
		return e.Dir + " is in use by another process", "stop it, or choose another directory with --state-dir"
	}
	return fmt.Sprintf("%s is in use by process %d", e.Dir, e.PID), fmt.Sprintf("stop it (kill %d), or choose another directory with --state-dir", e.PID)
}

// fixOf is what can be done about an error that says what is wrong itself.
func fixOf(err error) string {
	switch {
	case errors.Is(err, sarama.ErrOutOfBrokers):
		return "check that Kafka runs there and that --brokers (DUOLOG_BROKERS) names it"
	case errors.Is(err, postgres.ErrForeignLog):
		return foreignDatabase
	case postgres.IsFull(err):
		return "free space on the disk of the database's server; Duolog goes on by itself, nothing accepted is lost"
	case postgres.IsReadOnly(err):
		return "point --database-url at the primary: this server takes no writes"
	case !errors.As(err, &usageError{}):
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "check the name; duolog config example prints a configuration file to begin with"
	}
	if e, ok := errors.AsType[*kong.ParseError](err); ok && e.Context != nil && e.Context.Selected() != nil {
		return "duolog " + e.Context.Selected().Path() + " --help shows how it is used"
	}
	return "duolog --help lists the commands, duolog COMMAND --help shows one"
}
