package workflow

import (
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

const (
	// MaxHooks bounds how many hooks are told of one event.
	MaxHooks = 20
	// MaxNotification bounds what a hook is told, in bytes.
	MaxNotification = 20 << 10
	// MaxOwed bounds the deliveries that a workflow owes at once: they are part
	// of the state that each command is decided on.
	MaxOwed = 100
)

// Notify asks that hooks be told of something that happened.
type Notify struct {
	noFacts

	Adapter string `json:"adapter"`
	// Hooks are their names; each is told once.
	Hooks []string `json:"hooks"`
	// Event is what happened, as hooks subscribe to it.
	Event string `json:"event"`
	// Cause is the id of the accepted event that it follows from.
	Cause string          `json:"cause"`
	Data  json.RawMessage `json:"data"`
	// Hint says that the next one tells the same anew: it is left out for a hook
	// that has not taken the one before.
	Hint bool `json:"hint,omitempty"`
}

// CommandType names the command.
func (*Notify) CommandType() string { return "workflow.notify" }

// NotificationID is the id of what a hook is told of an event, over all attempts
// and however often it is asked for.
func NotificationID(workflow uuid.UUID, cause, hook string) uuid.UUID {
	return uuid.NewSHA1(workflow, []byte(cause+"/"+hook))
}

// Decide asks for one delivery per hook. What is more than a workflow may owe is
// given up in the same commit, so that it can be found and sent later.
func (c *Notify) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	if err := c.check(); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	owed := len(s.Deliveries)
	for i, hook := range c.Hooks {
		id := NotificationID(env.Workflow, c.Cause, hook)
		if _, asked := s.Delivery(id); asked || slices.Contains(c.Hooks[:i], hook) || c.Hint && s.Owes(hook, c.Event) {
			continue
		}
		data := out.whole("json", c.Data)
		out.Events = append(out.Events, NotificationRequested{Delivery: id, Adapter: c.Adapter, Hook: hook, Event: c.Event, Cause: c.Cause, Data: data})
		if owed++; owed > MaxOwed {
			out.Events = append(out.Events, DeliveryGivenUp{Delivery: id, Reason: "too_many_owed"})
		}
	}
	return out, nil
}

func (c *Notify) check() error {
	for _, hook := range c.Hooks {
		if err := domain.CheckText("hooks", hook, MaxName); err != nil {
			return err
		}
	}
	if len(c.Hooks) > MaxHooks {
		return domain.InvalidField("hooks", "an event is told to too many hooks", "send at most 20")
	}
	if !json.Valid(c.Data) {
		return domain.InvalidField("data", "data is no JSON", "send an object")
	}
	for _, check := range []error{
		domain.CheckText("adapter", c.Adapter, MaxName), domain.CheckText("event", c.Event, MaxName),
		domain.CheckText("cause", c.Cause, MaxID), domain.CheckSize("data", len(c.Data), MaxNotification),
	} {
		if check != nil {
			return check
		}
	}
	return nil
}

// Owes says whether a hook has not yet taken an event of that kind.
func (s State) Owes(hook, event string) bool {
	return slices.ContainsFunc(s.Deliveries, func(d Delivery) bool { return d.Hook == hook && d.Event == event })
}
