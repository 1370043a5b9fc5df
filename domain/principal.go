package domain

import (
	"strconv"

	"github.com/google/uuid"
)

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

// Equal says whether both are the same.
func (p Principal) Equal(o Principal) bool {
	same := p.Run == o.Run || p.Run != nil && o.Run != nil && *p.Run == *o.Run
	p.Run, o.Run = nil, nil
	return same && p == o
}

// AppendJSON appends what encoding/json makes of p, without escaping for HTML.
func (p Principal) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for _, m := range [...]struct{ name, text string }{{"user", p.User}, {"service_account", p.ServiceAccount}, {"system", p.System}} {
		if m.text != "" {
			b = AppendText(b, m.name)
			b = AppendText(append(b, ':'), m.text)
			b = append(b, ',')
		}
	}
	if p.Run != nil {
		b = AppendText(append(b, `"run":{"id":`...), p.Run.ID.String())
		b = strconv.AppendInt(append(b, `,"epoch":`...), int64(p.Run.Epoch), 10)
		b = append(b, "},"...)
	}
	if last := len(b) - 1; b[last] == ',' {
		b = b[:last]
	}
	return append(b, '}')
}
