package access

import (
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// Action is what somebody wants to do.
type Action string

// The actions.
const (
	Start     Action = "start"
	Resume    Action = "resume"
	Steer     Action = "steer"
	Stop      Action = "stop"
	Fork      Action = "fork"
	Redeliver Action = "redeliver"
)

// Actions lists them.
func Actions() []Action {
	return []Action{Start, Resume, Steer, Stop, Fork, Redeliver}
}

// need is what an action takes.
type need struct {
	human directory.Level
	// account is the level of the account that acts for the human; None where only the
	// human acts.
	account directory.Level
	// starter may do it whatever their level: it is their own.
	starter bool
	scope   Scope
	// flow says that the flow has to be switched on.
	flow bool
}

func (a Action) need() (need, bool) {
	switch a {
	case Start, Resume, Steer, Fork:
		return need{human: directory.Developer, account: directory.Developer, scope: ScopeWrite, flow: true}, true
	case Stop, Redeliver:
		return need{human: directory.Developer, starter: true, scope: ScopeWrite}, true
	}
	return need{}, false
}

// Check refuses an action that is none.
func (a Action) Check(field string) error {
	if _, ok := a.need(); ok {
		return nil
	}
	return domain.InvalidField(field, fmt.Sprintf("%.40q is no action", string(a)), fmt.Sprintf("use one of %v", Actions()))
}
