package history

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// Pipeline is one that a GitLab says it made.
type Pipeline struct {
	// Stream and Run are whose it is, as its branch says.
	Stream domain.StreamID
	Run    uuid.UUID
	// At is where it is, for messages.
	At string
}

// run is one that the log knows of an engine outside.
type run struct {
	stream domain.StreamID
	id     uuid.UUID
}

// Workloads compares the pipelines of a GitLab with the runs of the log: each was made
// for a run that was attempted, none has two, and each run that has started has its own.
func Workloads(j *Journal, made []Pipeline) []Violation {
	attempted, started := runs(j)
	var found []Violation
	first := map[run]Pipeline{}
	for _, p := range made {
		r := run{p.Stream, p.Run}
		if before, twice := first[r]; twice {
			found = append(found, Violation{"one pipeline for each run", fmt.Sprintf("run %s of %s has %s and %s", p.Run, p.Stream, before.At, p.At)})
		}
		if first[r] = p; !attempted[r] {
			found = append(found, Violation{"each pipeline is that of a run", p.At + " was made for a run that nobody attempted"})
		}
	}
	for r := range started {
		if _, there := first[r]; !there {
			found = append(found, Violation{"each run that started has its pipeline", fmt.Sprintf("run %s of %s has none", r.id, r.stream)})
		}
	}
	return found
}

// runs are those of the engine gitlab that were attempted, and that have started.
func runs(j *Journal) (attempted, started map[run]bool) {
	attempted, started = map[run]bool{}, map[run]bool{}
	outside := map[run]bool{}
	each(j, func(stream domain.StreamID, _ []uuid.UUID, kind string, e workload) {
		switch r := (run{stream, e.Run}); {
		case kind == "workflow.run_requested" && e.Engine == "gitlab":
			outside[r] = true
		case kind == "workflow.run_attempted" && outside[r]:
			attempted[r] = true
		case kind == "workflow.run_started" && outside[r]:
			started[r] = true
		}
	})
	return attempted, started
}

// workload holds what is looked at of the events of a run, and of its workflow's
// creation.
type workload struct {
	Run     uuid.UUID `json:"run"`
	Engine  string    `json:"engine"`
	Trigger struct {
		MessageID string `json:"message_id"`
	} `json:"trigger"`
}

// each shows every accepted event, with the commands of its commit.
func each(j *Journal, show func(stream domain.StreamID, commands []uuid.UUID, kind string, e workload)) {
	for _, commits := range j.Accepted {
		for _, c := range commits {
			var commands []uuid.UUID
			for _, command := range c.Commit.Commands() {
				commands = append(commands, command.ID)
			}
			for _, recorded := range c.Commit.Events {
				var e workload
				if json.Unmarshal(recorded.Data, &e) == nil { // what cannot be read is found by Follows
					show(c.Stream, commands, recorded.Type, e)
				}
			}
		}
	}
}
