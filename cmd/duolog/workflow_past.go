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
)

// atFlag reads as of a moment.
type atFlag struct {
	At string `help:"As of then: a position such as 3:1042, a time, or the thread_ts of a checkpoint." placeholder:"MOMENT"`
}

// workflowPath is a path of one workflow, as of the moment, with more of a query.
func (f atFlag) workflowPath(id, rest string, query url.Values) string {
	if query == nil {
		query = url.Values{}
	}
	if f.At != "" {
		query.Set("at", f.At)
	}
	path := workflowsPath + "/" + url.PathEscape(id) + rest
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// momentView is a workflow as it stood at a moment.
type momentView struct {
	At struct {
		Position string    `json:"position"`
		Time     time.Time `json:"time"`
		Now      bool      `json:"now"`
		Previous string    `json:"previous"`
		Next     string    `json:"next"`
		Events   int       `json:"events"`
	} `json:"at"`
	Workflow    workflowView `json:"workflow"`
	Checkpoints []struct {
		ID        int64      `json:"id"`
		ThreadTS  uuid.UUID  `json:"thread_ts"`
		ParentTS  *uuid.UUID `json:"parent_ts"`
		NS        string     `json:"checkpoint_ns"`
		CreatedAt time.Time  `json:"created_at"`
		Channels  []string   `json:"channels"`
	} `json:"checkpoints"`
	Events     []timelineEvent `json:"events"`
	Messages   []timelineEvent `json:"messages"`
	Deliveries []struct {
		ID      uuid.UUID `json:"id"`
		Adapter string    `json:"adapter"`
		State   string    `json:"state"`
	} `json:"deliveries"`
	Mailbox []struct {
		Kind    string `json:"event_type"`
		Status  string `json:"event_status"`
		Message string `json:"message"`
	} `json:"mailbox"`
}

// workflowCheckpointsCmd lists checkpoints without their values.
type workflowCheckpointsCmd struct {
	apiFlags
	atFlag

	ID    string `arg:"" help:"Number or UUID."`
	Limit int    `help:"How many, the newest." default:"20"`
}

// Run prints the newest checkpoints.
func (c workflowCheckpointsCmd) Run(ctx context.Context, a app) error {
	raw, page, err := c.moment(ctx, c.apiFlags, c.ID, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return fmt.Errorf("read the page: %w", err)
		}
		_, err := fmt.Fprintln(a.out, string(members["checkpoints"]))
		return err
	}
	if len(page.Checkpoints) == 0 {
		_, err := fmt.Fprintln(a.out, "no checkpoints")
		return err
	}
	return page.printCheckpoints(a)
}

func (p momentView) printCheckpoints(a app) error {
	for _, k := range p.Checkpoints {
		parent := "–"
		if k.ParentTS != nil {
			parent = k.ParentTS.String()
		}
		_, err := fmt.Fprintf(a.out, " %-12s %s  after %-36s  %s  %s\n", k.CreatedAt.Local().Format("15:04:05.000"), k.ThreadTS, parent, strings.Join(k.Channels, " "), k.NS)
		if err != nil {
			return err
		}
	}
	return nil
}

func (f atFlag) moment(ctx context.Context, flags apiFlags, id string, limit int) (raw json.RawMessage, page momentView, err error) {
	api, err := flags.client()
	if err != nil {
		return nil, page, err
	}
	if err := api.call(ctx, http.MethodGet, f.workflowPath(id, "/as_of", url.Values{"limit": {fmt.Sprint(limit)}}), nil, &raw); err != nil {
		return nil, page, err
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return nil, page, fmt.Errorf("read the page: %w", err)
	}
	return raw, page, nil
}

// workflowPageCmd shows a whole workflow as it stood.
type workflowPageCmd struct {
	apiFlags
	atFlag

	ID    string `arg:"" help:"Number or UUID."`
	Limit int    `help:"How much of each, the newest." default:"5"`
}

// Run prints the page, and how to step to those beside it.
func (c workflowPageCmd) Run(ctx context.Context, a app) error {
	raw, page, err := c.moment(ctx, c.apiFlags, c.ID, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err := fmt.Fprintln(a.out, string(raw))
		return err
	}
	_, _ = fmt.Fprintf(a.out, "as of     %s   %s   %d events\n", page.At.Position, page.At.Time.Local().Format("2006-01-02 15:04:05.000"), page.At.Events)
	if err := printWorkflow(a, page.Workflow); err != nil {
		return err
	}
	return page.print(a, c.ID)
}

func (p momentView) print(a app, id string) error {
	if len(p.Checkpoints) > 0 {
		_, _ = fmt.Fprintln(a.out, "\ncheckpoints, newest first")
		if err := p.printCheckpoints(a); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintln(a.out, "\nlast events")
	for _, e := range p.Events {
		if err := (workflowTimelineCmd{}).print(a, e); err != nil {
			return err
		}
	}
	var b strings.Builder
	for _, d := range p.Deliveries {
		fmt.Fprintf(&b, "delivery  %s  %-12s %s\n", d.ID, d.State, d.Adapter)
	}
	for _, m := range p.Mailbox {
		fmt.Fprintf(&b, "mail      %-10s %-10s %s\n", m.Kind, m.Status, clipText(m.Message, 60))
	}
	for _, step := range [][2]string{{"before", p.At.Previous}, {"after", p.At.Next}} {
		if step[1] != "" {
			at, _, _ := strings.Cut(step[1], "@")
			fmt.Fprintf(&b, "%-9s duolog workflow page %s --at %s\n", step[0], id, at)
		}
	}
	_, err := fmt.Fprint(a.out, "\n"+b.String())
	return err
}
