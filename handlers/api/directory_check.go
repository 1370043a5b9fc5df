package api

import (
	"errors"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	port "github.com/duolog/duolog/handlers/directory"
)

// checkDirectory answers GET check: what the tenant's directory, wherever it is, says
// of a user at a path, of a flow there and of a flag. Each answer says what it rests
// on; what cannot be answered says why, and the others are answered all the same.
func (s *Server) checkDirectory(c *call) (answer, error) {
	var asked [4]string
	for i, name := range []string{"login", "path", "flow", "flag"} {
		var err error
		if asked[i], err = c.query(name); err != nil {
			return answer{}, err
		}
	}
	login, path, flow, flag := asked[0], asked[1], asked[2], asked[3]
	if path == "" {
		return answer{}, domain.InvalidField("path", "path must not be empty", "send the path of a group or project")
	}
	ctx, tenant, dir := c.Context(), c.who.Tenant, s.cfg.Directories
	var o object
	container, basis, err := dir.Container(ctx, tenant, path)
	if err := checked(&o, "container", basis, err, func(o *object) {
		o.int("id", container.ID)
		o.text("path", container.Path)
		o.text("root", container.Root)
		o.bool("project", container.Project)
	}); err != nil {
		return answer{}, err
	}
	settings, basis, err := dir.Flows(ctx, tenant, path)
	if err := checked(&o, "flows", basis, err, func(o *object) { flowSettings(o, settings) }); err != nil {
		return answer{}, err
	}
	if login != "" {
		level, basis, err := dir.Level(ctx, tenant, login, path)
		if err := checked(&o, "level", basis, err, func(o *object) {
			o.int("level", int64(level))
			o.text("level_name", level.String())
		}); err != nil {
			return answer{}, err
		}
		user, basis, err := dir.User(ctx, tenant, login)
		if err := checked(&o, "user", basis, err, func(o *object) { userAnswer(o, user) }); err != nil {
			return answer{}, err
		}
	}
	if flow != "" {
		account, basis, err := dir.ServiceAccount(ctx, tenant, path, flow)
		if err := checked(&o, "service_account", basis, err, func(o *object) { userAnswer(o, account) }); err != nil {
			return answer{}, err
		}
	}
	if flag != "" {
		on, basis, err := dir.Flag(ctx, tenant, flag, path)
		if err := checked(&o, "flag", basis, err, func(o *object) { o.bool("on", on) }); err != nil {
			return answer{}, err
		}
	}
	return ok(o.end()), nil
}

// checked adds an answer with its basis, or why there is none. What is no refusal is
// an error of the request.
func checked(o *object, name string, basis port.Basis, err error, fill func(*object)) error {
	var one object
	refused, isRefusal := errors.AsType[*domain.Error](err)
	switch {
	case err == nil:
		fill(&one)
		one.value("basis", basis)
	case isRefusal:
		var why object
		why.text("code", string(refused.Code))
		why.text("message", refused.Message)
		why.text("fix", refused.Fix)
		one.raw("refused", why.end())
		one.value("basis", basis)
	default:
		return err
	}
	o.raw(name, one.end())
	return nil
}

func userAnswer(o *object, u directory.User) {
	o.int("id", u.ID)
	o.text("login", u.Login)
	o.bool("admin", u.Admin)
	o.bool("blocked", u.Blocked)
	o.bool("service_account", u.ServiceAccount)
	o.textOrNull("default_namespace", u.DefaultNamespace)
}

func flowSettings(o *object, f directory.FlowSettings) {
	enabled, owners := f.Enabled, f.Owners
	if enabled == nil {
		enabled = []string{}
	}
	if owners == nil {
		owners = []string{}
	}
	o.bool("foundational_flows", f.FoundationalAllowed)
	o.value("enabled", enabled)
	o.value("owners", owners)
	o.textOrNull("plan", f.Plan)
}
