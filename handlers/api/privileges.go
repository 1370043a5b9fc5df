package api

// privilege is something an agent may be granted.
type privilege struct {
	id                int
	name, description string
	enabledByDefault  bool
}

// privileges are those of the Duo Workflow API, by number.
func privileges() []privilege {
	return []privilege{
		{1, "read_write_files", "Allow local filesystem read/write access", true},
		{2, "read_only_gitlab", "Allow read only access to GitLab APIs", true},
		{3, "read_write_gitlab", "Allow write access to GitLab APIs", true},
		{4, "run_commands", "Allow running any commands", true},
		{5, "use_git", "Allow git commits, push and other git commands", true},
		{6, "run_mcp_tools", "Allow running MCP tools", true},
		{7, "start_flows", "Allow starting other flows", false},
		{8, "read_only_files", "Allow local filesystem read access", false},
	}
}

// defaultPrivileges are granted when a client names none.
func defaultPrivileges() []int {
	var out []int
	for _, p := range privileges() {
		if p.enabledByDefault {
			out = append(out, p.id)
		}
	}
	return out
}

// defaultPreApproved need no approval of a person, as far as they are granted.
func defaultPreApproved() []int { return []int{1, 2, 3, 5} }

func privilegeNames(ids []int) []string {
	out := []string{}
	for _, id := range ids {
		for _, p := range privileges() {
			if p.id == id {
				out = append(out, p.name)
			}
		}
	}
	return out
}

// listPrivileges answers GET workflows/agent_privileges.
func (s *Server) listPrivileges(*call) (answer, error) {
	var items [][]byte
	for _, p := range privileges() {
		var o object
		o.int("id", int64(p.id))
		o.text("name", p.name)
		o.text("description", p.description)
		o.bool("default_enabled", p.enabledByDefault)
		items = append(items, o.end())
	}
	var o object
	o.raw("all_privileges", list(items))
	return ok(o.end()), nil
}
