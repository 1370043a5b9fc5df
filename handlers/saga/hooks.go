package saga

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/projections"
)

// hookAdapter is what tells hooks.
const hookAdapter = "webhook"

// HookMaxAge is how old an event may be when it is met and still be told: longer
// than any outage, and no more than a delivery is tried. Without it, a saga that
// reads a log for the first time would tell all of its past.
const HookMaxAge = 72 * time.Hour

// HookBook tells which hooks are told of what.
type HookBook interface {
	Has(tenant domain.Tenant) bool
	// Enabled says whether there is such a hook and it is not disabled.
	Enabled(tenant domain.Tenant, name string) bool
	Subscribed(tenant domain.Tenant, event string, paths ...string) []string
	// Wants says whether any hook is told of an event.
	Wants(event string) bool
}

// Hooks tells hooks what happens to workflows.
type Hooks struct {
	core    Core
	answers Answers
	book    HookBook
	url     string
	now     func() time.Time
	decoder workflow.Decoder
}

// NewHooks makes the saga; url is where people reach the API.
func NewHooks(core Core, answers Answers, book HookBook, url string, now func() time.Time) *Hooks {
	return &Hooks{core, answers, book, url, now, workflow.NewDecoder()}
}

// Name is hooks.
func (*Hooks) Name() string { return "hooks" }

// Reacts to changes of status, and to the steps of agents where a hook is told
// of them.
func (h *Hooks) Reacts() []string {
	out := []string{workflow.StatusChanged{}.EventType()}
	if h.book.Wants(payload.Progress) {
		out = append(out, workflow.Checkpointed{}.EventType())
	}
	return out
}

// happened is an event as hooks are told of it.
type happened struct {
	feed.Event
	workflow.StatusChanged

	kind       string
	checkpoint string
	snap       *projections.Snapshot
}

// React asks that the hooks be told. All of them are one command, whose id
// derives from the event: it is carried out once.
func (h *Hooks) React(ctx context.Context, e feed.Event) error {
	if !h.book.Has(e.Stream.Tenant) {
		return nil
	}
	w, err := h.read(e)
	if err != nil || w == nil {
		return err
	}
	if h.now().Sub(e.Time) > HookMaxAge {
		h.core.Logger.WarnContext(ctx, "events too old to be told to hooks",
			slog.String("event", e.ID), slog.String("stream", e.Stream.String()), slog.Time("time", e.Time))
		return nil
	}
	if w.snap, err = h.core.States.Load(ctx, e.Stream, projections.SnapshotWant{}); err != nil {
		return stored.Transient(err)
	}
	if !w.snap.Workflow.Exists() {
		return behind(e)
	}
	hooks, err := h.hooks(ctx, w)
	if err != nil || len(hooks) == 0 {
		return stored.Transient(err)
	}
	return h.tell(ctx, w, hooks)
}

// read is nil for an event that no hook is told of.
func (h *Hooks) read(e feed.Event) (*happened, error) {
	event, err := h.decoder.Decode(journal.Event{Type: e.Type, V: e.V, Data: e.Data})
	if err != nil {
		return nil, err
	}
	w := &happened{Event: e}
	switch event := event.(type) {
	case workflow.StatusChanged:
		w.StatusChanged, w.kind = event, kindOf(event)
	case workflow.Checkpointed:
		if event.NS == "" {
			w.kind, w.checkpoint = payload.Progress, event.ThreadTS.String()
		}
	default: // Reacts lists no other
	}
	if w.kind == "" {
		return nil, nil
	}
	return w, nil
}

// kindOf is the event that a change of status is; empty for none.
func kindOf(s workflow.StatusChanged) string {
	switch s.To {
	case workflow.StatusRunning:
		if s.From == workflow.StatusCreated {
			return payload.Started
		}
	case workflow.StatusFinished:
		return payload.Completed
	case workflow.StatusFailed, workflow.StatusStopped:
		return payload.Failed
	case workflow.StatusInputRequired:
		return payload.InputRequired
	case workflow.StatusPlanApprovalRequired, workflow.StatusToolApprovalRequired:
		return payload.ApprovalRequired
	case workflow.StatusCreated, workflow.StatusPaused:
	}
	return ""
}

// hooks are those that subscribe, and the one that the workflow names: it is
// told of the start, and of the end where no run ends. The end of a run reaches
// it as the answer, which is the same event, and is not told twice.
func (h *Hooks) hooks(ctx context.Context, w *happened) ([]string, error) {
	tenant, created := w.Stream.Tenant, w.snap.Workflow.Created
	out := h.book.Subscribed(tenant, w.kind, pathOf(created.Namespace), pathOf(created.Project))
	if w.kind == payload.Progress {
		// Decided again by the command; here it saves one.
		return slices.DeleteFunc(out, func(name string) bool { return w.snap.Workflow.Owes(name, w.kind) }), nil
	}
	if created.CallbackContext == nil {
		return out, nil
	}
	raw, err := stored.Bytes(ctx, h.core.States, w.Stream, created.CallbackContext)
	if err != nil {
		return nil, err
	}
	adapter, named, _ := strings.Cut(adapterOf(raw), workflow.LaneHook)
	if adapter != hookAdapter || !h.book.Enabled(tenant, named) {
		return out, nil
	}
	out = slices.DeleteFunc(out, func(name string) bool { return name == named })
	if w.kind == payload.Started || w.snap.Workflow.Run == nil {
		out = append(out, named)
	}
	return out, nil
}

func pathOf(c *workflow.Container) string {
	if c == nil {
		return ""
	}
	return c.Path
}

func (h *Hooks) tell(ctx context.Context, w *happened, hooks []string) error {
	data, err := h.data(ctx, w)
	if err != nil {
		return stored.Transient(err)
	}
	raw, err := payload.Payload{Type: w.kind, Timestamp: w.Time, Data: data}.Encode()
	if err != nil {
		return err
	}
	who := w.snap.Workflow.Created.Principal
	o := order{
		saga: h.Name(), event: w.Event, stream: w.Stream,
		principal: domain.Principal{User: who.User, ServiceAccount: who.ServiceAccount, System: h.Name()},
	}
	_, err = h.core.tell(ctx, o, &workflow.Notify{
		Adapter: hookAdapter, Hooks: hooks, Event: w.kind, Cause: w.ID, Data: raw, Hint: w.kind == payload.Progress,
	})
	return h.core.settled(ctx, o, err)
}

func (h *Hooks) data(ctx context.Context, w *happened) (payload.Data, error) {
	created := w.snap.Workflow.Created
	data := payload.Data{
		Workflow: w.Stream.ID, Number: w.snap.Number, Flow: created.Flow.Definition, Title: created.Title, ClientReference: created.ClientReference,
		Status: string(w.To), Reason: w.Reason, Checkpoint: w.checkpoint, URL: payload.Link(h.url, w.snap.Number),
	}
	switch w.kind {
	case payload.Progress:
		data.Status = string(w.snap.Workflow.Status)
		return data, nil
	case payload.Failed:
		data.Error = ErrorFlowFailed
		if w.To == workflow.StatusStopped {
			data.Error = ErrorStopped
		}
		return data, nil
	case payload.Started:
		return data, nil
	}
	said, err := h.answers.Last(ctx, w.Stream)
	if data.Text = said.Answer; w.kind != payload.Completed {
		data.Text = said.Question
	}
	return data, err
}
