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

// RedeliveryID is the id that a command gives what it sends as new.
func RedeliveryID(command uuid.UUID) uuid.UUID { return uuid.NewSHA1(command, []byte("redelivery")) }

// Want asks for the delivery as it ended: the state has those alone that are
// still owed.
func (c *Redeliver) Want(State, Env) Want { return Want{Deliveries: []uuid.UUID{c.Delivery}} }

// Decide asks for it again. One that failed and waits is sent at once; one that
// is on its way is left alone, but may be sent as new.
func (c *Redeliver) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	d, owed := s.Delivery(c.Delivery)
	if owed && !c.AsNew {
		if d.Attempt.Open || d.Attempt.Count == d.Before {
			return alreadySo()
		}
		return events(requestAgain(d))
	}
	if !owed {
		var there bool
		if d, there = f.Deliveries[c.Delivery]; !there {
			return Outcome{}, &domain.Error{Code: domain.CodeNotFound, Message: "there is no such delivery", Fix: "check the id; duolog delivery list shows them"}
		}
	}
	if err := c.mayAsk(s, d); err != nil {
		return Outcome{}, err
	}
	again := requestAgain(d)
	if c.AsNew {
		again.Delivery, again.Of, again.Attempts = RedeliveryID(env.CommandID), &d.ID, 0
	}
	return events(again)
}

// mayAsk refuses what a workflow cannot owe. A delivery that was touched since
// it was looked up is as good as on its way: its attempts are not known.
func (c *Redeliver) mayAsk(s State, d Delivery) error {
	switch {
	case d.Status == DeliveryOwed && !c.AsNew:
		return &domain.Error{Code: domain.CodeConflict, Message: "the delivery is on its way", Fix: "wait until it has ended; duolog delivery show says how"}
	case len(s.Deliveries) >= MaxOwed:
		return &domain.Error{Code: domain.CodeConflict, Message: "the workflow owes as many deliveries as it may", Fix: "wait until some have ended"}
	}
	return nil
}

func requestAgain(d Delivery) RedeliveryRequested {
	again := RedeliveryRequested{
		Delivery: d.ID, Adapter: d.Adapter, Kind: d.Kind, Error: d.Error, Hook: d.Hook, Event: d.Event, Message: d.Message, Attempts: d.Attempt.Count,
	}
	if d.Run != uuid.Nil {
		again.Run = &d.Run
	}
	return again
}
