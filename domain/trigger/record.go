package trigger

import (
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/routing"
)

// Step is one thing that must be so before a workflow runs.
type Step string

// The steps, in their order.
const (
	StepNamespace      Step = "namespace"
	StepFlow           Step = "flow"
	StepProject        Step = "project"
	StepServiceAccount Step = "service_account"
	StepMembership     Step = "membership"
	StepExecute        Step = "execute"
)

// Outcome is what a step came to.
type Outcome string

// The outcomes: it was so, it was made so, or the trigger stopped there.
const (
	Found   Outcome = "found"
	Made    Outcome = "made"
	Refused Outcome = "refused"
)

// MaxDetail bounds what is said of a step, in bytes.
const MaxDetail = 512

// Taken is a step that was taken.
type Taken struct {
	Step    Step    `json:"step"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
	// Basis is what it rests on, where it was asked of a directory.
	Basis *Basis `json:"basis,omitempty"`
}

// Basis says where an answer came from and how fresh it was.
type Basis struct {
	// Source is config, directory or gitlab.
	Source   string    `json:"source"`
	Position string    `json:"position,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// Record is how it came that a workflow runs, or that none does.
type Record struct {
	// Entry is the way the request came: message, api, command, fork.
	Entry string `json:"entry"`
	// Routing is how the flow was chosen; nil where it did not come to that.
	Routing *routing.Decision `json:"routing,omitempty"`
	Steps   []Taken           `json:"steps"`
}

// StoppedAt is the step where the trigger was refused; empty where it was not.
func (r *Record) StoppedAt() Step {
	if r == nil || len(r.Steps) == 0 {
		return ""
	}
	if last := r.Steps[len(r.Steps)-1]; last.Outcome == Refused {
		return last.Step
	}
	return ""
}

// Clean is the record fit for an event: what others said in it is cut to its
// limits.
func (r Record) Clean() Record {
	steps := make([]Taken, len(r.Steps))
	for i, s := range r.Steps {
		s.Detail = domain.CleanText(s.Detail, MaxDetail)
		if s.Basis != nil {
			basis := *s.Basis
			basis.Source, basis.Position = domain.CleanText(basis.Source, maxShort), domain.CleanText(basis.Position, maxShort)
			basis.At = basis.At.UTC().Truncate(time.Microsecond)
			s.Basis = &basis
		}
		steps[i] = s
	}
	r.Entry, r.Steps = domain.CleanText(r.Entry, maxShort), steps
	if r.Routing != nil {
		routing := *r.Routing
		routing.Flow, routing.Why = domain.CleanText(routing.Flow, maxShort), domain.CleanText(routing.Why, MaxDetail)
		r.Routing = &routing
	}
	return r
}

// maxShort bounds names, in bytes.
const maxShort = 255
