package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// accessCmd are the tools of who may do what.
type accessCmd struct {
	Explain accessExplainCmd `cmd:"" help:"Who may do what where, by which rule. Example: duolog access explain mia developer/v1 acme/duo-workspace --action resume"`
}

type accessExplainCmd struct {
	apiFlags

	User    string `arg:"" help:"The person, by login. Another than yourself takes a token with scope admin."`
	Flow    string `arg:"" help:"The flow, such as developer/v1."`
	Project string `arg:"" help:"The project or group, by its whole path."`
	Action  string `help:"What they want: start, resume, steer, stop, fork or redeliver." default:"start" placeholder:"ACTION"`
	Scope   string `help:"The scope of their token." default:"write" placeholder:"SCOPE"`
	At      string `help:"As of then: a time, how long ago, such as 24h, or a position of the log. Left out, what holds now." placeholder:"MOMENT"`
}

// explainedView is a decision that was worked out, and those that were recorded.
type explainedView struct {
	decisionView

	From     string         `json:"from"`
	Note     string         `json:"note"`
	Recorded []decisionView `json:"recorded"`
}

// decisionView is a decision as the API shows it.
type decisionView struct {
	User           string `json:"user"`
	ServiceAccount string `json:"service_account"`
	Action         string `json:"action"`
	Path           string `json:"path"`
	Flow           string `json:"flow"`
	Allowed        bool   `json:"allowed"`
	Rule           string `json:"rule"`
	Parts          []struct {
		Rule    string `json:"rule"`
		Allowed bool   `json:"allowed"`
		Says    string `json:"says"`
	} `json:"parts"`
	Basis []struct {
		Source   string    `json:"source"`
		Position string    `json:"position"`
		At       time.Time `json:"at"`
	} `json:"basis"`
	DecidedAt *time.Time `json:"decided_at"`
	Workflow  *uuid.UUID `json:"workflow"`
}

func (c accessExplainCmd) Run(ctx context.Context, a app) error {
	q := url.Values{"user": {c.User}, "flow": {c.Flow}, "project": {c.Project}, "action": {c.Action}, "scope": {c.Scope}}
	if c.At != "" {
		q.Set("at", c.At)
		if at, err := moment(c.At, a.now()); err == nil {
			q.Set("at", at.UTC().Format(time.RFC3339Nano))
		}
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	var d explainedView
	if printed, err := api.show(ctx, a, "/v1/access/explain?"+q.Encode(), c.JSON, "the decision", &d); printed || err != nil {
		return err
	}
	_, err = fmt.Fprint(a.out, d.text(a.painter()))
	return err
}

func (d explainedView) text(paint painter) string {
	var b strings.Builder
	b.WriteString(d.decisionView.text(paint))
	if d.Note != "" {
		fmt.Fprintf(&b, "  note: %s\n", d.Note)
	}
	if d.From == "record" || len(d.Recorded) == 0 {
		return b.String()
	}
	b.WriteString("recorded until then\n")
	for _, r := range d.Recorded {
		fmt.Fprintf(&b, "  %s  %-15s  workflow %s\n", r.DecidedAt.Local().Format(time.DateTime), map[bool]string{true: "allowed", false: "denied by " + r.Rule}[r.Allowed], r.Workflow)
	}
	return b.String()
}

func (d decisionView) text(paint painter) string {
	var b strings.Builder
	verdict := paint.paint(green, "may")
	if !d.Allowed {
		verdict = paint.paint(red, "may not")
	}
	fmt.Fprintf(&b, "%s %s %s %s in %s\n", d.User, verdict, d.Action, d.Flow, d.Path)
	for _, p := range d.Parts {
		mark := paint.paint(green, "yes")
		if !p.Allowed {
			mark = paint.paint(red, "no ")
		}
		decides := ""
		if p.Rule == d.Rule {
			decides = "   ← this decides"
		}
		fmt.Fprintf(&b, "  %s  %-15s  %s%s\n", mark, p.Rule, p.Says, decides)
	}
	for _, s := range d.Basis {
		fmt.Fprintf(&b, "  from %s as of %s %s\n", s.Source, s.At.Local().Format(time.DateTime), s.Position)
	}
	if d.DecidedAt != nil && d.Workflow != nil {
		fmt.Fprintf(&b, "  decided at %s about workflow %s\n", d.DecidedAt.Local().Format(time.DateTime), d.Workflow)
	}
	return b.String()
}
