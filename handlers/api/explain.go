package api

import (
	"cmp"
	"context"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/projections/queries/decisions"
)

// Permissions gathers what a decision rests on now.
type Permissions interface {
	Facts(ctx context.Context, q permission.Question) (access.Facts, error)
}

// explainAccess answers GET /v1/access/explain: what each part says, and which one
// counts; now, or what was decided last until a time.
func (s *Server) explainAccess(c *call) (answer, error) {
	q, at, err := s.explained(c)
	if err != nil {
		return answer{}, err
	}
	if err := c.ownOrAdmin(q.User); err != nil {
		return answer{}, err
	}
	if at.IsZero() {
		facts, err := s.cfg.Permissions.Facts(c.Context(), q)
		if err != nil {
			return answer{}, err
		}
		o := decisionOf(access.Decide(facts), q.Tool)
		o.rawOrNull("decided_at", nil)
		o.uuidOrNull("workflow", nil)
		return ok(o.end()), nil
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	d, err := s.cfg.Decisions.Last(c.Context(), q.Tenant, decisions.About{Login: q.User, Action: q.Action, Tool: q.Tool, Path: q.Path, Flow: q.Flow}, at)
	if err != nil {
		return answer{}, err
	}
	o := decisionOf(d.Decision, d.Tool)
	o.time("decided_at", d.At)
	o.uuidOrNull("workflow", &d.Stream.ID)
	return ok(o.end()), nil
}

func (s *Server) explained(c *call) (q permission.Question, at time.Time, err error) {
	var texts [7]string
	for i, name := range []string{"user", "flow", "project", "action", "scope", "at", "tool"} {
		if texts[i], err = c.query(name); err != nil {
			return q, at, err
		}
	}
	q = permission.Question{
		Tenant: c.who.Tenant, User: cmp.Or(texts[0], c.who.User), Flow: texts[1], Path: texts[2],
		Action: access.Action(texts[3]), Scope: access.Scope(texts[4]), Tool: texts[6],
	}
	switch {
	case q.Action == "" && q.Tool == "":
		q.Action = access.Start
	case q.Action == "":
		q.Action = access.UseTool
	}
	switch {
	case q.Flow == "":
		return q, at, domain.InvalidField("flow", "flow is missing", "name one, such as developer/v1")
	case q.Path == "":
		return q, at, domain.InvalidField("project", "project is missing", "name the project or group by its whole path")
	}
	if err := cmp.Or(q.Action.Check("action"), q.Scope.Check(), toolOf(q)); err != nil {
		return q, at, err
	}
	if texts[5] == "" {
		return q, at, nil
	}
	if at, err = time.Parse(time.RFC3339Nano, texts[5]); err != nil {
		return q, at, document.InvalidField("at", "at must be a time such as 2026-11-27T10:00:00Z", "send one, or leave it out for what holds now", err)
	}
	return q, at, nil
}

// toolOf refuses a tool beside an action that is about none.
func toolOf(q permission.Question) error {
	switch {
	case q.Tool == "":
		return nil
	case q.Action != access.UseTool:
		return domain.InvalidField("tool", "to "+string(q.Action)+" is not about a tool", "leave it out, or ask for "+string(access.UseTool))
	}
	return directory.CheckTool("tool", q.Tool)
}

// decisionOf shows a decision, and the tool that it is about where it is about one.
func decisionOf(d access.Decision, tool string) object {
	var parts, basis [][]byte
	for _, p := range d.Parts {
		var o object
		o.text("rule", string(p.Rule))
		o.bool("allowed", p.Allowed)
		o.text("says", p.Says)
		parts = append(parts, o.end())
	}
	for _, b := range d.Basis {
		var o object
		o.text("source", b.Source)
		o.text("position", b.Position)
		o.time("at", b.At)
		basis = append(basis, o.end())
	}
	var o object
	o.text("user", d.User)
	o.textOrNull("service_account", d.ServiceAccount)
	o.text("action", string(d.Action))
	o.textOrNull("tool", tool)
	o.text("path", d.Path)
	o.text("flow", d.Flow)
	o.bool("allowed", d.Allowed)
	o.text("rule", string(d.Rule))
	o.raw("parts", list(parts))
	o.raw("basis", list(basis))
	return o
}
