package trigger

// Privilege is something an agent may be granted.
type Privilege struct {
	ID                int
	Name, Description string
	// Granted says that every flow that is started is granted it; the others must be
	// asked for.
	Granted bool
}

// Privileges are those of the Duo Workflow API, by number.
func Privileges() []Privilege {
	return []Privilege{
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
