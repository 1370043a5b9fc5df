package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/deliveries"
	"github.com/duolog/duolog/projections/queries/workflows"
)

func (s *Server) deliveryRoutes(read, redeliver time.Duration) {
	s.route("GET /v1/deliveries", read, s.listDeliveries)
	s.route("GET /v1/deliveries/{id}", read, s.getDelivery)
	s.route("POST /v1/deliveries/redeliver", redeliver, s.redeliver)
}

// listDeliveries answers GET /v1/deliveries, newest first.
func (s *Server) listDeliveries(c *call) (answer, error) {
	filter, err := s.deliveryFilter(c)
	if err != nil {
		return answer{}, err
	}
	at, err := s.at(c)
	if err != nil {
		return answer{}, err
	}
	if at.Set() && filter.Workflow == "" {
		return answer{}, domain.InvalidField("at", "deliveries are read as of a moment of one workflow", "name it with workflow")
	}
	p, err := pageOf(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	found, more, err := s.cfg.Deliveries.At(at).List(c.Context(), c.who.Tenant, filter, (p.page-1)*p.perPage, p.perPage)
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(found))
	for i, d := range found {
		o := deliveryOf(d)
		items[i] = o.end()
	}
	return p.answer(items, more), nil
}

func (s *Server) deliveryFilter(c *call) (f deliveries.Filter, err error) {
	for name, into := range map[string]*string{"state": &f.Status, "hook": &f.Hook, "event": &f.Event} {
		if *into, err = c.query(name); err != nil {
			return f, err
		}
	}
	states := []string{"", workflow.DeliveryOwed, workflow.DeliveryMade, workflow.DeliveryLost}
	if !slices.Contains(states, f.Status) {
		return f, domain.InvalidField("state", fmt.Sprintf("there is no state %.40q", f.Status), "send one of "+strings.Join(states[1:], ", "))
	}
	if f.Since, err = c.queryTime("since"); err != nil {
		return f, err
	}
	if f.Until, err = c.queryTime("until"); err != nil {
		return f, err
	}
	if f.Missing, err = c.queryFlag("missing"); err != nil {
		return f, err
	}
	f.Workflow, err = s.workflowFilter(c)
	return f, err
}

// workflowFilter is the stream of the workflow to list; empty for all.
func (s *Server) workflowFilter(c *call) (string, error) {
	text, err := c.query("workflow")
	if err != nil || text == "" {
		return "", err
	}
	ref, err := workflows.ParseRef(text)
	if err != nil {
		return "", document.InField("workflow", err)
	}
	stream, err := s.cfg.Workflows.Locate(c.Context(), c.who.Tenant, ref)
	return stream.String(), err
}

func (c *call) queryTime(name string) (time.Time, error) {
	text, err := c.query(name)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		return at, document.InvalidField(name, fmt.Sprintf("%s must be a time, got %.40q", name, text), "send it like 2026-11-21T10:00:00Z", err)
	}
	return at, nil
}

func (c *call) queryFlag(name string) (bool, error) {
	text, err := c.query(name)
	if err != nil || text == "" || text == "false" {
		return false, err
	}
	if text != "true" {
		return false, domain.InvalidField(name, fmt.Sprintf("%s must be true or false, got %.40q", name, text), "send true, or leave it out")
	}
	return true, nil
}

// getDelivery answers GET /v1/deliveries/:id, with the attempts and what is sent.
func (s *Server) getDelivery(c *call) (answer, error) {
	id, err := deliveryID("id", c.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	d, err := s.cfg.Deliveries.Find(c.Context(), c.who.Tenant, id)
	if err != nil {
		return answer{}, err
	}
	attempts := make([][]byte, len(d.Attempts))
	for i, a := range d.Attempts {
		attempts[i] = attemptOf(a)
	}
	o := deliveryOf(d)
	o.text("message", d.Text)
	o.raw("attempts", list(attempts))
	return ok(o.end()), nil
}

func deliveryID(field, text string) (uuid.UUID, error) {
	id, err := document.ParseUUID(text)
	if err != nil {
		return id, document.InvalidField(field, fmt.Sprintf("%s must be a delivery's UUID, got %.64q", field, text), "send one that listing the deliveries returned", err)
	}
	return id, nil
}

// deliveryOf is a delivery as clients see it.
func deliveryOf(d deliveries.Delivery) *object {
	var o object
	o.text("id", d.ID.String())
	o.text("workflow", d.Stream.ID.String())
	o.int("workflow_number", d.Number)
	o.text("adapter", d.Adapter)
	o.textOrNull("hook", d.Hook)
	o.text("kind", string(d.Kind))
	o.textOrNull("event", d.Event)
	o.textOrNull("error", d.Error)
	o.text("state", d.Status)
	o.int("attempted", int64(d.Attempt.Count))
	o.bool("unknown", d.Attempt.Open)
	o.textOrNull("receipt", d.Receipt)
	o.textOrNull("last_error", d.LastError)
	o.time("requested_at", d.RequestedAt)
	o.timeOrNull("ended_at", d.EndedAt)
	o.timeOrNull("due_at", d.Due)
	return &o
}

func attemptOf(a deliveries.Attempt) []byte {
	var o object
	o.int("attempt", int64(a.Number))
	o.time("at", a.At)
	o.text("by", a.By)
	o.text("outcome", a.Outcome)
	o.timeOrNull("ended_at", orZero(a.EndedAt))
	o.textOrNull("target", a.Target)
	if a.Status == 0 {
		o.raw("status", []byte("null"))
	} else {
		o.int("status", int64(a.Status))
	}
	o.textOrNull("answer", a.Answer)
	o.textOrNull("note", a.Note)
	o.timeOrNull("retry_at", orZero(a.RetryAt))
	return o.end()
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// timeOrNull is time with null for none.
func (o *object) timeOrNull(name string, value time.Time) {
	if value.IsZero() {
		o.raw(name, []byte("null"))
		return
	}
	o.time(name, value)
}
