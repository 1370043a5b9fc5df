package saga

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/handlers/tracing"
)

// Saga is one rule from events to commands.
type Saga interface {
	// Name leads the ids of its commands: it never changes.
	Name() string
	// Reacts lists the types of the events it reacts to; it is told of no other.
	Reacts() []string
	// React carries out what follows from an event. Its error says that there
	// was no verdict, or that the event cannot be read.
	React(ctx context.Context, e feed.Event) error
}

// GroupPrefix leads the consumer group of each saga, behind the prefix of the topics.
const GroupPrefix = "saga."

// Group is the consumer group of a saga.
func Group(s Saga) string { return GroupPrefix + s.Name() }

// Parking keeps commands that could neither be carried out nor given up. It
// MUST be durable when it returns nil; *inbox.Refused is one.
type Parking interface {
	Command(ctx context.Context, event string, req dispatch.Request, why error) error
}

// Core is what every saga needs.
type Core struct {
	Dispatch inbox.Dispatcher
	States   stored.Source
	Parking  Parking
	Logger   *slog.Logger
	// Restarts says whether a run that ended so is made good by another one;
	// nil for never.
	Restarts func(ctx context.Context, id domain.StreamID, epoch int, reason string) (bool, error)
}

// RouterConfig says where the sagas read.
type RouterConfig struct {
	// Subscribe reads those of the events that are wanted by their type, "" where there
	// is none, as a member of a consumer group; the others it MUST acknowledge unread.
	Subscribe func(group string, wants func(eventType string) bool) (message.Subscriber, error)
	Topic     string
	Logger    *slog.Logger
	// Tracer goes on with the traces of events; the zero value with none.
	Tracer tracing.Tracer
	// Observe is told what became of each event; nil to leave it out.
	Observe func(saga, outcome string)
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// NewRouter makes the router that runs the sagas; its Run blocks until ctx ends.
func NewRouter(cfg RouterConfig, sagas ...Saga) (*message.Router, error) {
	if cfg.Subscribe == nil || cfg.Topic == "" || cfg.Logger == nil {
		return nil, errors.New("sagas: subscribe, topic and logger are needed")
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, string) {}
	}
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	router, err := inbox.NewRouter(cfg.Logger)
	if err != nil {
		return nil, err
	}
	for _, s := range sagas {
		sub, err := cfg.Subscribe(Group(s), wants(s))
		if err != nil {
			return nil, fmt.Errorf("saga %s: %w", s.Name(), err)
		}
		router.AddConsumerHandler(Group(s), cfg.Topic, sub, handler{s, cfg}.handle)
	}
	return router, nil
}

type handler struct {
	saga Saga
	cfg  RouterConfig
}

// handle takes one event. Its error brings the event again; what cannot be read
// would not be readable then either, and is passed over, in the open.
func (h handler) handle(msg *message.Message) error {
	ctx, cancel := context.WithTimeout(msg.Context(), inbox.Hold)
	defer cancel()
	ctx, _ = about.Begin(ctx, "")
	ctx, span := h.cfg.Tracer.Continue(ctx, msg.Metadata.Get(tracing.Header), "saga "+h.saga.Name(), trace.WithSpanKind(trace.SpanKindConsumer))
	h.cfg.Point("saga.before_reaction")
	err := inbox.Safely(func() error {
		e, err := feed.Parse(msg.UUID, msg.Payload)
		if err != nil {
			return err
		}
		about.Of(ctx).Touches(e.Stream)
		if e.Actor.System == workflow.SystemImport {
			return nil // it happened elsewhere, and what follows from it did
		}
		return h.saga.React(ctx, e)
	})
	span.Set(attribute.String("duolog.event", msg.Metadata.Get(feed.HeaderType)))
	span.End(err)
	h.cfg.Point("saga.before_acknowledge")
	switch {
	case err == nil:
		h.cfg.Observe(h.saga.Name(), "ok")
		return nil
	case stored.Later(err) || msg.Context().Err() != nil:
		h.cfg.Observe(h.saga.Name(), "again")
		return fmt.Errorf("saga %s has no verdict on event %s yet: %w", h.saga.Name(), msg.UUID, err)
	}
	h.cfg.Observe(h.saga.Name(), "unreadable")
	h.cfg.Logger.ErrorContext(ctx, "event passed over",
		slog.String("saga", h.saga.Name()), slog.String("event", msg.UUID), slog.Any("error", err))
	return nil
}

// commandID is the id of the command that a saga makes of an event.
func commandID(saga, event, commandType string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("duolog:saga:"+saga+":"+event+":"+commandType))
}

// order is a command that follows from an event.
type order struct {
	saga      string
	event     feed.Event
	stream    domain.StreamID
	principal domain.Principal
	// asked is what was asked of who may have it; nil where nobody was.
	asked *access.Facts
}

// tell carries out a workflow's command. A refusal is returned for the saga to
// judge; parked is true when the command was put aside instead.
func (c Core) tell(ctx context.Context, o order, command workflow.Command) (parked bool, err error) {
	return c.send(ctx, o, dispatch.Request{Workflow: command, CommandID: commandID(o.saga, o.event.ID, command.CommandType())})
}

// tellConversation does the same for a conversation's command.
func (c Core) tellConversation(ctx context.Context, o order, command conversation.Command) (parked bool, err error) {
	return c.send(ctx, o, dispatch.Request{Conversation: command, CommandID: commandID(o.saga, o.event.ID, command.CommandType())})
}

func (c Core) send(ctx context.Context, o order, req dispatch.Request) (parked bool, err error) {
	req.Stream, req.Principal, req.Asked = o.stream, o.principal, o.asked
	_, err = inbox.Insist(ctx, c.Dispatch, req)
	if code := domain.CodeOf(err); err == nil || code != domain.CodeStreamStopped && code != domain.CodeInternal {
		return false, err
	}
	return true, c.Parking.Command(ctx, o.event.ID, req, err)
}

// settled is the end of a saga's last command: a refusal is logged and is the
// answer; anything else is passed on.
func (c Core) settled(ctx context.Context, o order, err error) error {
	if err == nil || stored.Later(err) {
		return err
	}
	c.Logger.WarnContext(ctx, "command of a saga refused", slog.String("saga", o.saga),
		slog.String("event", o.event.ID), slog.String("stream", o.stream.String()), slog.Any("error", err))
	return nil
}

// finished reads the event that a workload ended; nil for any other, and for
// the end of a run that was replaced.
func finished(decoder workflow.Decoder, e feed.Event) (*workflow.WorkloadFinished, error) {
	if e.Type != (workflow.WorkloadFinished{}).EventType() {
		return nil, nil
	}
	event, err := decoder.Decode(journal.Event{Type: e.Type, V: e.V, Data: e.Data})
	if err != nil {
		return nil, err
	}
	end, ok := event.(workflow.WorkloadFinished)
	if !ok || end.Stale {
		return nil, nil
	}
	return &end, nil
}

// behind says that the read models do not show the event yet: it comes again.
func behind(e feed.Event) error {
	return stored.Transient(fmt.Errorf("the read models do not show event %s of %s yet", e.ID, e.Stream))
}

func asRefusal(err error) (*domain.Error, bool) { return errors.AsType[*domain.Error](err) }

var errNoMessage = errors.New("the message is not there yet")
