package api

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

func entries(list []directory.Entry, body func(directory.Entry) []byte) [][]byte {
	out := make([][]byte, len(list))
	for i, e := range list {
		out[i] = body(e)
	}
	return out
}

// streamName is where the timeline of a stream is: kind/id.
func streamName(s domain.StreamID) string { return string(s.Kind) + "/" + s.ID.String() }

func userBody(tenant domain.Tenant, e directory.Entry) []byte {
	var o object
	o.int("id", e.ID)
	o.text("login", e.Name)
	o.text("identity", directory.Identity(directory.UserStream(tenant, e.Name), e).String())
	o.text("name", e.User.Name)
	o.textOrNull("email", e.User.Email)
	o.bool("admin", e.User.Admin)
	o.bool("blocked", e.User.Blocked)
	o.textOrNull("default_namespace", e.User.DefaultNamespace)
	links := e.User.Links
	if links == nil {
		links = []directory.Link{}
	}
	o.value("accounts", links)
	return o.end()
}

func containerBody(e directory.Entry) []byte {
	var o object
	o.int("id", e.ID)
	o.text("path", e.Path)
	o.text("root", directory.Root(e.Path))
	o.text("kind", e.What())
	if e.Project != nil {
		o.value("settings", *e.Project)
		return o.end()
	}
	o.int("children", int64(e.Children))
	if e.Top != nil {
		o.raw("namespace", topBody(e.Top))
	}
	return o.end()
}

func topBody(t *directory.Top) []byte {
	var o object
	o.bool("foundational_flows", t.FoundationalAllowed)
	o.textOrNull("plan", t.Plan)
	var policies object
	for _, p := range t.Policies {
		policies.text(p.Name, p.Value)
	}
	o.raw("policies", policies.end())
	o.raw("flows", list(flowRows(t)))
	owners := t.Owners
	if owners == nil {
		owners = []string{}
	}
	o.value("owners", owners)
	return o.end()
}

func flowRows(t *directory.Top) [][]byte {
	var rows [][]byte
	for _, f := range t.Flows {
		var o object
		o.text("reference", f.Reference)
		o.bool("enabled", f.Enabled)
		o.textOrNull("service_account", f.Account)
		rows = append(rows, o.end())
	}
	return rows
}

func memberBody(e directory.Entry) []byte {
	var o object
	o.text("path", e.Path)
	o.text("login", e.Name)
	o.int("level", int64(e.Level))
	o.text("level_name", e.Level.String())
	return o.end()
}

func accountBody(e directory.Entry) []byte {
	var o object
	o.int("id", e.ID)
	o.text("login", e.Name)
	o.text("namespace", e.Path)
	o.text("flow", e.Account.Flow)
	o.text("name", e.Account.Name)
	o.bool("blocked", e.Account.Blocked)
	return o.end()
}

func flagBody(e directory.Entry) []byte {
	var o object
	o.text("path", e.Path)
	o.text("name", e.Name)
	o.bool("on", e.On)
	return o.end()
}
