package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/deliveries"
)

// maxRedeliver bounds the deliveries of one request.
const maxRedeliver = 100

// redeliver answers POST /v1/deliveries/redeliver. Each delivery is a command of
// its own: one that is refused leaves the others as they are.
func (s *Server) redeliver(c *call) (answer, error) {
	body, doc, err := s.document(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	f := &document.Fields{Doc: doc}
	raw, asNew := f.Array("ids"), f.Flag("as_new", false)
	if f.Err != nil {
		return answer{}, f.Err
	}
	ids, err := deliveryIDs(raw)
	if err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	found, _, err := s.cfg.Deliveries.List(c.Context(), c.who.Tenant, deliveries.Filter{IDs: ids}, 0, len(ids))
	if err != nil {
		return answer{}, err
	}
	return s.redeliverAll(c, ids, found, asNew, body)
}

func (s *Server) redeliverAll(c *call, ids []uuid.UUID, found []deliveries.Delivery, asNew bool, body []byte) (answer, error) {
	streams := map[uuid.UUID]domain.StreamID{}
	for _, d := range found {
		streams[d.ID] = d.Stream
	}
	var again, left [][]byte
	for _, id := range ids {
		delivery, refusal := id, notFound("delivery", "check the id; duolog delivery list shows them")
		if stream, there := streams[id]; there {
			delivery, refusal = s.redeliverOne(c, stream, id, asNew, body)
		}
		var o object
		o.text("id", id.String())
		e, refused := errors.AsType[*domain.Error](refusal)
		switch {
		case refusal == nil:
			o.text("delivery", delivery.String())
			again = append(again, o.end())
		case refused && statusOf(e.Code) < http.StatusInternalServerError:
			o.text("code", string(e.Code))
			o.text("message", e.Message)
			o.text("fix", e.Fix)
			left = append(left, o.end())
		default:
			return answer{}, refusal // the same request may be sent again: what was done is done once
		}
	}
	var o object
	o.raw("redelivered", list(again))
	o.raw("left", list(left))
	return ok(o.end()), nil
}

// redeliverOne is the id of the delivery that was asked for: the same, or the
// new one. One that is on its way is refused.
func (s *Server) redeliverOne(c *call, stream domain.StreamID, id uuid.UUID, asNew bool, body []byte) (uuid.UUID, error) {
	r := dispatch.Request{Stream: stream, Workflow: &workflow.Redeliver{Delivery: id, AsNew: asNew}, Principal: c.who.Principal("")}
	if err := s.identify(c, &r, body); err != nil {
		return id, err
	}
	if !r.Fresh {
		r.CommandID = uuid.NewSHA1(r.CommandID, id[:]) // one key, and a command for each delivery
	}
	result, err := s.cfg.Dispatch.Do(c.Context(), r)
	switch {
	case err != nil:
		return id, err
	case result.Position == domain.Position{} && !result.Changed:
		return id, &domain.Error{Code: domain.CodeConflict, Message: "the delivery is on its way", Fix: "nothing: duolog delivery show says how it goes"}
	case asNew:
		return workflow.RedeliveryID(r.CommandID), nil
	}
	return id, nil
}

func deliveryIDs(raw json.RawMessage) ([]uuid.UUID, error) {
	var texts []string
	if raw != nil {
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, document.InvalidField("ids", "ids must be a list of UUIDs", "send the ids of deliveries", err)
		}
	}
	if len(texts) == 0 || len(texts) > maxRedeliver {
		return nil, domain.InvalidField("ids", fmt.Sprintf("ids has %d deliveries; it takes 1 to %d", len(texts), maxRedeliver), "send some of those that listing the deliveries returned")
	}
	out := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = deliveryID(fmt.Sprintf("ids[%d]", i), text); err != nil {
			return nil, err
		}
	}
	return out, nil
}
