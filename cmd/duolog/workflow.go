package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/duolog/duolog/domain/workflow"
)

// workflowCmd are the tools of workflows.
type workflowCmd struct {
	Start        workflowStartCmd       `cmd:"" help:"Start a workflow without a message. Example: duolog workflow start \"who touched domain/ last?\""`
	Show         workflowShowCmd        `cmd:"" help:"Show one workflow. Example: duolog workflow show 1003"`
	List         workflowListCmd        `cmd:"" help:"List workflows, newest first. Example: duolog workflow list --status running"`
	Stop         workflowStopCmd        `cmd:"" help:"Stop a workflow and its run. Example: duolog workflow stop 1003"`
	Resume       workflowResumeCmd      `cmd:"" help:"Go on with one that is paused or waits for a person. Example: duolog workflow resume 1003"`
	Retry        workflowRetryCmd       `cmd:"" help:"Go on with one that failed or was stopped, from its last checkpoint. Example: duolog workflow retry 1003"`
	Fork         workflowForkCmd        `cmd:"" help:"Begin another workflow at a checkpoint of this one. Example: duolog workflow fork 1003 --at 4271104 --goal \"now in Go\" --run"`
	Branch       workflowBranchCmd      `cmd:"" help:"Go on from an older checkpoint of the same workflow. Example: duolog workflow branch 1003 --at 4271104 --set 'plan=[]' --run"`
	Preview      workflowPreviewCmd     `cmd:"" help:"What happened after a checkpoint, and so may happen again. Example: duolog workflow preview 1003 --at 4271104"`
	Export       workflowExportCmd      `cmd:"" help:"All of a workflow as one file. Example: duolog workflow export 1003 > 1003.jsonl"`
	Import       workflowImportCmd      `cmd:"" help:"Bring in a workflow that was exported. Example: duolog workflow import 1003.jsonl"`
	VerifyExport workflowVerifyCmd      `cmd:"" help:"Check such a file, without a server. Example: duolog workflow verify-export 1003.jsonl"`
	Timeline     workflowTimelineCmd    `cmd:"" help:"Every step of a workflow, from the log. Example: duolog workflow timeline 1003"`
	Checkpoints  workflowCheckpointsCmd `cmd:"" help:"The newest checkpoints of a workflow, without their values. Example: duolog workflow checkpoints 1003"`
	Page         workflowPageCmd        `cmd:"" help:"All of a workflow as it stood at a moment. Example: duolog workflow page 1003 --at 3:1042"`
	Diff         workflowDiffCmd        `cmd:"" help:"What changed in a workflow from one moment to another. Example: duolog workflow diff 1003 3:1042"`
	Tail         workflowTailCmd        `cmd:"" help:"What happens to a workflow, as it happens. Example: duolog workflow tail 1003"`
}

type workflowStartCmd struct {
	apiFlags

	Goal       string `arg:"" help:"What the agent shall do."`
	Definition string `help:"The flow; by default the tenant's." placeholder:"NAME"`

	FlowVersion string `placeholder:"VERSION" help:"A version of the flow or a constraint, such as ^2.0.0."`
	FlowConfig  string `placeholder:"FILE" type:"existingfile" help:"A configuration of your own, as JSON; --definition is then its name."`
	Schema      string `name:"flow-config-schema" placeholder:"v1|experimental" help:"How to read --flow-config."`
	Model       string `placeholder:"JSON" help:"The model to use, as its metadata."`
}

// Run creates the workflow and requests its run in one commit.
func (c workflowStartCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	body := map[string]any{"goal": c.Goal, "start_workflow": true}
	for name, text := range map[string]string{
		"workflow_definition": c.Definition, "flow_version": c.FlowVersion, "flow_config_schema_version": c.Schema, "model": c.Model,
	} {
		if text != "" {
			body[name] = text
		}
	}
	if c.FlowConfig != "" {
		config, err := os.ReadFile(c.FlowConfig)
		if err != nil || !json.Valid(config) {
			return problem{fmt.Sprintf("%s holds no JSON", c.FlowConfig), "write the configuration of the flow as one JSON object"}
		}
		body["flow_config"] = json.RawMessage(config)
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
	atFlag

	ID string `arg:"" help:"Number or UUID."`
}

// Run prints the workflow as the API returns it, or the part people ask for.
func (c workflowShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var w workflowView
	if printed, err := api.show(ctx, a, c.workflowPath(c.ID, "", nil), c.JSON, "the workflow", &w); printed || err != nil {
		return err
	}
	return printWorkflow(a, w)
}

func printWorkflow(a app, w workflowView) error {
	rows := [][2]string{
		{"workflow", fmt.Sprintf("%d   %s", w.ID, w.UUID)},
		{"thread", w.Thread},
		{"goal", w.Goal},
		{"status", strings.TrimSpace(w.Status + "   " + w.Reason)},
		{"flow", strings.TrimSpace(w.Definition + " " + w.FlowVersion)},
		{"config", strings.TrimSpace(w.FlowConfigID + " " + w.FlowSchema)},
		{"model", cmp.Or(w.ChosenModel, w.SelectedModel)},
		{"where", strings.Trim(w.Namespace+"   "+w.Project, " ")},
		{"for", by(w.Principal)},
		{"engine", w.Engine},
		{"from", w.Source},
		{"created", w.CreatedAt.Local().Format("2006-01-02 15:04:05")},
	}
	if w.Routing != nil {
		rows = append(rows, [2]string{"routing", routingText(*w.Routing)})
	}
	if w.Origin != nil {
		rows = append(rows, [2]string{"fork of", fmt.Sprintf("%s   at %s", w.Origin.Workflow, w.Origin.Checkpoint)})
	}
	if i := w.Import; i != nil {
		what := i.Stream
		if i.EndedAt == nil {
			what += fmt.Sprintf("   %d of %d commits: import the file again to go on", i.Done, i.Commits)
		}
		rows = append(rows, [2]string{"import of", what})
	}
	if w.Workload != nil {
		rows = append(rows, [2]string{"runs as", strings.TrimSpace(w.Workload.ID + "   " + w.Workload.URL)})
	}
	if w.Run != nil {
		rows = append(rows, [2]string{"run", fmt.Sprintf("%d · %s · %s · %s", w.Run.Epoch, w.Run.Kind, w.Run.Phase, w.Run.Engine)})
	}
	if w.Placement != nil {
		rows = append(rows, [2]string{"placed", placementText(*w.Placement)})
	}
	if w.Run != nil && w.Run.Compute != nil {
		rows = append(rows, [2]string{"used", computeText(*w.Run.Compute)})
	}
	if u := w.Compute; u != nil && u.Runs > 1 {
		all := computeText(workflow.Compute{QueuedMS: u.QueuedMS, WallMS: u.WallMS, CPUMS: u.CPUMS})
		rows = append(rows, [2]string{"in all", fmt.Sprintf("%s · %d runs", all, u.Runs)})
	}
	for _, r := range rows {
		if r[1] == "" {
			continue
		}
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
	var list []workflowView
	if printed, err := api.show(ctx, a, workflowsPath+"?"+query.Encode(), c.JSON, "the list", &list); printed || err != nil {
		return err
	}
	for _, w := range list {
		if _, err := fmt.Fprintf(a.out, "%-8d %-16s %-20s %s  %s\n", w.ID, w.Status, w.Definition, w.CreatedAt.Local().Format("2006-01-02 15:04"), cmp.Or(w.Title, w.Thread)); err != nil {
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
