package workflow

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// Redeliver asks that what was delivered or given up be sent again.
type Redeliver struct {
	Delivery uuid.UUID `json:"delivery"`
	// AsNew gives it a new id, so that a receiver that remembers ids takes it
	// for another message.
	AsNew bool `json:"as_new,omitempty"`
}

// CommandType names the command.
func (*Redeliver) CommandType() string { return "workflow.redeliver" }

// Want asks for the delivery as it ended: the state has those alone that are
// still owed.
func (c *Redeliver) Want(State, Env) Want { return Want{Deliveries: []uuid.UUID{c.Delivery}} }

// Decide asks for it again. One that is on its way is left alone.
func (c *Redeliver) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	if _, owed := s.Delivery(c.Delivery); owed && !c.AsNew {
		return alreadySo()
	}
	d, there := f.Deliveries[c.Delivery]
	switch {
	case !there:
		return Outcome{}, &domain.Error{Code: domain.CodeNotFound, Message: "there is no such delivery", Fix: "check the id; duolog delivery list shows them"}
	case d.Status == DeliveryOwed:
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "the delivery is on its way", Fix: "wait until it has ended; duolog delivery show says how"}
	case len(s.Deliveries) >= MaxOwed:
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "the workflow owes as many deliveries as it may", Fix: "wait until some have ended"}
	}
	again := RedeliveryRequested{
		Delivery: d.ID, Adapter: d.Adapter, Kind: d.Kind, Error: d.Error, Hook: d.Hook, Event: d.Event, Message: d.Message, Attempts: d.Attempt.Count,
	}
	if d.Run != uuid.Nil {
		again.Run = &d.Run
	}
	if c.AsNew {
		of := d.ID
		again.Delivery, again.Of, again.Attempts = env.derive("redelivery"), &of, 0
	}
	return events(again)
}
