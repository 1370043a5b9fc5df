package fakegitlab

import (
	"slices"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

func runnerRoutes() []route {
	return []route{{pattern: "GET " + api + "/projects/{id}/runners", handle: listRunners}}
}

// listRunners answers which runners a project can use: all of the instance's.
// While a fault keeps them from jobs they are offline.
func listRunners(c *call) (any, error) {
	if _, err := c.project(instance.Maintainer); err != nil {
		return nil, err
	}
	status := "online"
	if c.s.faults.NoRunner() {
		status = "offline"
	}
	wanted := c.list("tag_list")
	found := []map[string]any{}
	for n := range c.s.cfg.Runners {
		if slices.ContainsFunc(wanted, func(tag string) bool { return !slices.Contains(c.s.cfg.Tags, tag) }) || c.has("status") && c.str("status") != status {
			continue
		}
		one := c.s.runnerWire(n + 1)
		one["online"], one["status"], one["paused"] = status == "online", status, false
		found = append(found, one)
	}
	return page(c, found), nil
}
