package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// askCmd sends a message and follows the thread to the answer.
type askCmd struct {
	apiFlags

	Text    string `arg:"" help:"What to ask, for example: what changed in the last 10 commits?"`
	Thread  string `help:"Go on in this thread instead of beginning one." placeholder:"ID"`
	Channel string `help:"The channel the message is sent in." default:"general"`
	As      string `help:"Send it as this user." placeholder:"USER"`
	Flow    string `help:"Ask for this flow." placeholder:"NAME"`
}

// Help is shown below the flags.
func (askCmd) Help() string {
	return "Examples:\n  duolog ask \"what changed in the last 10 commits?\"\n  duolog ask --thread 01a1… \"and who wrote it?\""
}

// Run returns when the answer was delivered, or says why there is none.
func (c askCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	return c.ask(ctx, a, api)
}

func (c askCmd) ask(ctx context.Context, a app, api *client) error {
	api.retry.most = retryFor // its message has an id: sent twice, it is one
	t := &thread{api: api, out: a.out, now: a.now, began: a.now(), json: c.JSON}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a message id: %w", err)
	}
	t.say("#"+c.Channel, "you", c.Text)
	s, err := api.send(ctx, outgoing{Text: c.Text, Thread: c.Thread, Channel: c.Channel, MessageID: id.String(), Author: c.As, Flow: c.Flow})
	if err != nil {
		return err
	}
	t.sent = s
	m, err := t.message(ctx)
	if err != nil {
		return err
	}
	return t.follow(ctx, m)
}

// thread prints a conversation as it happens.
type thread struct {
	api   *client
	out   io.Writer
	now   func() time.Time
	began time.Time
	json  bool
	sent  sent
	// live is false while a message that goes on with a workflow has not reached its
	// agent: what happened before it is not its answer.
	live bool
	// mail is what stands in the mailbox of the agent with the message.
	mail uuid.UUID
	// shown are the tool calls that were printed, steps the events.
	shown map[string]bool
	steps int
	// owed is the delivery of the answer, once it was asked for.
	owed uuid.UUID
}

// say prints one line of the thread: where, who, what.
func (t *thread) say(where, who, what string) {
	if !t.json {
		_, _ = fmt.Fprintf(t.out, "%-9s %-9s %s\n", where, who, strings.ReplaceAll(strings.TrimSpace(what), "\n", "\n"+strings.Repeat(" ", 20)))
	}
}

func (t *thread) step(what string) {
	if !t.json {
		_, _ = fmt.Fprintf(t.out, "%-9s %-3s %4.1fs  %s\n", "", "duo", t.now().Sub(t.began).Seconds(), clipText(strings.Join(strings.Fields(what), " "), 90))
	}
}

// follow reads the timeline until the answer of the message is delivered.
func (t *thread) follow(ctx context.Context, m received) error {
	t.shown, t.live = map[string]bool{}, m.Mode != "continue"
	id := m.Workflow.String()
	for after := ""; ; {
		page, err := t.wait(ctx, id, after)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if done, err := t.event(ctx, id, e); done || err != nil {
				return err
			}
		}
		after = page.Next
		if moved, err := t.moved(ctx, m); moved != nil || err != nil {
			if err != nil {
				return err
			}
			return t.follow(ctx, *moved)
		}
	}
}

// moved is the message again when it was given a workflow of its own, because
// the one it was to go on with has ended.
func (t *thread) moved(ctx context.Context, m received) (*received, error) {
	if t.live {
		return nil, nil
	}
	now, err := t.message(ctx)
	if err != nil || *now.Workflow == *m.Workflow {
		return nil, err
	}
	return &now, nil
}

// message is where the message is now. One that was assigned can still be
// refused: it starts nothing then.
func (t *thread) message(ctx context.Context) (received, error) {
	m, err := t.api.message(ctx, t.sent)
	if err == nil && m.Refused != nil {
		err = t.refused(m)
	}
	return m, err
}

// settled waits until the message's workflow is there, or it is refused.
func (t *thread) settled(ctx context.Context) (received, error) {
	for {
		m, err := t.message(ctx)
		if err != nil || m.Number != nil {
			return m, err
		}
		if err := t.pause(ctx); err != nil {
			return m, err
		}
	}
}

// pause is a moment between two questions.
func (*thread) pause(ctx context.Context) error {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *thread) refused(m received) error {
	r := m.Refused
	if t.json {
		return errors.Join(json.NewEncoder(t.out).Encode(map[string]string{"kind": "refused", "error": r.Code, "message": r.Message, "fix": r.Fix}), silent{})
	}
	_, _ = fmt.Fprintf(t.out, "refused: %s (%s)\n         %s\n         then: duolog conversation retry %s %s\n", r.Message, r.Code, r.Fix, t.sent.Conversation, t.sent.MessageID)
	return silent{}
}

// wait reads the next events; a workflow that is assigned may not be there yet,
// and a server that starts anew is waited for.
func (t *thread) wait(ctx context.Context, id, after string) (timelinePage, error) {
	for {
		page, err := t.api.timeline(ctx, id, "", after, 20)
		switch domain.CodeOf(err) {
		case domain.CodeNotFound:
			if _, err := t.message(ctx); err != nil {
				return page, err
			}
		case domain.CodeNotNow, domain.CodeStreamStopped:
		default:
			return page, err
		}
		if err := t.pause(ctx); err != nil {
			return page, err
		}
	}
}

