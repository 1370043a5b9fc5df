package api

import "github.com/duolog/duolog/handlers/trigger"

func privilegeNames(ids []int) []string {
	out := []string{}
	for _, id := range ids {
		for _, p := range trigger.Privileges() {
			if p.ID == id {
				out = append(out, p.Name)
			}
		}
	}
	return out
}

// listPrivileges answers GET workflows/agent_privileges.
func (s *Server) listPrivileges(*call) (answer, error) {
	var items [][]byte
	for _, p := range trigger.Privileges() {
		var o object
		o.int("id", int64(p.ID))
		o.text("name", p.Name)
		o.text("description", p.Description)
		o.bool("default_enabled", p.Granted)
		items = append(items, o.end())
	}
	var o object
	o.raw("all_privileges", list(items))
	return ok(o.end()), nil
}
