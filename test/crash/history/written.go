package history

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
)

// Written compares what clients were told with the accepted commits: what was
// acknowledged is there, nothing is there twice, nothing is there that nobody
// asked for. Commands without a client's key are the product's own; others are those
// that came another way than the operations.
func Written(ops []Operation, j *Journal, others ...uuid.UUID) []Violation {
	var found []Violation
	violated := func(check, format string, args ...any) {
		found = append(found, Violation{check, fmt.Sprintf(format, args...)})
	}
	commands := j.commands()
	for id, commits := range commands {
		if len(commits) > 1 {
			violated("nothing twice", "command %s was carried out at %s and at %s", id, commits[0].Record.Position, commits[1].Record.Position)
		}
	}
	asked := map[uuid.UUID]Operation{}
	for _, o := range ops {
		if o.Kind.Reads() || o.Repeat {
			continue
		}
		asked[o.Command] = o
		there := len(commands[o.Command]) > 0
		switch {
		case !there && o.commits():
			violated("nothing lost", "workflow %s: %s: its command %s is not in the log", o.Workflow, o, o.Command)
		case there && o.Outcome == Refused:
			violated("a refusal changes nothing", "workflow %s: %s: its command stands at %s", o.Workflow, o, commands[o.Command][0].Record.Position)
		}
	}
	for id, commits := range commands {
		if o, there := asked[id]; commits[0].Commit.Command.Hash != (journal.Hash{}) && !slices.Contains(others, id) && (!there || o.Workflow != commits[0].Stream.ID) {
			violated("nothing from nowhere", "nobody sent command %s of %s to %s", id, commits[0].Record.Position, commits[0].Stream)
		}
	}
	return found
}

// commits says whether the operation must stand in the log: it was answered,
// and it cannot have been so already.
func (o Operation) commits() bool {
	switch {
	case o.Outcome != Done && o.Outcome != Accepted:
		return false
	case o.Kind == Create, o.Kind == Save:
		return true
	case o.Kind == Write:
		return o.Idx < 0
	}
	return false
}
