package domain

import "github.com/google/uuid"

// Principal says who is behind a command: the human, the service account that
// acts for them, and, for an agent's own calls, the run that makes them. All of
// it is on every commit.
type Principal struct {
	// User is the human the work is done for; empty for the system itself.
	User string `json:"user,omitempty"`
	// ServiceAccount acts for the user; empty where the user acts alone.
	ServiceAccount string `json:"service_account,omitempty"`
	// System names the part of Duolog that acts: trigger, callback, engine.
	System string `json:"system,omitempty"`
	// Run is the run whose token made the call; nil for everyone else.
	Run *RunRef `json:"run,omitempty"`
}

// RunRef binds a token to one execution of a workflow. State from an epoch
// below the workflow's own is refused.
type RunRef struct {
	ID    uuid.UUID `json:"id"`
	Epoch int       `json:"epoch"`
}
