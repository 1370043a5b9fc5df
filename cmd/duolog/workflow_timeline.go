package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
)

type workflowTimelineCmd struct {
	apiFlags
	atFlag

	ID     string `arg:"" help:"Number or UUID."`
	Follow bool   `short:"f" help:"Go on with what comes."`
}

// Run prints every event in order.
func (c workflowTimelineCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.Follow && c.At != "" {
		return problem{"what is read as of a moment ends there", "leave out --follow or --at"}
	}
	var w workflowView
	if err := api.call(ctx, http.MethodGet, c.workflowPath(c.ID, "", nil), nil, &w); err != nil {
		return err
	}
	if !c.JSON {
		_, _ = fmt.Fprintf(a.out, "%d  %s   %s · %s\n\n %-9s %-13s %-22s %s\n", w.ID, clipText(w.Title, 60), w.Status, w.Project, "pos", "time", "event", "by")
	}
	return c.list(ctx, a, api, "")
}

// list prints the events after a position, and where it follows what comes.
func (c workflowTimelineCmd) list(ctx context.Context, a app, api *client, after string) error {
	for wait := 0; ; {
		page, err := api.timeline(ctx, c.ID, c.At, after, wait)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		for _, e := range page.Events {
			if err := c.print(a, e); err != nil {
				return err
			}
		}
		if len(page.Events) == 0 && !c.Follow {
			return nil
		}
		if after = page.Next; len(page.Events) == 0 {
			wait = 20
		}
	}
}

func (c workflowTimelineCmd) print(a app, e timelineEvent) error {
	if c.JSON {
		return json.NewEncoder(a.out).Encode(e)
	}
	if e.Type == journal.JoinedType {
		return nil // says which commands the events before it came from: nothing to who reads
	}
	name := strings.ReplaceAll(strings.TrimPrefix(e.Type, "workflow."), "_", " ")
	_, err := fmt.Fprintf(a.out, " %-9s %-13s %-22s %-24s %s\n", e.Position, e.Time.Local().Format("15:04:05.000"), name, clipText(by(e.Principal), 24), details(e))
	return err
}

// details says in a few words what an event holds.
func details(e timelineEvent) string {
	switch e.Type {
	case "workflow.created":
		if c := (workflow.Created{}); e.read(&c) {
			return strings.TrimSpace(c.Flow.Definition+" "+c.Flow.Version) + " · from " + c.Trigger.Source + " " + c.Trigger.Place
		}
	case "workflow.run_requested":
		if r := (workflow.RunRequested{}); e.read(&r) {
			return fmt.Sprintf("epoch %d · %s · %s", r.Epoch, r.Engine, r.Kind)
		}
	case "workflow.run_started":
		if r := (workflow.RunStarted{}); e.read(&r) {
			return r.Workload
		}
	case "workflow.checkpointed":
		if k := (workflow.Checkpointed{}); e.read(&k) {
			return stepOf(k) + fmt.Sprintf("%d channels changed · %s", len(k.Channels), k.ThreadTS)
		}
	case "workflow.status_changed":
		if s := (workflow.StatusChanged{}); e.read(&s) {
			return strings.TrimSpace(fmt.Sprintf("%s → %s   %s", s.From, s.To, s.Reason))
		}
	case "workflow.workload_finished":
		if f := (workflow.WorkloadFinished{}); e.read(&f) {
			return strings.TrimSpace(string(f.Status) + "   " + f.Reason)
		}
	case "workflow.message_received":
		if m := (workflow.MessageReceived{}); e.read(&m) {
			return m.Author + ": " + clipText(e.Text["text"], 60)
		}
	}
	return cmp.Or(runDetails(e), triggerDetails(e), accessDetails(e), flowDetails(e), threadDetails(e), originDetails(e), deliveryDetails(e))
}

// triggerDetails says in a few words how it came to a workflow, or to none.
func triggerDetails(e timelineEvent) string {
	switch e.Type {
	case "workflow.triggered":
		if t := (workflow.Triggered{}); e.read(&t) {
			return recordText(t.Record)
		}
	case "conversation.trigger_stopped":
		if t := (conversation.TriggerStopped{}); e.read(&t) {
			return recordText(t.Record)
		}
	case "conversation.message_refused":
		if r := (conversation.MessageRefused{}); e.read(&r) {
			return string(r.Code) + " · " + r.Message
		}
	case "workflow.followed_up":
		if f := (workflow.FollowedUp{}); e.read(&f) {
			return f.Author + " · " + string(f.How)
		}
	case "workflow.follow_ups_settled":
		if s := (workflow.FollowUpsSettled{}); e.read(&s) {
			return fmt.Sprintf("%d %s", len(s.Messages), s.How)
		}
	}
	return ""
}

// recordText is a record in one line: the flow and why, and each step.
func recordText(r trigger.Record) string {
	var parts []string
	if r.Routing != nil {
		parts = append(parts, routingText(*r.Routing))
	}
	for _, s := range r.Steps {
		mark := map[trigger.Outcome]string{trigger.Found: "✓", trigger.Made: "+", trigger.Refused: "✗"}[s.Outcome]
		parts = append(parts, mark+" "+strings.ReplaceAll(string(s.Step), "_", " "))
	}
	return strings.Join(parts, " · ")
}

// threadDetails says in a few words what an event of a thread holds.
func threadDetails(e timelineEvent) string {
	switch e.Type {
	case "workflow.writes_recorded":
		if w := (workflow.WritesRecorded{}); e.read(&w) {
			return writesOf(w)
		}
	case "workflow.thread_opened":
		if o := (workflow.ThreadOpened{}); e.read(&o) {
			return strings.TrimSpace(clipText(o.Thread, 60) + lifeOf(o.Incarnation))
		}
	case "workflow.thread_deleted":
		if d := (workflow.ThreadDeleted{}); e.read(&d) {
			return strings.TrimSpace(d.Reason + lifeOf(d.Incarnation))
		}
	}
	return ""
}

// lifeOf says which life of a thread it is, where there was one before.
func lifeOf(incarnation int) string {
	if incarnation <= 1 {
		return ""
	}
	return fmt.Sprintf(" · life %d", incarnation)
}

// writesOf says to which channels tasks wrote, and for which checkpoint.
func writesOf(w workflow.WritesRecorded) string {
	var channels []string
	waits := ""
	for _, one := range w.Writes {
		if one.Channel == workflow.InterruptChannel {
			waits = "waits for a person · "
		}
		if !slices.Contains(channels, one.Channel) {
			channels = append(channels, one.Channel)
		}
	}
	return fmt.Sprintf("%s%s · %s", waits, clipText(strings.Join(channels, ", "), 60), w.ThreadTS)
}

// stepOf is the step an agent says a checkpoint is, where its metadata does.
func stepOf(k workflow.Checkpointed) string {
	var raw []byte
	for _, e := range k.Metadata.Add {
		raw = append(raw, e.Inline...)
	}
	var metadata struct {
		Step *int `json:"step"`
	}
	if json.Unmarshal(append(raw, k.Metadata.Tail...), &metadata) != nil || metadata.Step == nil {
		return ""
	}
	return fmt.Sprintf("step %d · ", *metadata.Step)
}
