package api

import (
	"errors"
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/flows"
)

// listFlows answers GET /v1/flows: those of the catalog, and those of the tenant's own.
func (s *Server) listFlows(c *call) (answer, error) {
	_, tenant, err := s.flowsHere(c)
	if err != nil {
		return answer{}, err
	}
	catalog, policy := tenant.Catalog(), tenant.Policy()
	references := catalog.References()
	for _, own := range policy.Own {
		if !slices.Contains(references, own) {
			references = append(references, own)
		}
	}
	items := make([][]byte, len(references))
	for i, reference := range references {
		f, known := catalog.Find(reference)
		items[i] = flowSummary(reference, f, known, tenant).end()
	}
	return ok(list(items)), nil
}

// getFlow answers GET /v1/flows/:reference.
func (s *Server) getFlow(c *call) (answer, error) {
	_, tenant, err := s.flowsHere(c)
	if err != nil {
		return answer{}, err
	}
	reference := c.PathValue("reference")
	f, known := tenant.Catalog().Find(reference)
	if !known && !slices.Contains(tenant.Policy().Own, reference) {
		return answer{}, &domain.Error{Code: domain.CodeNotFound, Message: "there is no such flow", Fix: "see GET /v1/flows, or duolog flow list, for those there are"}
	}
	o := flowSummary(reference, f, known, tenant)
	o.value("agent_privileges", orEmpty(f.Privileges))
	o.value("pre_approved_agent_privileges", orEmpty(f.PreApproved))
	o.value("tools", f.Tools)
	o.value("engines", orNothing(f.Engines))
	configs := []([]byte){}
	if known {
		configs = append(configs, configOf("", f.Config))
	}
	for _, v := range f.Variants {
		configs = append(configs, configOf(v.Flag, v.Config))
	}
	o.raw("configs", list(configs))
	return ok(o.end()), nil
}

// resolveFlow answers GET /v1/flows/:reference/resolve: what a workflow would record that
// is started now, and why.
func (s *Server) resolveFlow(c *call) (answer, error) {
	path, tenant, err := s.flowsHere(c)
	if err != nil {
		return answer{}, err
	}
	version, err := c.query("version")
	if err != nil {
		return answer{}, err
	}
	resolved, reasons, err := tenant.Resolve(c.Context(), path, flow.Ask{Reference: c.PathValue("reference"), Constraint: version})
	if err != nil {
		return answer{}, err
	}
	var o object
	o.text("reference", c.PathValue("reference"))
	o.text("path", path)
	o.text("workflow_definition", resolved.Definition)
	o.textOrNull("flow_config_id", resolved.ConfigID)
	o.textOrNull("flow_config_schema_version", resolved.SchemaVersion)
	o.textOrNull("flow_version", resolved.Version)
	o.value("agent_privileges", flow.Granted())
	o.value("pre_approved_agent_privileges", resolved.PreApproved)
	o.value("usable_privileges", resolved.Tools.Narrow(flow.Granted()))
	o.value("reasons", reasons)
	return ok(o.end()), nil
}

// flowsHere are the place that the query names, and the flows there.
func (s *Server) flowsHere(c *call) (path string, t flows.Tenant, err error) {
	if path, err = s.placeOf(c); err == nil {
		t, err = s.cfg.FlowsOf(c.Context(), c.who.Tenant, path)
	}
	return path, t, err
}

// placeOf is the path of the project or namespace that the query of a person names, by
// number or path; with none, where a workflow of the tenant goes that names none. What
// they may not see is not there.
func (s *Server) placeOf(c *call) (string, error) {
	for _, field := range []string{"project", "namespace"} {
		ref, err := c.query(field)
		if err != nil {
			return "", err
		}
		if ref != "" {
			return s.visible(c, field, ref)
		}
	}
	t, err := s.tenant(c)
	return (&workflow.Start{Project: t.Project, Namespace: t.Namespace}).Path(), err
}

// visible is the path of a project or namespace that the caller may see.
func (s *Server) visible(c *call, field, ref string) (string, error) {
	gone := &domain.Error{Code: domain.CodeNotFound, Field: field, Message: "there is no such " + field, Fix: "use one of your own, or leave it out"}
	found, _, err := s.cfg.Directories.Container(c.Context(), c.who.Tenant, ref)
	switch {
	case domain.CodeOf(err) == domain.CodeNotFound:
		return "", gone
	case err != nil:
		return "", err
	case found.Project != (field == "project"):
		return "", gone
	}
	level, _, err := s.cfg.Directories.Level(c.Context(), c.who.Tenant, c.who.User, found.Path)
	if err == nil && level < directory.Guest {
		err = gone
	}
	return found.Path, err
}

func flowSummary(reference string, f flow.Flow, known bool, here flows.Tenant) *object {
	var o object
	o.text("reference", reference)
	off, isOff := errors.AsType[*domain.Error](here.On(reference))
	o.bool("enabled", !isOff)
	if isOff {
		var why object
		why.text("message", off.Message)
		why.text("fix", off.Fix)
		o.raw("off", why.end())
	} else {
		o.rawOrNull("off", nil)
	}
	o.bool("in_catalog", known)
	o.textOrNull("description", f.Description)
	o.textOrNull("maturity", f.Maturity)
	o.textOrNull("plan", f.Plan)
	o.textOrNull("environment", f.Environment)
	o.textOrNull("coding_environment", f.CodingEnvironment)
	o.value("versions", orNothing(f.Versions))
	o.textOrNull("default_version", f.DefaultVersion)
	return &o
}

func configOf(flag string, c flow.Config) []byte {
	var o object
	o.textOrNull("flag", flag)
	o.text("workflow_definition", c.Definition)
	o.textOrNull("flow_config_id", c.ConfigID)
	o.textOrNull("flow_config_schema_version", c.SchemaVersion)
	o.value("versions", orNothing(c.Versions))
	o.textOrNull("default_version", c.DefaultVersion)
	return o.end()
}

func orNothing(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
