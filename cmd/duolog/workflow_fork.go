package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/workflow"
)

// goOnFlags say from where something goes on, and with what.
type goOnFlags struct {
	At  string   `required:"" placeholder:"CHECKPOINT" help:"The checkpoint, by UUID or number."`
	NS  *string  `name:"ns" placeholder:"NAMESPACE" help:"The namespace of the checkpoint, where several have it."`
	Set []string `sep:"none" placeholder:"CHANNEL=JSON" help:"Another value of a channel; may come several times."`
	Run bool     `help:"Let it run at once."`
	Key string   `placeholder:"KEY" help:"Idempotency key: the same one does it once."`
}

func (f goOnFlags) body() (map[string]any, error) {
	body := map[string]any{"checkpoint": f.At, "start_workflow": f.Run}
	if f.NS != nil {
		body["checkpoint_ns"] = *f.NS
	}
	set := map[string]json.RawMessage{}
	for _, text := range f.Set {
		channel, value, ok := strings.Cut(text, "=")
		if !ok || !json.Valid([]byte(value)) {
			return nil, problem{fmt.Sprintf("--set %q is no channel with a JSON value", text), `write it as --set 'plan={"steps":3}' or --set 'name="text"'`}
		}
		set[channel] = json.RawMessage(value)
	}
	if len(set) > 0 {
		body["set"] = set
	}
	return body, nil
}

// headers carry the key: one of its own makes a repeat after a broken connection the
// same request.
func (f goOnFlags) headers() []string {
	if f.Key == "" {
		f.Key = uuid.NewString()
	}
	return []string{"Idempotency-Key", f.Key}
}

type workflowForkCmd struct {
	apiFlags
	goOnFlags

	ID          string `arg:"" help:"Number or UUID."`
	Goal        string `placeholder:"TEXT" help:"Another instruction."`
	Definition  string `placeholder:"NAME" help:"Another flow."`
	FlowVersion string `placeholder:"VERSION" help:"Another version of the flow, or a constraint such as ^2.0.0."`
	Model       string `placeholder:"JSON" help:"Another model, as its metadata."`
}

// Run begins another workflow at a checkpoint of this one.
func (c workflowForkCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"goal": c.Goal, "workflow_definition": c.Definition, "flow_version": c.FlowVersion, "model": c.Model} {
		if text != "" {
			body[name] = text
		}
	}
	var w workflowView
	if err := api.call(ctx, http.MethodPost, workflowsPath+"/"+url.PathEscape(c.ID)+"/fork", body, &w, c.headers()...); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(w)
	}
	_, err = fmt.Fprintf(a.out, "workflow %d   %s   fork of %s at %s\n", w.ID, w.Status, c.ID, c.At)
	return err
}

type workflowBranchCmd struct {
	apiFlags
	goOnFlags

	ID string `arg:"" help:"Number or UUID."`
}

// Run lets the workflow go on from an older checkpoint.
func (c workflowBranchCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	var out struct {
		Workflow   workflowView `json:"workflow"`
		Checkpoint struct {
			ID       int64     `json:"id"`
			ThreadTS uuid.UUID `json:"thread_ts"`
		} `json:"checkpoint"`
	}
	if err := api.call(ctx, http.MethodPost, workflowsPath+"/"+url.PathEscape(c.ID)+"/branch", body, &out, c.headers()...); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	_, err = fmt.Fprintf(a.out, "workflow %d   %s   goes on from checkpoint %s\n", out.Workflow.ID, out.Workflow.Status, out.Checkpoint.ThreadTS)
	return err
}

type workflowResumeCmd struct {
	apiFlags

	ID     string `arg:"" help:"Number or UUID."`
	Reason string `placeholder:"TEXT" help:"Why, for who looks at the timeline."`
}

// Run lets a workflow go on that is paused or waits for a person.
func (c workflowResumeCmd) Run(ctx context.Context, a app) error {
	return restart(ctx, a, c.apiFlags, c.ID, "resume", c.Reason)
}

type workflowRetryCmd struct {
	apiFlags

	ID     string `arg:"" help:"Number or UUID."`
	Reason string `placeholder:"TEXT" help:"Why, for who looks at the timeline."`
}

// Run lets a workflow go on that failed or was stopped.
func (c workflowRetryCmd) Run(ctx context.Context, a app) error {
	return restart(ctx, a, c.apiFlags, c.ID, "retry", c.Reason)
}

