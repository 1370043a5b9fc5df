package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// workflowCmd are the tools of workflows.
type workflowCmd struct {
	Start    workflowStartCmd    `cmd:"" help:"Start a workflow without a message. Example: duolog workflow start \"who touched domain/ last?\""`
	Show     workflowShowCmd     `cmd:"" help:"Show one workflow. Example: duolog workflow show 1003"`
	List     workflowListCmd     `cmd:"" help:"List workflows, newest first. Example: duolog workflow list --status running"`
	Stop     workflowStopCmd     `cmd:"" help:"Stop a workflow and its run. Example: duolog workflow stop 1003"`
	Timeline workflowTimelineCmd `cmd:"" help:"Every step of a workflow, from the log. Example: duolog workflow timeline 1003"`
	Tail     workflowTailCmd     `cmd:"" help:"What happens to a workflow, as it happens. Example: duolog workflow tail 1003"`
}

type workflowStartCmd struct {
	apiFlags

	Goal       string `arg:"" help:"What the agent shall do."`
	Definition string `help:"The flow; by default the tenant's." placeholder:"NAME"`
}

// Run creates the workflow and requests its run in one commit.
func (c workflowStartCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	body := map[string]any{"goal": c.Goal, "start_workflow": true}
	if c.Definition != "" {
		body["workflow_definition"] = c.Definition
	}
	var w workflowView
	if err := api.call(ctx, http.MethodPost, workflowsPath, body, &w); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(w)
	}
	_, err = fmt.Fprintf(a.out, "workflow %d   %s   duolog workflow timeline %d\n", w.ID, w.Status, w.ID)
	return err
}

type workflowShowCmd struct {
	apiFlags

	ID string `arg:"" help:"Number or UUID."`
}

// Run prints the workflow as the API returns it, or the part people ask for.
func (c workflowShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.JSON {
		var raw json.RawMessage
		if err := api.call(ctx, http.MethodGet, workflowsPath+"/"+url.PathEscape(c.ID), nil, &raw); err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.out, string(raw))
		return err
	}
	w, err := api.workflow(ctx, c.ID)
	if err != nil {
		return err
	}
	return printWorkflow(a, w)
}

func printWorkflow(a app, w workflowView) error {
	rows := [][2]string{
		{"workflow", fmt.Sprintf("%d   %s", w.ID, w.UUID)},
		{"goal", w.Goal},
		{"status", strings.TrimSpace(w.Status + "   " + w.Reason)},
		{"flow", strings.TrimSpace(w.Definition + " " + w.Flow.Version)},
		{"where", strings.Trim(w.Namespace+"   "+w.Project, " ")},
		{"for", by(w.Principal)},
		{"engine", w.Engine},
		{"from", w.Source},
		{"created", w.CreatedAt.Local().Format("2006-01-02 15:04:05")},
	}
	if w.Run != nil {
		rows = append(rows, [2]string{"run", fmt.Sprintf("%d · %s · %s", w.Run.Epoch, w.Run.Kind, w.Run.Phase)})
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(a.out, "%-9s %s\n", r[0], r[1]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.out, "%-9s duolog workflow timeline %d\n", "steps", w.ID)
	return err
}

type workflowListCmd struct {
	apiFlags

	Status  string `help:"Only this status." placeholder:"STATUS"`
	Project string `help:"Only this project." placeholder:"PATH"`
	Source  string `help:"Only from this source: api, message, command." placeholder:"SOURCE"`
	Page    int    `help:"Which page." default:"1"`
	PerPage int    `help:"How many at once." default:"20"`
}

// Run prints one page.
func (c workflowListCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"page": {fmt.Sprint(c.Page)}, "per_page": {fmt.Sprint(c.PerPage)}}
	for k, v := range map[string]string{"status": c.Status, "project": c.Project, "source": c.Source} {
		if v != "" {
			query.Set(k, v)
		}
	}
	var raw json.RawMessage
	if err := api.call(ctx, http.MethodGet, workflowsPath+"?"+query.Encode(), nil, &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintln(a.out, string(raw))
		return err
	}
	var list []workflowView
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	for _, w := range list {
		if _, err := fmt.Fprintf(a.out, "%-8d %-16s %-20s %s  %s\n", w.ID, w.Status, w.Definition, w.CreatedAt.Local().Format("2006-01-02 15:04"), w.Title); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(a.out, "no workflows; duolog ask \"…\" starts one")
	}
	return err
}

type workflowStopCmd struct {
	apiFlags

	ID string `arg:"" help:"Number or UUID."`
}

// Run asks for the stop; the run ends in its own time.
func (c workflowStopCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var out struct {
		Workflow workflowView `json:"workflow"`
	}
	if err := api.call(ctx, http.MethodPatch, workflowsPath+"/"+url.PathEscape(c.ID), map[string]string{"status_event": "stop"}, &out); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out.Workflow)
	}
	_, err = fmt.Fprintf(a.out, "workflow %d   %s\n", out.Workflow.ID, out.Workflow.Status)
	return err
}
