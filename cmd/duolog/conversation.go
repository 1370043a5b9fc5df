package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/trigger"
)

// conversationCmd are the tools of threads.
type conversationCmd struct {
	Show  conversationShowCmd  `cmd:"" help:"The messages of a thread, where each went, and why one was refused. Example: duolog conversation show a35bf99c-b18c-525b-815c-de30c72be6c5"`
	Retry conversationRetryCmd `cmd:"" help:"Try a refused message again, when what stood against it is put right. Example: duolog conversation retry a35bf99c-b18c-525b-815c-de30c72be6c5"`
}

const conversationsPath = "/v1/conversations/"

// conversationView is the part of a conversation that the tools show.
type conversationView struct {
	ID       uuid.UUID          `json:"id"`
	Place    conversation.Place `json:"place"`
	Messages []struct {
		received

		Author string    `json:"author"`
		Text   string    `json:"text"`
		Time   time.Time `json:"time"`
	} `json:"messages"`
}

type conversationShowCmd struct {
	apiFlags
	atFlag

	ID string `arg:"" help:"The conversation's UUID."`
}

// Run prints the thread, oldest message first.
func (c conversationShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	path := conversationsPath + url.PathEscape(c.ID)
	if c.At != "" {
		path += "?" + url.Values{"at": {c.At}}.Encode()
	}
	var view conversationView
	if printed, err := api.show(ctx, a, path, c.JSON, "the conversation", &view); printed || err != nil {
		return err
	}
	return view.print(a)
}

func (v conversationView) print(a app) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s #%s   thread %s\n", v.ID, v.Place.Adapter, strings.TrimPrefix(v.Place.Channel, "#"), v.Place.Thread)
	for _, m := range v.Messages {
		fmt.Fprintf(&b, "\n%s  %s: %s\n", m.Time.Local().Format("2006-01-02 15:04:05"), m.Author, clipText(m.Text, 90))
		fmt.Fprintf(&b, "  message   %s\n", m.MessageID)
		if m.Refused == nil {
			fmt.Fprintf(&b, "  workflow  %s\n", m.where())
			continue
		}
		fmt.Fprintf(&b, "  refused   %s (%s)\n  fix       %s\n", m.Refused.Message, m.Refused.Code, m.Refused.Fix)
		b.WriteString(stepsOf(m.Refused.Trigger, "  "))
		fmt.Fprintf(&b, "  again     duolog conversation retry %s %s\n", v.ID, m.MessageID)
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

// where is the workflow that a message went to.
func (m received) where() string {
	switch {
	case m.Workflow == nil:
		return "none yet"
	case m.Number != nil:
		return strconv.FormatInt(*m.Number, 10) + "   " + m.Mode
	}
	return m.Workflow.String() + "   " + m.Mode
}

// stepsOf lists what a trigger did, a line each; empty for none.
func stepsOf(r *trigger.Record, indent string) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	if r.Routing != nil {
		fmt.Fprintf(&b, "%s%-9s %s\n", indent, "routing", routingText(*r.Routing))
	}
	for _, s := range r.Steps {
		mark := map[trigger.Outcome]string{trigger.Found: "✓", trigger.Made: "✓ made", trigger.Refused: "✗"}[s.Outcome]
		fmt.Fprintf(&b, "%s%-9s %s %s: %s\n", indent, "step", mark, strings.ReplaceAll(string(s.Step), "_", " "), s.Detail)
	}
	return b.String()
}

// routingText says which flow was chosen, and why.
func routingText(d routing.Decision) string {
	if d.Rule > 0 {
		return fmt.Sprintf("%s by rule %d: %s", d.Flow, d.Rule, d.Why)
	}
	return d.Flow + ": " + d.Why
}

type conversationRetryCmd struct {
	apiFlags

	ID      string `arg:"" help:"The conversation's UUID."`
	Message string `arg:"" optional:"" help:"The message's id; by default the latest that was refused."`
}

// Run tries the message again and says what became of it.
func (c conversationRetryCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.Message == "" {
		if c.Message, err = c.latestRefused(ctx, api); err != nil {
			return err
		}
	}
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return problem{c.ID + " is no conversation's UUID", "take the one that duolog ask or sending the message told"}
	}
	body := map[string]string{"message_id": c.Message}
	if err := api.call(ctx, http.MethodPost, conversationsPath+url.PathEscape(c.ID)+"/retry", body, nil); err != nil {
		return err
	}
	t := &thread{api: api, out: a.out, now: a.now, began: a.now(), json: c.JSON, sent: sent{Conversation: id, MessageID: c.Message}}
	m, err := t.settled(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(m)
	}
	_, err = fmt.Fprintf(a.out, "workflow %s   duolog workflow show %s\n", m.where(), m.Workflow)
	return err
}

func (c conversationRetryCmd) latestRefused(ctx context.Context, api *client) (string, error) {
	var view conversationView
	if err := api.call(ctx, http.MethodGet, conversationsPath+url.PathEscape(c.ID), nil, &view); err != nil {
		return "", err
	}
	latest := ""
	for _, m := range view.Messages {
		if m.Refused != nil {
			latest = m.MessageID
		}
	}
	if latest == "" {
		return "", problem{"no message of this conversation is refused", "look at it: duolog conversation show " + c.ID}
	}
	return latest, nil
}
