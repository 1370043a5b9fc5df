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
	err := Safely(func() error { return h.carryOut(ctx, msg.Payload) })
	span.End(err)
	h.cfg.Point("inbox.before_acknowledge")
	switch {
	case err == nil:
		h.cfg.Observe("ok")
		return nil
	case stored.Later(err) || msg.Context().Err() != nil:
		h.cfg.Observe("again")
		return fmt.Errorf("command %s has no verdict yet: %w", msg.UUID, err)
	}
	h.cfg.Observe(string(domain.CodeOf(err)))
	// A crash after this and before the acknowledgement refuses it twice.
	err = h.cfg.Refused.Message(ctx, msg, err)
	h.cfg.Point("inbox.after_refused")
	return err
}

func (h *handler) carryOut(ctx context.Context, payload []byte) error {
	e, err := dispatch.DecodeEnvelope(payload)
	if err != nil {
		return err
	}
	req, err := e.Request()
	if err != nil {
		return err
	}
	about.Of(ctx).Touches(req.Stream)
	_, err = Insist(ctx, h.cfg.Dispatch, req)
	return err
}
