package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/handlers/wmlog"
)

// Group is the consumer group of the inbox.
const Group = "inbox"

// closeTimeout is how long a router waits for handlers when it ends. Their
// contexts have ended by then.
const closeTimeout = 5 * time.Second

// Config is what the inbox is made of.
type Config struct {
	Dispatch Dispatcher
	Refused  *Refused
	// Seal marks the commands of nodes; all others are those of Others.
	Seal   Seal
	Others Others
	// Subscriber reads Topic as a member of Group.
	Subscriber message.Subscriber
	Topic      string
	Logger     *slog.Logger
	// Tracer traces the commands; the zero value none.
	Tracer tracing.Tracer
	// Observe is told what became of each message, by code; nil to leave it out.
	Observe func(outcome string)
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// Validate says which field is missing.
func (c Config) Validate() error {
	if c.Dispatch == nil || c.Refused == nil || c.Subscriber == nil || c.Topic == "" || c.Logger == nil {
		return errors.New("inbox: dispatch, refused, subscriber, topic and logger are needed")
	}
	return nil
}

// New makes the router of the inbox; its Run blocks until ctx ends.
func New(cfg Config) (*message.Router, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string) {}
	}
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	router, err := NewRouter(cfg.Logger)
	if err != nil {
		return nil, err
	}
	h := &handler{cfg}
	router.AddConsumerHandler(Group, cfg.Topic, cfg.Subscriber, h.handle)
	return router, nil
}

// NewRouter is a Watermill router as this product uses it. It has no middleware:
// a de-duplicator or a retry would lose messages or their order, the router
// itself survives a panic, and handlers publish nothing that would have to be
// correlated.
func NewRouter(logger *slog.Logger) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: closeTimeout}, wmlog.New(logger))
	if err != nil {
		return nil, fmt.Errorf("make a message router: %w", err)
	}
	return router, nil
}

// Safely turns a panic into an error that says so: code internal, a refusal.
// Left to the router, the message would come again and again.
func Safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &domain.Error{Code: domain.CodeInternal, Message: fmt.Sprintf("panic: %v", p), Fix: "report this; the command can be sent again"}
		}
	}()
	return do()
}

type handler struct{ cfg Config }

// handle takes one message to its verdict. Its error gives the message back.
func (h *handler) handle(msg *message.Message) error {
	ctx, cancel := context.WithTimeout(msg.Context(), Hold)
	defer cancel()
	ctx, _ = about.Begin(ctx, "")
	ctx, span := h.cfg.Tracer.Begin(ctx, msg.Metadata.Get(tracing.Header), "inbox", trace.SpanKindConsumer)
	h.cfg.Point("inbox.before_verdict")
	v := h.verdict(ctx, msg)
	span.End(v.err)
	h.cfg.Point("inbox.before_acknowledge")
	switch {
	case v.err == nil:
		h.cfg.Observe("ok")
	case stored.Later(v.err) || msg.Context().Err() != nil:
		h.cfg.Observe("again")
		return fmt.Errorf("command %s has no verdict yet: %w", msg.UUID, v.err)
	default:
		h.cfg.Observe(string(domain.CodeOf(v.err)))
		// A crash after this and before the acknowledgement refuses it twice.
		if err := h.cfg.Refused.Message(ctx, msg, v.err); err != nil {
			return err
		}
		h.cfg.Point("inbox.after_refused")
	}
	return h.answer(ctx, msg, v)
}

// answer tells the sender. Where its topic takes no answer, that is kept with the
// refusals: the command behind this one does not wait. A crash after it answers
// twice, with the same id.
func (h *handler) answer(ctx context.Context, msg *message.Message, v verdict) error {
	err := h.cfg.Others.Replies.send(ctx, msg, v)
	if _, never := errors.AsType[*domain.Error](err); never {
		err = h.cfg.Refused.Message(ctx, msg, err)
	}
	h.cfg.Point("inbox.after_answer")
	return err
}

func (h *handler) verdict(ctx context.Context, msg *message.Message) (v verdict) {
	v.err = Safely(func() error {
		var err error
		if seal := msg.Metadata.Get(HeaderSeal); seal != "" {
			v.req, err = h.ours(msg, seal)
		} else {
			v.from, v.req, err = h.cfg.Others.read(ctx, msg)
		}
		if err != nil {
			return err
		}
		about.Of(ctx).Touches(v.req.Stream)
		v.result, err = Insist(ctx, h.cfg.Dispatch, v.req)
		return err
	})
	return v
}

// ours reads a command that a node wrote.
func (h *handler) ours(msg *message.Message, seal string) (dispatch.Request, error) {
	if !h.cfg.Seal.holds(seal, msg.Metadata.Get(metadataKey), msg.Payload) {
		return dispatch.Request{}, &domain.Error{
			Code: domain.CodeForbidden, Field: HeaderSeal, Message: "the seal of the command is not of this deployment",
			Fix: "send a CloudEvent with a token; nodes of one deployment share their keystore",
		}
	}
	e, err := dispatch.DecodeEnvelope(msg.Payload)
	if err != nil {
		return dispatch.Request{}, err
	}
	return e.Request()
}
