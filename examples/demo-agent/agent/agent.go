package agent

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
)

// maxResponse is how much of a tool's output stands in the conversation.
const maxResponse = 4 << 10

// agent carries one turn to its end.
type agent struct {
	session *session
	permits *permits
	repo    *repo
	goal    string
	delay   time.Duration
	log     io.Writer
}

// turn is one question and what has been found out for it so far.
type turn struct {
	question string
	// reply says that the question answers one of the agent's own.
	reply bool
	// answered says that the answer stands in the conversation.
	answered bool
	findings []finding
}

func (a *agent) run(ctx context.Context) error {
	s := a.session
	if err := s.open(ctx); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	if s.parent == nil {
		if err := s.saveStart(ctx, a.goal); err != nil {
			return err
		}
	}
	t, err := a.takeUp(ctx)
	if err != nil {
		return err
	}
	if t.answered {
		// The run before this one was killed between its answer and finish.
		return s.event(ctx, "finish")
	}
	return a.answer(ctx, t)
}

// takeUp finds the turn to work on: the one a killed run left unfinished, or a
// new one for a question that is not in the conversation yet.
func (a *agent) takeUp(ctx context.Context) (turn, error) {
	s := a.session
	t, asked, err := a.lastTurn()
	if err != nil {
		return t, err
	}
	over := s.status != "running" && s.status != "failed" && s.status != "stopped"
	isNew := t.question == "" || a.goal != "" && (a.goal != t.question || t.answered && over)
	if !isNew {
		return t, nil
	}
	t = turn{question: a.goal, reply: asked}
	source := "loop"
	if len(s.log) > 0 {
		source = "input"
	}
	if err := errors.Join(s.say(entry{MessageType: "user", Content: a.goal}), a.note(t, "Execution")); err != nil {
		return t, err
	}
	return t, s.save(ctx, source)
}

// lastTurn reads the conversation from its end. asked says that the agent spoke
// last, and that it was a question.
func (a *agent) lastTurn() (t turn, asked bool, err error) {
	s := a.session
	question := -1
	for i, message := range slices.Backward(s.log) {
		var e entry
		if err := json.Unmarshal(message, &e); err != nil {
			return t, false, fmt.Errorf("read message %d: %w", i, err)
		}
		if e.MessageType == "agent" && question < 0 {
			t.answered = t.answered || e.Status == nil || *e.Status == "success"
			asked = asked || isQuestion(e)
		}
		if e.MessageType == "user" && question < 0 {
			question, t.question = i, e.Content
			continue
		}
		if question >= 0 {
			t.reply = isQuestion(e)
			break
		}
	}
	if raw, ok := s.channels["findings"]; ok {
		if err := json.Unmarshal(raw, &t.findings); err != nil {
			return t, asked, fmt.Errorf("read findings: %w", err)
		}
	}
	return t, asked, nil
}

func isQuestion(e entry) bool { return e.MessageSubType != nil && *e.MessageSubType == "question" }

// answer takes the steps that are left and says what they showed.
func (a *agent) answer(ctx context.Context, t turn) error {
	if err := a.repo.open(ctx); err != nil {
		return a.fail(ctx, t, err)
	}
	p := planFor(t.question, t.reply)
	for i := len(t.findings); i < len(p.steps); i++ {
		if err := pause(ctx, a.delay); err != nil {
			return err
		}
		if err := a.take(ctx, &t, p.steps[i]); err != nil {
			return err
		}
	}
	if err := pause(ctx, a.delay); err != nil {
		return err
	}
	if p.question != "" {
		return a.ask(ctx, t, p.question)
	}
	return a.finish(ctx, t, p.answer(t.findings))
}

// take runs one tool and makes its result durable. A tool that fails, or that may not
// be used, is a finding too: the answer says so.
func (a *agent) take(ctx context.Context, t *turn, st step) error {
	_, _ = fmt.Fprintf(a.log, "demo-agent: %s\n", st)
	var found finding
	var output string
	err := a.permits.ask(ctx, st)
	if _, denied := errors.AsType[*deniedError](err); err != nil && !denied {
		return err
	}
	if err == nil {
		found, output, err = a.repo.use(ctx, st)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	status := "success"
	if err != nil {
		status, output = "failure", err.Error()
		found = finding{Error: err.Error()}
	}
	t.findings = append(t.findings, found)
	said := a.session.say(entry{
		MessageType: "tool", MessageSubType: &st.Tool, Content: st.String(), Status: &status,
		ToolInfo: &toolInfo{Name: st.Tool, Args: st.args(), ToolResponse: clip(output, maxResponse)},
	})
	if err := errors.Join(said, a.note(*t, "Execution")); err != nil {
		return err
	}
	return a.session.save(ctx, "loop")
}

func (a *agent) finish(ctx context.Context, t turn, text string) error {
	status := "success"
	said := a.session.say(entry{MessageType: "agent", Content: text, Status: &status})
	if err := errors.Join(said, a.note(t, "Completed")); err != nil {
		return err
	}
	if err := a.session.save(ctx, "loop"); err != nil {
		return err
	}
	return a.session.event(ctx, "finish")
}

// ask ends the run with a question. The status goes first, as the public agent
// service does it: whoever sees the question finds the workflow waiting.
func (a *agent) ask(ctx context.Context, t turn, question string) error {
	if err := a.session.event(ctx, "require_input"); err != nil {
		return err
	}
	status, kind := "success", "question"
	said := a.session.say(entry{MessageType: "agent", MessageSubType: &kind, Content: question, Status: &status})
	if err := errors.Join(said, a.note(t, "input_required")); err != nil {
		return err
	}
	return a.session.save(ctx, "loop")
}

// fail says what is wrong where people read it, and ends the workflow as failed.
func (a *agent) fail(ctx context.Context, t turn, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	status := "failure"
	said := a.session.say(entry{MessageType: "agent", Content: "I could not answer: " + cause.Error(), Status: &status})
	if err := errors.Join(said, a.note(t, "Error")); err != nil {
		return errors.Join(cause, err)
	}
	if err := a.session.save(ctx, "loop"); err != nil {
		return errors.Join(cause, err)
	}
	return errors.Join(cause, a.session.event(ctx, "drop"))
}

// note writes what the turn knows into the channels, so that another run can
// carry on from the next checkpoint.
func (a *agent) note(t turn, status string) error {
	type planStep struct {
		ID          string `json:"id"`
		Description string `json:"description"`
		Status      string `json:"status"`
	}
	steps := []planStep{}
	for i, st := range planFor(t.question, t.reply).steps {
		state := "Not Started"
		if i < len(t.findings) {
			state = "Completed"
		}
		steps = append(steps, planStep{ID: strconv.Itoa(i + 1), Description: st.String(), Status: state})
	}
	findings := t.findings
	if findings == nil {
		findings = []finding{}
	}
	s := a.session
	return errors.Join(
		s.set("plan", map[string]any{"steps": steps}),
		s.set("findings", findings),
		s.set("status", status),
	)
}

// clip cuts text to at most n bytes, at a character, and says so.
func clip(text string, n int) string {
	if len(text) <= n {
		return strings.ToValidUTF8(text, "")
	}
	return strings.ToValidUTF8(text[:n-len("…")], "") + "…"
}