// event shows one event of the workflow and says whether the thread is at its
// end.
func (t *thread) event(ctx context.Context, id string, e timelineEvent) (done bool, err error) {
	if !t.live {
		t.live = t.reached(e)
		return false, nil
	}
	t.steps++
	switch e.Type {
	case "workflow.created":
		t.accepted(e)
	case "workflow.run_started":
		return false, t.started(ctx, id)
	case "workflow.checkpointed", "workflow.workload_finished":
		return false, t.showTools(ctx, id)
	case "workflow.stop_requested":
		t.step("stopping …")
	case "workflow.delivery_requested":
		return false, t.answer(e)
	}
	if t.owed == uuid.Nil || deliveryOf(e) != t.owed {
		return false, nil // what hooks are told is not for the thread
	}
	switch e.Type {
	case "workflow.delivery_failed":
		t.step("the answer was not delivered; it is sent again")
	case "workflow.delivered":
		return true, t.delivered(ctx, id)
	case "workflow.delivery_given_up":
		return true, problem{"the answer could not be delivered", "duolog workflow timeline " + id + " says why"}
	}
	return false, nil
}

// deliveryOf is the delivery that an event is about, if it is about one.
func deliveryOf(e timelineEvent) uuid.UUID {
	var d struct {
		Delivery uuid.UUID `json:"delivery"`
	}
	if json.Unmarshal(e.Data, &d) != nil {
		return uuid.Nil
	}
	return d.Delivery
}

// reached says whether with the event our message has come to the agent: a run goes on
// with it, or the agent has taken it. One that waits until then is told of.
func (t *thread) reached(e timelineEvent) bool {
	switch e.Type {
	case "workflow.followed_up":
		if f := (workflow.FollowedUp{}); e.read(&f) && f.MessageID == t.sent.MessageID {
			return t.acknowledged(f)
		}
	case "workflow.mail_marked":
		m := workflow.MailMarked{}
		return e.read(&m) && t.mail != uuid.Nil && m.Mail == t.mail && m.Status == workflow.MailIsDelivered
	case "workflow.follow_ups_settled":
		s := workflow.FollowUpsSettled{}
		if e.read(&s) && slices.Contains(s.Messages, t.sent.MessageID) {
			t.mail = uuid.Nil // no agent takes it there any more
			return s.How == workflow.FollowUpResumed
		}
	}
	return false
}

func (t *thread) acknowledged(f workflow.FollowedUp) (reached bool) {
	switch f.How {
	case workflow.FollowUpInjected:
		t.mail = *f.Mail
		t.step("a run is under way: your message is left for the agent …")
	case workflow.FollowUpQueued:
		t.step("a run is under way: your message waits until it has ended …")
	case workflow.FollowUpResumed, workflow.FollowUpMoved, workflow.FollowUpDenied:
	}
	return f.How == workflow.FollowUpResumed
}

func (t *thread) accepted(e timelineEvent) {
	var c workflow.Created
	if json.Unmarshal(e.Data, &c) != nil {
		return
	}
	acts := "acts for you"
	if c.Principal.ServiceAccount != "" {
		acts += " with service account " + c.Principal.ServiceAccount
	}
	t.say("", "duo", strings.TrimSpace(fmt.Sprintf("accepted · %s %s · %s engine · %s", c.Flow.Definition, c.Flow.Version, c.Engine, acts)))
}

// started says where the run can be seen, where it can be.
func (t *thread) started(ctx context.Context, id string) error {
	w, err := t.api.workflow(ctx, id)
	if err == nil && w.Workload != nil && w.Workload.URL != "" {
		t.say("", "duo", "started · "+w.Workload.ID+" · "+w.Workload.URL)
	}
	return err
}

// showTools prints the tool calls of this turn that the newest checkpoint added.
func (t *thread) showTools(ctx context.Context, id string) error {
	entries, err := t.api.chat(ctx, id)
	if err != nil {
		return err
	}
	for i, e := range entries {
		key := e.ID + "/" + strconv.Itoa(i)
		if e.Type != "tool" || t.shown[key] || turnFollows(entries[i:]) {
			continue
		}
		t.shown[key] = true
		t.step(e.Content + " …")
		if why := e.trouble(); why != "" {
			t.say("", "", "✗ "+why)
		}
	}
	return nil
}

// turnFollows says whether the person spoke again after an entry.
func turnFollows(entries []chatEntry) bool {
	return slices.ContainsFunc(entries, func(e chatEntry) bool { return e.Type == "user" })
}

func (t *thread) answer(e timelineEvent) error {
	var d workflow.DeliveryRequested
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("read the delivery: %w", err)
	}
	t.owed = d.Delivery
	text := e.Text["message"]
	if t.json {
		return json.NewEncoder(t.out).Encode(map[string]any{"kind": d.Kind, "error": d.Error, "message": text})
	}
	t.say("", "duo", text)
	return nil
}

func (t *thread) delivered(ctx context.Context, id string) error {
	w, err := t.api.workflow(ctx, id)
	if err != nil {
		return err
	}
	if !t.json {
		_, err = fmt.Fprintf(t.out, "%-9s ✓ delivered   workflow %d   %d events   duolog workflow show %d\n", "", w.ID, t.steps, w.ID)
	}
	return err
}
