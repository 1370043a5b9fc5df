package fakegitlab

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

func hookRoutes() []route {
	at := api + "/projects/{id}/hooks"
	return []route{
		{pattern: "GET " + at, handle: listHooks},
		{pattern: "POST " + at, handle: createHook},
		{pattern: "GET " + at + "/{hook}", handle: getHook},
		{pattern: "PUT " + at + "/{hook}", handle: editHook},
		{pattern: "DELETE " + at + "/{hook}", handle: deleteHook},
	}
}

// Events that a hook can be told of here.
const (
	noteEvents     = "note_events"
	pipelineEvents = "pipeline_events"
	jobEvents      = "job_events"
	pushEvents     = "push_events"
)

type hookWire struct {
	ID             int64     `json:"id"`
	URL            string    `json:"url"`
	Name           string    `json:"name"`
	ProjectID      int64     `json:"project_id"`
	CreatedAt      time.Time `json:"created_at"`
	PushEvents     bool      `json:"push_events"`
	NoteEvents     bool      `json:"note_events"`
	PipelineEvents bool      `json:"pipeline_events"`
	JobEvents      bool      `json:"job_events"`
	SSL            bool      `json:"enable_ssl_verification"`
	AlertStatus    string    `json:"alert_status"`
	Token          bool      `json:"token_present"`
	SigningToken   bool      `json:"signing_token_present"`
}

func newHookWire(h *instance.Hook) hookWire {
	return hookWire{
		ID: h.ID, URL: h.URL, Name: h.Name, ProjectID: h.Project, CreatedAt: h.CreatedAt, SSL: true, AlertStatus: "executable",
		PushEvents: h.Events[pushEvents], NoteEvents: h.Events[noteEvents], PipelineEvents: h.Events[pipelineEvents], JobEvents: h.Events[jobEvents],
		Token: h.Token != "", SigningToken: h.SigningToken != "",
	}
}

func (s *Server) hooksOf(project int64) []*instance.Hook {
	return slices.DeleteFunc(instance.Sorted(s.state.Hooks), func(h *instance.Hook) bool { return h.Project != project })
}

func listHooks(c *call) (any, error) {
	p, err := c.project(instance.Maintainer)
	if err != nil {
		return nil, err
	}
	return wires(page(c, c.s.hooksOf(p.ID)), newHookWire), nil
}

// hook is the hook of the path.
func (c *call) hook() (*instance.Hook, error) {
	p, err := c.project(instance.Maintainer)
	if err != nil {
		return nil, err
	}
	h := c.s.state.Hooks[c.id("hook")]
	if h == nil || h.Project != p.ID {
		return nil, refuse(http.StatusNotFound, "404 Not found")
	}
	return h, nil
}

func getHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	return newHookWire(h), nil
}

// setHook takes the call's parameters over, if they are valid.
func (c *call) setHook(h *instance.Hook) error {
	if c.has("url") {
		u, err := url.Parse(c.str("url"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return refuse(http.StatusUnprocessableEntity, "Invalid url given")
		}
		h.URL = c.str("url")
	}
	if c.has("signing_token") {
		if _, err := standard.ParseKey(c.str("signing_token")); err != nil {
			return invalid("signing_token", "is invalid")
		}
		h.SigningToken = c.str("signing_token")
	}
	if c.has("token") {
		h.Token = c.str("token")
	}
	if c.has("name") {
		h.Name = c.str("name")
	}
	for _, name := range []string{noteEvents, pipelineEvents, jobEvents, pushEvents} {
		h.Events[name] = c.flag(name, h.Events[name])
	}
	return nil
}

func createHook(c *call) (any, error) {
	p, err := c.project(instance.Maintainer)
	if err != nil {
		return nil, err
	}
	if _, err := c.need("url"); err != nil {
		return nil, err
	}
	h := &instance.Hook{UUID: uuid.NewString(), Project: p.ID, Events: map[string]bool{pushEvents: true}, CreatedAt: c.now}
	if err := c.setHook(h); err != nil {
		return nil, err
	}
	h.ID = c.s.state.Next("hook")
	c.s.state.Hooks[h.ID] = h
	c.created()
	return newHookWire(h), nil
}

func editHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	if err := c.setHook(h); err != nil {
		return nil, err
	}
	return newHookWire(h), nil
}

func deleteHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	delete(c.s.state.Hooks, h.ID)
	return nil, nil //nolint:nilnil // an answer without a body
}
