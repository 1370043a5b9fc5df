package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// getWorkflow answers GET workflows/:id.
func (s *Server) getWorkflow(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	at, err := s.at(c)
	if err != nil {
		return answer{}, err
	}
	w, err := s.find(c, stream.ID, at)
	if err != nil {
		return answer{}, err
	}
	return ok(s.entity(w)), nil
}

// listWorkflows answers GET workflows, newest first.
func (s *Server) listWorkflows(c *call) (answer, error) {
	filter, err := listFilter(c)
	if err != nil {
		return answer{}, err
	}
	p, err := pageOf(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	found, more, err := s.cfg.Workflows.List(c.Context(), c.who.Tenant, filter, p.page, p.perPage)
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(found))
	for i, w := range found {
		items[i] = s.entity(w)
	}
	return p.answer(items, more), nil
}

func listFilter(c *call) (f workflows.Filter, err error) {
	status, err := c.query("status")
	if err != nil {
		return f, err
	}
	if f.Status = workflow.Status(status); status != "" && !slices.Contains(workflow.Statuses(), f.Status) {
		return f, domain.InvalidField("status", fmt.Sprintf("there is no status %.40q", status), fmt.Sprintf("send one of %v", workflow.Statuses()))
	}
	if f.Project, err = c.query("project"); err != nil {
		return f, err
	}
	f.Source, err = c.query("source")
	return f, err
}

// pageQuery is which part of a list is asked for.
type pageQuery struct{ page, perPage int }

// Bounds of a list.
const (
	defaultPerPage = 20
	maxPerPage     = 100
	maxPage        = 1_000_000
)

func pageOf(c *call) (pageQuery, error) {
	page, err := c.queryInt("page", 1, 1, maxPage)
	if err != nil {
		return pageQuery{}, err
	}
	perPage, err := c.queryInt("per_page", defaultPerPage, 1, maxPerPage)
	return pageQuery{page, perPage}, err
}

// answer is a list with the headers that lead to the next page; X-Next-Page is
// empty on the last.
func (p pageQuery) answer(items [][]byte, more bool) answer {
	next := ""
	if more {
		next = strconv.Itoa(p.page + 1)
	}
	out := ok(list(items))
	out.header = http.Header{
		"X-Page": {strconv.Itoa(p.page)}, "X-Per-Page": {strconv.Itoa(p.perPage)}, "X-Next-Page": {next},
	}
	return out
}
