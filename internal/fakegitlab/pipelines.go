package fakegitlab

import (
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

func pipelineRoutes() []route {
	at := api + "/projects/{id}"
	return []route{
		{pattern: "POST " + at + "/pipeline", handle: createPipeline, git: true},
		{pattern: "GET " + at + "/pipelines", handle: listPipelines},
		{pattern: "GET " + at + "/pipelines/latest", handle: latestPipeline},
		{pattern: "GET " + at + "/pipelines/{pipeline}", handle: getPipeline},
		{pattern: "DELETE " + at + "/pipelines/{pipeline}", handle: deletePipeline},
		{pattern: "GET " + at + "/pipelines/{pipeline}/variables", handle: pipelineVariables},
		{pattern: "POST " + at + "/pipelines/{pipeline}/cancel", handle: cancelPipeline},
		{pattern: "POST " + at + "/pipelines/{pipeline}/retry", handle: retryPipeline},
		{pattern: "GET " + at + "/pipelines/{pipeline}/jobs", handle: pipelineJobs},
		{pattern: "GET " + at + "/jobs", handle: listJobs},
		{pattern: "GET " + at + "/jobs/{job}", handle: getJob},
		{pattern: "GET " + at + "/jobs/{job}/trace", handle: jobTrace},
		{pattern: "POST " + at + "/jobs/{job}/cancel", handle: cancelJob},
		{pattern: "POST " + at + "/jobs/{job}/retry", handle: retryJob},
		{pattern: "GET " + at + "/variables", handle: listVariables},
		{pattern: "POST " + at + "/variables", handle: createVariable},
		{pattern: "GET " + at + "/variables/{key}", handle: getVariable},
		{pattern: "PUT " + at + "/variables/{key}", handle: editVariable},
		{pattern: "DELETE " + at + "/variables/{key}", handle: deleteVariable},
	}
}

// pipelineInfo is a pipeline as lists show it.
type pipelineInfo struct {
	ID        int64     `json:"id"`
	IID       int64     `json:"iid"`
	ProjectID int64     `json:"project_id"`
	SHA       string    `json:"sha"`
	Ref       string    `json:"ref"`
	Status    string    `json:"status"`
	Source    string    `json:"source"`
	Name      *string   `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	WebURL    string    `json:"web_url"`
}

type pipelineWire struct {
	pipelineInfo
	BeforeSHA      string         `json:"before_sha"`
	Tag            bool           `json:"tag"`
	YAMLErrors     *string        `json:"yaml_errors"`
	User           *basicUser     `json:"user"`
	StartedAt      *time.Time     `json:"started_at"`
	FinishedAt     *time.Time     `json:"finished_at"`
	CommittedAt    *time.Time     `json:"committed_at"`
	Duration       *int64         `json:"duration"`
	QueuedDuration *int64         `json:"queued_duration"`
	Coverage       *string        `json:"coverage"`
	DetailedStatus map[string]any `json:"detailed_status"`
}

const zeroSHA = "0000000000000000000000000000000000000000"

func (s *Server) pipelineInfo(p *instance.Pipeline) pipelineInfo {
	return pipelineInfo{
		ID: p.ID, IID: p.IID, ProjectID: p.Project, SHA: p.SHA, Ref: p.Ref, Status: p.Status, Source: p.Source, Name: optional(p.Name),
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, WebURL: s.projectURL(p.Project) + "/-/pipelines/" + number(p.ID),
	}
}

func (s *Server) projectURL(id int64) string { return s.url + "/" + s.state.Projects[id].FullPath }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *Server) pipelineWire(p *instance.Pipeline) pipelineWire {
	return pipelineWire{
		pipelineInfo: s.pipelineInfo(p), BeforeSHA: zeroSHA, User: s.basicUser(s.user(p.User)),
		StartedAt: p.StartedAt, FinishedAt: p.FinishedAt, Duration: between(p.StartedAt, p.FinishedAt), QueuedDuration: between(&p.CreatedAt, p.StartedAt),
		DetailedStatus: map[string]any{
			"icon": "status_" + p.Status, "text": p.Status, "label": p.Status, "group": p.Status, "tooltip": p.Status, "has_details": true,
			"details_path": "/" + s.state.Projects[p.Project].FullPath + "/-/pipelines/" + number(p.ID), "illustration": nil, "favicon": "",
		},
	}
}

func between(from, to *time.Time) *int64 {
	if from == nil || to == nil {
		return nil
	}
	seconds := int64(to.Sub(*from).Seconds())
	return &seconds
}

// pipeline is the pipeline of the path, for someone with a level.
func (c *call) pipeline(need int) (*instance.Pipeline, error) {
	p, err := c.project(need)
	if err != nil {
		return nil, err
	}
	found := c.s.state.Pipelines[c.id("pipeline")]
	if found == nil || found.Project != p.ID {
		return nil, refuse(http.StatusNotFound, "404 Not found")
	}
	return found, nil
}

// pairWire is a variable of a pipeline as it comes and goes.
type pairWire struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Type  string `json:"variable_type"`
}

func createPipeline(c *call) (any, error) {
	p, err := c.repository(instance.Developer)
	if err != nil {
		return nil, err
	}
	ref, err := c.need("ref")
	if err != nil {
		return nil, err
	}
	var given []pairWire
	if err := c.into("variables", &given); err != nil {
		return nil, err
	}
	if len(given) > 0 && p.VariablesRole == "no_one_allowed" {
		return nil, base("Insufficient permissions to set pipeline variables")
	}
	draft := pipelineDraft{project: p.ID, ref: ref, source: "api", user: c.actor.user.ID}
	for _, v := range given {
		if !validKey(v.Key) {
			return nil, base("Variables key can contain only letters, digits and '_'.")
		}
		draft.variables = append(draft.variables, instance.Pair{Key: v.Key, Value: v.Value, File: v.Type == "file"})
	}
	made, err := c.s.makePipeline(c.Context(), draft)
	if err != nil {
		return nil, err
	}
	c.created()
	var out pipelineWire
	return out, c.locked(func() error {
		out = c.s.pipelineWire(made)
		return nil
	})
}

// base is what is wrong with a record as a whole.
func base(problem string) error { return invalid("base", problem) }

func listPipelines(c *call) (any, error) {
	p, err := c.project(instance.Reporter)
	if err != nil {
		return nil, err
	}
	found := []*instance.Pipeline{}
	for _, one := range instance.Sorted(c.s.state.Pipelines) {
		if one.Project == p.ID && c.wanted(one) {
			found = append(found, one)
		}
	}
	if c.str("sort") != "asc" {
		slices.Reverse(found)
	}
	return wires(page(c, found), c.s.pipelineInfo), nil
}

// wanted holds a pipeline to the filters of a list.
func (c *call) wanted(p *instance.Pipeline) bool {
	user := c.s.user(p.User)
	for name, is := range map[string]string{"ref": p.Ref, "status": p.Status, "source": p.Source, "name": p.Name, "sha": p.SHA, "username": user.Username} {
		if c.has(name) && c.str(name) != is {
			return false
		}
	}
	return c.timely("updated", p.UpdatedAt) && c.timely("created", p.CreatedAt) && c.inScope(p)
}

// timely holds a time to …_after and …_before.
func (c *call) timely(name string, at time.Time) bool {
	if after, err := time.Parse(time.RFC3339Nano, c.str(name+"_after")); err == nil && !at.After(after) {
		return false
	}
	before, err := time.Parse(time.RFC3339Nano, c.str(name+"_before"))
	return err != nil || at.Before(before)
}

func (c *call) inScope(p *instance.Pipeline) bool {
	switch c.str("scope") {
	case "running":
		return p.Status == instance.Running
	case "pending":
		return p.Status == instance.Pending || p.Status == instance.Created
	case "finished":
		return instance.Done(p.Status)
	}
	return true
}

func latestPipeline(c *call) (any, error) {
	p, err := c.project(instance.Reporter)
	if err != nil {
		return nil, err
	}
	ref := c.str("ref")
	if ref == "" {
		ref = p.DefaultBranch
	}
	all := instance.Sorted(c.s.state.Pipelines)
	for _, one := range slices.Backward(all) {
		if one.Project == p.ID && one.Ref == ref {
			return c.s.pipelineWire(one), nil
		}
	}
	return nil, refuse(http.StatusForbidden, "403 Forbidden")
}

func getPipeline(c *call) (any, error) {
	p, err := c.pipeline(instance.Reporter)
	if err != nil {
		return nil, err
	}
	return c.s.pipelineWire(p), nil
}

func pipelineVariables(c *call) (any, error) {
	p, err := c.pipeline(instance.Developer)
	if err != nil {
		return nil, err
	}
	return wires(p.Variables, func(v instance.Pair) pairWire { return pairWire{v.Key, v.Value, variableType(v.File)} }), nil
}

func variableType(file bool) string {
	if file {
		return "file"
	}
	return "env_var"
}

func deletePipeline(c *call) (any, error) {
	p, err := c.pipeline(instance.Owner)
	if err != nil {
		return nil, err
	}
	c.s.removePipeline(p)
	return nil, nil //nolint:nilnil // an answer without a body
}

// removePipeline ends what runs of a pipeline and forgets it.
func (s *Server) removePipeline(p *instance.Pipeline) {
	for _, j := range s.state.JobsOf(p, true) {
		s.stop(j)
		_ = os.Remove(s.traceFile(j.ID)) // it has none, or it stays without harm
	}
	s.state.RemovePipeline(p)
}

func cancelPipeline(c *call) (any, error) {
	p, err := c.pipeline(instance.Developer)
	if err != nil {
		return nil, err
	}
	for _, j := range c.s.state.JobsOf(p, false) {
		c.s.cancelJob(j)
	}
	c.s.advance(p)
	return c.s.pipelineWire(p), nil
}

func retryPipeline(c *call) (any, error) {
	p, err := c.pipeline(instance.Developer)
	if err != nil {
		return nil, err
	}
	for _, j := range c.s.state.JobsOf(p, false) {
		if j.Status == instance.Failed || j.Status == instance.Canceled || j.Status == instance.Skipped {
			c.s.again(p, j, c.actor.user.ID)
		}
	}
	c.s.advance(p)
	c.created()
	return c.s.pipelineWire(p), nil
}
