package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

// deliveryCmd are the tools of what goes out.
type deliveryCmd struct {
	List      deliveryListCmd      `cmd:"" help:"What was sent to surfaces and hooks, newest first. Example: duolog delivery list --missing --since 24h"`
	Show      deliveryShowCmd      `cmd:"" help:"One delivery, its attempts and what came back. Example: duolog delivery show 8d4e2f10-9b7a-5e33-b1c2-a0b1c2d3e4f5"`
	Redeliver deliveryRedeliverCmd `cmd:"" help:"Send again, under the same id or as new. Example: duolog delivery redeliver --missing --hook ci --since 24h"`
	Secret    deliverySecretCmd    `cmd:"" help:"Print a new key for a hook. Example: duolog delivery secret > hook.secret"`
}

// deliveryView is the part of a delivery that the tools show.
type deliveryView struct {
	ID          uuid.UUID  `json:"id"`
	Workflow    uuid.UUID  `json:"workflow"`
	Number      int64      `json:"workflow_number"`
	Adapter     string     `json:"adapter"`
	Hook        string     `json:"hook"`
	Kind        string     `json:"kind"`
	Event       string     `json:"event"`
	Error       string     `json:"error"`
	State       string     `json:"state"`
	Attempted   int        `json:"attempted"`
	Unknown     bool       `json:"unknown"`
	Receipt     string     `json:"receipt"`
	LastError   string     `json:"last_error"`
	RequestedAt time.Time  `json:"requested_at"`
	EndedAt     *time.Time `json:"ended_at"`
	DueAt       *time.Time `json:"due_at"`
	Message     string     `json:"message"`
	Attempts    []struct {
		Attempt int        `json:"attempt"`
		At      time.Time  `json:"at"`
		By      string     `json:"by"`
		Outcome string     `json:"outcome"`
		EndedAt *time.Time `json:"ended_at"`
		Target  string     `json:"target"`
		Status  int        `json:"status"`
		Answer  string     `json:"answer"`
		Note    string     `json:"note"`
	} `json:"attempts"`
}

// to is where it goes, as people call it.
func (d deliveryView) to() string {
	if d.Hook == "" {
		return d.Adapter
	}
	return "hook " + d.Hook
}

// what is sent, in a word or two.
func (d deliveryView) what() string {
	if d.Event != "" {
		return d.Event
	}
	return strings.TrimSpace(d.Kind + " " + d.Error)
}

// deliveryFilter are the flags that choose deliveries.
type deliveryFilter struct {
	Status   string `name:"status" help:"Only these: requested, delivered, given_up." placeholder:"STATUS"`
	Workflow string `help:"Only those of one workflow, by number or UUID." placeholder:"ID"`
	Hook     string `help:"Only those of one hook." placeholder:"NAME"`
	Event    string `help:"Only those of one event, such as flow.completed." placeholder:"TYPE"`
	Since    string `help:"Asked for since then: a time, or how long ago, such as 24h." placeholder:"TIME"`
	Until    string `help:"Asked for before then." placeholder:"TIME"`
	Missing  bool   `help:"Only what was not delivered."`
}

func (f deliveryFilter) empty() bool { return f == deliveryFilter{} }

// query is the filter for the API.
func (f deliveryFilter) query(now time.Time) (url.Values, error) {
	q := url.Values{}
	for name, value := range map[string]string{"state": f.Status, "workflow": f.Workflow, "hook": f.Hook, "event": f.Event} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, value := range map[string]string{"since": f.Since, "until": f.Until} {
		if value == "" {
			continue
		}
		at, err := moment(value, now)
		if err != nil {
			return nil, problem{"--" + name + " " + value + " is no time", "write 2026-11-21T10:00:00Z, 2026-11-21, or how long ago, such as 90m or 24h"}
		}
		q.Set(name, at.UTC().Format(time.RFC3339Nano))
	}
	if f.Missing {
		q.Set("missing", "true")
	}
	return q, nil
}

// moment reads a time, a day, or how long ago.
func moment(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

type deliveryListCmd struct {
	apiFlags
	deliveryFilter

	Page    int `help:"Which page." default:"1"`
	PerPage int `help:"How many at once." default:"20"`
}

// Run prints one page.
func (c deliveryListCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	query, err := c.query(a.now())
	if err != nil {
		return err
	}
	query.Set("page", fmt.Sprint(c.Page))
	query.Set("per_page", fmt.Sprint(c.PerPage))
	var list []deliveryView
	if printed, err := api.show(ctx, a, "/v1/deliveries?"+query.Encode(), c.JSON, "the list", &list); printed || err != nil {
		return err
	}
	for _, d := range list {
		if _, err := fmt.Fprintf(a.out, "%s  %-19s  %-8d %-22s %-16s %s\n", d.ID, d.RequestedAt.Local().Format(time.DateTime), d.Number, d.what(), d.to(), d.stands()); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(a.out, "no deliveries")
	}
	return err
}

// stands is where the delivery stands, in a line.
func (d deliveryView) stands() string {
	switch {
	case d.State == "delivered":
		return "delivered · " + d.Receipt
	case d.State == "given_up":
		return "given up · " + clipText(d.LastError, 90)
	case d.Unknown:
		return fmt.Sprintf("attempt %d is under way", d.Attempted)
	case d.Attempted > 0 && d.DueAt != nil:
		return fmt.Sprintf("attempt %d failed, again at %s · %s", d.Attempted, d.DueAt.Local().Format(time.DateTime), clipText(d.LastError, 70))
	}
	return "waits"
}

type deliveryShowCmd struct {
	apiFlags

	ID string `arg:"" help:"UUID of the delivery."`
}

// Run prints the delivery.
func (c deliveryShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var d deliveryView
	if printed, err := api.show(ctx, a, "/v1/deliveries/"+url.PathEscape(c.ID), c.JSON, "the delivery", &d); printed || err != nil {
		return err
	}
	return printDelivery(a, d)
}

func printDelivery(a app, d deliveryView) error {
	var b strings.Builder
	fmt.Fprintf(&b, "delivery  %s\nworkflow  %d   %s\nwhat      %s\nto        %s\nasked     %s\nstate     %s\n",
		d.ID, d.Number, d.Workflow, d.what(), d.to(), d.RequestedAt.Local().Format(time.DateTime), d.stands())
	if len(d.Attempts) > 0 {
		b.WriteString("attempts\n")
	}
	for _, t := range d.Attempts {
		took := ""
		if t.EndedAt != nil {
			took = t.EndedAt.Sub(t.At).Round(time.Millisecond).String()
		}
		fmt.Fprintf(&b, " %3d  %s  %-9s  %-7s  %s\n", t.Attempt, t.At.Local().Format("2006-01-02 15:04:05.000"), t.Outcome, took, t.Note)
		if t.Target != "" {
			fmt.Fprintf(&b, "      to %s\n", t.Target)
		}
		if t.Answer != "" {
			fmt.Fprintf(&b, "      it said %q\n", clipText(t.Answer, 120))
		}
	}
	fmt.Fprintf(&b, "message\n%s\n", d.Message)
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

type deliverySecretCmd struct{}

// Run prints a secret that both sides share.
func (deliverySecretCmd) Run(a app) error {
	_, err := fmt.Fprintln(a.out, standard.NewSecret())
	return err
}
