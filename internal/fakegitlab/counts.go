package fakegitlab

import (
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// Counts is how much of everything there is, for tests that look whether
// something was done once.
type Counts struct {
	Users         int            `json:"users"`
	Groups        int            `json:"groups"`
	Projects      map[string]int `json:"projects"`
	Members       int            `json:"members"`
	Pipelines     int            `json:"pipelines"`
	ByStatus      map[string]int `json:"pipelines_by_status"`
	ByName        map[string]int `json:"pipelines_by_name"`
	ByRef         map[string]int `json:"pipelines_by_ref"`
	Jobs          int            `json:"jobs"`
	Running       int            `json:"jobs_running"`
	Variables     int            `json:"variables"`
	Notes         int            `json:"notes"`
	Awards        int            `json:"awards"`
	MergeRequests int            `json:"merge_requests"`
	Issues        int            `json:"issues"`
}

// counts answers with projects by their name, so that two of one name show.
func counts(c *call) (any, error) {
	s := c.s.state
	out := Counts{
		Users: len(s.Users), Groups: len(s.Groups), Members: len(s.Members), Pipelines: len(s.Pipelines), Jobs: len(s.Jobs), Running: len(c.s.running),
		Variables: len(s.Variables), Notes: len(s.Notes), Awards: len(s.Awards), MergeRequests: len(s.MergeRequests), Issues: len(s.Issues),
		Projects: map[string]int{}, ByStatus: map[string]int{}, ByName: map[string]int{}, ByRef: map[string]int{},
	}
	for _, p := range instance.Sorted(s.Projects) {
		out.Projects[p.Path]++
	}
	for _, p := range s.Pipelines {
		out.ByStatus[p.Status]++
		out.ByRef[p.Ref]++
		if p.Name != "" {
			out.ByName[p.Name]++
		}
	}
	return out, nil
}
