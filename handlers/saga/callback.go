package saga

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/projections/queries/answer"
)

// The reasons of an error that is delivered.
const (
	ErrorFlowFailed = "flow_failed"
	ErrorNoResponse = "no_response"
	ErrorStopped    = "stopped"
)

// Answers tells what an agent said last.
type Answers interface {
	Last(ctx context.Context, stream domain.StreamID) (answer.Said, error)
}

// Adapters tells which adapters there are.
type Adapters interface {
	Has(name string) bool
}

// Callback asks that the end of a run be told where its message came from: when the
// agent says that it has finished or that it waits, and otherwise when its workload ends.
type Callback struct {
	core     Core
	answers  Answers
	adapters Adapters
	decoder  workflow.Decoder
}

// NewCallback makes the saga.
func NewCallback(core Core, answers Answers, adapters Adapters) *Callback {
	return &Callback{core, answers, adapters, workflow.NewDecoder()}
}

// Name is callback.
func (*Callback) Name() string { return "callback" }

// Reacts to the end of a workload, and to what an agent says before that.
func (*Callback) Reacts() []string {
	return []string{workflow.WorkloadFinished{}.EventType(), workflow.StatusChanged{}.EventType(), workflow.QuestionSaved{}.EventType()}
}

// React asks for the delivery. A workflow that did not come from a surface has
// nowhere to deliver to, which is no error; a surface that does not exist is
// recorded as undeliverable.
func (c *Callback) React(ctx context.Context, e feed.Event) error {
	find, answer := c.core.ended, c.answer
	if e.Type != (workflow.WorkloadFinished{}).EventType() {
		find, answer = c.core.concluded, c.conclusion
	}
	w, err := find(ctx, c.decoder, e)
	if err != nil || w == nil || w.state.Created.CallbackContext == nil {
		return err
	}
	raw, err := stored.Bytes(ctx, c.core.States, e.Stream, w.state.Created.CallbackContext)
	if err != nil {
		return stored.Transient(err)
	}
	command, err := answer(ctx, w)
	if err != nil || command == nil {
		return stored.Transient(err)
	}
	command.Run, command.Adapter = w.end.Run, adapterOf(raw)
	command.Undeliverable = !c.adapters.Has(command.Adapter)
	o := w.order(c.Name(), "callback")
	_, err = c.core.tell(ctx, o, command)
	return c.core.settled(ctx, o, err)
}

// adapterOf is the adapter that a callback context names, and behind a slash the
// hook, where it names one.
func adapterOf(raw []byte) string {
	var named struct {
		Adapter string `json:"adapter"`
		Hook    string `json:"hook"`
	}
	switch err := json.Unmarshal(raw, &named); {
	case err != nil:
		return ""
	case named.Hook == "":
		return named.Adapter
	}
	return named.Adapter + workflow.LaneHook + named.Hook
}

// answer is what the end of the run comes to for the people who wait. Finishing
// and the last checkpoint precede the end of the workload, so both are visible.
func (c *Callback) answer(ctx context.Context, w *ended) (*workflow.RequestDelivery, error) {
	asks := w.state.Status.AwaitsHuman()
	switch {
	case !asks && w.end.Status == workflow.WorkloadFailed:
		log, err := stored.Bytes(ctx, c.core.States, w.event.Stream, w.end.Log)
		return failure(ErrorFlowFailed, failedText(w, lastLine(string(log)))), err
	case !asks && w.end.Status == workflow.WorkloadStopped:
		return failure(ErrorStopped, stoppedText(w)), nil
	}
	said, err := c.answers.Last(ctx, w.event.Stream)
	switch {
	case err != nil:
		return nil, err
	case asks || said.Waits && !w.state.Status.Terminal():
		return &workflow.RequestDelivery{Kind: workflow.DeliverQuestion, Message: questionText(w, said.Question)}, nil
	case said.Answer == "":
		return failure(ErrorNoResponse, noResponseText(w)), nil
	}
	return &workflow.RequestDelivery{Kind: workflow.DeliverResult, Message: said.Answer}, nil
}

// conclusion is what a run comes to whose workload has not ended; nil where that cannot
// be told yet. What the agent said before a person spoke is no answer to them: its own
// may follow, and the end of the workload tells it.
func (c *Callback) conclusion(ctx context.Context, w *ended) (*workflow.RequestDelivery, error) {
	said, err := c.answers.Last(ctx, w.event.Stream)
	if err != nil {
		return nil, err
	}
	asks := w.event.Type == (workflow.QuestionSaved{}).EventType() || said.Waits
	command := &workflow.RequestDelivery{While: w.state.Status}
	switch {
	case w.state.Status == workflow.StatusFinished && said.Answer != "" && !said.OldAnswer:
		command.Kind, command.Message = workflow.DeliverResult, said.Answer
	case w.state.Status.AwaitsHuman() && asks && !said.OldQuestion:
		command.Kind, command.Message = workflow.DeliverQuestion, questionText(w, said.Question)
	default:
		return nil, nil //nolint:nilnil // the end of the workload tells
	}
	return command, nil
}

func failure(code, message string) *workflow.RequestDelivery {
	return &workflow.RequestDelivery{Kind: workflow.DeliverError, Error: code, Message: message}
}

// lastLine is the last line of a log that says something, at most 300 bytes.
func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return domain.CleanText(strings.TrimSpace(lines[len(lines)-1]), 300)
}
