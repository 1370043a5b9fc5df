package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// maxAsync bounds a command in the inbox, in bytes; a larger one is carried out
// at once whatever the client prefers.
const maxAsync = 900 << 10

// key is the client's own name of a request: with it, a repeat is the same
// command. Empty without one.
func (c *call) key() (string, error) {
	key := c.Header.Get("Idempotency-Key")
	plain := !strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	if len(c.Header.Values("Idempotency-Key")) > 1 || len(key) > 255 || !plain {
		return "", domain.InvalidField("Idempotency-Key", "Idempotency-Key must be one header of at most 255 plain characters", "send a UUID of the request's own")
	}
	return key, nil
}

// identify names the command of a request.
func (s *Server) identify(c *call, r *dispatch.Request, body []byte) error {
	key, err := c.key()
	if err == nil {
		c.who.Identify(r, key, body, s.cfg.NewID)
	}
	return err
}

// tenant is how the caller's tenant is set up.
func (s *Server) tenant(c *call) (entry.Tenant, error) {
	t, err := s.cfg.Tenants.Tenant(c.Context(), c.who.Tenant)
	if err != nil {
		return t, fmt.Errorf("tenant %s: %w", c.who.Tenant, err)
	}
	return t, nil
}

// agentRequest is a command for an existing workflow.
func (s *Server) agentRequest(c *call, stream domain.StreamID, command workflow.Command, body []byte) (dispatch.Request, error) {
	r := dispatch.Request{Stream: stream, Workflow: command}
	r.Principal = c.who.Principal(c.who.ServiceAccount)
	return r, s.identify(c, &r, body)
}

// later puts a command into the inbox when the client prefers not to wait, and
// says whether it did. What every state would refuse is refused now.
func (s *Server) later(c *call, r dispatch.Request) (answer, bool, error) {
	if !prefersAsync(c.Request) {
		return answer{}, false, nil
	}
	about.Of(c.Context()).Touches(r.Stream)
	if err := entry.RefusedAnyway(r); err != nil {
		return answer{}, false, err
	}
	envelope, err := dispatch.NewEnvelope(r)
	if err != nil || len(envelope.Data) > maxAsync {
		return answer{}, false, err
	}
	if err := s.cfg.Inbox.Publish(c.Context(), envelope); err != nil {
		return answer{}, false, fmt.Errorf("publish %s for %s: %w", envelope.Type, r.Stream, err)
	}
	var o object
	o.text("command_id", r.CommandID.String())
	o.text("workflow", r.Stream.ID.String())
	return accepted(o.end(), true), true, nil
}

// onWorkflow reads what every write to a workflow begins with: which one, and the
// document that was sent.
func (s *Server) onWorkflow(c *call, most int64) (stream domain.StreamID, body []byte, doc document.Object, err error) {
	if stream, err = s.stream(c); err != nil {
		return stream, nil, nil, err
	}
	body, doc, err = s.document(c, most)
	return stream, body, doc, err
}

// nowOrLater carries a command out, unless the client prefers not to wait: then out is
// the answer, which it has no status without.
func (s *Server) nowOrLater(c *call, r dispatch.Request) (result dispatch.Result, out answer, err error) {
	if out, done, err := s.later(c, r); done || err != nil {
		return result, out, err
	}
	result, err = s.do(c, r)
	return result, answer{}, err
}

// changed carries out a command of the caller about a workflow, and reads the workflow
// as it is then; out is as nowOrLater has it.
func (s *Server) changed(c *call, r dispatch.Request) (w workflows.Workflow, out answer, err error) {
	if _, out, err = s.nowOrLater(c, r); err != nil || out.status != 0 {
		return w, out, err
	}
	w, err = s.find(c, r.Stream.ID, cut.At{})
	return w, answer{}, err
}

// accepted is the answer of a command that stands in the inbox.
func accepted(body []byte, preferred bool) answer {
	out := answer{status: http.StatusAccepted, header: http.Header{}, body: body}
	if preferred {
		out.header.Set("Preference-Applied", "respond-async")
	}
	return out
}

func prefersAsync(r *http.Request) bool {
	for _, header := range r.Header.Values("Prefer") {
		for token := range strings.SplitSeq(header, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "respond-async") {
				return true
			}
		}
	}
	return false
}
