package api

import (
	"cmp"
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/decisions"
)

// Permissions gathers what a decision rests on.
type Permissions interface {
	Facts(ctx context.Context, q permission.Question) (access.Facts, error)
}

// maxRecorded is how many recorded decisions are shown beside what is worked out.
const maxRecorded = 10

// explainAccess answers GET /v1/access/explain: what each part says, and which one
// counts, worked out from the directory as it is or was; and what was recorded until
// then. A directory that keeps no past has only that.
func (s *Server) explainAccess(c *call) (answer, error) {
	q, at, err := s.explained(c)
	if err != nil {
		return answer{}, err
	}
	if err := c.ownOrAdmin(q.User); err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	recorded, err := s.cfg.Decisions.At(at).Latest(c.Context(), q.Tenant, decisions.About{Login: q.User, Action: q.Action, Path: q.Path, Flow: q.Flow}, maxRecorded)
	if err != nil {
		return answer{}, err
	}
	o, err := s.workedOut(c.Context(), q, at, recorded)
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(recorded))
	for i, d := range recorded {
		one := recordedOf(d)
		items[i] = one.end()
	}
	o.raw("recorded", list(items))
	return ok(o.end()), nil
}

// workedOut is the decision by what the directory says, or else the one that was recorded
// last, and which of the two it is. It returns not_found where there is neither.
func (s *Server) workedOut(ctx context.Context, q permission.Question, at cut.At, recorded []decisions.Decision) (o object, err error) {
	ask, known, note := s.cfg.Permissions, true, ""
	if at.Set() {
		ask, known = s.cfg.PermissionsAt(q.Tenant, at)
		note = "the catalog, and what the configuration says of flows, gates and denied actions, are those of now"
	}
	if known {
		facts, err := ask.Facts(ctx, q)
		if err != nil {
			return o, err
		}
		// A start gives the account the access that it needs.
		facts.Account.Given = q.Action == access.Start || q.Action == access.Fork
		o = decisionOf(access.Decide(facts))
		o.rawOrNull("decided_at", nil)
		o.uuidOrNull("workflow", nil)
		o.text("from", "directory")
		o.textOrNull("note", note)
		return o, nil
	}
	const only = "the tenant's directory keeps no past: only decisions that were recorded are known"
	if len(recorded) == 0 {
		return o, &domain.Error{
			Code: domain.CodeNotFound, Message: fmt.Sprintf("nothing was decided about %s of %s with %s in %s until then, and %s", q.Action, q.User, q.Flow, q.Path, only),
			Fix: "leave at out for what holds now",
		}
	}
	o = recordedOf(recorded[0])
	o.text("from", "record")
	o.text("note", only)
	return o, nil
}

func recordedOf(d decisions.Decision) object {
	o := decisionOf(d.Decision)
	o.time("decided_at", d.At)
	o.uuidOrNull("workflow", &d.Stream.ID)
	return o
}

func (s *Server) explained(c *call) (q permission.Question, at cut.At, err error) {
	var texts [5]string
	for i, name := range []string{"user", "flow", "project", "action", "scope"} {
		if texts[i], err = c.query(name); err != nil {
			return q, at, err
		}
	}
	q = permission.Question{
		Tenant: c.who.Tenant, User: cmp.Or(texts[0], c.who.User), Flow: texts[1], Path: texts[2],
		Action: access.Action(cmp.Or(texts[3], string(access.Start))), Scope: access.Scope(texts[4]),
	}
	switch {
	case q.Flow == "":
		return q, at, domain.InvalidField("flow", "flow is missing", "name one, such as developer/v1")
	case q.Path == "":
		return q, at, domain.InvalidField("project", "project is missing", "name the project or group by its whole path")
	}
	if err := cmp.Or(q.Action.Check("action"), q.Scope.Check()); err != nil {
		return q, at, err
	}
	at, err = s.at(c)
	return q, at, err
}

func decisionOf(d access.Decision) object {
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
	o.text("path", d.Path)
	o.text("flow", d.Flow)
	o.bool("allowed", d.Allowed)
	o.text("rule", string(d.Rule))
	o.raw("parts", list(parts))
	o.raw("basis", list(basis))
	return o
}