// restart asks for a run that goes on from the last checkpoint.
func restart(ctx context.Context, a app, flags apiFlags, id, event, reason string) error {
	api, err := flags.client()
	if err != nil {
		return err
	}
	var out struct {
		Workflow workflowView `json:"workflow"`
	}
	body := map[string]any{"status_event": event, "start_workflow": true}
	if reason != "" {
		body["reason"] = reason
	}
	if err := api.call(ctx, http.MethodPatch, workflowsPath+"/"+url.PathEscape(id), body, &out, "Idempotency-Key", uuid.NewString()); err != nil {
		return err
	}
	if flags.JSON {
		return json.NewEncoder(a.out).Encode(out.Workflow)
	}
	_, err = fmt.Fprintf(a.out, "workflow %d   %s\n", out.Workflow.ID, out.Workflow.Status)
	return err
}

type workflowPreviewCmd struct {
	apiFlags

	ID string  `arg:"" help:"Number or UUID."`
	At string  `required:"" placeholder:"CHECKPOINT" help:"The checkpoint, by UUID or number."`
	NS *string `name:"ns" placeholder:"NAMESPACE" help:"The namespace of the checkpoint, where several have it."`
}

// previewView is what happened after a checkpoint.
type previewView struct {
	Count   map[string]int `json:"count"`
	Effects int            `json:"effects"`
	Items   []struct {
		Kind      string          `json:"kind"`
		Effect    bool            `json:"effect"`
		Name      string          `json:"name"`
		Detail    string          `json:"detail"`
		Arguments json.RawMessage `json:"arguments"`
		Time      *time.Time      `json:"time"`
	} `json:"items"`
	Truncated  bool     `json:"truncated"`
	Unreadable []string `json:"unreadable"`
}

// Run lists what a fork at the checkpoint may do again, effects marked.
func (c workflowPreviewCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"checkpoint": {c.At}}
	if c.NS != nil {
		query.Set("checkpoint_ns", *c.NS)
	}
	var p previewView
	if printed, err := api.show(ctx, a, workflowsPath+"/"+url.PathEscape(c.ID)+"/fork_preview?"+query.Encode(), c.JSON, "the preview", &p); printed || err != nil {
		return err
	}
	return printPreview(a, p)
}

func printPreview(a app, p previewView) error {
	for _, i := range p.Items {
		mark, when := "", "        "
		if i.Effect {
			mark = "effect"
		}
		if i.Time != nil {
			when = i.Time.Local().Format("15:04:05")
		}
		what := i.Name + "  " + i.Detail
		if len(i.Arguments) > 0 && string(i.Arguments) != "null" {
			what += clipText(string(i.Arguments), 60)
		}
		what = strings.TrimSpace(what)
		if _, err := fmt.Fprintf(a.out, "%-6s  %s  %-12s  %s\n", mark, when, i.Kind, what); err != nil {
			return err
		}
	}
	total := 0
	for _, n := range p.Count {
		total += n
	}
	line := fmt.Sprintf("%d things happened after it, %d of them reached something outside", total, p.Effects)
	if len(p.Unreadable) > 0 {
		line += "; tool calls in " + strings.Join(p.Unreadable, ", ") + " cannot be read here"
	}
	_, err := fmt.Fprintln(a.out, line)
	return err
}

// originDetails says in a few words what an event holds that is about where a workflow
// comes from.
func originDetails(e timelineEvent) string {
	switch e.Type {
	case "workflow.forked":
		if f := (workflow.Forked{}); e.read(&f) {
			return fmt.Sprintf("of %s · at %s", f.Origin.Workflow, f.Origin.Checkpoint)
		}
	case "workflow.pinned":
		if p := (workflow.Pinned{}); e.read(&p) {
			return fmt.Sprintf("%s · for %s", p.ThreadTS, p.Fork)
		}
	case "workflow.imported":
		if i := (workflow.Imported{}); e.read(&i) {
			return fmt.Sprintf("commit %d · %s there · by %s", i.N, i.Position, by(i.Principal))
		}
	case "workflow.import_begun":
		if i := (workflow.ImportBegun{}); e.read(&i) {
			return fmt.Sprintf("%d commits of %s", i.Commits, i.Stream)
		}
	case "workflow.branched":
		if b := (workflow.Branched{}); e.read(&b) {
			return fmt.Sprintf("%s → paused   from %s", b.From, b.ThreadTS)
		}
	}
	return ""
}
