package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// workflowDiffCmd compares two moments of a workflow.
type workflowDiffCmd struct {
	apiFlags

	ID   string `arg:"" help:"Number or UUID."`
	From string `arg:"" help:"A position such as 3:1042, a time, or the thread_ts of a checkpoint."`
	To   string `arg:"" optional:"" help:"Another one; by default now."`
	NS   string `help:"The namespace of checkpoints; by default the root." placeholder:"NS"`
}

// changeView is what happened to a channel or an item of one.
type changeView struct {
	Channel string          `json:"channel"`
	Index   *int            `json:"index"`
	Key     string          `json:"key"`
	Change  string          `json:"change"`
	From    json.RawMessage `json:"from"`
	To      json.RawMessage `json:"to"`
	Items   []changeView    `json:"items"`
}

// sideView is one of the two moments.
type sideView struct {
	Position   string `json:"position"`
	Status     string `json:"status"`
	Events     int    `json:"events"`
	Checkpoint *struct {
		ThreadTS string `json:"thread_ts"`
	} `json:"checkpoint"`
}

// Run prints what changed, a line for each item.
func (c workflowDiffCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"from": {c.From}}
	for name, value := range map[string]string{"to": c.To, "checkpoint_ns": c.NS} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var d struct {
		From     sideView     `json:"from"`
		To       sideView     `json:"to"`
		Channels []changeView `json:"channels"`
	}
	path := workflowsPath + "/" + url.PathEscape(c.ID) + "/diff?" + query.Encode()
	if printed, err := api.show(ctx, a, path, c.JSON, "the difference", &d); printed || err != nil {
		return err
	}
	var b strings.Builder
	d.From.print(&b, "from")
	d.To.print(&b, "to")
	for _, channel := range d.Channels {
		channel.print(&b)
	}
	if len(d.Channels) == 0 {
		b.WriteString("no channel changed\n")
	}
	_, err = fmt.Fprint(a.out, b.String())
	return err
}

func (s sideView) print(b *strings.Builder, name string) {
	at, _, _ := strings.Cut(s.Position, "@")
	checkpoint := "no checkpoint"
	if s.Checkpoint != nil {
		checkpoint = s.Checkpoint.ThreadTS
	}
	fmt.Fprintf(b, "%-5s %-9s %-14s %d events   %s\n", name, at, s.Status, s.Events, checkpoint)
}

func (c changeView) print(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s (%s)\n", c.Channel, c.Change)
	items := c.Items
	if c.Items == nil {
		items = []changeView{{Change: c.Change, From: c.From, To: c.To}}
	}
	for _, i := range items {
		at := i.Key
		if i.Index != nil {
			at = fmt.Sprintf("[%d]", *i.Index)
		}
		for _, side := range []struct {
			sign  string
			value json.RawMessage
		}{{"-", i.From}, {"+", i.To}} {
			if side.value != nil {
				fmt.Fprintf(b, "  %s %-8s %s\n", side.sign, at, clipText(string(side.value), 160))
			}
		}
	}
}
