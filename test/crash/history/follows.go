package history

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Follows says whether each event of a workflow follows from those before it,
// also from those of the same batch: clients whose requests overlap cannot tell,
// because either order would explain what they see.
func Follows(j *Journal) []Violation {
	var found []Violation
	streams := map[domain.StreamID]*past{}
	for _, commits := range j.Accepted {
		for _, c := range commits {
			p := streams[c.Stream]
			if p == nil {
				p = &past{writes: map[string]bool{}, checkpoints: map[string]string{}}
				streams[c.Stream] = p
			}
			for _, e := range c.Commit.Events {
				if why := p.take(e); why != "" {
					found = append(found, Violation{"events follow from those before", fmt.Sprintf("%s of %s: %s: %s", c.Record.Position, c.Stream, e.Type, why)})
				}
			}
		}
	}
	return found
}

// past is what a workflow's events so far came to.
type past struct {
	status string
	// runs says that a run may change the status as well.
	runs        bool
	writes      map[string]bool
	checkpoints map[string]string
}

// event holds what is looked at of the events.
type event struct {
	From          string     `json:"from"`
	To            string     `json:"to"`
	NS            string     `json:"checkpoint_ns"`
	ThreadTS      uuid.UUID  `json:"thread_ts"`
	ParentTS      *uuid.UUID `json:"parent_ts"`
	ParentMissing bool       `json:"parent_missing"`
	Writes        []struct {
		Task string `json:"task"`
		Idx  int    `json:"idx"`
	} `json:"writes"`
}

// take says what is wrong with the next event, if anything is.
func (p *past) take(recorded journal.Event) string {
	var e event
	if err := json.Unmarshal(recorded.Data, &e); err != nil {
		return err.Error()
	}
	switch recorded.Type {
	case "workflow.created":
		p.status = "created"
	case "workflow.run_requested":
		p.runs = true
	case "workflow.status_changed":
		from := p.status
		p.status = e.To
		if !p.runs && (e.From != from || !slices.Contains(legal(from), e.To)) {
			return fmt.Sprintf("from %s to %s, when the workflow is %s", e.From, e.To, from)
		}
	case "workflow.checkpointed":
		return p.checkpoint(e, string(recorded.Data))
	case "workflow.writes_recorded":
		for _, w := range e.Writes {
			place := fmt.Sprintf("%s/%s/%s/%d", e.NS, e.ThreadTS, w.Task, w.Idx)
			if w.Idx >= 0 && p.writes[place] {
				return "regular write " + place + " a second time"
			}
			p.writes[place] = true
		}
	}
	return ""
}

func (p *past) checkpoint(e event, data string) string {
	key := e.NS + "/" + e.ThreadTS.String()
	before, there := p.checkpoints[key]
	p.checkpoints[key] = data
	if there && before == data {
		return "the same checkpoint a second time"
	}
	if e.ParentTS != nil {
		if _, known := p.checkpoints[e.NS+"/"+e.ParentTS.String()]; known == e.ParentMissing {
			return fmt.Sprintf("parent_missing is %v for parent %s", e.ParentMissing, e.ParentTS)
		}
	}
	return ""
}

// legal are the statuses that a client's events lead to.
func legal(from string) []string {
	var out []string
	for _, t := range transitions {
		if slices.Contains(t.from, from) {
			out = append(out, t.to)
		}
	}
	return out
}
